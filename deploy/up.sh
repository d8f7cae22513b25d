#!/bin/bash
# Starts the server in order, tells how it goes, and waits until all of it is healthy; if it cannot, nothing stays up.
. "$(dirname "$0")/ground.sh"
limit=${LIMIT:-900}

states() { compose ps -a --format '{{.Service}} {{.State}} {{.Health}}' | sort; }

init_says() { compose logs --no-log-prefix --no-color --since "$begun" init 2> /dev/null | sed 's/\x1b\[[0-9;]*[A-Za-z]//g'; }

tell() { # what is new since the last time
    local now
    now=$(states)
    comm -13 <(printf '%s\n' "$before") <(printf '%s\n' "$now") | grep -v ' created' |
        while read -r service state health; do printf '  %4d s  %s: %s\n' "$SECONDS" "$service" "${health:-$state}"; done || true
    before=$now
    local lines
    lines=$(init_says | grep -E '^[0-9]+/[0-9]+ ' || true)
    printf '%s\n' "$lines" | tail -n "+$((told + 1))" | grep . | sed "s/^/           init: /" || true
    told=$(grep -c . <<< "$lines" || true)
}

give_up() {
    echo "The server was not started."
    if [[ $(compose ps -a --format '{{.ExitCode}}' init) != 0 ]]; then
        init_says | tail -n 25 | sed 's/^/  /'
    else
        tail -n 5 "$log" | sed 's/^/  /'
        states | grep -E 'unhealthy|exited|restarting|starting' | grep -v '^init ' | sed 's/^/  /' || true
        echo "  What a part says: make logs SERVICE=airflow-scheduler"
    fi
    compose stop > /dev/null 2>&1 || true
    fail "Everything is stopped; data are as they were."
}

check_ground
check_executor
if [[ $(value BIND_ADDRESS 127.0.0.1) != 127.* && $(value COMPOSE_FILE) != *tls.yml* ]]; then
    echo "Warning: BIND_ADDRESS opens the server to others, and passwords travel in clear. TLS: docs/operations.md"
fi
build_if_missing
remember_stamps
remove_unless_wanted celery airflow-worker redis
remove_unless_wanted mqtt mqtt-listener mosquitto
log=$(mktemp)
trap 'rm -f "$log"' EXIT
before='' told=0 begun=$(date -u +%Y-%m-%dT%H:%M:%SZ)
compose --progress=plain up -d --remove-orphans > "$log" 2>&1 &
starter=$!
while kill -0 $starter 2> /dev/null; do
    tell
    sleep 3
done
wait $starter || give_up
while states | grep -qE ' (starting|unhealthy|restarting)$'; do
    tell
    ((SECONDS < limit)) || give_up
    sleep 3
done
tell
folder=$(value SECRETS_FOLDER)
[[ $(value COMPOSE_FILE) == *tls.yml* ]] && scheme=https || scheme=http
cat <<TEXT
Up after $SECONDS s.
  Airflow     $(value AIRFLOW_PUBLIC_URL "$scheme://127.0.0.1:$(value AIRFLOW_PORT 8080)")   user admin, password: cat $folder/airflow_password
  MLflow      $(value MLFLOW_PUBLIC_URL "$scheme://127.0.0.1:$(value MLFLOW_PORT 5000)")   user admin, password: cat $folder/mlflow_admin_password
  Data Docs   $(value DATA_DOCS_PUBLIC_URL "http://127.0.0.1:$(value DATA_DOCS_PORT 8090)")
  Watch       $(value DATA_DOCS_PUBLIC_URL "http://127.0.0.1:$(value DATA_DOCS_PORT 8090)")/watch/index.html   after each publication
  PostgreSQL  $(value BIND_ADDRESS 127.0.0.1):$(value POSTGRES_PORT 5432), database meterwise, schema published
TEXT
