#!/bin/sh
# Starts Temporal with the password of a file: the server itself takes it from a variable only.
set -eu
POSTGRES_PWD=$(cat /run/secrets/temporal_password)
export POSTGRES_PWD
exec /etc/temporal/entrypoint.sh
