"""What data must look like at each hand-over. File name = table name. Checks inside the warehouse belong to dbt."""

from collections.abc import Iterator, Sequence
from importlib import import_module

from meterwise import ingest
from meterwise.publish import FORESEEN, MONITORED
from meterwise.settings import Settings, get_settings
from meterwise.validation import DataQualityError, HandOver, Verdict, validate
from meterwise.warehouse import Warehouse

LANDED = {
    "crm": ("crm_customers", "crm_contracts", "crm_payments", "meters", "tariffs"),
    "meter_reads": ("meters", "meter_reads"),
    "weather": ("weather",),
}
"""Raw tables that are checked after a domain has landed."""

FEATURES = {"demand": "features_demand", "churn": "features_churn", "segments": "features_segments"}
"""Feature table that is checked before a model trains or scores; alerts read the usage ledger, of checked loads."""

PUBLISHED = (
    "customer_segments",
    "churn_scores",
    "demand_forecasts",
    "demand_forecasts_by_level",
    "demand_peaks",
    "demand_outlook",
    "season_peaks",
    "customer_usage_forecasts",
    "customer_usage_daily",
    "customer_usage_hourly",
    "load_now",
)
"""Tables of the publish layer that are checked before delivery."""

WITHHELD = {"meter_alerts": ("meter_alert_candidates", "meter_alerts")}
"""Published tables that stay behind alone when they are refused, and what is checked for each."""

SUSPECT_SHARE = 0.02
"""A load with more suspect rows than this is judged alone, so that good loads cannot outvote a bad one."""

FEW_SUSPECTS = 5
"""So few suspect reads refuse no load, however small: a minute of messages may hold three reads, and one a spike."""


def hand_over(table_name: str) -> HandOver:
    """Return what the table must look like; the module of this folder is named after the table.

    Raises:
        ModuleNotFoundError: No file of this folder has the table's name.
    """
    found: HandOver = import_module(f"expectations.{table_name}").HAND_OVER
    return found


def check(
    table_name: str,
    as_of_date: str,
    load_ids: Sequence[str] = (),
    settings: Settings | None = None,
    in_passing: bool = False,
) -> Verdict:
    """Check one table of one day; in passing, only a refusal is kept.

    Raises:
        DataQualityError: The hand-over is refused.
    """
    return validate(hand_over(table_name), as_of_date, load_ids, settings, in_passing)


def check_landing(
    domain: str,
    as_of_date: str,
    load_ids: Sequence[str],
    settings: Settings | None = None,
    in_passing: bool = False,
) -> list[Verdict]:
    """Check what landed; accept the good loads and move the rows of the others to quarantine.

    Args:
        domain: A key of ``LANDED``.
        as_of_date: The day that landed, ``YYYY-MM-DD``.
        load_ids: Loads that wait for their check.
        settings: Defaults to those of the process.
        in_passing: Keep only verdicts that refuse.

    Raises:
        DataQualityError: At least one load was refused; the others were accepted before this is raised.
    """
    settings = settings or get_settings()
    verdicts, refusals = [], []
    by_table = _by_table(load_ids)
    for table_name in LANDED[domain]:
        waiting = by_table.pop(table_name, [])
        slight = _slight(waiting, settings)
        ingest.accept(slight, settings)
        for group in _groups([load_id for load_id in waiting if load_id not in slight], settings):
            passed, refused = _judge(table_name, as_of_date, group, settings, in_passing)
            verdicts += passed
            refusals += refused
    # Tables without a suite have nothing to be judged by but the row checks of ingest.
    ingest.accept([load_id for ids in by_table.values() for load_id in ids], settings)
    if refusals:
        raise DataQualityError("\n".join(refusals))
    return verdicts


def check_features(model: str, as_of_date: str, settings: Settings | None = None) -> Verdict | None:
    """Check the features of one day before a model trains or scores with them; None for a model without a table.

    Raises:
        DataQualityError: The features are refused.
    """
    return check(FEATURES[model], as_of_date, settings=settings) if model in FEATURES else None


def check_publish(as_of_date: str, settings: Settings | None = None) -> dict[str, str]:
    """Check everything that is about to be delivered.

    Returns:
        Tables that are to be withheld, with the reason; everything else may go out.

    Raises:
        DataQualityError: A table is refused without which nothing goes out; the text holds all such verdicts.
    """
    return _check_outgoing(PUBLISHED, as_of_date, settings, in_passing=False)


def check_foreseen(as_of_date: str, settings: Settings | None = None) -> dict[str, str]:
    """Check what is forecast anew between two days, in passing; like ``check_publish`` for these tables alone."""
    return _check_outgoing([name for name in FORESEEN if name in PUBLISHED], as_of_date, settings, in_passing=True)


def check_monitored(as_of_date: str, settings: Settings | None = None) -> dict[str, str]:
    """Check what is delivered every few minutes, in passing; like ``check_publish`` for these tables alone."""
    return _check_outgoing([name for name in MONITORED if name in PUBLISHED], as_of_date, settings, in_passing=True)


def _check_outgoing(
    table_names: Sequence[str], as_of_date: str, settings: Settings | None, in_passing: bool
) -> dict[str, str]:
    if refusals := _refusals(table_names, as_of_date, settings, in_passing):
        raise DataQualityError("\n".join(refusals))
    checked = {table: _refusals(suites, as_of_date, settings, in_passing) for table, suites in WITHHELD.items()}
    return {table: "\n".join(found) for table, found in checked.items() if found}


def _refusals(table_names: Sequence[str], as_of_date: str, settings: Settings | None, in_passing: bool) -> list[str]:
    found = []
    for table_name in table_names:
        try:
            check(table_name, as_of_date, settings=settings, in_passing=in_passing)
        except DataQualityError as refusal:
            found.append(str(refusal))
    return found


def _by_table(load_ids: Sequence[str]) -> dict[str, list[str]]:
    """Loads by raw table, which a load id names behind its number."""
    found: dict[str, list[str]] = {}
    for load_id in sorted(load_ids):
        found.setdefault(load_id.split("-", 1)[1], []).append(load_id)
    return found


def _slight(load_ids: Sequence[str], settings: Settings) -> list[str]:
    """Loads that are conspicuous by a handful of rows alone, so that no share of theirs means anything."""
    if not load_ids:
        return []
    found = Warehouse(settings).arrow(
        "select load_id from raw.load_audit where load_id = any($ids) "
        "and suspect_rows between 1 and $few and suspect_rows > $share * accepted_rows order by load_id",
        {"ids": list(load_ids), "few": FEW_SUSPECTS, "share": SUSPECT_SHARE},
    )
    return list(found["load_id"].to_pylist())


def _groups(load_ids: Sequence[str], settings: Settings) -> Iterator[list[str]]:
    """Loads that are judged together: conspicuous ones each alone, all others at once."""
    if not load_ids:
        return
    found = Warehouse(settings).arrow(
        "select load_id from raw.load_audit where load_id = any($ids) "
        "and suspect_rows + quarantined_rows > $share * accepted_rows",
        {"ids": list(load_ids), "share": SUSPECT_SHARE},
    )
    alone = set(found["load_id"].to_pylist())
    if plain := [load_id for load_id in load_ids if load_id not in alone]:
        yield plain
    yield from ([load_id] for load_id in sorted(alone))


def _judge(
    table_name: str, as_of_date: str, load_ids: list[str], settings: Settings, in_passing: bool
) -> tuple[list[Verdict], list[str]]:
    """Accept a group of loads, or find out which of them are bad and refuse those."""
    try:
        verdict = check(table_name, as_of_date, load_ids, settings, in_passing)
    except DataQualityError as refusal:
        if len(load_ids) == 1:
            ingest.refuse(load_ids, _first_breach(refusal), settings)
            return [], [str(refusal)]
        judged = [_judge(table_name, as_of_date, [load_id], settings, in_passing) for load_id in load_ids]
        verdicts = [verdict for passed, _ in judged for verdict in passed]
        refusals = [text for _, refused in judged for text in refused]
        return verdicts, refusals
    ingest.accept(load_ids, settings)
    return [verdict], []


def _first_breach(refusal: DataQualityError) -> str:
    """The broken rule that is kept with every row in quarantine."""
    lines = [line.strip() for line in str(refusal).splitlines()]
    return next((line for line in lines if line.startswith("critical:")), lines[0])
