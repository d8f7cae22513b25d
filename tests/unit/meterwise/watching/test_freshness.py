"""What is in the tables is seen on both engines: in time, stale, fewer rows than usual, or skipped with a word."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from meterwise import ops
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from meterwise.watching import freshness, records

FIRST = date(2026, 7, 1)


@pytest.fixture(params=["duckdb", "postgresql"])
def watched(request: pytest.FixtureRequest, database: Settings) -> Settings:
    """Settings of an empty warehouse of either engine; under PostgreSQL it shares the database with ops."""
    update = {"warehouse": request.param, "warehouse_url": database.database_url}
    settings = database.model_copy(update=update)
    Warehouse(settings).create_raw_tables()
    Warehouse(settings).create_score_tables()
    return settings


def score(day: date, customers: int, settings: Settings) -> None:
    """Let churn have scored so many customers on a day."""
    rows = {
        "as_of_date": pa.array([day] * customers, pa.date32()),
        "customer_id": [f"C{i}" for i in range(customers)],
        "churn_probability": [0.1] * customers,
        "reason_1": pa.array([None] * customers, pa.string()),
        "reason_2": pa.array([None] * customers, pa.string()),
        "reason_3": pa.array([None] * customers, pa.string()),
        "model_version": ["1"] * customers,
    }
    Warehouse(settings).replace_partition("scores.churn_scores", pa.table(rows), {"as_of_date": day})


def seen_before(customers: list[int], settings: Settings) -> None:
    """Let the table have been looked at on days from the first on."""
    seen = {"stage": "scores", "table_name": "scores.churn_scores", "total_rows": 0, "state": "good", "words": ""}
    days = [FIRST + timedelta(days=n) for n in range(len(customers))]
    rows = [
        {**seen, "as_of_date": day, "newest_day": day, "newest_rows": n} for day, n in zip(days, customers, strict=True)
    ]
    records.append(records.TABLE_LOOKS, rows, settings)


def look(day: date, settings: Settings) -> dict[str, freshness.Look]:
    """Look when Meterwise's clock stands at the end of a day."""
    return {one.table_name: one for one in freshness.look(settings.model_copy(update={"last_date": day}))}


def test_a_table_is_in_time_then_short_of_rows_then_stale(watched: Settings) -> None:
    seen_before([100, 101, 102, 103, 104], watched)
    newest = FIRST + timedelta(days=5)
    score(newest, 105, watched)
    found = look(newest, watched)["scores.churn_scores"]
    assert (found.state, found.newest_day, found.newest_rows) == ("good", newest, 105)

    short = FIRST + timedelta(days=6)
    score(short, 40, watched)
    found = look(short, watched)["scores.churn_scores"]
    assert found.state == "unusual"
    assert "40 rows" in found.words
    assert found.usual_low is not None
    assert 40 < found.usual_low < 100

    found = look(short + timedelta(days=2), watched)["scores.churn_scores"]
    assert found.state == "stale"
    assert found.hours_behind == pytest.approx(24, abs=0.01)
    assert found.total_rows == 145
    kept = ops.select_rows("select state from ops.table_looks where table_name = 'scores.churn_scores'", watched)
    assert [row["state"] for row in kept][-2:] == ["unusual", "stale"]


def test_a_model_that_has_nothing_to_say_is_not_stale(watched: Settings) -> None:
    score(FIRST, 3, watched)
    skipped = {"as_of_date": FIRST + timedelta(days=5), "model": "churn"}
    row = pa.Table.from_pylist([{**skipped, "reason": "no departures so far"}])
    Warehouse(watched).replace_partition("scores.model_skips", row, skipped)

    found = look(FIRST + timedelta(days=5), watched)["scores.churn_scores"]

    assert (found.state, found.words) == ("empty", "no departures so far")


def test_raw_is_as_new_as_the_landing_of_its_domain(watched: Settings) -> None:
    Warehouse(watched).execute(
        "insert into raw.crm_customers (customer_id, customer_class, joined_on, received_at_utc, received_at_assumed, "
        "landed_at_utc, version_no, is_deleted, load_id) values "
        "('C1', 'household', date '2020-01-01', timestamp '2026-07-01', false, timestamp '2026-07-01', 1, false, 'L1')"
    )
    ops.record_landing("crm", FIRST.isoformat(), "landed", settings=watched)

    tables = look(FIRST, watched)

    assert tables["raw.crm_customers"].newest_day == FIRST
    assert tables["raw.crm_customers"].state == "good"
    assert tables["raw.meter_reads"].state == "empty"
    assert look(FIRST + timedelta(days=3), watched)["raw.crm_customers"].state == "stale"


@pytest.mark.parametrize(
    ("past", "usual"),
    [
        pytest.param([100, 100, 100], None, id="too-few-days"),
        pytest.param([100] * 6, (90, 110), id="always-the-same"),
        pytest.param([1_000_000, 100, 101, 99, 100, 100, 101], (90, 110), id="first-load-of-all-history"),
    ],
)
def test_what_is_usual_comes_from_the_past(past: list[int], usual: tuple[int, int] | None) -> None:
    assert freshness.usual_range(past) == usual
