"""Lands a domain: all its sources, each file and pull by itself, and says at the end which could not be loaded."""

import logging
from collections.abc import Iterator, Sequence
from datetime import date

import duckdb

from meterwise.ingest.account import Landing, Load
from meterwise.ingest.edits import SOURCE as EDITS_SOURCE
from meterwise.ingest.edits import land_edits
from meterwise.ingest.load import load_rows
from meterwise.ingest.pulls import land_pull
from meterwise.outcomes import RefusedError, is_disk_full
from meterwise.settings import Settings, get_settings
from meterwise.sources import files
from meterwise.sources.config import FileSource, MessageFiles, SourcesFileError, SqlSource, load_sources
from meterwise.sources.problems import Problem, SourceError
from meterwise.warehouse import LoadingArea, Warehouse, WarehouseError

log = logging.getLogger(__name__)

DOMAINS: dict[str, tuple[str, ...]] = {
    "crm": (
        "crm_customers",
        "service_points",
        "crm_contracts",
        "meters",
        "tariffs",
        "crm_interactions",
        "crm_payments",
        "crm_campaign_contacts",
        "bills",
        "market_prices",
        "feeder_limits",
        "holidays",
        "school_holidays",
    ),
    "meter_reads": ("register_reads", "meter_reads"),
    "weather": ("weather",),
}
"""Raw tables of a domain, in the order in which they are landed: what others refer to comes first."""


SHOWN_PROBLEMS = 20


class LandingError(RuntimeError):
    """Some files or sources could not be loaded; all others were. Raised as it is when trying again may help.

    Attributes:
        problems: What could not be loaded, each with its cure.
        load_ids: Loads that did land and wait for their check, as ``land`` would have returned them.
    """

    def __init__(self, problems: Sequence[Problem], load_ids: Sequence[str]) -> None:
        self.problems = list(problems)
        self.load_ids = list(load_ids)
        lines = "\n".join(f"  - {problem}" for problem in problems[:SHOWN_PROBLEMS])
        if len(problems) > SHOWN_PROBLEMS:
            lines += f"\n  ... and {len(problems) - SHOWN_PROBLEMS} more, each in the log above."
        super().__init__(
            f"{len(problems)} file(s) or source(s) could not be loaded; {len(load_ids)} load(s) landed all the same.\n"
            f"{lines}"
        )


class LandingRefusedError(LandingError, RefusedError):
    """Some files or sources could not be loaded, and trying again changes nothing: a person has to act."""


def land(domain: str, as_of_date: str, settings: Settings | None = None, leaves_refused: bool = False) -> list[str]:
    """Load everything new of a domain.

    Args:
        domain: A key of ``DOMAINS``.
        as_of_date: The day that is landed, ``YYYY-MM-DD``.
        settings: Defaults to those of the process.
        leaves_refused: Whether what was refused on that day is left alone, as it is; else it is tried again.

    Returns:
        Ids of the loads that wait for their check, those that an interrupted run left over included.

    Raises:
        LandingError: At least one file or source could not be loaded; the others were.
        SourcesFileError: ``sources.yml`` cannot be used.
    """
    settings = settings or get_settings()
    sources = load_sources(settings=settings)
    now_utc = sources.utility.now_utc(settings)
    landing = Landing(sources, date.fromisoformat(as_of_date), now_utc, leaves_refused=leaves_refused)
    Warehouse(settings).create_raw_tables()
    if domain == "meter_reads":
        # Reads are judged against the meters known; so these come first, whichever domain lands first.
        for problem in _land_tables(("meters",), landing, settings):
            log.warning("%s Reads are judged against the meters known before.", problem)
    problems = _land_tables(DOMAINS[domain], landing, settings)
    if domain == "meter_reads":
        problems += _land_pull(EDITS_SOURCE, landing, settings)
    load_ids = _waiting(domain, settings)
    if problems:
        transient = any(problem.is_transient for problem in problems)
        raise (LandingError if transient else LandingRefusedError)(problems, load_ids)
    return load_ids


def land_in_passing(domain: str, as_of_date: str, settings: Settings | None = None) -> list[str]:
    """Load what is new of a domain, for one who looks every few minutes; returns the loads that wait for their check.

    What cannot be loaded is only logged: the day's own landing tells of it, and tries again what was refused.
    """
    try:
        return land(domain, as_of_date, settings, leaves_refused=True)
    except LandingError as error:
        log.warning("%s", error)
        return error.load_ids


def accept(load_ids: Sequence[str], settings: Settings | None = None) -> None:
    """Let everything downstream read these loads; repeating it changes nothing."""
    with Warehouse(settings).loading() as area, area.transaction():
        area.connection.execute(
            "update raw.load_audit set state = 'accepted' where state = 'landed' and list_contains($ids, load_id)",
            {"ids": list(load_ids)},
        )


def refuse(load_ids: Sequence[str], reason: str, settings: Settings | None = None) -> None:
    """Move the rows of loads that wait for their check to quarantine; repeating it changes nothing.

    Args:
        load_ids: The loads.
        reason: Kept with every row.
        settings: Defaults to those of the process.
    """
    settings = settings or get_settings()
    now_utc = load_sources(settings=settings).utility.now_utc(settings)
    with Warehouse(settings).loading() as area, area.transaction():
        connection = area.connection
        waiting = connection.execute(
            "select load_id, table_name from raw.load_audit where state = 'landed' and list_contains($ids, load_id)",
            {"ids": list(load_ids)},
        ).fetchall()
        for load_id, table in waiting:
            area.bring(table, load_ids=[load_id])
            parameters = {"load_id": load_id, "reason": f"refused: {reason.splitlines()[0]}", "now": now_utc}
            connection.execute(
                f"""
                insert into raw.quarantine
                select audit.source, audit.table_name, audit.load_id, audit.origin, null, to_json(refused)::varchar,
                    $reason, $now, null
                from raw.{table} as refused
                inner join raw.load_audit as audit on refused.load_id = audit.load_id
                where refused.load_id = $load_id
                """,
                parameters,
            )
            connection.execute(f"delete from raw.{table} where load_id = $id", {"id": load_id})
            _look_again(connection, load_id)
            connection.execute(
                "update raw.load_audit set state = 'refused', quarantined_rows = quarantined_rows + accepted_rows, "
                "accepted_rows = 0, suspect_rows = 0 where load_id = $id",
                {"id": load_id},
            )


def _look_again(connection: duckdb.DuckDBPyConnection, load_id: str) -> None:
    """Land later loads anew where their duplicates may have been duplicates of the refused rows.

    What they really added is then a duplicate itself; pulls begin again where the refused one began.
    """
    parameters = {"id": load_id}
    connection.execute(
        "update raw.load_audit set content_digest = null, origin_version = null where load_id > $id "
        "and duplicate_rows > 0 and table_name = (select table_name from raw.load_audit where load_id = $id)",
        parameters,
    )
    connection.execute(
        "delete from raw.pull_cursors where load_id >= $id "
        "and source = (select source from raw.load_audit where load_id = $id)",
        parameters,
    )


def _waiting(domain: str, settings: Settings) -> list[str]:
    tables = [*DOMAINS[domain], *(["meters"] if domain == "meter_reads" else [])]
    waiting = Warehouse(settings).arrow(
        "select load_id from raw.load_audit where state = 'landed' and table_name = any($tables) order by load_id",
        {"tables": tables},
        role="loader",
    )
    return list(waiting["load_id"].to_pylist())


def _land_tables(tables: Sequence[str], landing: Landing, settings: Settings) -> list[Problem]:
    problems: list[Problem] = []
    for table in tables:
        for source in landing.sources.of_table(table):
            if isinstance(source, FileSource):
                problems.extend(_land_files(source, landing, settings))
            else:
                problems.extend(_land_pull(source, landing, settings))
    return problems


def _land_files(source: FileSource, landing: Landing, settings: Settings) -> Iterator[Problem]:
    try:
        urls = files.list_files(source, landing.sources)
    except SourceError as error:
        yield error.problem
        return
    if not urls:
        log.warning("source %s: no file matches %s; nothing to land.", source.name, source.path)
        return
    with Warehouse(settings).loading() as area:
        connection = area.connection
        known = _known_digests(connection, source, landing)
        unchanged = _known_versions(connection, source, landing)
        for url in urls:
            try:
                if (files.address(url), files.version(url)) in unchanged:
                    continue
                _land_file(area, source, url, known, landing)
            except SourceError as error:
                log.error("%s", error)
                yield error.problem
            except OSError as error:
                yield Problem(
                    source.name, url, f"cannot be read ({error.strerror or type(error).__name__})", "Check it"
                )
            except WarehouseError as error:
                yield _warehouse_problem(source, url, error)
                if error.is_transient:
                    return
            except duckdb.Error as error:
                yield _engine_problem(source, url, error)
                if isinstance(error, duckdb.FatalException):
                    return


def _land_file(area: LoadingArea, source: FileSource, url: str, known: set[str], landing: Landing) -> None:
    with files.open_file(source, url) as file:
        if file.state.digest in known:
            return
        rows = files.stage(area.connection, file)
        load = load_rows(area, rows, source, landing, lambda load_id: file.ensure_unchanged())
        known.add(file.state.digest)
        _log_load(load, file.origin)


def _land_pull(source: SqlSource, landing: Landing, settings: Settings) -> Iterator[Problem]:
    try:
        with Warehouse(settings).loading() as area:
            if landing.leaves_refused and _was_refused(area.connection, source, landing):
                return
            pull = land_edits if source is EDITS_SOURCE else land_pull
            for load in pull(area, source, landing, settings):
                _log_load(load, source.query)
    except SourceError as error:
        log.error("%s", error)
        yield error.problem
    except SourcesFileError as error:
        yield Problem(source.name, source.url, str(error).rstrip("."), "Then land again")
    except WarehouseError as error:
        yield _warehouse_problem(source, source.query, error)
    except duckdb.Error as error:
        yield _engine_problem(source, source.query, error)


KNOWN = """
(state in ('landed', 'accepted')
    or (state = 'refused' and ($never_changes or ($leaves_refused and as_of_date = $as_of_date))))
"""
"""Of the loads of a source those whose files need not be loaded again.

A refused file is landed again, corrected; messages stay as they are, and are admitted from quarantine.
"""


def _known_digests(connection: duckdb.DuckDBPyConnection, source: FileSource, landing: Landing) -> set[str]:
    query = f"select content_digest from raw.load_audit where source = $source and {KNOWN}"
    return {digest for (digest,) in connection.execute(query, _of(source, landing)).fetchall()}


def _known_versions(
    connection: duckdb.DuckDBPyConnection, source: FileSource, landing: Landing
) -> set[tuple[str, str]]:
    """Files that need not even be read: same place, size and time of change as when they were loaded."""
    query = (
        "select origin, origin_version from raw.load_audit "
        f"where source = $source and {KNOWN} and origin_version is not null"
    )
    return {(origin, version) for origin, version in connection.execute(query, _of(source, landing)).fetchall()}


def _was_refused(connection: duckdb.DuckDBPyConnection, source: SqlSource, landing: Landing) -> bool:
    query = "select 1 from raw.load_audit where source = $1 and state = 'refused' and as_of_date = $2 limit 1"
    return connection.execute(query, [source.name, landing.as_of_date]).fetchone() is not None


def _of(source: FileSource, landing: Landing) -> dict[str, object]:
    return {
        "source": source.name,
        "as_of_date": landing.as_of_date,
        "leaves_refused": landing.leaves_refused,
        "never_changes": isinstance(source, MessageFiles),
    }


def _log_load(load: Load, origin: str) -> None:
    log.info(
        "load %s: %s: %s rows = %s accepted + %s duplicate + %s quarantined",
        load.load_id,
        origin,
        f"{load.landed:,}",
        f"{load.accepted:,}",
        f"{load.duplicate:,}",
        f"{load.quarantined:,}",
    )


def _warehouse_problem(source: FileSource | SqlSource, origin: str, error: WarehouseError) -> Problem:
    cure = "Then land again; nothing of it was loaded"
    return Problem(source.name, origin, str(error).rstrip("."), cure, is_transient=error.is_transient)


def _engine_problem(source: FileSource | SqlSource, origin: str, error: duckdb.Error) -> Problem:
    text = str(error).splitlines()[0]
    if is_disk_full(text):
        return Problem(
            source.name,
            origin,
            f"the disk is full; nothing of it was loaded ({text})",
            "Free space where METERWISE_HOME lies, then land again; what was loaded before is intact",
        )
    return Problem(
        source.name, origin, f"the warehouse refused it ({text})", "Report this with the log; nothing of it was loaded"
    )
