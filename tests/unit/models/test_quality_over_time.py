"""What was said is held against what came, on both engines and by numbers that can be worked out by hand."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from models.churn import evaluate as churn
from models.demand import evaluate as demand

SAID, TODAY = date(2026, 7, 1), date(2026, 7, 15)


@pytest.fixture(params=["duckdb", "postgresql"])
def settings_of_engine(request: pytest.FixtureRequest, database: Settings, mlflow_settings: Settings) -> Settings:
    """An empty warehouse of either engine, and a registry without a champion."""
    update = {"warehouse": request.param, "warehouse_url": database.database_url, "home": mlflow_settings.home}
    settings = database.model_copy(update=update)
    Warehouse(settings).create_score_tables()
    return settings


def plant(table: str, rows: list[dict[str, Any]], types: Mapping[str, pa.DataType], settings: Settings) -> None:
    schema = pa.schema(list(types.items()))
    Warehouse(settings).replace_partition(table, pa.Table.from_pylist(rows, schema), {next(iter(types)): None})


def test_forecasts_meet_what_came(settings_of_engine: Settings) -> None:
    hours = [datetime(2026, 7, 2) + timedelta(hours=n) for n in range(4)]
    by_the_hour = {"interval_minutes": 60}
    place = {"level": "region", "region_code": "N", "feeder_code": "*", "customer_class": "*"}
    codes = dict.fromkeys(place, pa.string())
    loads = [
        {**place, **by_the_hour, "valid_at_utc": hour, "load_kwh": 100.0, "is_complete": n < 3, "local_date": SAID}
        for n, hour in enumerate(hours)
    ]
    forecasts = [
        {"as_of_date": SAID, **place, **by_the_hour, "valid_at_utc": hour,
         "horizon_hours": n + 1, "p10_kwh": low, "p05_kwh": 70.0,
         "p50_kwh": 90.0, "p90_kwh": 120.0, "p95_kwh": 130.0, "naive_kwh": 80.0 if n else None, "model_version": "1"}
        for n, (hour, low) in enumerate(zip(hours, [80.0, 80.0, 110.0, 80.0], strict=True))
    ]  # fmt: skip
    number, time = pa.float64(), pa.timestamp("us")
    plant(
        "marts.load_intervals",
        loads,
        {**codes, "valid_at_utc": time, "load_kwh": number, "is_complete": pa.bool_(),
         "local_date": pa.date32(), "interval_minutes": pa.int32()},
        settings_of_engine,
    )  # fmt: skip
    plant(
        "scores.demand_forecasts",
        forecasts,
        {"as_of_date": pa.date32(), **codes, "interval_minutes": pa.int32(), "valid_at_utc": time,
         "horizon_hours": pa.int32(), "p05_kwh": number,
         "p10_kwh": number, "p50_kwh": number, "p90_kwh": number, "p95_kwh": number, "naive_kwh": number,
         "model_version": pa.string()},
        settings_of_engine,
    )  # fmt: skip

    found = {figure.metric: figure for figure in demand.quality(TODAY.isoformat(), settings_of_engine)}

    assert (found["wape"].value, found["wape"].baseline) == pytest.approx((0.1, 0.2))
    assert found["coverage_80"].value == pytest.approx(2 / 3)
    assert (found["coverage_90"].value, found["coverage_90"].baseline) == (1, 0.9)
    assert {(figure.as_of_date, figure.cases) for figure in found.values()} == {(SAID, 3)}, "the complete hours"


def test_churn_scores_meet_who_left_once_their_90_days_are_over(settings_of_engine: Settings) -> None:
    closed, still_open = TODAY - timedelta(days=90), TODAY - timedelta(days=30)
    scores = [
        {"as_of_date": day, "customer_id": f"C{n:02d}", "churn_probability": 1 / (n + 2), "reason_1": None,
         "reason_2": None, "reason_3": None, "model_version": "4"}
        for day in (closed, still_open)
        for n in range(20)
    ]  # fmt: skip
    left = [
        {"customer_id": "C00", "left_on": closed + timedelta(days=1)},
        {"customer_id": "C09", "left_on": closed + timedelta(days=90)},
        {"customer_id": "C01", "left_on": closed},
    ]
    text = pa.string()
    plant(
        "scores.churn_scores",
        scores,
        {"as_of_date": pa.date32(), "customer_id": text, "churn_probability": pa.float64(), "reason_1": text,
         "reason_2": text, "reason_3": text, "model_version": text},
        settings_of_engine,
    )  # fmt: skip
    plant("marts.customer_departures", left, {"customer_id": text, "left_on": pa.date32()}, settings_of_engine)

    found = {figure.metric: figure for figure in churn.quality(TODAY.isoformat(), settings_of_engine)}

    assert {figure.as_of_date for figure in found.values()} == {closed}
    assert found["departures"].value == 2
    assert found["departures"].baseline == pytest.approx(sum(1 / (n + 2) for n in range(20)))
    assert found["lift_at_10pct"].value == pytest.approx((1 / 2) / (2 / 20)), "one of the two riskiest; 2 of 20 in all"
