"""The whole chain of a day by its stage functions alone, in the order of the DAGs and without Airflow.

It runs on the engine that the settings name.
"""

from importlib import import_module

from expectations import check_features, check_foreseen, check_landing, check_monitored, check_publish
from meterwise import ingest, ops, planning, transform
from meterwise.database import connect
from meterwise.publish import FORESEEN, MONITORED, deliver
from meterwise.settings import Settings

DOMAINS = ("crm", "meter_reads", "weather")
MODELS = ("demand", "churn", "segments", "alerts")


def land(day: str, settings: Settings) -> None:
    """Land and check every domain."""
    for domain in DOMAINS:
        land_domain(domain, day, settings)


def land_domain(domain: str, day: str, settings: Settings) -> None:
    """Land and check one domain."""
    check_landing(domain, day, ingest.land(domain, day, settings), settings)


def build(day: str, settings: Settings) -> None:
    """Build up to the marts and check the features."""
    transform.build("", transform.plan_dates(day, settings), settings, asked_dates=[day])
    for model in MODELS:
        check_features(model, day, settings)


def learn_and_score(day: str, settings: Settings) -> dict[str, str | None]:
    """Train, promote and score every model; returns the word of each that is skipped."""
    skipped = {}
    for model in MODELS:
        stages = {name: import_module(f"models.{model}.{name}") for name in ("dataset", "train", "evaluate", "score")}
        skipped[model] = stages["dataset"].skip_reason(day, settings=settings)
        if not skipped[model]:
            run_id = stages["train"].train_model(day, settings=settings)
            assert stages["evaluate"].promote_if_better(run_id, day, settings=settings), "the first has no champion"
        stages["score"].score(day, settings=settings)
    return skipped


def publish(day: str, settings: Settings) -> int:
    """Build, check and deliver what is published; returns the version."""
    transform.build(transform.PUBLISH, [day], settings)
    withheld = check_publish(day, settings)
    assert withheld == {}, withheld
    return deliver(day, "chain", settings)


def monitor(day: str, settings: Settings) -> int:
    """Look at new reads as `monitor_meters` does; returns the version."""
    check_landing("meter_reads", day, ingest.land_in_passing("meter_reads", day, settings), settings, in_passing=True)
    loads = planning.loads_since("monitor", day, settings)
    transform.build(transform.MONITOR, [day], settings, with_tests=False)
    version = deliver(day, "monitor", settings, only=MONITORED, withheld=check_monitored(day, settings))
    ops.record_build("monitor", [day], accepted_loads=loads, settings=settings)
    return version


def update_forecasts(day: str, settings: Settings) -> int:
    """Forecast load anew as `update_forecasts` does; returns the version."""
    loads = planning.loads_since("forecasts", day, settings)
    transform.build(transform.LOADS, [day], settings, with_tests=False)
    import_module("models.demand.score").score(day, settings=settings)
    transform.build(transform.FORESEEN, [day], settings, with_tests=False)
    version = deliver(day, "update", settings, only=FORESEEN, withheld=check_foreseen(day, settings))
    ops.record_build("forecasts", [day], accepted_loads=loads, settings=settings)
    return version


def score(day: str, settings: Settings) -> dict[str, str | None]:
    """Score every model with the champion that is there; returns the word of each that is skipped."""
    skipped = {}
    for model in MODELS:
        skipped[model] = import_module(f"models.{model}.dataset").skip_reason(day, settings=settings)
        import_module(f"models.{model}.score").score(day, settings=settings)
    return skipped


def run(day: str, settings: Settings, learns: bool = True) -> dict[str, str | None]:
    """Take a day from its sources to ``published.*``; returns the word of each model that is skipped.

    Args:
        day: Local day, ISO.
        settings: Of the installation.
        learns: Whether models are trained first; otherwise the champions that are there score.
    """
    ops.migrate(settings)
    land(day, settings)
    build(day, settings)
    skipped = learn_and_score(day, settings) if learns else score(day, settings)
    publish(day, settings)
    return skipped


def published(table: str, settings: Settings) -> list[str]:
    """Rows of a published table as text, in order."""
    with connect(settings) as connection:
        rows = connection.execute(f"select to_jsonb(t)::text from published.{table} as t order by 1").fetchall()
    return [row for (row,) in rows]
