"""Airflow's own backfill of a day that has passed: all behind it follows, and the newer day stays what is shown."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from e2e.small_utility import FIRST, SECOND, TwoDays, published_tables
from meterwise.commands.follow import is_published
from meterwise.database import connect
from meterwise.stack.airflow_api import DagRun
from meterwise.warehouse import Warehouse

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1500)]
LIMIT = timedelta(minutes=12)
REBUILT = ("features.features_demand", "features.features_churn", "scores.demand_forecasts", "scores.churn_scores")


def test_a_backfill_rebuilds_scores_and_delivers_the_day_and_does_not_show_it(two_days: TwoDays) -> None:
    settings = two_days.stack.settings
    shown, known = published_tables(settings), rows_of_first(two_days)
    begun = datetime.now(UTC)

    backfill(two_days, "ingest_meter_reads")
    runs = wait_until_delivered(two_days, begun)

    assert {run.state for run in runs} == {"success"}
    assert {"ingest_meter_reads", "build_warehouse", "score_demand", "score_churn", "publish_segments"} <= {
        run.dag_id for run in runs
    }
    with connect(settings) as connection:
        built = connection.execute(
            "select distinct selection, as_of_dates from ops.builds where recorded_at > %s and state = 'built'", [begun]
        ).fetchall()
    assert sorted(built) == [
        (selection, [FIRST])
        for selection in ("features/churn", "features/demand", "features/segments", "publish", "warehouse")
    ]
    assert rows_of_first(two_days) == known
    assert all(known.values())
    assert published_tables(settings) == shown
    assert any(f'"as_of_date": "{SECOND}"' in row for row in shown["customer_segments"])


def backfill(two_days: TwoDays, dag_id: str) -> None:
    """Ask Airflow to run a DAG for the first day, as `airflow backfill create` does."""
    day = {"from_date": f"{FIRST}T00:00:00+02:00", "to_date": f"{FIRST}T23:00:00+02:00"}
    two_days.stack.airflow._post("/backfills", {"dag_id": dag_id, **day})


def wait_until_delivered(two_days: TwoDays, begun: datetime) -> list[DagRun]:
    """Wait until the first day is delivered and nothing runs any more; returns the runs that did it."""
    airflow = two_days.stack.airflow
    seen: dict[tuple[str, str], DagRun] = {}
    quiet = 0
    while quiet < 5:
        assert datetime.now(UTC) < begun + LIMIT, f"not delivered in {LIMIT}: {sorted(seen)}"
        time.sleep(1)
        active = airflow.active_runs()
        seen |= {(run.dag_id, run.run_id): run for run in [*active, *airflow.runs_since(begun)]}
        quiet = quiet + 1 if not active and is_published(two_days.stack.settings, str(FIRST), begun) else 0
    return [airflow.run(run) for run in seen.values()]


def rows_of_first(two_days: TwoDays) -> dict[str, int]:
    """Rows of the first day, by table."""
    warehouse = Warehouse(two_days.stack.settings)
    counted = "select count(*) as n from {} where as_of_date = $day"
    return {table: warehouse.arrow(counted.format(table), {"day": FIRST})["n"][0].as_py() for table in REBUILT}
