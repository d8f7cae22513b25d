#!/bin/bash
# Goes back to the version before the last upgrade. Where that migrated a database, what was saved before it comes back;
# the migrated databases are renamed, not deleted. What was cut off can be run again.
. "$(dirname "$0")/ground.sh"
check_ground
previous=$(value PREVIOUS_IMAGE_TAG)
saved=$(value PREVIOUS_BACKUP)
folder=$(value BACKUP_FOLDER ./backups)
[[ -n $previous ]] || fail "There was no upgrade to go back from: PREVIOUS_IMAGE_TAG is not in $ENV_FILE."
docker image inspect "meterwise:$previous" > /dev/null 2>&1 || fail "The image meterwise:$previous is gone. Check out that version, build it (docker build -t meterwise:$previous .) and try again."

as_administrator() { compose exec -T postgres psql -q -X -h /var/run/postgresql -U postgres -v ON_ERROR_STOP=1 "$@"; }

set_aside() { # readers may come back between the two statements, so it is tried a few times
    local aside
    aside=_before_rollback_$(date -u +%Y%m%dt%H%M%S)
    echo "The databases of now are kept as *$aside"
    for _ in 1 2 3 4 5; do
        as_administrator <<SQL && return
begin;
select pg_terminate_backend(pid) from pg_stat_activity
where datname in ('airflow', 'mlflow', 'meterwise') and pid <> pg_backend_pid() \\g /dev/null
select format('alter database %I rename to %I', datname, datname || '$aside')
from pg_database where datname in ('airflow', 'mlflow', 'meterwise') \\gexec
commit;
SQL
        sleep 1
    done
    return 1
}

echo "Stopping $(image_tag)"
stop '^(airflow-|mlflow|data-docs)'
start_stores
if told=$(IMAGE_TAG=$previous compose --progress=quiet run --rm --no-deps init meterwise database check 2>&1); then
    echo "No database was migrated beyond $previous; it goes on with the data of now"
else
    printf '%s\n' "$told" | tail -n 6 | sed 's/^/  /'
    # "has no database": an earlier try has set them aside. Anything else is no reason to move data.
    tr '\n' ' ' <<< "$told" | grep -qE 'does not +know|knows +up +to|has +no +database' ||
        fail "That is no migration, so nothing was moved. Correct it and try again, or start what is here: make up"
    [[ -n $saved && -f $folder/$saved/manifest.json ]] ||
        fail "The backup from before the upgrade (${saved:-PREVIOUS_BACKUP in $ENV_FILE}) is not in $folder, so nothing was moved."
    set_aside || fail "The databases could not be set aside (see above); they are as they were. Try again: make rollback"
    echo "Restoring $saved"
    IMAGE_TAG=$previous ./deploy/restore.sh "$saved" ||
        fail "The backup was not restored; nothing was started. Correct what is said above, then again: make rollback"
fi
remember IMAGE_TAG "$previous"
remember PREVIOUS_IMAGE_TAG
remember PREVIOUS_BACKUP
exec ./deploy/up.sh
