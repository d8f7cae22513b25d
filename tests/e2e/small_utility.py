"""A small utility in the real stack, and what downstream systems see of it."""

import io
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb
from rich.console import Console

from meterwise.commands.demo import advance
from meterwise.commands.demo_state import DATABASES, Demo, settings_of
from meterwise.commands.follow import Chain, run_day
from meterwise.database import connect
from meterwise.settings import Settings
from meterwise.stack.stack import Stack

CUSTOMERS = 50
FIRST, SECOND = date(2026, 7, 15), date(2026, 7, 16)
TABLES = ("customer_segments", "churn_scores", "demand_forecasts", "customer_usage_daily", "customer_usage_hourly")


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


FAULTY = {
    "id": "C-FAULTY",
    "full_name": "Xqfaulty Xqperson",
    "phone": "+49 5550 999999",
    "email": "xqfaulty@post.example",
    "postal_address": "Xqfaultyweg 1",
    "customer_since": "2199-01-01",
}
"""A customer with an impossible date: the whole row goes to quarantine, contact data included."""


def plant_faulty_customer(settings: Settings) -> None:
    """Put the faulty customer into the CRM, beside the others."""
    url = settings.secrets["crm_url"].get_secret_value().replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(url) as connection:
        connection.execute(
            "insert into customers select (jsonb_populate_record(c, %s)).* from customers as c limit 1",
            [Jsonb(FAULTY)],
        )


def stack_for(home: Path, day: date, demo: Demo | None = None) -> Stack:
    """Return the stack of a small demo utility whose clock stands at the end of a day."""
    known = demo or Demo(customers=CUSTOMERS, first_date=FIRST)

    def meanwhile(settings: Settings) -> None:
        advance(known, settings)
        if day == FIRST:
            plant_faulty_customer(settings)

    return Stack(settings_of(known, home, day), databases=DATABASES, meanwhile=meanwhile)


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
