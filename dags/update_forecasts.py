"""Forecast load anew when reads have come in between two days, and publish forecasts and peak warnings alone.

`METERWISE_FORECAST_MINUTES` says how often; 0 switches it off. Reads are landed by `monitor_meters` or the day's own
DAGs; weather and calendar are those of the last build. The champion forecasts; nothing is trained.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import dag, get_current_context

from defaults import COMMON, every, step
from meterwise.settings import get_settings


@dag(schedule=every(get_settings().forecast_minutes), tags=["score", "demand"], doc_md=__doc__, **COMMON)
def update_forecasts() -> None:
    @step(pool="warehouse")
    def build() -> dict[str, Any]:
        from meterwise import planning, transform

        as_of_date = planning.day_to_monitor(get_current_context()["params"]["as_of_date"])
        begun_at, loads = datetime.now(UTC), planning.loads_since("forecasts", as_of_date)
        transform.build(transform.LOADS, [as_of_date], with_tests=False)  # the day's own build runs them
        return {"as_of_date": as_of_date, "begun_at": begun_at.isoformat(), "loads": loads}

    @step(pool="warehouse")
    def score(built: dict[str, Any]) -> None:
        from meterwise import transform
        from models.demand.score import score as score_day

        score_day(built["as_of_date"])
        transform.build(transform.FORESEEN, [built["as_of_date"]], with_tests=False)

    @step(pool="warehouse")
    def deliver(built: dict[str, Any]) -> None:
        from expectations import check_foreseen
        from meterwise import ops
        from meterwise.publish import FORESEEN
        from meterwise.publish import deliver as deliver_tables

        as_of_date = built["as_of_date"]
        withheld = check_foreseen(as_of_date)
        deliver_tables(as_of_date, str(get_current_context()["run_id"]), only=FORESEEN, withheld=withheld)
        begun_at = datetime.fromisoformat(built["begun_at"])
        ops.record_build("forecasts", [as_of_date], accepted_loads=built["loads"], begun_at=begun_at)

    built = build()
    score(built) >> deliver(built)


update_forecasts()
