"""A running server: two runs at once, a worker lost, runs that are cleared, a past day rebuilt. The tables stay."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

import psutil
import pytest

from chaos.conftest import FIRST
from chaos.reader import Reader
from chaos.server import Server
from chaos.tables import Tables, assert_equal, published_tables
from chaos.undisturbed import Undisturbed, everything
from chaos.victims import dbt
from meterwise import planning
from meterwise.database import connect
from meterwise.settings import Settings
from meterwise.sources.synthetic import SyntheticUtility
from meterwise.stack.airflow_api import AirflowApi, DagRun
from meterwise.stack.attached import AttachedStack

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(2400)]
LIMIT_SECONDS = 900
Found = TypeVar("Found")
BACK_TO_BACK = ("ingest_meter_reads", "build_warehouse", "score_demand", "publish_segments")


def test_two_runs_of_a_day_at_once(server: Server, utility: SyntheticUtility, undisturbed: Undisturbed) -> None:
    day = following(server)
    utility.advance_to(day)

    with Reader(server.connect) as reader:
        runs = [server.begin(day.isoformat()) for _ in range(2)]
        assert [run.wait(LIMIT_SECONDS) for run in runs] == [0, 0], server.output_of(day.isoformat()).read_text()

    assert_equal(everything(server.attached(), [day]), undisturbed.after(day))
    assert not reader.trouble


def test_a_worker_lost_in_the_middle_of_a_build(
    server: Server, utility: SyntheticUtility, undisturbed: Undisturbed
) -> None:
    """Its task dies with it, and Airflow tries again without anyone's help."""
    day = following(server)
    utility.advance_to(day)

    with Reader(server.connect) as reader:
        run = server.begin(day.isoformat())
        (building,) = wait_for(lambda: dbt(server))
        worker = psutil.Process(building.ppid())
        worker.kill()
        building.wait(10)
        assert run.wait(LIMIT_SECONDS) == 0, server.output_of(day.isoformat()).read_text()

    assert_equal(everything(server.attached(), [day]), undisturbed.after(day))
    assert not reader.trouble


def test_runs_that_are_cleared_and_run_again_change_nothing(server: Server) -> None:
    before = everything(server.attached(), [newest(server)])
    airflow = AttachedStack(server.settings).airflow
    runs = last_runs(airflow)

    for dag_id in BACK_TO_BACK:
        airflow.begin_again(runs[dag_id])
    wait_until_quiet(airflow)

    assert {airflow.run(runs[dag_id]).state for dag_id in BACK_TO_BACK} == {"success"}
    assert_equal(everything(server.attached(), [newest(server)]), before)


def test_a_backfill_rebuilds_and_delivers_a_past_day_and_does_not_show_it(server: Server) -> None:
    """Airflow's own backfill: all behind it follows, and the newer day stays what is shown."""
    settings = server.attached()
    shown, known = as_shown(settings), rows_of_first(settings)
    begun, version = datetime.now(UTC), last_version(settings)

    span = {"from_date": f"{FIRST}T00:00:00+02:00", "to_date": f"{FIRST}T23:00:00+02:00"}
    airflow = AttachedStack(server.settings).airflow
    airflow._post("/backfills", {"dag_id": "ingest_meter_reads", **span})
    wait_for(lambda: last_version(settings) > version)
    wait_until_quiet(airflow)

    states = {run.dag_id: run.state for run in airflow.runs_since(begun)}
    assert {"build_warehouse", "score_demand", "score_churn", "publish_segments"} <= set(states)
    assert set(states.values()) == {"success"}
    assert days_built_since(settings, begun) == {
        (selection, FIRST)
        for selection in (
            *(f"features/{model}" for model in planning.TRAINED),
            *(f"scores/{model}" for model in planning.SCORED),
            "publish",
            "warehouse",
        )
    }
    assert_equal(as_shown(settings), shown)
    assert rows_of_first(settings) == known


def newest(server: Server) -> date:
    """The day that is shown."""
    query = "select max(as_of_date) from published.publications where is_current"
    with connect(server.attached()) as connection:
        (day,) = connection.execute(query).fetchone() or (None,)
    assert day is not None
    return day


def following(server: Server) -> date:
    """The day after the one that is shown; the first one where none is."""
    with connect(server.attached()) as connection:
        is_new = connection.execute("select to_regclass('published.publications')").fetchone() == (None,)
    return FIRST if is_new else newest(server) + timedelta(days=1)


def as_shown(settings: Settings) -> Tables:
    return published_tables(settings, [])


def rows_of_first(settings: Settings) -> dict[str, int]:
    """Rows of the first day, in the tables that hold one day; the others grow with what has arrived since."""
    tables = published_tables(settings, [FIRST])
    return {name: rows.num_rows for name, rows in tables.items() if str(FIRST) in name and "usage" not in name}


def last_version(settings: Settings) -> int:
    with connect(settings) as connection:
        return int((connection.execute("select max(version) from published_data.deliveries").fetchone() or (0,))[0])


def days_built_since(settings: Settings, begun: datetime) -> set[tuple[str, date]]:
    query = "select selection, unnest(as_of_dates) from ops.builds where recorded_at > %s and state = 'built'"
    with connect(settings) as connection:
        return set(connection.execute(query, [begun]).fetchall())


def last_runs(airflow: AirflowApi) -> dict[str, DagRun]:
    """The last run of each DAG."""
    return {run.dag_id: run for run in airflow.runs_since(datetime.now(UTC) - timedelta(hours=2))}


def wait_until_quiet(airflow: AirflowApi) -> None:
    quiet, deadline = 0, time.monotonic() + LIMIT_SECONDS
    while quiet < 5:
        assert time.monotonic() < deadline
        time.sleep(1)
        quiet = 0 if airflow.active_runs() else quiet + 1


def wait_for(question: Callable[[], Found]) -> Found:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (found := question()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found
