"""What is said before anything is started, and that every variable is explained. Needs no Docker engine."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / ".env.example").read_text()
COMPOSE = "\n".join(
    path.read_text() for path in [ROOT / "docker-compose.yml", *sorted((ROOT / "deploy").glob("*.yml"))]
)


def explained() -> set[str]:
    return set(re.findall(r"^# ([A-Z][A-Z0-9_]*)=", EXAMPLE, re.MULTILINE))


def test_every_variable_of_compose_is_in_the_example() -> None:
    used = set(re.findall(r"\$\{([A-Z][A-Z0-9_]*)", COMPOSE))

    assert len(used) > 20
    assert used - explained() == set()


def test_the_example_has_the_defaults_of_compose() -> None:
    defaults = dict(re.findall(r"\$\{([A-Z][A-Z0-9_]*):-([^${}]+)\}", COMPOSE))
    told = dict(re.findall(r"^# ([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE, re.MULTILINE))

    assert {name: told[name] for name in defaults} == defaults


def test_no_password_has_a_default() -> None:
    given = re.findall(r"^\s+\w*(?:PASSWORD|SECRET|KEY|URL)\w*:\s*(\S+)", COMPOSE, re.MULTILINE)

    assert len(given) > 10
    assert [value for value in given if not re.match(r"/run/secrets/|https?://[a-z$]|\$\{\w+_URL|s3:", value)] == []
    assert not re.search(r"://[^/\s\"]*:[^/\s\"$]*@", COMPOSE)


@pytest.fixture
def made(tmp_path: Path) -> dict[str, str]:
    """The environment of a server whose secrets were just made."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "ENV_FILE": str(tmp_path / "env"),
        "SECRETS_FOLDER": str(tmp_path / "secrets"),
    }
    assert _script("secrets.sh", environment).returncode == 0
    return environment


def test_secrets_are_made_once_at_random_and_closed_to_others(made: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    before = {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
    (folder / "mqtt_password").unlink()
    again = _script("secrets.sh", made)

    after = {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
    assert "Made: mqtt_password" in again.stdout
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "env").stat().st_mode & 0o777 == 0o600
    assert {name for name in before if before[name] != after[name]} == {"mqtt_password"}
    assert set(re.findall(r"\$\{SECRETS_FOLDER\}/([\w.]+)\"", COMPOSE)) <= set(after)


def test_an_empty_secret_is_made_again(made: dict[str, str], tmp_path: Path) -> None:
    empty = tmp_path / "secrets" / "mqtt_password"
    empty.chmod(0o644)
    empty.write_text("")

    assert "Made: mqtt_password" in _script("secrets.sh", made).stdout
    assert empty.read_text().strip()


def test_changed_secrets_and_sources_change_their_stamp(made: dict[str, str], tmp_path: Path) -> None:
    sources = tmp_path / "sources.yml"
    sources.write_text("utility: {}\n")
    with Path(made["ENV_FILE"]).open("a") as env_file:
        env_file.write(f"SOURCES_FILE={sources}\n")

    def stamps() -> list[str]:
        return _shell("remember_stamps; value SECRETS_STAMP; value SOURCES_STAMP", made).stdout.split()

    first, again = stamps(), stamps()
    sources.write_text("utility: {name: other}\n")
    other_sources = stamps()
    (tmp_path / "secrets" / "mqtt_password").unlink()
    _script("secrets.sh", made)
    other_secret = stamps()

    assert first == again
    assert [a == b for a, b in zip(first, other_sources, strict=True)] == [True, False]
    assert [a == b for a, b in zip(other_sources, other_secret, strict=True)] == [False, True]


def test_quotes_of_settings_are_not_part_of_them(made: dict[str, str]) -> None:
    with Path(made["ENV_FILE"]).open("a") as env_file:
        env_file.write("BACKUP_FOLDER=\"./my backups\"\nSOURCES_FILE='here'\n")

    told = _shell("value BACKUP_FOLDER; value SOURCES_FILE", made).stdout

    assert told.splitlines() == ["./my backups", "here"]


@pytest.mark.parametrize("lines", ["AIRFLOW_EXECUTOR=CeleryExecutor", "COMPOSE_PROFILES=mqtt,celery"])
def test_workers_and_the_executor_that_uses_them_come_together(made: dict[str, str], lines: str) -> None:
    right = _shell("check_executor", made)
    with Path(made["ENV_FILE"]).open("a") as env_file:
        env_file.write(f"{lines}\n")
    refused = _shell("check_executor", made)

    assert right.returncode == 0
    assert refused.returncode == 1
    assert "COMPOSE_PROFILES" in refused.stderr


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("METERWISE_THRAEDS=2", "Unknown key(s) in .*: METERWISE_THRAEDS"),
        ("AIRFLOW_PROT=1", "Unknown key(s) in .*: AIRFLOW_PROT"),
        ("SECRETS_FOLDER=/nowhere", "Missing or empty in /nowhere: .*postgres_password.*make secrets"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(made: dict[str, str], line: str, told: str) -> None:
    with Path(made["ENV_FILE"]).open("a") as env_file:
        env_file.write(f"{line}\n")

    refused = _ground(made)

    assert refused.returncode == 1
    assert re.search(told.replace("(s)", r"\(s\)"), refused.stderr)


def test_a_fresh_server_wants_sources(made: dict[str, str]) -> None:
    with Path(made["ENV_FILE"]).open("a") as env_file:
        env_file.write("SOURCES_FILE=/nowhere/sources.yml\n")

    assert "There is no /nowhere/sources.yml: what comes in" in _ground(made).stderr


def test_certificates_that_are_missing_are_named_and_those_that_are_there_opened_to_containers(
    made: dict[str, str], tmp_path: Path
) -> None:
    with Path(made["ENV_FILE"]).open("a") as env_file:
        env_file.write("COMPOSE_FILE=docker-compose.yml:deploy/tls.yml\n")
    folder = tmp_path / "secrets" / "tls"
    for name in ("server.crt", "server.key"):
        (folder / name).write_text("made by openssl")
        (folder / name).chmod(0o600)

    assert re.search(r"Missing or empty in \S+/tls: authority.crt\. .*\(TLS\)", _ground(made).stderr)
    (folder / "authority.crt").write_text("made by openssl")
    _ground(made)
    assert {path.stat().st_mode & 0o444 for path in folder.iterdir()} == {0o444}


def test_without_secrets_docker_compose_says_how_to_make_them() -> None:
    assert "${SECRETS_FOLDER:?there are no secrets yet. Make them with - make secrets}" in COMPOSE


def _script(name: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = ["bash", f"deploy/{name}"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def _ground(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Look at the ground as `make up` does, with an engine that always answers."""
    return _shell("check_ground", environment)


def _shell(words: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    script = f"docker() {{ true; }}; . deploy/ground.sh; {words}"
    return subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
