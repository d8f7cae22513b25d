"""Reads a sample of every source and says what was understood of it, or what is wrong and what to do."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import duckdb

from meterwise.ingest.account import Landing, Load
from meterwise.ingest.landing import DOMAINS
from meterwise.ingest.load import load_rows
from meterwise.listening.broker import BrokerRefusedError, ConnectionLostError
from meterwise.listening.listener import sample
from meterwise.raw_tables import create_statements
from meterwise.settings import Settings, get_settings
from meterwise.sources import files, sql
from meterwise.sources.config import FileSource, MqttSource, SourcesFile, SourcesFileError, SqlSource, load_sources
from meterwise.sources.problems import Problem, SourceError
from meterwise.sources.rows import first_row, number
from meterwise.warehouse import LoadingArea

SAMPLE_ROWS = 50_000
SAMPLE_DAYS = 2_000
"""Rows of a wide file, which hold a day each."""

LISTENED_SECONDS = 5.0

PLAUSIBLE_DAILY_KWH = (0.3, 3_000)
"""Median of kWh a day over the meters of a portfolio; outside it the unit is the likelier mistake."""

WITH_DELETIONS = {"crm_customers", "crm_contracts", "service_points", "meters"}
"""Tables of which a row that is gone changes who is supplied."""


@dataclass(frozen=True)
class Understood:
    """What was understood of one source.

    Attributes:
        source: Name in ``sources.yml``.
        table: Raw table that it fills.
        origins: Files found; 1 for a database and a broker.
        sampled: Rows of the sample.
        quarantined: Rows of the sample that cannot be represented.
        suspect: Reads of the sample that are implausible.
        first_utc: Earliest event.
        last_utc: Latest event.
        interval_minutes: Most frequent distance between the reads of a meter.
        unit: Unit as mapped.
        daily_kwh: Median over meters of kWh a day.
        meters: Meters in the sample.
        meters_matched: Meters of the sample that find a customer; None where no CRM is mapped.
        customers_matched: Customers whom these meters belong to; None where no CRM is mapped.
        notes: What looks odd, with the cure.
        problem: What makes the source unusable, with the cure.
    """

    source: str
    table: str
    origins: int = 0
    sampled: int = 0
    quarantined: int = 0
    suspect: int = 0
    first_utc: datetime | None = None
    last_utc: datetime | None = None
    interval_minutes: int | None = None
    unit: str | None = None
    daily_kwh: float | None = None
    meters: int | None = None
    meters_matched: int | None = None
    customers_matched: int | None = None
    notes: tuple[str, ...] = field(default=())
    problem: Problem | None = None


def check(settings: Settings | None = None) -> Iterator[Understood]:
    """Read a sample of every source, what others refer to first; nothing is written to the warehouse.

    Raises:
        SourcesFileError: ``sources.yml`` cannot be used.
    """
    settings = settings or get_settings()
    sources = load_sources(settings=settings)
    landing = Landing(sources, sources.utility.today(settings), sources.utility.now_utc(settings))
    with duckdb.connect(config={"threads": settings.threads}) as scratch:
        scratch.execute("set timezone = 'UTC'")
        for statement in create_statements():
            scratch.execute(statement)
        for table in (table for tables in DOMAINS.values() for table in tables):
            for source in sources.of_table(table):
                yield _understand(scratch, source, sources, landing, settings)


def _understand(
    scratch: duckdb.DuckDBPyConnection,
    source: FileSource | SqlSource,
    sources: SourcesFile,
    landing: Landing,
    settings: Settings,
) -> Understood:
    understood = Understood(source.name, source.table)
    listened = sources.listened.get(source.name)
    try:
        if listened is not None and isinstance(source, FileSource):
            origins, loads = _sample_messages(scratch, source, listened, sources, landing, settings)
        elif isinstance(source, FileSource):
            origins, loads = _sample_files(scratch, source, sources, landing)
        else:
            origins, loads = 1, _sample_pull(scratch, source, landing, settings)
    except SourceError as error:
        return replace(understood, problem=error.problem)
    except (BrokerRefusedError, ConnectionLostError) as error:
        return replace(
            understood, problem=Problem(source.name, source.table, str(error).rstrip("."), "Then check again")
        )
    except SourcesFileError as error:
        return replace(
            understood, problem=Problem(source.name, source.table, str(error).rstrip("."), "Then check again")
        )
    understood = replace(
        understood,
        origins=origins,
        sampled=sum(load.landed for load in loads),
        quarantined=sum(load.quarantined for load in loads),
    )
    if not understood.sampled:
        where = _heard(listened) if listened else f"nothing there yet: {_where(source)}"
        return replace(understood, notes=(where,))
    understood = _describe(scratch, source, understood, loads)
    return replace(understood, notes=tuple(_notes(scratch, source, understood)))


def _where(source: FileSource | SqlSource) -> str:
    return f"no rows in {source.path}" if isinstance(source, FileSource) else f"no rows in {source.query}"


def _sample_files(
    scratch: duckdb.DuckDBPyConnection, source: FileSource, sources: SourcesFile, landing: Landing
) -> tuple[int, list[Load]]:
    """The first and the last file, whose periods tell the most."""
    urls = files.list_files(source, sources)
    loads = []
    for url in dict.fromkeys(urls[:1] + urls[-1:]):
        with files.open_file(source, url) as file:
            limit = SAMPLE_DAYS if source.layout != "long" else SAMPLE_ROWS
            rows = files.stage(scratch, file, limit)
            loads.append(load_rows(LoadingArea(scratch), rows, source, landing))
    return len(urls), loads


def _sample_messages(
    scratch: duckdb.DuckDBPyConnection,
    source: FileSource,
    listened: MqttSource,
    sources: SourcesFile,
    landing: Landing,
    settings: Settings,
) -> tuple[int, list[Load]]:
    """What comes while we listen, beside the session of the listener, which misses nothing."""
    lines = sample(listened, sources, settings, LISTENED_SECONDS)
    if not lines:
        return 1, []
    with tempfile.TemporaryDirectory(prefix="meterwise-") as folder:
        path = Path(folder) / "messages.ndjson"
        path.write_text("".join(f"{line}\n" for line in lines))
        with files.open_file(source, path.as_uri()) as file:
            return 1, [load_rows(LoadingArea(scratch), files.stage(scratch, file), source, landing)]


def _heard(source: MqttSource) -> str:
    host, port = source.address
    return (
        f"connected to {host}:{port} and subscribed to {source.subscription}; no message came in "
        f"{LISTENED_SECONDS:.0f} s. Is that its topic?"
    )


def _sample_pull(
    scratch: duckdb.DuckDBPyConnection, source: SqlSource, landing: Landing, settings: Settings
) -> list[Load]:
    with sql.opened(source, settings) as engine:
        pulled = sql.pull(engine, source, limit=SAMPLE_ROWS)
    if not len(pulled):
        return []
    rows = sql.stage(scratch, pulled, source, "pulled_rows")
    return [load_rows(LoadingArea(scratch), rows, source, landing)]


def _describe(
    scratch: duckdb.DuckDBPyConnection, source: FileSource | SqlSource, understood: Understood, loads: list[Load]
) -> Understood:
    ids = [load.load_id for load in loads]
    audit = first_row(
        scratch,
        "select sum(suspect_rows)::bigint, min(first_event_utc), max(last_event_utc) from raw.load_audit "
        "where list_contains($ids, load_id)",
        {"ids": ids},
    ) or (0, None, None)
    understood = replace(understood, suspect=audit[0] or 0, first_utc=audit[1], last_utc=audit[2])
    if understood.table != "meter_reads":
        return understood
    reads = first_row(scratch, READS, {"ids": ids}) or (None, None, None, None, None)
    has_crm = bool(number(scratch, "select count(*) from raw.crm_contracts"))
    return replace(
        understood,
        unit=source.unit,
        meters=reads[0],
        interval_minutes=reads[1],
        daily_kwh=None if reads[2] is None else round(float(reads[2]), 2),
        meters_matched=reads[3] if has_crm else None,
        customers_matched=reads[4] if has_crm else None,
    )


READS = """
    with reads as (
        select
            meter_id,
            interval_start_utc,
            consumption_kwh,
            quality_code,
            date_diff('minute', lag(interval_start_utc) over (
                partition by meter_id, channel order by interval_start_utc
            ), interval_start_utc) as minutes_between
        from raw.meter_reads
        where list_contains($ids, load_id)
    ),

    meters as (
        select
            meter_id,
            sum(consumption_kwh) / count(distinct interval_start_utc::date) as daily_kwh
        from reads
        where quality_code <> 'suspect'
        group by meter_id
    ),

    owned_meters as (
        select distinct
            installed.meter_id,
            customers.customer_id
        from raw.meters as installed
        inner join raw.crm_contracts as contracts on installed.service_point_id = contracts.service_point_id
        inner join raw.crm_customers as customers on contracts.customer_id = customers.customer_id
    )

    select
        (select count(distinct meter_id) from reads) as meters,
        (select mode(minutes_between) from reads where minutes_between > 0) as interval_minutes,
        (select median(daily_kwh) from meters) as daily_kwh,
        (select count(distinct meter_id) from meters inner join owned_meters using (meter_id)) as meters_matched,
        (select count(distinct customer_id) from meters inner join owned_meters using (meter_id)) as customers_matched
"""


def _notes(scratch: duckdb.DuckDBPyConnection, source: FileSource | SqlSource, understood: Understood) -> Iterator[str]:
    if understood.quarantined:
        worst = first_row(
            scratch,
            "select reason, min(line_no) from raw.quarantine where source = $1 group by reason order by count(*) desc",
            [source.name],
        )
        where = f", first line {worst[1]}" if worst else ""
        reason = worst[0] if worst else ""
        yield f"{understood.quarantined:,} rows cannot be represented ({reason}{where}): correct them or the mapping"
    if isinstance(source, SqlSource) and source.table in WITH_DELETIONS and source.compare_keys is None:
        yield (
            "rows that are deleted there are not noticed here: set `compare_keys: true` (all keys are then read at "
            "every landing), or `compare_keys: false` if none is ever deleted"
        )
    if understood.table != "meter_reads":
        return
    expected = source.interval_minutes
    if expected and understood.interval_minutes and understood.interval_minutes != expected:
        yield (
            f"reads are {understood.interval_minutes} minutes apart, `interval_minutes` says {expected}: "
            "correct it, or say which channel a read belongs to"
        )
    if understood.daily_kwh is not None and not (
        PLAUSIBLE_DAILY_KWH[0] <= understood.daily_kwh <= PLAUSIBLE_DAILY_KWH[1]
    ):
        direction = "Wh or W" if understood.daily_kwh > PLAUSIBLE_DAILY_KWH[1] else "MWh or kW"
        yield f"{understood.daily_kwh:,} kWh a day is the median of the meters: is the unit {direction}? Set `unit`"
    if understood.suspect > 0.05 * understood.sampled:
        yield f"{understood.suspect:,} reads are implausible (negative, spike, unknown meter): look at unit and meters"
    matched, meters = understood.meters_matched, understood.meters or 0
    if matched is not None and matched < meters:
        yield f"{meters - matched:,} meters find no customer: deliver their contracts and installations"
