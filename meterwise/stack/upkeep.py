"""The parts of the embedded stack as a supervisor sees them: how each is started again, and when it is well."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import psycopg

from meterwise.postgres import EmbeddedPostgres
from meterwise.stack.airflow_api import AirflowApi
from meterwise.stack.processes import ChildProcess, kill_leftovers
from meterwise.stack.supervision import Part

AIRFLOW = "Airflow "
SCHEDULER = f"{AIRFLOW}scheduler"
WAITING_SECONDS = 60
"""So long may a task wait in the queue of a scheduler that has a place for it; normally it is under a second."""
STUCK = "select 1 from task_instance where state = 'queued' and queued_dttm < now() - make_interval(secs => %s) limit 1"
DEAD = "update job set state = 'failed' where job_type = 'SchedulerJob' and state = 'running'"


def parts_of(
    postgres: EmbeddedPostgres,
    children: Iterable[ChildProcess],
    environment: Mapping[str, str],
    home: Path,
    airflow: AirflowApi,
) -> list[Part]:
    """Return what is to be kept up, in the order in which one needs the other."""
    return [_database(postgres), *(_child(child, postgres, environment, home, airflow) for child in children)]


def _database(postgres: EmbeddedPostgres) -> Part:
    """PostgreSQL comes back at the same address, with all that was committed."""

    def is_well() -> bool:
        psycopg.connect(postgres.url(driver=""), connect_timeout=5).close()
        return True

    return Part("PostgreSQL", postgres.ended, postgres.start_again, postgres.kill, postgres.tail, is_well)


def _child(
    child: ChildProcess, postgres: EmbeddedPostgres, environment: Mapping[str, str], home: Path, airflow: AirflowApi
) -> Part:
    def start() -> None:
        kill_leftovers(home, child.name)
        if child.name == SCHEDULER:
            _bury(postgres)
        child.start(environment, home)

    def is_well() -> bool:
        if not child.name.startswith(AIRFLOW):
            return child.healthy()
        return _beats(airflow, child.name) and not (child.name == SCHEDULER and _is_stuck(postgres))

    return Part(child.name, child.ended, start, partial(child.kill, home), child.tail, is_well)


def _beats(airflow: AirflowApi, name: str) -> bool:
    """Tell whether the heart of a component of Airflow beats; the API server has none but answers."""
    health = airflow.health()
    key = name.removeprefix(AIRFLOW).replace("-", "_")
    return bool(health.get(key, health["metadatabase"])["status"] == "healthy")


def _bury(postgres: EmbeddedPostgres) -> None:
    """Record that the scheduler before is dead, so that the next one takes its tasks over at once, not in a minute."""
    with suppress(psycopg.Error), _metadata(postgres) as connection:
        connection.execute(DEAD)


def _is_stuck(postgres: EmbeddedPostgres) -> bool:
    """Tell whether tasks wait that nobody fetches: a worker killed while it waited takes the queue's lock with it."""
    with _metadata(postgres) as connection:
        return connection.execute(STUCK, [WAITING_SECONDS]).fetchone() is not None


def _metadata(postgres: EmbeddedPostgres) -> psycopg.Connection:
    return psycopg.connect(postgres.url("airflow", driver=""), connect_timeout=5)
