"""Rates reads by a book of tariffs, with the SQL that the warehouse uses, in whatever engine it is handed.

What a bill is made of is said in ``dbt_project/macros/rating``; here are only the order of its steps and the engine.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import jinja2
import pyarrow as pa

from meterwise.settings import get_settings
from meterwise.tariffs.compiled import TABLES

Engine = Literal["duckdb", "postgresql"]
DISPATCHED = {"duckdb": "duckdb", "postgresql": "postgres"}
"""What dbt calls each engine where a macro has a form of its own for it."""

STEPS = (
    "rating_spans",
    "rating_parts",
    "rating_slots",
    "rating_usage",
    "rating_pieces",
    "rating_piece_usage",
    "rating_demand",
    "rating_checked_pieces",
    "rating_tiers",
    "rating_lines",
)
"""Macros, each of which makes the table of its name out of those before it."""
TIMED = {"rating_slots", "rating_checked_pieces", "tried_intervals"}
"""Steps that know the time zone."""
LINES = STEPS[-1]

INPUT: dict[str, pa.Schema] = {
    "intervals": pa.schema(
        {
            "contract_id": pa.string(),
            "channel": pa.string(),
            "interval_start_utc": pa.timestamp("us"),
            "interval_minutes": pa.int32(),
            "kwh": pa.decimal128(18, 6),
            "is_estimated": pa.bool_(),
        }
    ),
    "contract_spans": pa.schema(
        {
            "rating_id": pa.string(),
            "contract_id": pa.string(),
            "tariff_code": pa.string(),
            "billing_code": pa.string(),
            "start_on": pa.date32(),
            "end_on": pa.date32(),
            "contracted_kw": pa.decimal128(18, 6),
        }
    ),
    "bill_periods": pa.schema(
        {"billing_code": pa.string(), "bill_from_on": pa.date32(), "bill_to_on": pa.date32(), "months": pa.int32()}
    ),
    "holidays": pa.schema({"day_on": pa.date32(), "day_kind": pa.string()}),
    "carried_usage": pa.schema({"contract_id": pa.string(), "year_on": pa.date32(), "kwh": pa.decimal128(18, 6)}),
}
"""What is rated; the columns are documented in docs/tariffs.md."""


def rate(
    execute: Callable[[str], Any],
    timezone: str,
    engine: Engine = "duckdb",
    relations: Mapping[str, str] | None = None,
    temporary: bool = True,
) -> str:
    """Make the bill lines of everything that lies in an engine and return the name of their table.

    Args:
        execute: Runs one statement in the engine, where the relations of ``INPUT`` and of a compiled book lie; on
            PostgreSQL all in one transaction.
        timezone: IANA zone whose days and hours the tariffs mean.
        engine: Whose SQL.
        relations: Names of relations that are called otherwise.
        temporary: Whether the tables that are made go with the session.
    """
    make_tables(execute, statements(timezone, engine, relations), engine, temporary)
    return LINES


def make_tables(
    execute: Callable[[str], Any], selects: Iterable[tuple[str, str]], engine: Engine, temporary: bool = True
) -> None:
    """Make a table of each select, by name, in order."""
    before = str(macros(engine)["join_by_hash"]())
    if before:
        execute(before)
    for name, select in selects:
        execute(f"create {'temporary ' if temporary else ''}table {name} as {select}")
        if engine == "postgresql":
            execute(f"analyze {name}")


def statements(
    timezone: str, engine: Engine = "duckdb", relations: Mapping[str, str] | None = None
) -> Iterator[tuple[str, str]]:
    """Yield name and select of each step, in order."""
    names = {name: name for name in (*INPUT, *TABLES, *STEPS)} | dict(relations or {})
    for step in STEPS:
        yield names[step], select_of(step, names, timezone, engine)


def select_of(step: str, names: Mapping[str, str], timezone: str, engine: Engine) -> str:
    """Return the select of one step over relations of these names."""
    arguments = (names, timezone) if step in TIMED else (names,)
    return str(macros(engine)[step](*arguments))


def differences_select(rated_again: str, billed: str, engine: Engine = "duckdb") -> str:
    """Return the select of a correction's lines: those of one relation less those of another."""
    return str(macros(engine)["bill_differences"](rated_again, billed))


def macros(engine: Engine) -> dict[str, Any]:
    """Return the macros of rating by name, as dbt calls them."""
    return _macros(engine, get_settings().dbt_project_path / "macros")


@cache
def _macros(engine: Engine, folder: Path) -> dict[str, Any]:
    files = [folder / "cross_db.sql", *sorted((folder / "rating").glob("*.sql"))]
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)  # noqa: S701 - SQL, no page
    environment.globals["return"] = lambda value: value
    template = environment.from_string("\n".join(file.read_text(encoding="utf-8") for file in files))
    found: dict[str, Any] = {}

    def dispatch(name: str) -> Any:
        return found.get(f"{DISPATCHED[engine]}__{name}") or found[f"default__{name}"]

    module = template.make_module({"adapter": SimpleNamespace(dispatch=dispatch)})
    found.update({name: macro for name, macro in vars(module).items() if callable(macro)})
    return found
