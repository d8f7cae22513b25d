"""What is changed on a server that is there: parts by profile, a password that is wrong."""

from pathlib import Path

import pytest

from compose.server import Server, stand_in

pytestmark = [pytest.mark.drills, pytest.mark.timeout(1200)]

STAND_INS = Path(__file__).with_name("images")


def test_with_profiles_a_worker_runs_the_tasks_and_a_broker_asks_for_a_password(server: Server) -> None:
    for image in server.compose("--profile", "*", "config", "--images").split():
        for part in ("redis", "mosquitto"):
            if part in image and stand_in(image, STAND_INS / part):
                server.stand_ins.append(image)
    server.set(COMPOSE_PROFILES="celery,mqtt", AIRFLOW_EXECUTOR="CeleryExecutor")
    server.make("up")

    assert server.ends("ingest_weather") == "success"
    assert "ingest_weather" in server.compose("logs", "airflow-worker")
    publish = ["exec", "-T", "mosquitto", "mosquitto_pub", "-t", "meters", "-m", "1"]
    assert server.succeeds(*publish, "-u", "meterwise", "-P", server.secret("mqtt_password"))
    assert not server.succeeds(*publish)
    assert not server.succeeds(*publish, "-u", "meterwise", "-P", "meterwise")
    assert not server.succeeds("exec", "-T", "redis", "sh", "-c", "redis-cli ping | grep PONG")
    server.set(COMPOSE_PROFILES="", AIRFLOW_EXECUTOR="LocalExecutor")


def test_a_wrong_password_starts_nothing_and_says_so(server: Server) -> None:
    secret = server.folder / "secrets" / "admin_url"
    right = secret.read_text()
    server.make("down")
    secret.chmod(0o644)
    secret.write_text(right.replace(server.secret("postgres_password"), "wrong"))

    refused = server.make("up", may_fail=True)

    secret.write_text(right)
    assert refused.returncode != 0
    assert "refuses the password of user postgres" in refused.stdout + refused.stderr
    assert [c["Name"] for c in server.containers() if c["State"]["Running"]] == []
    assert "Up after" in server.make("up").stdout
