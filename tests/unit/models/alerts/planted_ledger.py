"""A usage ledger of made-up homes: some meters die, stick or are bypassed, some report late or by the day."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

LAST_DAY = date(2026, 7, 15)
HOMES, DAYS = 90, 100
DEAD, STUCK, BYPASSED, SHORT, BY_DAY, LATE = "M003", "M017", "M042", "M060", "M061", "M062"
HOURS = np.arange(24)


@dataclass(frozen=True)
class PlantedLedger:
    """Where the ledger lies."""

    settings: Settings
    warehouse: Warehouse


def reads(homes: int = HOMES, days: int = DAYS, seed: int = 5) -> np.ndarray:
    """(homes, days, 24) kWh with the faults of the named meters in the last 20 days."""
    rng = np.random.default_rng(seed)
    shape = 0.2 + np.exp(-(((HOURS - 19) / 3) ** 2)) + 0.5 * np.exp(-(((HOURS - 8) / 2) ** 2))
    kwh = rng.uniform(0.3, 2, (homes, 1, 1)) * shape * rng.gamma(8, 1 / 8, (homes, days, 24))
    kwh[3, -20:] = 0
    kwh[17, -20:] = 0.31
    kwh[42, -20:, 17:23] = 0
    return kwh.round(4)


def plant(settings: Settings, homes: int = HOMES, days: int = DAYS, events: list[dict] | None = None) -> PlantedLedger:
    """Fill both usage ledgers: each day is known a day later; M062's newest day only after ``LAST_DAY``."""
    kwh = reads(homes, days)
    first = np.datetime64(LAST_DAY - timedelta(days=days), "D")
    frame = pd.DataFrame(
        {
            "meter_id": np.repeat([f"M{i:03}" for i in range(homes)], days * 24),
            "local_date": np.tile(np.repeat(first + np.arange(days), 24), homes),
            "hour_of_day": np.tile(HOURS, homes * days).astype(np.int32),
            "delta_kwh": kwh.reshape(-1),
            "delta_minutes": np.int32(60),
        }
    )
    frame = frame[(frame["meter_id"] != SHORT) | (frame["local_date"] >= first + np.timedelta64(days - 10))]
    by_day = (frame["meter_id"] == BY_DAY) & (frame["hour_of_day"] > 0)
    frame.loc[(frame["meter_id"] == BY_DAY) & (frame["hour_of_day"] == 0), "delta_minutes"] = 1440
    frame = frame[~by_day]
    known = frame["local_date"] + pd.Timedelta(days=1)
    is_late = (frame["meter_id"] == LATE) & (frame["local_date"] == frame["local_date"].max())
    frame = frame.assign(known_on=known.where(~is_late, known + pd.Timedelta(days=30)), load_id="1")
    frame = frame.assign(local_date=frame["local_date"].dt.date, known_on=frame["known_on"].dt.date)
    warehouse = Warehouse(settings)
    warehouse.create_score_tables()
    hourly = pa.Table.from_pandas(frame, preserve_index=False)
    daily = pa.Table.from_pandas(frame[["meter_id", "local_date", "known_on"]].drop_duplicates(), preserve_index=False)
    warehouse.replace_partition("intermediate.int_usage_hourly_ledger", hourly, {"load_id": "1"})
    warehouse.replace_partition("intermediate.int_usage_daily_ledger", daily, {"meter_id": ""})
    if events:
        schema = pa.schema(
            [("event_id", pa.int64()), ("alert_id", pa.string()), ("meter_id", pa.string()),
             ("alert_type", pa.string()), ("first_date", pa.date32()), ("state", pa.string()),
             ("finding", pa.string()), ("recorded_at", pa.timestamp("us"))]
        )  # fmt: skip
        table = pa.Table.from_pylist(events, schema)
        warehouse.replace_partition("reference.meter_alert_events", table, {"alert_id": ""})
    return PlantedLedger(settings, warehouse)
