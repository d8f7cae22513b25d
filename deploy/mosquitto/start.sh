#!/bin/sh
# Starts mosquitto for one user whose password is a secret; nobody comes in without.
# What waits for a listener that is away is never thrown away, and on disk after 15 s (its defaults: 1000 messages, 30 min).
set -eu
umask 077
echo "meterwise:$(cat /run/secrets/mqtt_password)" > /tmp/passwords
mosquitto_passwd -U /tmp/passwords
cat > /tmp/mosquitto.conf <<CONF
listener 1883
allow_anonymous false
password_file /tmp/passwords
persistence true
persistence_location /mosquitto/data/
autosave_interval 15
max_queued_messages 0
max_inflight_messages 1000
log_dest stdout
CONF
exec mosquitto -c /tmp/mosquitto.conf
