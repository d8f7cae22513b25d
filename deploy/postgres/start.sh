#!/bin/sh
# Gives the official image its superuser's password from a secret, and PostgreSQL its certificate if there is one.
set -eu
POSTGRES_PASSWORD=$(cat /run/secrets/postgres_password)
export POSTGRES_PASSWORD
exec docker-entrypoint.sh postgres "$@"
