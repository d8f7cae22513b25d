"""Build the warehouse from what has landed: staging, intermediate, features and marts, a task a dbt model.

Starts when any domain has landed, or at the daily deadline; domains that are still landing are waited for, so that
one build serves all, and those that are stale are recorded in `ops.builds`. From the moment a build begins until the
features have passed their check, nothing is trained, scored or published with them.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import AssetOrTimeSchedule, dag, task
from triggers import asked_at, days, hand_on, is_scheduled

from dbt_tasks import dbt_group
from defaults import COMMON, DOMAINS, FEATURES, at, step

ANY_DOMAIN = DOMAINS["crm"] | DOMAINS["meter_reads"] | DOMAINS["weather"]


@dag(
    schedule=AssetOrTimeSchedule(timetable=at("30 18 * * *"), assets=ANY_DOMAIN),
    tags=["warehouse"],
    doc_md=__doc__,
    **COMMON,
)
def build_warehouse() -> None:
    as_of_dates = step(task_id="days")(days)()

    @step(task.sensor, poke_interval=3, timeout=3600)
    def wait_for_landings(as_of_dates: list[str]) -> bool:
        from meterwise.planning import still_landing

        return not still_landing(as_of_dates)

    @step(pool="warehouse")
    def plan(as_of_dates: list[str]) -> dict[str, Any]:
        from meterwise import ops, planning, transform

        begun_at = datetime.now(UTC)
        asked = planning.days_to_build(as_of_dates, asked_at(), is_scheduled())
        planned = sorted({day for as_of_date in asked for day in transform.plan_dates(as_of_date)})
        stale, loads = planning.stale_domains(asked[-1]), planning.accepted_loads()
        build: dict[str, Any] = {"as_of_dates": asked, "accepted_loads": loads, "stale_domains": stale}
        ops.record_build("warehouse", **build, state="begun", begun_at=begun_at)
        return {
            "build": build,
            "begun_at": begun_at.isoformat(),
            "variables": transform.dbt_vars(planned, asked_dates=asked),
        }

    @step()
    def record(planned: dict[str, Any]) -> None:
        from meterwise import ops

        ops.record_build("warehouse", **planned["build"], begun_at=datetime.fromisoformat(planned["begun_at"]))

    planned = plan(as_of_dates)
    build, built = dbt_group("dbt", select=None, exclude=["tag:publish"], variables_from="plan")
    recorded = record(planned)
    wait_for_landings(as_of_dates) >> planned >> build

    for model, features in FEATURES.items():

        @step(task_id=f"check_features_{model}", pool="warehouse", outlets=[features])
        def check(planned: dict[str, Any], model: str = model) -> None:
            from expectations import check_features
            from meterwise.planning import recording_the_check

            for as_of_date in planned["build"]["as_of_dates"]:
                with recording_the_check(model, as_of_date, datetime.fromisoformat(planned["begun_at"])):
                    check_features(model, as_of_date)
            hand_on(FEATURES[model], planned["build"]["as_of_dates"])

        built >> check(planned) >> recorded


build_warehouse()
