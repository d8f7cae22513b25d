"""The whole chain in the real tools: from a CRM and meter files to published tables, twice."""

import gzip
import re
import time
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import httpx
import pandas as pd
import psycopg
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from e2e.small_utility import (
    FAULTY,
    FIRST,
    MAY_BE_EMPTY,
    PLANTED_SECRETS,
    SECOND,
    TABLES,
    TwoDays,
    published_tables,
)
from meterwise import ops
from meterwise.database import connect
from meterwise.planning import BESIDE_THE_CHAIN, DAG_IDS, MONITOR, WATCH
from meterwise.stack.airflow_api import DagRun

OWN_FILES = {"stack.json", "airflow/passwords.json", "reader_password"}
"""Where the embedded stack keeps its passwords, readable by their owner alone."""
pytestmark = pytest.mark.timeout(1500)


def test_every_table_is_published_for_both_days(two_days: TwoDays) -> None:
    for day in (two_days.first, two_days.second):
        assert all(day.tables[table] for table in set(TABLES) - MAY_BE_EMPTY)
    assert all(f'"as_of_date": "{FIRST}"' in row for row in two_days.first.tables["customer_segments"])
    assert any(f'"as_of_date": "{SECOND}"' in row for row in two_days.second.tables["customer_segments"])


def test_every_dag_has_run_and_none_has_failed(two_days: TwoDays) -> None:
    assert {run.dag_id for run in two_days.first.chain.runs} == DAG_IDS - BESIDE_THE_CHAIN
    assert {run.state for day in (two_days.first, two_days.second) for run in day.chain.runs} == {"success"}


def test_a_fresh_installation_trains_first_and_the_next_day_needs_no_training(two_days: TwoDays) -> None:
    trained = [run.dag_id for run in two_days.first.chain.runs if run.dag_id.startswith("train_")]

    assert {"train_demand", "train_churn", "train_segments", "train_alerts"} <= set(trained)
    assert not [run for run in two_days.second.chain.runs if run.run_id.startswith("manual") and "train" in run.dag_id]


def test_one_build_serves_all_domains_of_a_day(two_days: TwoDays) -> None:
    with connect(two_days.stack.settings) as connection:
        built = connection.execute(
            "select as_of_dates, stale_domains from ops.builds "
            "where selection = 'warehouse' and state = 'built' order by build_id"
        ).fetchall()

    assert built == [([FIRST], {}), ([SECOND], {})]


def test_the_three_addresses_open(two_days: TwoDays) -> None:
    settings = two_days.stack.settings

    assert "<title>" in httpx.get(f"{settings.airflow_url}/", follow_redirects=True).raise_for_status().text
    assert "MLflow" in httpx.get(f"{settings.mlflow_public_url}/").raise_for_status().text
    docs = httpx.get(f"{settings.data_docs_url}/index.html").raise_for_status().text
    assert "customer_segments" in docs


def test_airflow_asks_for_a_password(two_days: TwoDays) -> None:
    assert httpx.get(f"{two_days.stack.settings.airflow_url}/api/v2/dags").status_code == httpx.codes.UNAUTHORIZED


def test_the_log_of_a_check_leads_to_the_data_docs_and_of_scoring_to_mlflow(two_days: TwoDays) -> None:
    settings = two_days.stack.settings

    told = _log(two_days, "ingest_meter_reads", "check")
    (page,) = set(re.findall(rf"{settings.data_docs_url}/validations/raw/meter_reads/\S+", told))
    assert "meter_reads" in httpx.get(page).raise_for_status().text
    assert f"{settings.mlflow_public_url}/" in _log(two_days, "score_demand", "score")


def test_the_page_shows_what_was_watched_after_the_publication(two_days: TwoDays) -> None:
    _wait_until_quiet(two_days)

    runs = [run for run in two_days.stack.airflow.runs_since(datetime(2026, 1, 1, tzinfo=UTC)) if run.dag_id == WATCH]
    assert {run.state for run in runs} == {"success"}
    page = httpx.get(f"{two_days.stack.settings.data_docs_url}/watch/index.html").raise_for_status().text
    assert f"Newest day is {SECOND}" in page
    assert "build_warehouse" in page
    assert {model for model in ("demand", "churn", "segments") if f"<h3>{model}: " in page} == {
        "demand",
        "churn",
        "segments",
    }, "drift of each champion"
    assert "stale" not in {
        row["state"] for row in ops.select_rows("select state from ops.table_looks", two_days.stack.settings)
    }


def test_an_openlineage_server_is_told_of_every_run(two_days: TwoDays) -> None:
    events = [post for path, post in two_days.told if path == "/api/v1/lineage"]

    done = {event["job"]["name"] for event in events if event["eventType"] == "COMPLETE"}
    assert {"build_warehouse", "build_warehouse.plan", "publish_segments.deliver"} <= done
    assert {event["job"]["namespace"] for event in events} == {"meterwise"}


def test_a_build_that_is_cleared_is_built_again(two_days: TwoDays) -> None:
    before = published_tables(two_days.stack.settings)
    (build, *_) = [run for run in two_days.second.chain.runs if _has_built(two_days, run)]

    two_days.stack.airflow.begin_again(build)
    _wait_until_quiet(two_days)

    again = two_days.stack.airflow.run(build)
    assert again.state == "success"
    assert {task["state"] for task in two_days.stack.airflow.tasks(again)} == {"success"}
    assert published_tables(two_days.stack.settings) == before


def test_a_refused_file_reaches_nothing_and_says_why_in_the_last_line(two_days: TwoDays) -> None:
    before = published_tables(two_days.stack.settings)
    bad = _broken_copy(two_days.stack.settings.sources_file.parent / "landing")

    ended = _run_dag(two_days, "ingest_meter_reads")

    bad.unlink()
    assert ended.state == "failed"
    (task, *_) = [task for task in two_days.stack.airflow.tasks(ended) if task["state"] == "failed"]
    lines = two_days.stack.airflow.log_lines(ended, task)
    assert bad.name in [line for line in lines if "OpenLineage" not in line][-1], "but for what tells of lineage"
    (alert,) = [post for path, post in two_days.told if path == "/alerts" and "ingest_meter_reads" in post["stage"]]
    assert alert["as_of_date"] == SECOND.isoformat()
    assert bad.name in alert["reason"]
    assert published_tables(two_days.stack.settings) == before


def test_reads_that_land_after_the_day_are_in_the_load_of_now_and_nothing_else_moves(two_days: TwoDays) -> None:
    before, load_before = published_tables(two_days.stack.settings), _last_load(two_days)
    _corrected_copy(two_days.stack.settings.sources_file.parent / "landing")

    ended = _run_dag(two_days, MONITOR)

    assert ended.state == "success"
    after = published_tables(two_days.stack.settings)
    assert {table for table in TABLES if after[table] != before[table]} - {"meter_alerts"} == {"load_now"}
    assert _last_load(two_days) == pytest.approx(1.1 * load_before, rel=0.02)


def test_contact_data_is_nowhere_outside_raw_after_all_of_this(two_days: TwoDays) -> None:
    planted = _contacts(two_days)
    assert len(planted) > 100
    assert FAULTY["full_name"] in planted
    pattern = re.compile("|".join(re.escape(text) for text in planted).encode())

    home = two_days.stack.home
    found = [str(path) for path in _files(home) if any(pattern.search(part) for part in _contents(path))]
    found += _tables_in_postgres(two_days, ("airflow", "mlflow", "meterwise"), planted)
    found += [table for table in _tables_in_warehouse(home, planted) if not table.startswith("raw.")]

    assert found == []
    # The searches do find what is there, in a refused row too.
    assert {"raw.crm_customers", "raw.quarantine"} <= set(_tables_in_warehouse(home, planted))
    assert "crm: public.customers" in _tables_in_postgres(two_days, ("crm",), planted)


def test_secrets_are_nowhere_but_in_their_own_files(two_days: TwoDays) -> None:
    home = two_days.stack.home
    secrets = _secrets(two_days)
    assert len(secrets) >= 7
    pattern = re.compile("|".join(re.escape(text) for text in secrets).encode())

    found = {str(path.relative_to(home)) for path in _files(home) if any(map(pattern.search, _contents(path)))}
    tables = _tables_in_postgres(two_days, ("airflow", "mlflow", "meterwise", "crm"), secrets)
    tables += _tables_in_warehouse(home, secrets)

    assert found <= OWN_FILES
    assert "stack.json" in found, "the search finds what is there"
    assert tables == []
    assert {path: oct((home / path).stat().st_mode & 0o777) for path in found} == dict.fromkeys(found, "0o600")


def _secrets(two_days: TwoDays) -> list[str]:
    """Passwords of the databases, the CRM's among them, of Airflow and MLflow, the keys, and what was planted."""
    state = two_days.stack.state
    planted = [PLANTED_SECRETS["mlflow_password"], *two_days.stack.settings.secrets.values()]
    told = [secret.get_secret_value() for secret in planted if isinstance(secret, SecretStr)]
    passwords = [make_url(text).password if "://" in text else text for text in told]
    return [
        two_days.stack.postgres.password,
        state.airflow_password,
        state.jwt_secret,
        state.fernet_key,
        "planted-airflow-Vt52Zq",
        *(str(text) for text in passwords),
    ]


def _run_dag(two_days: TwoDays, dag_id: str) -> DagRun:
    """Run one DAG for the second day and everything that it sets off, to the end."""
    airflow = two_days.stack.airflow
    run_id = airflow.trigger(dag_id, SECOND.isoformat())
    _wait_until_quiet(two_days)
    (ended,) = [run for run in airflow.runs_since(datetime(2026, 1, 1, tzinfo=UTC)) if run.run_id == run_id]
    return ended


def _wait_until_quiet(two_days: TwoDays) -> None:
    quiet = 0
    while quiet < 5:
        time.sleep(1)
        quiet = 0 if two_days.stack.airflow.active_runs() else quiet + 1


def _has_built(two_days: TwoDays, run: DagRun) -> bool:
    tasks = two_days.stack.airflow.tasks(run) if run.dag_id == "build_warehouse" else []
    return any(task["task_id"] == "dbt.dbt_producer_watcher" and task["state"] == "success" for task in tasks)


def _log(two_days: TwoDays, dag_id: str, task_id: str) -> str:
    (run, *_) = [run for run in two_days.second.chain.runs if run.dag_id == dag_id]
    (task,) = [task for task in two_days.stack.airflow.tasks(run) if task["task_id"] == task_id]
    return "\n".join(two_days.stack.airflow.log_lines(run, task, 1000))


def _contacts(two_days: TwoDays) -> list[str]:
    url = two_days.stack.settings.secrets["crm_url"].get_secret_value().replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(url) as connection:
        cursor = connection.execute("select * from customers")
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        contact = [i for i, name in enumerate(names) if re.search("name|phone|mail|address|street", name)]
        return sorted({str(row[i]) for row in cursor.fetchall() for i in contact if row[i] and len(str(row[i])) > 6})


def _files(home: Path) -> Iterator[Path]:
    """Everything on disk but the utility's own side, the databases' files (searched as tables) and the raw store."""
    for path in home.rglob("*"):
        inside = path.relative_to(home).parts[0]
        if path.is_file() and inside not in {"utility", "postgres"} and not inside.startswith("warehouse.duckdb"):
            yield path


def _contents(path: Path) -> Iterator[bytes]:
    """Bytes of a file, and what is packed in them."""
    content = path.read_bytes()
    yield content
    if content[:4] == b"PAR1":
        yield str(pq.read_table(path).to_pylist()).encode()
    elif content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    elif content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(path) as packed:
            yield from (packed.read(name) for name in packed.namelist())


def _tables_in_postgres(two_days: TwoDays, databases: Sequence[str], planted: list[str]) -> list[str]:
    found = []
    for database in databases:
        with psycopg.connect(two_days.stack.postgres.url(database, driver="")) as connection:
            tables = connection.execute(
                "select format('%I.%I', table_schema, table_name) from information_schema.tables "
                "where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'"
            ).fetchall()
            for (table,) in tables:
                query = f"select 1 from {table} as t where t::text like any(%s) limit 1"
                if connection.execute(query, [[f"%{text}%" for text in planted]]).fetchone():
                    found.append(f"{database}: {table}")
    return found


def _tables_in_warehouse(home: Path, planted: list[str]) -> list[str]:
    found = []
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        tables = connection.sql(
            "select table_schema || '.' || table_name from information_schema.tables where table_type = 'BASE TABLE'"
        ).fetchall()
        assert any(table.startswith("snapshots.") for (table,) in tables)
        pattern = "|".join(re.escape(text) for text in planted)
        for (table,) in tables:
            query = f"select 1 from {table} as t where regexp_matches(t::varchar, $pattern) limit 1"
            if connection.execute(query, {"pattern": pattern}).fetchone():
                found.append(table)
    return found


def _last_load(two_days: TwoDays) -> float:
    with connect(two_days.stack.settings) as connection:
        ((load,),) = connection.execute("select sum(load_kwh) from published.load_now where is_last").fetchall()
    return float(load)


def _corrected_copy(landing: Path) -> None:
    """Hand over the newest reads once more, each a tenth higher."""
    newest = sorted(landing.rglob("*.csv.gz"))[-1]
    reads = pd.read_csv(newest, dtype=str)
    (kwh,) = [column for column in reads if "kwh" in column.lower()]
    reads[kwh] = (reads[kwh].astype(float) * 1.1).round(3).astype(str)
    reads.to_csv(newest.with_name("corrected-" + newest.name), index=False)


def _broken_copy(landing: Path) -> Path:
    """Put a meter file with text in its number column beside the good ones."""
    good = sorted(landing.rglob("*.csv.gz"))[-1]
    header, *lines = gzip.decompress(good.read_bytes()).decode().splitlines()
    broken = [re.sub(r"\d+\.\d+", "twelve", line) for line in lines]
    bad = good.with_name("broken-" + good.name)
    bad.write_bytes(gzip.compress("\n".join([header, *broken]).encode()))
    return bad
