"""A small utility in the real stack, and what downstream systems see of it."""

import io
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from pydantic import SecretStr
from rich.console import Console

from meterwise.commands.demo import advance
from meterwise.commands.demo_state import DATABASES, Demo, settings_of
from meterwise.commands.follow import Chain, run_day
from meterwise.database import connect
from meterwise.publish.tables import PUBLISHED
from meterwise.settings import Settings
from meterwise.stack.stack import Stack

CUSTOMERS = 50
FIRST, SECOND = date(2026, 7, 15), date(2026, 7, 16)
TABLES = tuple(table.name for table in PUBLISHED)
MAY_BE_EMPTY = {"meter_alerts", "peak_warnings", "forecast_quality"}
"""Where all is well there is nothing to tell."""


@dataclass
class Day:
    """What one day left in ``published``."""

    chain: Chain
    tables: dict[str, list[str]]


@dataclass
class TwoDays:
    """A stack that is up after the second of two days."""

    stack: Stack
    first: Day
    second: Day
    told: list[tuple[str, Any]]
    """What was sent to the webhook and to the OpenLineage server on the second day: path and JSON."""


FAULTY = {
    "id": "C-FAULTY",
    "full_name": "Xqfaulty Xqperson",
    "phone": "+49 5550 999999",
    "email": "xqfaulty@post.example",
    "postal_address": "Xqfaultyweg 1",
    "customer_since": "2199-01-01",
}
"""A customer with an impossible date: the whole row goes to quarantine, contact data included."""


PLANTED_SECRETS = {
    "secrets": {"landing_key": SecretStr("planted-landing-Vt52Zq")},
    "mlflow_username": "jobs",
    "mlflow_password": SecretStr("planted-mlflow-Vt52Zq"),
    "airflow_database_url": SecretStr("postgresql://airflow:planted-airflow-Vt52Zq@127.0.0.1/airflow"),
}
"""Secrets that every task of the stack knows; where they turn up beside, something has given them away."""


def plant_faulty_customer(settings: Settings) -> None:
    """Put the faulty customer into the CRM, beside the others."""
    url = settings.secrets["crm_url"].get_secret_value().replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(url) as connection:
        connection.execute(
            "insert into customers select (jsonb_populate_record(c, %s)).* from customers as c limit 1",
            [Jsonb(FAULTY)],
        )


def stack_for(home: Path, day: date, demo: Demo | None = None, **more: Any) -> Stack:
    """Return the stack of a small demo utility whose clock stands at the end of a day; ``more`` are settings."""
    known = demo or Demo(customers=CUSTOMERS, first_date=FIRST)

    def meanwhile(settings: Settings) -> None:
        advance(known, settings)
        if day == FIRST:
            plant_faulty_customer(settings)

    by_hand = {"monitor_minutes": 0, "forecast_minutes": 0}
    settings = settings_of(known, home, day).model_copy(update={**PLANTED_SECRETS, **by_hand, **more})
    return Stack(settings, databases=DATABASES, meanwhile=meanwhile)


def run(stack: Stack, day: date) -> Day:
    """Take a day to publication and read what downstream systems would."""
    chain = run_day(stack, day.isoformat(), Console(file=io.StringIO()), limit_seconds=900)
    return Day(chain, published_tables(stack.settings))


def published_tables(settings: Settings) -> dict[str, list[str]]:
    """Rows of every published table as text, in order, without what names a run."""
    with connect(settings) as connection:
        return {
            table: [
                row
                for (row,) in connection.execute(
                    f"select (to_jsonb(t) - 'model_version')::text from published.{table} as t order by 1"
                )
            ]
            for table in TABLES
        }
