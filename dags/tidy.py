"""Throw away what is old once a week: logs, Airflow's history, validations, models, messages, reads.

How long each is kept is a setting (`METERWISE_..._KEPT_DAYS`); the log of a task says what it freed. Nothing goes that
a publication, a champion or the history of a feature needs, and nothing while a backup is being made. Old publications
go with each delivery.
"""

from airflow.sdk import dag

from defaults import COMMON, at, step

KINDS = {
    "logs": None,
    "validations": None,
    "airflow": None,
    "models": None,
    "messages": "warehouse",
    "reads": "warehouse",
}
"""What is thrown away, and the pool that it needs."""


@dag(schedule=at("0 6 * * 0"), tags=["tidy"], doc_md=__doc__, **COMMON)
def tidy() -> None:
    for kind, pool in KINDS.items():

        @step(task_id=kind, **({"pool": pool} if pool else {}))
        def throw_away(kind: str) -> str:
            from meterwise.tidying import tidy

            return tidy(kind)

        throw_away(kind)


tidy()
