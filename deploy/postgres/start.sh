#!/bin/sh
# Gives the official image its superuser's password from a secret, and PostgreSQL its certificate if there is one.
set -eu
POSTGRES_PASSWORD=$(cat /run/secrets/postgres_password)
export POSTGRES_PASSWORD
if [ -e /run/secrets/tls/server.key ]; then
    # PostgreSQL takes no key that others may read; a copy of its own is renewed at each start.
    install -d -m 700 -o postgres -g postgres /var/lib/postgresql/tls
    install -m 600 -o postgres -g postgres /run/secrets/tls/server.crt /run/secrets/tls/server.key /var/lib/postgresql/tls/
    # Nobody comes in over the network without TLS, and so in clear.
    printf '%s\n' 'local all all trust' 'host all all 127.0.0.1/32 scram-sha-256' 'hostssl all all all scram-sha-256' \
        > /var/lib/postgresql/tls/pg_hba.conf
    set -- "$@" -c ssl=on -c ssl_cert_file=/var/lib/postgresql/tls/server.crt -c ssl_key_file=/var/lib/postgresql/tls/server.key \
        -c hba_file=/var/lib/postgresql/tls/pg_hba.conf
fi
exec docker-entrypoint.sh postgres "$@"
