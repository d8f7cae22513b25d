#!/bin/sh
# Gives the official image its superuser's password from a secret, and PostgreSQL its certificate if there is one.
set -eu
POSTGRES_PASSWORD=$(cat /run/secrets/postgres_password)
export POSTGRES_PASSWORD
if [ -e /run/secrets/tls/server.key ]; then
    # PostgreSQL takes no key that others may read; a copy of its own is renewed at each start.
    install -d -m 700 -o postgres -g postgres /var/lib/postgresql/tls
    install -m 600 -o postgres -g postgres /run/secrets/tls/server.crt /run/secrets/tls/server.key /var/lib/postgresql/tls/
    set -- "$@" -c ssl=on -c ssl_cert_file=/var/lib/postgresql/tls/server.crt -c ssl_key_file=/var/lib/postgresql/tls/server.key
fi
exec docker-entrypoint.sh postgres "$@"
