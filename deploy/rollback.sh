#!/bin/bash
# Goes back to the version before the last upgrade. Where that migrated a database, what was saved before it comes back;
# the migrated databases are renamed, not deleted.
. "$(dirname "$0")/ground.sh"
check_ground
previous=$(value PREVIOUS_IMAGE_TAG)
saved=$(value PREVIOUS_BACKUP)
[[ -n $previous ]] || fail "There was no upgrade to go back from: PREVIOUS_IMAGE_TAG is not in $ENV_FILE."
docker image inspect "meterwise:$previous" > /dev/null 2>&1 || fail "The image meterwise:$previous is gone. Check out that version, build it (docker build -t meterwise:$previous .) and try again."

echo "Stopping $(image_tag)"
stop '^(airflow-|mlflow|data-docs)'
compose --progress=quiet up -d --wait postgres seaweedfs > /dev/null 2>&1
if told=$(IMAGE_TAG=$previous compose --progress=quiet run --rm --no-deps init meterwise database check 2>&1); then
    echo "No database was migrated beyond $previous; it goes on with the data of now"
else
    printf '%s\n' "$told" | tail -n 6 | sed 's/^/  /'
    [[ -n $saved ]] || fail "PREVIOUS_BACKUP is not in $ENV_FILE, so there is nothing to restore."
    aside=_before_rollback_$(date -u +%Y%m%dt%H%M%S)
    echo "Restoring $saved; the databases of now are kept as *$aside"
    for database in airflow mlflow meterwise; do
        compose exec -T postgres psql -q -h /var/run/postgresql -U postgres -v ON_ERROR_STOP=1 \
            -c "alter database $database rename to $database$aside"
    done
    IMAGE_TAG=$previous ./deploy/restore.sh "$saved" || fail "The backup could not be restored; nothing was started. See above."
fi
remember IMAGE_TAG "$previous"
remember PREVIOUS_IMAGE_TAG
remember PREVIOUS_BACKUP
./deploy/up.sh
