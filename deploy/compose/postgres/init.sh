#!/bin/sh
# Runs once, when PostgreSQL's data is new: makes a user for Atender and one for Temporal, each with databases of its own.
set -eu
make() { # USER DATABASE...
    user=$1
    shift
    psql --username postgres --set ON_ERROR_STOP=1 --set user="$user" --set password="$(cat "/run/secrets/${user}_password")" <<'SQL'
CREATE USER :"user" PASSWORD :'password';
SQL
    for database in "$@"; do
        psql --username postgres --set ON_ERROR_STOP=1 --set user="$user" --set database="$database" <<'SQL'
CREATE DATABASE :"database" OWNER :"user";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
SQL
    done
}
make atender atender
make temporal temporal temporal_visibility
