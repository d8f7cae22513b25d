# What the commands of the server share: read by up.sh, upgrade.sh and rollback.sh, which `make` calls.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export ENV_FILE=${ENV_FILE:-.env}

compose() { docker compose --env-file "$ENV_FILE" "$@"; }

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

value() { # key, default: what .env says
    local found
    found=$(sed -n "s/^$1=//p" "$ENV_FILE" | tail -n 1 | sed -E "s/^(['\"])(.*)\1\$/\2/")
    echo "${found:-${2:-}}"
}

remember() { # key, value: into .env, in the place of what it says now
    [[ $(value "$1") != "${2:-}" ]] || return 0
    local draft
    draft=$(mktemp "$ENV_FILE.XXXXXX")
    { grep -v "^$1=" "$ENV_FILE" || true; [[ -z ${2:-} ]] || echo "$1=$2"; } > "$draft"
    mv "$draft" "$ENV_FILE"
}

stop() { # pattern: the running services whose name it matches
    local services
    services=$(compose ps --services | grep -E "$1" || true)
    [[ -z $services ]] || compose stop $services > /dev/null 2>&1
}

start_stores() { # PostgreSQL and the object store alone
    local told
    told=$(compose --progress=plain up -d --wait postgres seaweedfs 2>&1) ||
        fail "PostgreSQL or the object store does not start:" "$(tail -n 5 <<< "$told")"
}

image_tag() { value IMAGE_TAG "$(sed -n 's/^  image: meterwise:${IMAGE_TAG:-\(.*\)}$/\1/p' docker-compose.yml)"; }

check_ground() { # before anything is started: an engine, .env, its keys, the secrets
    docker info > /dev/null 2>&1 || fail "No Docker engine answers. Start Docker; docker info says more."
    [[ -f $ENV_FILE ]] || fail "There is no $ENV_FILE. Make it, with the secrets: make secrets"
    local known unknown folder missing
    known=$(sed -nE 's/^#? ?([A-Z][A-Z0-9_]*)=.*/\1/p' .env.example | sed -E 's/^(METERWISE_.*)$/\1\n\1_FILE/')
    unknown=$(sed -nE 's/^([A-Za-z_][A-Za-z0-9_]*)=.*/\1/p' "$ENV_FILE" | grep -v '^METERWISE_SECRETS__' |
        grep -vxF "$known" || true)
    [[ -z $unknown ]] || fail "Unknown key(s) in $ENV_FILE: ${unknown//$'\n'/, }. Correct or delete them; .env.example has every key."
    folder=$(value SECRETS_FOLDER)
    [[ -n $folder ]] || fail "SECRETS_FOLDER is not in $ENV_FILE. Write it there, or let make secrets do so."
    missing=$(sed -nE 's/.*file: "\$\{SECRETS_FOLDER\}\/(.*)".*/\1/p' docker-compose.yml |
        while read -r name; do [[ -s $folder/$name ]] || echo "$name"; done)
    [[ -z $missing ]] || fail "Missing or empty in $folder: ${missing//$'\n'/, }. Make them: make secrets"
    check_certificates
    local sources
    sources=$(value SOURCES_FILE ./sources.yml)
    [[ -f $sources ]] || fail "There is no $sources: what comes in. Write it (examples/ has some), or name it in $ENV_FILE: SOURCES_FILE="
}

check_certificates() { # openssl lets nobody but its owner read a key; containers must, and SECRETS_FOLDER keeps others out
    local folder missing
    [[ $(value COMPOSE_FILE) == *tls.yml* ]] || return 0
    folder=$(value SECRETS_FOLDER)/tls
    missing=$(for name in server.crt server.key authority.crt; do [[ -s $folder/$name ]] || echo "$name"; done)
    [[ -z $missing ]] || fail "Missing or empty in $folder: ${missing//$'\n'/, }. docs/operations.md (TLS) says how to make them; without TLS take deploy/tls.yml out of COMPOSE_FILE in $ENV_FILE."
    chmod a+r "$folder"/*
}

check_executor() { # workers and the executor that uses them are two keys, which a person may change one of
    local executor profiles
    executor=${AIRFLOW_EXECUTOR:-$(value AIRFLOW_EXECUTOR LocalExecutor)}
    profiles=,${COMPOSE_PROFILES:-$(value COMPOSE_PROFILES)},
    if [[ $executor == *Celery* && $profiles != *,celery,* ]]; then
        fail "AIRFLOW_EXECUTOR=$executor has no workers: add celery to COMPOSE_PROFILES in $ENV_FILE, or say LocalExecutor."
    elif [[ $executor != *Celery* && $profiles == *,celery,* ]]; then
        fail "COMPOSE_PROFILES has celery, but $executor gives workers nothing to do: say AIRFLOW_EXECUTOR=CeleryExecutor in $ENV_FILE, or take celery out."
    fi
}

remove_unless_wanted() { # profile, its services: Docker leaves them running when the profile goes; their data stay
    [[ ,${COMPOSE_PROFILES:-$(value COMPOSE_PROFILES)}, == *,$1,* || -z $(compose --profile "$1" ps -aq "${@:2}") ]] && return
    echo "Stopping ${*:2}: COMPOSE_PROFILES names $1 no more (tasks that run may end)"
    compose --progress=quiet --profile "$1" rm -fs "${@:2}" > /dev/null 2>&1 || fail "They do not stop; docker ps says more."
}

remember_stamps() { # of what Docker mounts file by file: where it changed, compose makes the containers anew
    local folder
    folder=$(value SECRETS_FOLDER)
    remember SECRETS_STAMP "$(find "$folder" "$folder/tls" -maxdepth 1 -type f 2> /dev/null | sort | stamp)"
    remember SOURCES_STAMP "$({ find "$folder/sources" -type f | sort; echo "$folder/airflow_secret_key"; value SOURCES_FILE ./sources.yml; } | stamp)"
}

stamp() { # files on the standard input; a random secret among them keeps the rest from being guessed
    tr '\n' '\0' | xargs -0 cat | sha256sum | cut -c1-12
}

build_if_missing() {
    docker image inspect "meterwise:$(image_tag)" > /dev/null 2>&1 && return
    echo "Building the image meterwise:$(image_tag) (minutes, once)"
    compose --progress=quiet build init
}
