"""Train a challenger and promote it if it is better than the champion on the same later window.

Weekly, or when a fresh installation or a drop in quality asks for it; never needed for a day's publication.
"""

from importlib import import_module

from airflow.sdk import dag
from triggers import days, hand_on, is_scheduled

from defaults import COMMON, MODELS, at, step

TIMES = {"demand": "0 3 * * 1", "churn": "0 4 * * 1", "segments": "0 5 * * 1", "alerts": "0 6 * * 1"}


def train(model: str, cron: str) -> None:
    @dag(f"train_{model}", schedule=at(cron), tags=["train", model], doc_md=__doc__, **COMMON)
    def chain() -> None:
        @step(pool="warehouse")
        def day() -> str:
            from meterwise.outcomes import NothingToDoError
            from meterwise.planning import day_to_train

            as_of_date = day_to_train(model, days(), is_scheduled())
            if reason := import_module(f"models.{model}.dataset").skip_reason(as_of_date):
                raise NothingToDoError(reason)
            return as_of_date

        @step(task_id="train")
        def train_model(as_of_date: str) -> str:
            return str(import_module(f"models.{model}.train").train_model(as_of_date))

        @step(pool="warehouse", outlets=[MODELS[model]])
        def promote(mlflow_run: str, as_of_date: str) -> None:
            from meterwise.outcomes import NothingToDoError

            if not import_module(f"models.{model}.evaluate").promote_if_better(mlflow_run, as_of_date):
                raise NothingToDoError("The challenger is not better by the margin: the champion stays.")
            hand_on(MODELS[model], [as_of_date])

        as_of_date = day()
        promote(train_model(as_of_date), as_of_date)

    chain()


for model, cron in TIMES.items():
    train(model, cron)
