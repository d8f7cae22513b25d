#!/bin/sh
# Starts mosquitto for one user whose password is a secret; nobody comes in without.
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
log_dest stdout
CONF
exec mosquitto -c /tmp/mosquitto.conf
