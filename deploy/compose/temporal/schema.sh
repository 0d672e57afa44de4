#!/bin/sh
# Makes the tables of Temporal's two databases, which are there, and brings them to the version of this image.
set -eu
SQL_PASSWORD=$(cat /run/secrets/temporal_password)
export SQL_PASSWORD
tool() { temporal-sql-tool --plugin postgres12 --endpoint postgres --port 5432 --user temporal --database "$@"; }
schema=/etc/temporal/schema/postgresql/v12
tool temporal setup-schema --version 0.0
tool temporal update-schema --schema-dir "$schema/temporal/versioned"
tool temporal_visibility setup-schema --version 0.0
tool temporal_visibility update-schema --schema-dir "$schema/visibility/versioned"
