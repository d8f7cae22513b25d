#!/bin/bash
# Makes what a server needs and has not: .env and the folder of secrets, with random values. Overwrites nothing.
# The folder is open to its owner alone; the files in it are readable, since containers read them under users of their own.
set -euo pipefail
umask 077
folder=${SECRETS_FOLDER:-secrets}
env_file=${ENV_FILE:-.env}
if [[ -e $env_file ]]; then
    named=$(sed -n 's/^SECRETS_FOLDER=//p' "$env_file" | tail -n 1 | sed -E "s/^(['\"])(.*)\1\$/\2/")
    folder=${named:-$folder}
fi

random() { head -c "${1:-24}" /dev/urandom | base64 -w0 | tr '+/' 'ab' | tr -d '='; }

make() { # name, content
    if [[ ! -s $folder/$1 ]]; then  # not there, or left empty by a full disk
        printf '%s\n' "$2" > "$folder/.new"
        mv -f "$folder/.new" "$folder/$1"
        made+=("$1")
    fi
    chmod 444 "$folder/$1"
}

value() { cat "$folder/$1"; }

made=()
mkdir -p "$folder/sources" "$folder/tls"
chmod 700 "$folder"
chmod 755 "$folder/sources" "$folder/tls"
find "$folder/sources" "$folder/tls" -type f -exec chmod 444 {} +  # put there by hand, perhaps closed to containers
make postgres_password "$(random)"
make admin_url "postgresql://postgres:$(value postgres_password)@postgres:5432/postgres"
make database_url "postgresql://meterwise:$(random)@postgres:5432/meterwise"
make airflow_database_url "postgresql://airflow:$(random)@postgres:5432/airflow"
make mlflow_database_url "postgresql://mlflow:$(random)@postgres:5432/mlflow"
make airflow_fernet_key "$(head -c 32 /dev/urandom | base64 -w0 | tr '+/' '-_')"
make airflow_secret_key "$(random 48)"
make airflow_jwt_secret "$(random 48)"
make airflow_password "$(random 12)"
make mlflow_admin_password "$(random 12)"
make mlflow_password "$(random)"
make mlflow_secret_key "$(random 48)"
make s3_credentials "[default]
aws_access_key_id = $(random 15)
aws_secret_access_key = $(random 30)"
access_key=$(sed -n 's/^aws_access_key_id = //p' "$folder/s3_credentials")
secret_key=$(sed -n 's/^aws_secret_access_key = //p' "$folder/s3_credentials")
make s3.json "{\"identities\": [{\"name\": \"meterwise\", \"actions\": [\"Admin\", \"Read\", \"Write\", \"List\", \"Tagging\"],
  \"credentials\": [{\"accessKey\": \"$access_key\", \"secretKey\": \"$secret_key\"}]}]}"
make redis_password "$(random)"
make broker_url "redis://:$(value redis_password)@redis:6379/0"
make mqtt_password "$(random)"

if ! grep -qs '^SECRETS_FOLDER=' "$env_file"; then
    {
        echo "# Written by make secrets; every key is explained in .env.example."
        [[ $folder == /* || $folder == ./* ]] && echo "SECRETS_FOLDER=$folder" || echo "SECRETS_FOLDER=./$folder"
    } >> "$env_file"
    made+=("$env_file")
fi
if ((${#made[@]})); then
    echo "Made: ${made[*]} (secrets are in $folder/; keep a copy where backups are kept)"
else
    echo "All there already; nothing was changed."
fi
