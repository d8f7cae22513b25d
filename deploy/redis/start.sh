#!/bin/sh
# Starts redis with the password of a secret, which is on no command line.
set -eu
{
    echo "requirepass $(cat /run/secrets/redis_password)"
    echo "dir /data"
    echo "appendonly yes"
} | exec redis-server -
