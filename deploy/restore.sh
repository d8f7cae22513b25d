#!/bin/bash
# Brings a backup back into empty databases, with the image that is in use; on a new machine sources.yml, too.
. "$(dirname "$0")/ground.sh"
[[ -f $ENV_FILE ]] || fail "There is no $ENV_FILE. Bring back yours with secrets/, or make new ones: make secrets"
folder=$(value BACKUP_FOLDER ./backups)
[[ -n ${1:-} && -d $folder/$1 ]] || fail "Which backup? make restore FROM=NAME; in $folder there are: $(ls "$folder" 2> /dev/null | tr '\n' ' ')"
sources=$(value SOURCES_FILE ./sources.yml)
if [[ ! -f $sources && -f $folder/$1/sources.yml ]]; then
    cp "$folder/$1/sources.yml" "$sources"
fi
check_ground
build_if_missing
start_stores
BACKUP_USER="$(id -u):$(id -g)" compose --progress=quiet run --rm --no-deps backup meterwise restore "/backups/$1"
if [[ -d $folder/$1/listening ]]; then # messages that no database of it has
    tar -C "$folder/$1" -c listening | compose --progress=quiet run --rm --no-deps -T jobs tar -x -C /var/lib/meterwise
fi
