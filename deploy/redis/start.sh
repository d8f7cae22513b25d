#!/bin/sh
# Starts redis with the password of a secret, which is on no command line.
set -eu
umask 077
{
    echo "requirepass $(cat /run/secrets/redis_password)"
    echo "dir /data"
    echo "appendonly yes"
} > /tmp/redis.conf
exec redis-server /tmp/redis.conf  # as the first process, so that a stop reaches it
