"""Put the segments together, check everything that leaves, and deliver it to `published.*` in one transaction.

Starts whenever scores, features or the segment model are new, and waits, by ending with a word, until all of a day
is there. A delivery for an older day than the current one is kept as a version and never becomes current.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import dag, get_current_context, task
from triggers import asked_at, days, hand_on, train_or

from dbt_tasks import dbt_group
from defaults import COMMON, FEATURES, MODELS, PUBLISHED, SCORES, step


@dag(
    schedule=SCORES["churn"] | SCORES["demand"] | FEATURES["segments"] | MODELS["segments"],
    tags=["publish", "segments"],
    doc_md=__doc__,
    **COMMON,
)
def publish_segments() -> None:
    as_of_dates = step(task_id="days")(days)()

    @step(task.branch, pool="warehouse")
    def decide(as_of_dates: list[str]) -> list[str]:
        return train_or("plan", "segments", as_of_dates[-1])

    @step(pool="warehouse")
    def plan(as_of_dates: list[str]) -> dict[str, Any]:
        from meterwise import planning, transform

        begun_at = datetime.now(UTC)
        ready = planning.days_ready_to_publish(as_of_dates, asked_at())
        return {"as_of_dates": ready, "begun_at": begun_at.isoformat(), "variables": transform.dbt_vars(ready)}

    @step(pool="warehouse")
    def score_segments(planned: dict[str, Any]) -> None:
        from models.segments.score import score

        for as_of_date in planned["as_of_dates"]:
            score(as_of_date)

    @step(pool="warehouse")
    def check(planned: dict[str, Any]) -> dict[str, dict[str, str]]:
        from expectations import check_publish

        return {as_of_date: check_publish(as_of_date) for as_of_date in planned["as_of_dates"]}

    @step(pool="warehouse", outlets=[PUBLISHED])
    def deliver(planned: dict[str, Any], withheld: dict[str, dict[str, str]]) -> None:
        from meterwise import ops
        from meterwise.publish import deliver as deliver_day

        for as_of_date in planned["as_of_dates"]:
            deliver_day(as_of_date, str(get_current_context()["run_id"]), withheld=withheld[as_of_date])
        ops.record_build("publish", planned["as_of_dates"], begun_at=datetime.fromisoformat(planned["begun_at"]))
        hand_on(PUBLISHED, planned["as_of_dates"])

    @step()
    def report(withheld: dict[str, dict[str, str]]) -> None:
        from meterwise.outcomes import RefusedError

        if reasons := [reason for tables in withheld.values() for reason in tables.values()]:
            raise RefusedError("\n".join(reasons))

    newest = {"as_of_date": "{{ ti.xcom_pull(task_ids='days')[-1] }}"}
    train = TriggerDagRunOperator(task_id="train", trigger_dag_id="train_segments", conf=newest)
    planned = plan(as_of_dates)
    build, built = dbt_group("dbt", select=["tag:publish"], exclude=None, variables_from="plan")
    decide(as_of_dates) >> [train, planned]
    score_segments(planned) >> build
    withheld = check(planned)
    built >> withheld
    deliver(planned, withheld) >> report(withheld)


publish_segments()
