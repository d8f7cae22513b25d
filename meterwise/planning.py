"""Decides for which days a stage runs and whether it has anything to do. Orchestrators ask; nothing here imports one.

What a stage does does not belong here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from meterwise.outcomes import NothingToDoError
from meterwise.settings import Settings
from meterwise.utility import Utility

DOMAINS = ("crm", "meter_reads", "weather")
TRAINED = ("demand", "churn", "segments", "alerts")
SCORED = {
    "demand": "scores.demand_forecasts",
    "churn": "scores.churn_scores",
    "alerts": "scores.meter_alert_scores",
}
AWAITED = ("demand", "churn")
"""Models whose scores a publication waits for; alerts are told by rules too, so they go out without the others."""
WATCH = "watch"
"""The DAG that looks at all others; no publication waits for it."""
TIDY = "tidy"
"""The DAG that throws away what is old."""
MONITOR = "monitor_meters"
"""The DAG that looks at new reads every few minutes."""
UPDATE = "update_forecasts"
"""The DAG that forecasts load anew between two days."""
SEARCH = "search_demand"
"""The DAG that searches parameters for the trainings to come."""
BESIDE_THE_CHAIN = frozenset({WATCH, TIDY, MONITOR, UPDATE, SEARCH})
DAG_IDS = frozenset(
    {f"ingest_{domain}" for domain in DOMAINS}
    | {f"train_{model}" for model in TRAINED}
    | {f"score_{model}" for model in SCORED}
    | {"build_warehouse", "publish_segments"}
    | BESIDE_THE_CHAIN
)
LANDING_LIMIT = timedelta(minutes=20)
"""A landing that has said nothing for so long was killed, and nobody waits for it any more."""
CLOCKS_DIFFER = timedelta(minutes=5)
"""What is recorded for a later moment than this from now was recorded before the clock was set back."""


def utility(settings: Settings | None = None) -> Utility:
    """Return the utility of ``sources.yml``; its defaults where that cannot be read (landing then says why)."""
    from meterwise.sources.config import SourcesFileError, load_sources

    try:
        return load_sources(settings=settings).utility
    except SourcesFileError:
        return Utility()


def local_timezone(settings: Settings | None = None) -> str:
    """Return the IANA time zone whose calendar the schedules follow."""
    return utility(settings).timezone


def days_asked_for(
    asked: str | None, travelled: Sequence[str], run_after: datetime, settings: Settings | None = None
) -> list[str]:
    """Return the days (ISO) that a run is for, oldest first.

    Args:
        asked: The parameter ``as_of_date``, which wins.
        travelled: Days that came with the assets that started the run.
        run_after: Moment for which the run was scheduled; its local day counts where nothing else does.
        settings: Defaults to those of the process.

    Raises:
        NothingToDoError: The run is for a day that Meterwise's clock has not reached.
    """
    own = utility(settings)
    days = [asked] if asked else sorted(set(travelled))
    if not days:
        days = [run_after.replace(tzinfo=run_after.tzinfo or UTC).astimezone(ZoneInfo(own.timezone)).date().isoformat()]
    today = own.today(settings).isoformat()
    reached = [day for day in days if day <= today]
    if not reached:
        raise NothingToDoError(
            f"Meterwise's clock stands at {today} and this run is for {', '.join(days)}: nothing has arrived yet."
        )
    return reached


@contextmanager
def landing(
    domain: str, as_of_date: str, last_step: bool = False, problems: str = "", settings: Settings | None = None
) -> Iterator[None]:
    """Record how a landing goes: under way while it lasts, failed with the reason, landed after its last step.

    Args:
        domain: One of ``DOMAINS``.
        as_of_date: The day that lands.
        last_step: Whether the domain has landed when this step ends well.
        problems: What did not land beside the rest; it is kept with the landing.
        settings: Defaults to those of the process.
    """
    from meterwise import ops

    ops.record_landing(domain, as_of_date, "landing", settings=settings)
    try:
        yield
    except Exception as error:
        ops.record_landing(domain, as_of_date, "failed", str(error), settings=settings)
        raise
    if last_step:
        ops.record_landing(domain, as_of_date, "landed", problems, settings=settings)


def still_landing(as_of_dates: Sequence[str], settings: Settings | None = None) -> list[str]:
    """Return the domains whose landing for one of these days is under way, so that one build can serve all."""
    from meterwise import ops

    since, until = datetime.now(UTC) - LANDING_LIMIT, datetime.now(UTC) + CLOCKS_DIFFER
    rows = [row for day in as_of_dates for row in ops.landings(day, settings=settings).values()]
    return sorted({row["domain"] for row in rows if row["state"] == "landing" and since < row["recorded_at"] < until})


def stale_domains(as_of_date: str, settings: Settings | None = None) -> dict[str, str]:
    """Return the domains that have not landed for a day, or not with all their sources, with the reason."""
    from meterwise import ops

    landed = ops.landings(as_of_date, settings=settings)
    found = {domain: landed.get(domain, {"state": "nothing landed", "message": ""}) for domain in DOMAINS}
    words = {"landed": "landed in part"}
    return {
        domain: f"{words.get(row['state'], row['state'])}. {row['message']}".rstrip(". ")
        for domain, row in found.items()
        if row["state"] != "landed" or row["message"]
    }


def accepted_loads(settings: Settings | None = None) -> int:
    """Return how many loads brought accepted rows so far; it only grows, so it tells whether anything is new."""
    from meterwise.warehouse import Warehouse

    warehouse = Warehouse(settings)
    warehouse.create_raw_tables()
    table = warehouse.arrow(
        "select count(distinct load_id) as loads from raw.load_audit where state = 'accepted' and accepted_rows > 0"
    )
    return int(table["loads"][0].as_py())


def days_to_build(
    as_of_dates: Sequence[str],
    asked_at: datetime | None,
    by_the_clock: bool = False,
    settings: Settings | None = None,
) -> list[str]:
    """Return the days to build.

    Args:
        as_of_dates: The days asked for.
        asked_at: When the newest landing that asks for them ended; None where a person asks, whose word counts.
        by_the_clock: The daily deadline asks: only what was accepted since the last build gives it work.
        settings: Defaults to those of the process.

    Raises:
        NothingToDoError: There is none.
    """
    loads = accepted_loads(settings)
    if loads == 0:
        raise NothingToDoError("No load brought an accepted row so far: there is nothing to build from.")
    if by_the_clock:
        days = [day for day in as_of_dates if _loads_built(day, settings) != loads]
    else:
        days = [day for day in as_of_dates if not is_served("warehouse", day, asked_at, settings)]
    if not days:
        raise NothingToDoError(f"Built already for {', '.join(as_of_dates)}, with all that had landed.")
    return days


def is_served(selection: str, as_of_date: str, asked_at: datetime | None, settings: Settings | None = None) -> bool:
    """Tell whether a build of the day that succeeded began after the moment from which it is asked for."""
    from meterwise import ops

    if asked_at is None:
        return False
    build = ops.last_build_of(selection, as_of_date, settings=settings)
    until = datetime.now(UTC) + CLOCKS_DIFFER
    return build is not None and build["begun_at"] is not None and asked_at <= build["begun_at"] < until


def day_to_monitor(asked: str | None, settings: Settings | None = None) -> str:
    """Return the day that is monitored: the one asked for, or today by the utility's clock.

    Raises:
        NothingToDoError: Nothing was published so far, and monitoring completes what is published.
    """
    from meterwise import ops

    if ops.newest_day_built("publish", settings=settings) is None:
        raise NothingToDoError("Nothing was published yet, and meters are monitored on what the daily build has made.")
    return asked or utility(settings).today(settings).isoformat()


def loads_since(selection: str, as_of_date: str, settings: Settings | None = None) -> int:
    """Return how many loads are accepted by now.

    Args:
        selection: What was built in between two days: ``monitor`` or ``forecasts``.
        as_of_date: The day.
        settings: Defaults to those of the process.

    Raises:
        NothingToDoError: No more than when that was built for the day last.
    """
    from meterwise import ops

    loads = accepted_loads(settings)
    last = ops.last_build_of(selection, as_of_date, settings=settings)
    if last and last["accepted_loads"] == loads:
        raise NothingToDoError("Nothing has landed since the last look; all that is known is shown.")
    return loads


def _loads_built(as_of_date: str, settings: Settings | None) -> int | None:
    from meterwise import ops

    build = ops.last_build_of("warehouse", as_of_date, settings=settings)
    return build["accepted_loads"] if build else None


def record_checked(model: str, as_of_date: str, begun_at: datetime, settings: Settings | None = None) -> None:
    """Record that a model's features of a day, from the build that began at a moment, have passed their check."""
    from meterwise import ops

    ops.record_build(f"features/{model}", [as_of_date], begun_at=begun_at, settings=settings)


@contextmanager
def recording_the_check(
    model: str, as_of_date: str, begun_at: datetime, settings: Settings | None = None
) -> Iterator[None]:
    """Record how the check of a model's features of a day ends, also when it refuses them: then nobody waits for it.

    Args:
        model: One of ``TRAINED``.
        as_of_date: The day.
        begun_at: When the build began that made the features.
        settings: Defaults to those of the process.
    """
    from meterwise import ops

    try:
        yield
    except Exception:
        ops.record_build(f"features/{model}", [as_of_date], state="failed", begun_at=begun_at, settings=settings)
        raise
    record_checked(model, as_of_date, begun_at, settings)


def record_scored(model: str, as_of_date: str, begun_at: datetime, settings: Settings | None = None) -> None:
    """Record that a model scored a day, or said why not, by the features of the build that began at a moment."""
    from meterwise import ops

    ops.record_build(f"scores/{model}", [as_of_date], begun_at=begun_at, settings=settings)


def features_began_at(model: str, as_of_date: str, settings: Settings | None = None) -> datetime:
    """Return when the build began whose features of a day are the last that passed their check.

    Raises:
        NothingToDoError: None passed.
    """
    from meterwise import ops

    verdict = ops.last_build_of(f"features/{model}", as_of_date, settings=settings)
    if verdict is None:
        raise NothingToDoError(_no_features(model, [as_of_date]))
    began_at: datetime = verdict["begun_at"]
    return began_at


def is_checked(model: str, as_of_date: str, settings: Settings | None = None) -> bool:
    """Tell whether a model's features of a day have passed their check since a build last began to change them."""
    from meterwise import ops

    verdict = ops.last_build_of(f"features/{model}", as_of_date, settings=settings)
    changed_at = ops.last_begun_at("warehouse", as_of_date, settings=settings)
    return verdict is not None and changed_at is not None and bool(verdict["begun_at"] >= changed_at)


def day_to_train(model: str, as_of_dates: Sequence[str], by_the_clock: bool, settings: Settings | None = None) -> str:
    """Return the newest of the days asked for, or, by the clock, the newest whose features have passed a check.

    Raises:
        NothingToDoError: The model's features of that day are not built, or have not passed their check.
    """
    from meterwise import ops

    if by_the_clock:
        newest = ops.newest_day_built(f"features/{model}", settings=settings)
        as_of_dates = [newest.isoformat()] if newest else []
    return _checked(model, as_of_dates, settings)[-1]


def _checked(model: str, as_of_dates: Sequence[str], settings: Settings | None) -> list[str]:
    days = [day for day in as_of_dates if is_checked(model, day, settings)]
    if not days:
        raise NothingToDoError(_no_features(model, as_of_dates))
    return days


def _no_features(model: str, as_of_dates: Sequence[str]) -> str:
    return (
        f"No features of {model} have passed their check for {', '.join(as_of_dates) or 'any day'}. "
        f"build_warehouse builds and checks them; its task check_features_{model} says why they did not pass."
    )


def rows_of(table: str, as_of_date: str, settings: Settings | None = None) -> int:
    """Return how many rows a table of the warehouse has for a day; 0 where the table is missing."""
    from meterwise.warehouse import Warehouse

    schema, name = table.split(".")
    warehouse = Warehouse(settings)
    known = warehouse.arrow(
        "select 1 from information_schema.tables where table_schema = $schema and table_name = $name",
        {"schema": schema, "name": name},
    )
    if known.num_rows == 0:
        return 0
    counted = warehouse.arrow(f"select count(*) as n from {table} where as_of_date = $day::date", {"day": as_of_date})
    return int(counted["n"][0].as_py())


def days_to_score(
    model: str, as_of_dates: Sequence[str], by_the_clock: bool, settings: Settings | None = None
) -> list[str]:
    """Return the days to score: those asked for, or, by the clock, those that the champion has not scored yet.

    Only days whose features have passed their check are scored, whoever asks.

    New features and a new champion start scoring by themselves, so the clock finds work only after something failed.

    Raises:
        NothingToDoError: There is none.
    """
    checked = _checked(model, as_of_dates, settings)
    if not by_the_clock:
        return checked
    days = [day for day in checked if not _is_scored(model, day, settings)]
    if not days:
        raise NothingToDoError(
            f"Scored already for {', '.join(checked)}; new features or a new champion start it again."
        )
    return days


def _is_scored(model: str, day: str, settings: Settings | None) -> bool:
    from meterwise import registry
    from meterwise.warehouse import Warehouse

    champion = registry.champion(model, settings)
    if champion is None or not rows_of(SCORED[model], day, settings) or _is_outdated(model, day, settings):
        return False
    query = f"select distinct model_version from {SCORED[model]} where as_of_date = $day::date"
    return Warehouse(settings).arrow(query, {"day": day})["model_version"].to_pylist() == [champion.version]


def days_ready_to_publish(
    as_of_dates: Sequence[str], asked_at: datetime | None, settings: Settings | None = None
) -> list[str]:
    """Return the days for which all that is published is there: checked features, and scores or the word why not.

    Days whose last publication began after all that asks for them (``asked_at``; None: a person) are left out.

    Raises:
        NothingToDoError: None is ready; the text says what is awaited.
    """
    asked = [day for day in as_of_dates if not is_served("publish", day, asked_at, settings)]
    if not asked:
        raise NothingToDoError(f"Published already for {', '.join(as_of_dates)}, with all that is new.")
    awaited = {day: _awaited(day, settings) for day in asked}
    ready = [day for day, missing in awaited.items() if not missing]
    if not ready:
        words = "; ".join(f"{day}: {', '.join(missing)}" for day, missing in awaited.items())
        raise NothingToDoError(f"Not everything is there yet. Awaited for {words}. It starts again by itself.")
    return ready


def _awaited(day: str, settings: Settings | None) -> list[str]:
    missing = [] if is_checked("segments", day, settings) else ["checked features of segments"]
    for model in AWAITED:
        if not _has_scores(model, day, settings):
            missing.append(f"scores of {model}")
        elif _is_unjudged(model, day, settings):
            missing.append(f"the check of the new features of {model}")
        elif _is_outdated(model, day, settings):
            missing.append(f"scores of {model} by the new features")
    return missing


def _has_scores(model: str, day: str, settings: Settings | None) -> bool:
    """Tell whether there are scores of a day, or the word why there are none."""
    from meterwise.warehouse import Warehouse

    if rows_of(SCORED[model], day, settings):
        return True
    if not rows_of("scores.model_skips", day, settings):
        return False
    skips = "select 1 from scores.model_skips where as_of_date = $day::date and model = $model"
    return Warehouse(settings).arrow(skips, {"day": day, "model": model}).num_rows > 0


def _is_unjudged(model: str, day: str, settings: Settings | None) -> bool:
    """Tell whether a build has begun to change a model's features of a day, and their check has not ended yet."""
    from meterwise import ops

    verdict_of = ops.last_begun_at(f"features/{model}", day, settings=settings)
    changed_at = ops.last_begun_at("warehouse", day, settings=settings)
    return changed_at is not None and verdict_of != changed_at


def _is_outdated(model: str, day: str, settings: Settings | None) -> bool:
    """Tell whether the scores of a day are by other features than the last that passed; no, where nobody recorded it.

    Scores and features name the build that they are of, so that no two clocks are compared.
    """
    from meterwise import ops

    features = ops.last_build_of(f"features/{model}", day, settings=settings)
    scores = ops.last_build_of(f"scores/{model}", day, settings=settings)
    return features is not None and scores is not None and bool(scores["begun_at"] != features["begun_at"])
