"""How much is in every table of the warehouse and of ``published``, how new it is, and whether that is as usual."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta

from meterwise import ops, planning
from meterwise.data_contracts import contracts
from meterwise.database import connect
from meterwise.ingest.landing import DOMAINS
from meterwise.raw_tables import RAW_TABLES
from meterwise.settings import Settings, get_settings
from meterwise.utility import Utility
from meterwise.warehouse import Warehouse
from meterwise.watching import records

STAGES = ("raw", "reference", "snapshots", "intermediate", "features", "marts", "scores", "publish")
"""Schemas of the warehouse that hold tables; ``staging`` holds views on raw."""
EXPECTED_DAILY = {"features", "marts", "scores", "publish", "published"}
ONLY_WHEN_NEEDED = {
    "scores.model_skips",
    "marts.customer_departures",
    "publish.meter_alerts",
    "publish.peak_warnings",
    "publish.season_peaks",
}
HOURS = {"hourly": 1, "daily": 24, "weekly": 7 * 24, "monthly": 31 * 24}
"""What a contract's ``freshness`` allows between the end of a table's newest day and its next one."""
DAY_COLUMNS = ("as_of_date", "local_date")
READS_ARRIVE_AFTER_HOURS = 24
"""The reads of a day arrive the day after, so tables by day of use are a day older than those by day of knowledge."""
PAST_DAYS, LEAST_PAST_DAYS = 14, 5
MODEL_OF = {
    "demand_forecasts": "demand",
    "demand_forecasts_by_level": "demand",
    "demand_peaks": "demand",
    "demand_outlook": "demand",
    "season_peaks": "demand",
    "customer_usage_forecasts": "demand",
    "churn_scores": "churn",
    "load_shapes": "segments",
    "meter_alert_scores": "alerts",
}
DOMAIN_OF = {f"raw.{table}": domain for domain, tables in DOMAINS.items() for table in tables}


@dataclass(frozen=True)
class Look:
    """What was found in one table; the fields are those of ``ops.table_looks``."""

    stage: str
    table_name: str
    total_rows: int
    newest_day: date | None = None
    newest_rows: int | None = None
    hours_behind: float | None = None
    usual_low: int | None = None
    usual_high: int | None = None
    state: str = "good"
    words: str = ""


@dataclass(frozen=True)
class _Expectations:
    """What is expected of the tables, from their contracts, their past and what the models said."""

    utility: Utility
    settings: Settings
    freshness: dict[str, float]
    past: dict[str, dict[date, int]]
    skipped: dict[str, tuple[date, str]]


def look(settings: Settings | None = None) -> list[Look]:
    """Look at every table, append what was found to ``ops.table_looks`` and return it.

    Opens the warehouse: under DuckDB call it while no other process works on it.
    """
    settings = settings or get_settings()
    utility = planning.utility(settings)
    tables = [*_in_the_warehouse(settings), *_published(settings)]
    expected = _Expectations(utility, settings, _freshness(tables, settings), _past(settings), _skipped(settings))
    found = [_judged(table, expected) for table in tables]
    today = utility.today(settings)
    records.append(records.TABLE_LOOKS, [{"as_of_date": today, **asdict(one)} for one in found], settings)
    return found


def usual_range(past: Sequence[int]) -> tuple[int, int] | None:
    """Return how many rows a day usually has (Tukey's fences, a tenth around the median at least); None: few days."""
    if len(past) < LEAST_PAST_DAYS:
        return None
    first, middle, third = statistics.quantiles(past, n=4)
    reach = 1.5 * (third - first)
    return max(0, int(min(first - reach, 0.9 * middle))), round(max(third + reach, 1.1 * middle))


def _judged(found: Look, expected: _Expectations) -> Look:
    name, allowed = found.table_name, expected.freshness.get(found.table_name)
    usual = usual_range([rows for day, rows in expected.past.get(name, {}).items() if day != found.newest_day])
    behind = _hours_behind(found.newest_day, allowed, expected)
    low, high = usual or (None, None)
    seen = replace(found, hours_behind=behind, usual_low=low, usual_high=high)
    skipped_on, reason = expected.skipped.get(MODEL_OF.get(name.split(".")[1], ""), (date.min, ""))
    if reason and (not found.newest_rows or found.newest_day is None or skipped_on > found.newest_day):
        return replace(seen, hours_behind=None, state="empty", words=reason)
    if not found.total_rows:
        return replace(seen, state="empty", words="Nothing in it so far.")
    if behind:
        return replace(
            seen, state="stale", words=f"Newest day is {found.newest_day}; a newer one was due {behind:,.0f} hours ago."
        )
    if usual and found.newest_rows is not None and not usual[0] <= found.newest_rows <= usual[1]:
        told = f"{found.newest_rows:,} rows on its newest day; usual are {usual[0]:,} to {usual[1]:,}."
        return replace(seen, state="unusual", words=told)
    return replace(seen, words="As usual." if usual else "In time." if allowed else "")


def _hours_behind(newest_day: date | None, allowed: float | None, expected: _Expectations) -> float | None:
    if newest_day is None or allowed is None:
        return None
    due = expected.utility.day_end_utc(newest_day) + timedelta(hours=allowed)
    return max(0.0, (expected.utility.now_utc(expected.settings) - due) / timedelta(hours=1))


def _freshness(tables: Sequence[Look], settings: Settings) -> dict[str, float]:
    """Hours that each table may lie behind the end of its newest day; absent where nothing is expected."""
    words = {name: contract.freshness for name, contract in contracts(settings).items()}
    by_day_of_use = {
        f"{row['table_schema']}.{row['table_name']}"
        for row in _day_columns(settings)
        if row["day_column"] == "local_date"
    }
    found: dict[str, float] = {}
    for table in tables:
        name = table.table_name.split(".")[1].removeprefix("publish_")
        is_expected = table.newest_day is not None if table.stage == "raw" else table.stage in EXPECTED_DAILY
        if is_expected and table.table_name not in ONLY_WHEN_NEEDED:
            late = READS_ARRIVE_AFTER_HOURS if table.table_name in by_day_of_use else 0
            found[table.table_name] = HOURS.get(words.get(name, "daily"), HOURS["daily"]) + late
    return found


def _in_the_warehouse(settings: Settings) -> list[Look]:
    warehouse = Warehouse(settings)
    warehouse.create_raw_tables()
    warehouse.create_score_tables()
    schemas = ", ".join(f"'{stage}'" for stage in STAGES)
    names = warehouse.arrow(
        "select table_schema, table_name from information_schema.tables "
        f"where table_type = 'BASE TABLE' and table_schema in ({schemas})"
    ).to_pylist()
    days = {(row["table_schema"], row["table_name"]): row["day_column"] for row in _day_columns(settings)}
    known = [
        (row["table_schema"], row["table_name"])
        for row in names
        if row["table_schema"] != "raw" or row["table_name"] in RAW_TABLES
    ]
    if not known:
        return []
    measured = _with_measured_minutes(settings)
    queries = [_count(schema, name, days.get((schema, name)), (schema, name) in measured) for schema, name in known]
    counted = warehouse.arrow(" union all ".join(queries) + " order by 1").to_pylist()
    landed = _landed(settings)
    looks = [Look(stage=row["table_name"].split(".")[0], **row) for row in counted]
    return sorted((_with_landing(one, landed) for one in looks), key=lambda one: STAGES.index(one.stage))


def _day_columns(settings: Settings) -> Iterator[dict[str, str]]:
    """The column by which a table is dated; of two the one that comes first in ``DAY_COLUMNS``."""
    columns = ", ".join(f"'{column}'" for column in DAY_COLUMNS)
    found = Warehouse(settings).arrow(
        "select table_schema, table_name, min(column_name) as day_column from information_schema.columns "
        f"where data_type in ('date', 'DATE') and column_name in ({columns}) group by table_schema, table_name"
    )
    yield from found.to_pylist()


def _with_measured_minutes(settings: Settings) -> set[tuple[str, str]]:
    """Tables in which estimates may stand beside what was measured."""
    found = Warehouse(settings).arrow(
        "select table_schema, table_name from information_schema.columns where column_name = 'measured_minutes'"
    )
    return {(row["table_schema"], row["table_name"]) for row in found.to_pylist()}


def _count(schema: str, name: str, day: str | None, has_measured_minutes: bool) -> str:
    """Rows, newest day and its rows; a row of estimates alone makes no day new, and hides no meter that is silent."""
    table = f"{schema}.{name}"
    measured = "measured_minutes > 0" if has_measured_minutes else "true"
    newest = f"(select max({day}) from {table} where {measured})" if day else "cast(null as date)"
    rows = f"(select count(*) from {table} where {day} = {newest} and {measured})" if day else "cast(null as bigint)"
    return (
        f"select '{table}' as table_name, (select count(*) from {table}) as total_rows, "
        f"{newest} as newest_day, {rows} as newest_rows"
    )


def _landed(settings: Settings) -> dict[str, tuple[date, int]]:
    """Last day that the domain of each raw table landed, and the rows accepted into the table for it."""
    days = ops.select_rows(
        "select domain, max(as_of_date) as day from ops.landings where state = 'landed' group by domain", settings
    )
    loads = Warehouse(settings).arrow(
        "select table_name, as_of_date, sum(accepted_rows) as accepted from raw.load_audit "
        "where state = 'accepted' group by table_name, as_of_date"
    )
    accepted = {(row["table_name"], row["as_of_date"]): int(row["accepted"] or 0) for row in loads.to_pylist()}
    by_domain = {row["domain"]: row["day"] for row in days}
    return {
        table: (by_domain[domain], accepted.get((table.split(".")[1], by_domain[domain]), 0))
        for table, domain in DOMAIN_OF.items()
        if domain in by_domain
    }


def _with_landing(found: Look, landed: dict[str, tuple[date, int]]) -> Look:
    if found.stage != "raw" or not found.total_rows or found.table_name not in landed:
        return found
    day, rows = landed[found.table_name]
    return replace(found, newest_day=day, newest_rows=rows)


def _published(settings: Settings) -> list[Look]:
    query = "select table_name, rows, as_of_date from published.publications where is_current order by table_name"
    with connect(settings) as connection:
        if connection.execute("select to_regclass('published.publications')").fetchone() == (None,):
            return []
        found = connection.execute(query).fetchall()
    return [Look("published", f"published.{name}", rows, day, rows) for name, rows, day in found]


def _past(settings: Settings) -> dict[str, dict[date, int]]:
    """Rows of each of the last days of each table, as last seen."""
    query = f"""
        with days as (
            select distinct on (table_name, newest_day) table_name, newest_day, newest_rows
            from ops.table_looks
            where newest_rows is not null
            order by table_name, newest_day, look_id desc
        ),

        ranked as (
            select *, row_number() over (partition by table_name order by newest_day desc) as age from days
        )

        select table_name, newest_day, newest_rows from ranked where age <= {PAST_DAYS + 1}
        order by table_name, newest_day
    """
    found: dict[str, dict[date, int]] = {}
    for row in ops.select_rows(query, settings):
        found.setdefault(row["table_name"], {})[row["newest_day"]] = row["newest_rows"]
    return found


def _skipped(settings: Settings) -> dict[str, tuple[date, str]]:
    """The last day on which a model had nothing to say, and why, by model."""
    rows = Warehouse(settings).arrow("select model, as_of_date, reason from scores.model_skips order by as_of_date")
    return {row["model"]: (row["as_of_date"], row["reason"]) for row in rows.to_pylist()}
