#!/bin/bash
# Goes to the version that lies here: builds its image, stops what writes, saves everything, migrates, starts.
. "$(dirname "$0")/ground.sh"
check_ground
check_executor
old=$(image_tag)
new=${VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)-$(git rev-parse --short HEAD 2> /dev/null || date -u +%Y%m%d%H%M)}
[[ $new != "$old" ]] || fail "$new is what runs already. Get the new version first (git pull), or name it: make upgrade VERSION=..."
saved=before-$new-$(date -u +%Y%m%dT%H%M%S)

echo "Building meterwise:$new (until it is there, $old goes on)"
IMAGE_TAG=$new compose --progress=quiet build init
echo "Stopping what writes; published tables stay readable"
stop '^(airflow-|mlflow)'
echo "Saving everything as $saved"
./deploy/save.sh "$saved" || { ./deploy/up.sh; fail "The backup failed, so nothing was changed and $old runs again."; }
remember PREVIOUS_IMAGE_TAG "$old"
remember PREVIOUS_BACKUP "$saved"
remember IMAGE_TAG "$new"
echo "Migrating and starting $new"
./deploy/up.sh || fail "$new does not start. Go back to $old: make rollback"
echo "Upgraded from $old to $new. Should it not do: make rollback"
