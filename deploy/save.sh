#!/bin/bash
# Saves everything into BACKUP_FOLDER under a name, with the image that is in use.
. "$(dirname "$0")/ground.sh"
folder=$(value BACKUP_FOLDER ./backups)
mkdir -p "$folder"
compose --progress=quiet up -d --wait postgres seaweedfs > /dev/null 2>&1 || fail "PostgreSQL or the object store does not start: make logs"
BACKUP_USER="$(id -u):$(id -g)" compose --progress=quiet run --rm --no-deps backup meterwise backup /backups ${1:+--name "$1"}
