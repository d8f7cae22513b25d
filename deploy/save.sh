#!/bin/bash
# Saves everything into BACKUP_FOLDER under a name, with the image that is in use.
. "$(dirname "$0")/ground.sh"
check_ground
build_if_missing
mkdir -p "$(value BACKUP_FOLDER ./backups)"
start_stores
BACKUP_USER="$(id -u):$(id -g)" compose --progress=quiet run --rm --no-deps backup meterwise backup /backups ${1:+--name "$1"}
