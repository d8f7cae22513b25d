"""The DAGs load, say what they are, and only say when: no logic, nothing heavy, nothing that a stage would do."""

import ast
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from meterwise import parsed_project
from meterwise.planning import BESIDE_THE_CHAIN, DAG_IDS, DOMAINS, TRAINED
from meterwise.settings import Settings, as_environment
from meterwise.stack.airflow_server import FIXED, TELEMETRY_OFF

DAGS = Path(__file__).parents[2] / "dags"
FILES = sorted(DAGS.glob("*.py"))
MOST_LINES = 80
PLANTED = "Planted-Password-Qx7"
ALLOWED_IMPORTS = {
    "airflow",
    "alerting",
    "cosmos",
    "meterwise",
    "models",
    "expectations",
    "defaults",
    "dbt_tasks",
    "every_try",
    "triggers",
}


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("dags")
    settings = Settings(home=home)
    parsed_project.refresh(settings)
    on_postgresql = {"warehouse": "postgresql", "warehouse_url": SecretStr(f"postgresql://us:{PLANTED}@nowhere/w")}
    return describe(settings.model_copy(update=on_postgresql))


def describe(settings: Settings, *files: Path) -> dict[str, Any]:
    environment = {**os.environ, **as_environment(settings), **FIXED, **TELEMETRY_OFF}
    environment |= {
        "DBT_ENV_SECRET_WAREHOUSE_PASSWORD": PLANTED,
        "AIRFLOW_HOME": str(settings.home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{settings.home}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    script = Path(__file__).with_name("describe.py")
    command = [sys.executable, str(script), str(DAGS), *map(str, files)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_every_dag_loads_and_no_other_is_there(described: dict[str, Any]) -> None:
    assert described["errors"] == {}
    assert set(described["dags"]) == DAG_IDS


def test_dbt_runs_on_the_engine_of_the_settings_and_airflow_keeps_no_password(described: dict[str, Any]) -> None:
    assert set(described["dags"]["build_warehouse"]["profile"]) == {"postgresql"}
    assert "['variables'] | tojson" in described["dags"]["build_warehouse"]["kept"], "templates are among what is kept"
    assert [dag_id for dag_id, dag in described["dags"].items() if PLANTED in dag["kept"]] == []


def test_loading_them_loads_nothing_heavy(described: dict[str, Any]) -> None:
    assert described["heavy"] == []


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_a_dag_says_what_it_is_and_holds_its_limits(described: dict[str, Any], dag_id: str) -> None:
    dag = described["dags"][dag_id]

    assert len(dag["doc"]) > 100
    assert dag["tags"]
    assert dag["params"] == ["as_of_date"]
    assert not dag["catchup"]
    assert dag["max_active_runs"] == 1
    for name, task in dag["tasks"].items():
        assert task["owner"] == "meterwise", name
        assert task["has_timeout"], name
        assert task["says_why"], name
        assert 0 <= task["retries"] <= 3, name


@pytest.mark.parametrize("domain", DOMAINS)
def test_ingest_has_a_clock_so_that_a_past_day_can_be_backfilled(described: dict[str, Any], domain: str) -> None:
    dag = described["dags"][f"ingest_{domain}"]

    assert dag["schedule"].startswith("CronTriggerTimetable")
    assert [t["outlets"] for t in dag["tasks"].values() if t["outlets"]] == [[f"raw/{domain}"]]


def test_the_dags_are_joined_by_assets(described: dict[str, Any]) -> None:
    schedules = {dag_id: dag["schedule"] for dag_id, dag in described["dags"].items()}

    for domain in DOMAINS:
        assert f"raw/{domain}" in schedules["build_warehouse"]
    for model in ("demand", "churn"):
        assert f"features/{model}" in schedules[f"score_{model}"]
        assert f"model/{model}" in schedules[f"score_{model}"]
        assert f"scores/{model}" in schedules["publish_segments"]
    assert "features/alerts" in schedules["score_alerts"]
    assert "scores/alerts" not in schedules["publish_segments"], "what is published waits for no alert score"
    made = {name for dag in described["dags"].values() for t in dag["tasks"].values() for name in t["outlets"]}
    assert {"raw/crm", "features/churn", "model/demand", "scores/churn", "published/segments"} <= made


def test_it_is_watched_after_each_publication_and_by_the_clock(described: dict[str, Any]) -> None:
    dag = described["dags"]["watch"]

    assert "published/segments" in dag["schedule"]
    assert set(dag["tasks"]["page"]["upstream"]) == {"look", "compare", "run_times"}
    assert {name for name, task in dag["tasks"].items() if task["pool"] == "warehouse"} == {"look", "judge"}


def test_meters_are_monitored_in_turns_every_two_minutes(described: dict[str, Any]) -> None:
    dag = described["dags"]["monitor_meters"]

    assert "*/2 * * * *" in dag["schedule"]
    assert {name for name, task in dag["tasks"].items() if task["pool"] == "warehouse"} == {"land", "build", "deliver"}
    assert dag["tasks"]["deliver"]["upstream"] == ["build", "land"]
    assert dag["tasks"]["report"]["upstream"] == ["land"], "what was refused is told, and the rest goes on"
    assert [task["outlets"] for task in dag["tasks"].values() if task["outlets"]] == [], (
        "the day's chain is not started"
    )


def test_forecasts_are_made_anew_every_hour_beside_the_chain(described: dict[str, Any]) -> None:
    dag = described["dags"]["update_forecasts"]

    assert "0 * * * *" in dag["schedule"]
    assert {task["pool"] for task in dag["tasks"].values()} == {"warehouse"}
    assert dag["tasks"]["score"]["upstream"] == ["build"]
    assert not any(task["outlets"] for task in dag["tasks"].values()), "the day's chain is not started"


def test_parameters_are_searched_once_a_month_beside_the_chain(described: dict[str, Any]) -> None:
    dag = described["dags"]["search_demand"]

    assert "0 3 * * 0#1" in dag["schedule"], "the first Sunday of a month"
    assert "search_demand" in BESIDE_THE_CHAIN
    assert [task["outlets"] for task in dag["tasks"].values() if task["outlets"]] == [], "nothing waits for it"
    assert {name for name, task in dag["tasks"].items() if task["pool"] == "warehouse"} == {"day"}
    assert dag["tasks"]["search"]["upstream"] == ["day"]
    assert dag["tasks"]["search"]["minutes"] == Settings().search_minutes + 60


def test_where_the_clock_stands_parameters_are_searched_by_hand_alone(tmp_path: Path) -> None:
    standing = Settings(home=tmp_path, last_date=date(2026, 7, 15), search_minutes=90)

    dag = describe(standing, DAGS / "search.py")["dags"]["search_demand"]

    assert "NullTimetable" in dag["schedule"]
    assert dag["tasks"]["search"]["minutes"] == 150


def test_dbt_is_a_task_a_model_and_only_its_producer_takes_the_warehouse(described: dict[str, Any]) -> None:
    tasks = described["dags"]["build_warehouse"]["tasks"]
    watchers = {name: task for name, task in tasks.items() if name.startswith("dbt.") and "producer" not in name}

    assert tasks["dbt.dbt_producer_watcher"]["pool"] == "warehouse"
    assert any("features_churn" in name for name in watchers)
    assert {task["pool"] for task in watchers.values()} == {"watchers"}


def test_a_build_is_done_only_when_its_features_have_passed_their_checks(described: dict[str, Any]) -> None:
    tasks = described["dags"]["build_warehouse"]["tasks"]
    checks = {f"check_features_{model}" for model in TRAINED}

    assert checks <= set(tasks["record"]["upstream"])
    for check in checks:
        assert "dbt.dbt_producer_watcher" in tasks[check]["upstream"]
        assert tasks[check]["outlets"] == [f"features/{check.removeprefix('check_features_')}"]


def test_a_failed_check_does_not_hide_what_could_not_be_landed(described: dict[str, Any]) -> None:
    for domain in DOMAINS:
        assert described["dags"][f"ingest_{domain}"]["tasks"]["report"]["upstream"] == ["land"]


def test_what_opens_the_warehouse_takes_its_turn(described: dict[str, Any]) -> None:
    opens = {"land", "check", "plan", "decide", "day", "score", "score_segments", "promote", "deliver"}
    wrong = [
        f"{dag_id}.{name}"
        for dag_id, dag in described["dags"].items()
        for name, task in dag["tasks"].items()
        if (name in opens or name.startswith("check_features")) and task["pool"] != "warehouse"
    ]
    assert wrong == []


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_dag_files_are_short_and_import_only_what_says_when(file: Path) -> None:
    text = file.read_text()
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.split(".")[0])

    assert len(text.splitlines()) <= MOST_LINES + 20 * (file.name == "defaults.py")
    assert imported - sys.stdlib_module_names <= ALLOWED_IMPORTS
