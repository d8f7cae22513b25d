"""Score with the champion: demand hourly, churn and alerts daily, and whenever features or the champion are new.

A fresh installation has no champion: training is started and this run ends with a word; the new champion starts it
again. Where quality has dropped, training is started too, and scoring goes on.
"""

from importlib import import_module

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import AssetOrTimeSchedule, dag, task
from triggers import days, hand_on, is_scheduled, train_or

from defaults import COMMON, FEATURES, MODELS, SCORES, at, step

TIMES = {"demand": "5 * * * *", "churn": "0 19 * * *", "alerts": "15 19 * * *"}


def score(model: str, cron: str) -> None:
    schedule = AssetOrTimeSchedule(timetable=at(cron), assets=FEATURES[model] | MODELS[model])

    @dag(f"score_{model}", schedule=schedule, tags=["score", model], doc_md=__doc__, **COMMON)
    def chain() -> None:
        @step(pool="warehouse")
        def day() -> list[str]:
            from meterwise.planning import days_to_score

            return days_to_score(model, days(), is_scheduled())

        @step(task.branch, pool="warehouse")
        def decide(as_of_dates: list[str]) -> list[str]:
            return train_or("score", model, as_of_dates[-1])

        @step(task_id="score", pool="warehouse", outlets=[SCORES[model]])
        def score_days(as_of_dates: list[str]) -> None:
            from meterwise import planning

            for as_of_date in as_of_dates:
                began_at = planning.features_began_at(model, as_of_date)  # asked first: a build may begin meanwhile
                import_module(f"models.{model}.score").score(as_of_date)
                planning.record_scored(model, as_of_date, began_at)
            hand_on(SCORES[model], as_of_dates)

        as_of_dates = day()
        newest = {"as_of_date": "{{ ti.xcom_pull(task_ids='day')[-1] }}"}
        train = TriggerDagRunOperator(task_id="train", trigger_dag_id=f"train_{model}", conf=newest)
        decide(as_of_dates) >> [train, score_days(as_of_dates)]

    chain()


for model, cron in TIMES.items():
    score(model, cron)
