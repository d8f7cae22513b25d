#!/bin/bash
# Brings a backup back into empty databases, with the image that is in use.
. "$(dirname "$0")/ground.sh"
[[ -n ${1:-} ]] || fail "Which backup? make restore FROM=NAME; there are: $(ls "$(value BACKUP_FOLDER ./backups)" 2> /dev/null | tr '\n' ' ')"
compose --progress=quiet up -d --wait postgres seaweedfs > /dev/null 2>&1 || fail "PostgreSQL or the object store does not start: make logs"
BACKUP_USER="$(id -u):$(id -g)" compose --progress=quiet run --rm --no-deps backup meterwise restore "/backups/$1"
