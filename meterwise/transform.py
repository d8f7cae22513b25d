"""Builds the layers of the warehouse with dbt. ``dbt_project/`` says what they hold, ``dags/`` when they are built."""

import json
import logging
import re
import shutil
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import holidays
import pyarrow as pa
from sqlalchemy import make_url

from meterwise import alert_states, dbt_process, parsed_project
from meterwise.access import TRANSFORMER, checking_the_server, role_of
from meterwise.outcomes import is_disk_full
from meterwise.raw_tables import RAW_TABLES
from meterwise.settings import Settings, as_environment, get_settings
from meterwise.sources.config import SourcesFileError, load_sources, static_columns
from meterwise.utility import Utility
from meterwise.warehouse import Warehouse

log = logging.getLogger(__name__)

PUBLISH = "tag:publish"
MONITOR = "tag:monitor"
LOADS = (
    "tag:monitor,+int_load_history int_usage_interval_ledger int_load_history int_load_meters_ledger "
    "features_demand_loads features_demand_meters load_intervals shiftable_load"
)
"""What new reads change of the loads that forecasts are made from."""
FORESEEN = "tag:forecast"
DEMAND_DAYS = 28
"""Days of reads that must be known before a day can be forecast."""
CHURN_GAP_DAYS = 90
"""A churn answer needs 90 days, so training starts so far back."""
STEP_DAYS = 28
CHURN_STEPS = 33
SEGMENT_STEPS = 9


class TransformError(RuntimeError):
    """dbt failed; the text names the first model, its error and the cure."""


def build(
    select: str,
    as_of_dates: Sequence[str],
    settings: Settings | None = None,
    asked_dates: Sequence[str] = (),
    with_tests: bool = True,
) -> None:
    """Run one ``dbt build``.

    Args:
        select: dbt selection; ``""`` means every layer up to the marts, ``tag:publish`` the last one.
        as_of_dates: Days (ISO) to build; the latest is the day itself, see ``plan_dates``.
        settings: Defaults to those of the process.
        asked_dates: See ``dbt_vars``.
        with_tests: Whether dbt's tests of what is built run too.

    Raises:
        TransformError: A model or a test failed. What was built before stays as it was.
    """
    settings = settings or get_settings()
    prepare(as_of_dates, settings)
    parsed_project.refresh(settings)
    chosen = ["--select", *select.split()] if select else ["--exclude", PUBLISH]
    left_out = ["unit_test"] if with_tests else ["unit_test", "test"]
    run_dbt(
        [
            "build",
            *chosen,
            *(word for kind in left_out for word in ("--exclude-resource-type", kind)),
            "--vars",
            json.dumps(dbt_vars(as_of_dates, settings, asked_dates)),
        ],
        settings,
        parsed_project.parsed_path(settings),
    )


def run_dbt(arguments: Sequence[str], settings: Settings | None = None, parsed: Path | None = None) -> str:
    """Run one dbt command in a process of its own, so that the warehouse is free again when it ends.

    Args:
        arguments: Those of dbt's command line, without the target.
        settings: Defaults to those of the process.
        parsed: What dbt parsed before; without it dbt parses the project.

    Returns:
        What dbt printed.

    Raises:
        TransformError: dbt said that something failed.
    """
    settings = settings or get_settings()
    results = settings.home_path / "dbt" / "target" / "run_results.json"
    results.unlink(missing_ok=True)
    environment = as_environment(settings) | dbt_environment(settings)
    with Warehouse(settings).reserve():
        done = dbt_process.run(
            [*arguments, "--target", settings.warehouse], environment, settings.dbt_project_path, parsed
        )
    log.debug(done.stdout)
    if done.code:
        raise TransformError(_explain(results, done.stdout + done.stderr, settings))
    return done.stdout


def dbt_environment(settings: Settings | None = None) -> dict[str, str]:
    """Return the environment variables that ``profiles.yml`` and dbt itself need; everything is written under home.

    For PostgreSQL it holds the password, under the name by which dbt masks it in its logs: hand it to a process, never
    to a log.
    """
    settings = settings or get_settings()
    home = settings.home_path / "dbt"
    home.mkdir(parents=True, exist_ok=True)
    return {
        "DBT_PROJECT_DIR": str(settings.dbt_project_path.resolve()),
        "DBT_PROFILES_DIR": str(settings.dbt_project_path.resolve()),
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_WAREHOUSE_THREADS": str(settings.threads),
        **(_server(settings) if settings.warehouse == "postgresql" else _file(settings)),
    }


def _file(settings: Settings) -> dict[str, str]:
    return {
        "DBT_WAREHOUSE_PATH": str(settings.warehouse_path),
        "DBT_WAREHOUSE_MEMORY": settings.memory_limit,
        "DBT_WAREHOUSE_TEMP": str(settings.home_path / "duckdb_tmp"),
    }


def _server(settings: Settings) -> dict[str, str]:
    url = checking_the_server(make_url(Warehouse(settings).sqlalchemy_url()), settings.tls_authority_file)
    return {
        "DBT_WAREHOUSE_HOST": url.host or "localhost",
        "DBT_WAREHOUSE_PORT": str(url.port or 5432),
        "DBT_WAREHOUSE_USER": url.username or "",
        "DBT_ENV_SECRET_WAREHOUSE_PASSWORD": url.password or "",
        "DBT_WAREHOUSE_DATABASE": url.database or "",
        "DBT_WAREHOUSE_ROLE": role_of(url, TRANSFORMER) or "",
        "DBT_WAREHOUSE_SSLMODE": str(url.query.get("sslmode", "prefer")),
        "DBT_WAREHOUSE_SSLROOTCERT": str(url.query.get("sslrootcert", "")),
    }


def dbt_vars(
    as_of_dates: Sequence[str], settings: Settings | None = None, asked_dates: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the variables of a build for these days; the same for this module and for Cosmos.

    Args:
        as_of_dates: Days (ISO) to build, training history included.
        settings: Defaults to those of the process.
        asked_dates: Those that somebody asked for; the latest day need not be named.
    """
    settings = settings or get_settings()
    utility = _utility(settings)
    return {
        "as_of_dates": sorted(set(as_of_dates)),
        "asked_dates": sorted(set(asked_dates)),
        "today": utility.today(settings).isoformat(),
        "timezone": utility.timezone,
        "country": utility.country,
        "currency": utility.currency,
        "false_alarms_per_100_meters": settings.false_alarms_per_100_meters,
        "forecast_step_minutes": settings.forecast_step_minutes,
        "static_columns": _static_columns(settings),
    }


def plan_dates(as_of_date: str, settings: Settings | None = None) -> list[str]:
    """Return the days to build for ``as_of_date``, oldest first: the day, and what a model would learn from and lacks.

    Also makes the tables that dbt expects to find, so call it before any build.
    """
    settings = settings or get_settings()
    day = date.fromisoformat(as_of_date)
    prepare([as_of_date], settings)
    reads_from, customers_from = _history(settings)
    days = {day}
    if reads_from and not _has_history("features_demand", day, settings):
        first = reads_from + timedelta(days=DEMAND_DAYS)
        days |= {first + timedelta(days=n) for n in range((day - first).days)}
    if customers_from and not _has_history("features_churn", day, settings):
        days |= _steps_back(day - timedelta(days=CHURN_GAP_DAYS), CHURN_STEPS, customers_from)
    if reads_from and not _has_history("features_segments", day, settings):
        days |= _steps_back(day, SEGMENT_STEPS, reads_from)
    return [found.isoformat() for found in sorted(days)]


def prepare(as_of_dates: Sequence[str], settings: Settings | None = None) -> None:
    """Make the tables that dbt reads and others write; fill in the holidays of these years and what alerts became."""
    settings = settings or get_settings()
    warehouse = Warehouse(settings)
    warehouse.create_raw_tables()
    warehouse.create_score_tables()
    days = [date.fromisoformat(day) for day in as_of_dates]
    country = _utility(settings).country
    years = range(min(days).year - 2, max(days).year + 2)
    found = sorted(holidays.country_holidays(country, years=years).items())
    rows = pa.table(
        {
            "country": [country] * len(found),
            "region_code": ["*"] * len(found),
            "holiday_on": pa.array([day for day, _ in found], pa.date32()),
            "holiday_name": [name for _, name in found],
        },
        schema=pa.schema(
            [
                ("country", pa.string()),
                ("region_code", pa.string()),
                ("holiday_on", pa.date32()),
                ("holiday_name", pa.string()),
            ]
        ),
    )
    warehouse.replace_partition("reference.public_holidays", rows, {"country": country})
    warehouse.replace_partition("reference.meter_alert_events", alert_states.events(settings), {})


def parse(settings: Settings | None = None) -> Path:
    """Parse the project and return the path of its ``manifest.json``, which lies under home."""
    settings = settings or get_settings()
    today = _utility(settings).today(settings).isoformat()
    run_dbt(["parse", "--vars", json.dumps(dbt_vars([today], settings))], settings)
    return settings.home_path / "dbt" / "target" / "manifest.json"


def docs(settings: Settings | None = None) -> Path:
    """Write dbt's documentation of the warehouse and return its page, which is served beside the Data Docs."""
    settings = settings or get_settings()
    today = _utility(settings).today(settings).isoformat()
    variables = json.dumps(dbt_vars([today], settings))
    prepare([today], settings)
    run_dbt(["docs", "generate", "--static", "--vars", variables], settings)
    page = docs_page(settings)
    page.parent.mkdir(parents=True, exist_ok=True)
    draft = page.with_suffix(".new")
    shutil.copy(settings.home_path / "dbt" / "target" / "static_index.html", draft)
    draft.replace(page)
    return page


def docs_page(settings: Settings) -> Path:
    """Where ``docs`` writes to."""
    return settings.data_docs_path / "dbt" / "index.html"


def _steps_back(newest: date, steps: int, oldest: date) -> set[date]:
    days = (newest - timedelta(days=STEP_DAYS * k) for k in range(steps))
    return {day for day in days if day > oldest}


def _history(settings: Settings) -> tuple[date | None, date | None]:
    """First day of the reads and of the customers."""
    table = Warehouse(settings).arrow(
        "select (select min(interval_start_utc)::date from raw.meter_reads) as reads_from, "
        "(select min(joined_on) from raw.crm_customers) as customers_from"
    )
    row = table.to_pylist()[0]
    return row["reads_from"], row["customers_from"]


def _has_history(table: str, day: date, settings: Settings) -> bool:
    """Whether a feature table holds days before this one."""
    warehouse = Warehouse(settings)
    exists = "select 1 from information_schema.tables where table_schema = 'features' and table_name = $name"
    if not warehouse.arrow(exists, {"name": table}).num_rows:
        return False
    return bool(
        warehouse.arrow(f"select 1 from features.{table} where as_of_date < $day limit 1", {"day": day}).num_rows
    )


def _utility(settings: Settings) -> Utility:
    try:
        return load_sources(settings=settings).utility
    except SourcesFileError:
        return Utility()


def _static_columns(settings: Settings) -> dict[str, list[str]]:
    try:
        found = {table: list(static_columns(table, settings)) for table in RAW_TABLES}
    except SourcesFileError:
        return {}
    return {table: columns for table, columns in found.items() if columns}


def _explain(results: Path, output: str, settings: Settings) -> str:
    """Name the first thing that failed, in words for a person."""
    log_file = settings.home_path / "dbt" / "logs" / "dbt.log"
    if is_disk_full(output):  # then the results, if they were written, may be cut off
        return (
            "dbt stopped: the disk is full.\n  What to do: Free space where METERWISE_HOME lies "
            f"({settings.home_path}), or where PostgreSQL keeps its data, then run the stage again; what was there "
            f"before is intact. Log: {log_file}"
        )
    failed = _first_failure(results)
    if failed is None:
        lines = [line for line in output.splitlines() if line.strip()]
        told = "\n".join(lines[-8:])
        return (
            f"dbt could not start the build:\n{told}\n  What to do: correct the project or its profile. Log: {log_file}"
        )
    name, message, compiled = failed
    told = _told(message)
    cure = (
        f"run the compiled query to see the rows: {compiled}"
        if name.startswith("test ")
        else f"correct the SQL or the source behind it, then run the stage again. Compiled: {compiled}"
    )
    return f"dbt failed at {name}: {told}\n  What to do: {cure}\n  Log: {log_file}"


def _told(message: str) -> str:
    """Return what the engine said; dbt says above it only in which file."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    own = [line for line in lines if not re.match(r"(\w+ )?\w+ Error in ", line)] or lines
    return next((line for line in own if "Error" in line), own[0])


def _first_failure(results: Path) -> tuple[str, str, str] | None:
    if not results.exists():
        return None
    page = json.loads(results.read_text(encoding="utf-8"))
    for result in page["results"]:
        if result["status"] in {"error", "fail", "runtime error"}:
            kind, _, rest = result["unique_id"].partition(".")
            name = rest.split(".")[1]
            return f"{kind} {name}", result.get("message") or "no message", result.get("relation_name") or name
    return None
