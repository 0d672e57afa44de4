#!/bin/sh
# Makes the secrets that compose.yaml mounts, in secrets/, each unless it is there. Back up atender_secret_keys: without it,
# what it has sealed in the database is lost.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets # only its owner gets in: the files themselves are for the containers' users to read

# put NAME: writes standard input to a secret, whole or not at all.
put() {
    cat >"secrets/$1.new"
    chmod 444 "secrets/$1.new"
    mv "secrets/$1.new" "secrets/$1"
    echo "made secrets/$1"
}
random() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

for name in postgres_password temporal_password atender_password grafana_password; do
    [ -e "secrets/$name" ] || random | put "$name"
done
[ -e secrets/atender_database_url ] ||
    printf 'postgres://atender:%s@postgres:5432/atender?sslmode=disable' "$(cat secrets/atender_password)" | put atender_database_url
[ -e secrets/atender_secret_keys ] ||
    printf 'k1:%s' "$(head -c 32 /dev/urandom | base64 | tr -d '\n')" | put atender_secret_keys
