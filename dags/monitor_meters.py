"""Look at new meter reads every few minutes: land and check them, and publish alerts and the load of now.

`METERWISE_MONITOR_MINUTES` says how often; 0 switches it off. It takes the small part of the build that alerts and
loads stand on (dbt's tag `monitor`) and delivers these two tables alone. The day's own DAGs go on as if it were not
there: the loads that it landed are new to them.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import dag, get_current_context

from defaults import COMMON, every, step
from meterwise.settings import get_settings


@dag(schedule=every(get_settings().monitor_minutes), tags=["monitor"], doc_md=__doc__, **COMMON)
def monitor_meters() -> None:
    @step(pool="warehouse")
    def land() -> dict[str, Any]:
        from expectations import check_landing
        from meterwise import ingest, planning
        from meterwise.outcomes import RefusedError

        as_of_date = planning.day_to_monitor(get_current_context()["params"]["as_of_date"])
        begun_at, refused = datetime.now(UTC), ""
        try:
            load_ids = ingest.land_in_passing("meter_reads", as_of_date)
            check_landing("meter_reads", as_of_date, load_ids, in_passing=True)
        except RefusedError as refusal:
            refused = str(refusal)  # the good loads go on; `report` tells
        return {"as_of_date": as_of_date, "begun_at": begun_at.isoformat(), "refused": refused}

    @step(pool="warehouse")
    def build(landed: dict[str, Any]) -> int:
        from meterwise import planning, transform

        loads = planning.loads_since("monitor", landed["as_of_date"])
        transform.build(transform.MONITOR, [landed["as_of_date"]], with_tests=False)  # the day's own build runs them
        return loads

    @step(pool="warehouse")
    def deliver(landed: dict[str, Any], loads: int) -> None:
        from expectations import check_monitored
        from meterwise import ops
        from meterwise.publish import MONITORED
        from meterwise.publish import deliver as deliver_tables

        as_of_date = landed["as_of_date"]
        withheld = check_monitored(as_of_date)
        deliver_tables(as_of_date, str(get_current_context()["run_id"]), only=MONITORED, withheld=withheld)
        begun_at = datetime.fromisoformat(landed["begun_at"])
        ops.record_build("monitor", [as_of_date], accepted_loads=loads, begun_at=begun_at)

    @step()
    def report(landed: dict[str, Any]) -> None:
        from meterwise.outcomes import RefusedError

        if landed["refused"]:
            raise RefusedError(landed["refused"])

    landed = land()
    deliver(landed, build(landed))
    report(landed)


monitor_meters()
