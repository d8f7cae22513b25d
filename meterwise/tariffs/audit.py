"""Shadow billing: a utility's own bills beside those rated from the same reads, in whatever engine they lie.

What differs, and by which rule, is said in ``dbt_project/macros/rating/audit.sql``; the hypotheses are tariffs made by
``meterwise.tariffs.hypotheses``. Here is only the order of the steps.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from meterwise.tariffs.compiled import TABLES
from meterwise.tariffs.hypotheses import SCHEMA as HYPOTHESES
from meterwise.tariffs.rating import INPUT, STEPS, Engine, make_tables, select_of, statements

AUDIT_INPUT: dict[str, pa.Schema] = {
    "billed_lines": pa.schema(
        {
            "bill_id": pa.string(),
            "contract_id": pa.string(),
            "period": pa.date32(),
            "line_code": pa.string(),
            "quantity": pa.decimal128(18, 6),
            "amount": pa.decimal128(18, 6),
            "bill_from_on": pa.date32(),
            "bill_to_on": pa.date32(),
        }
    ),
    "billed_intervals": INPUT["intervals"],
    "audit_hypotheses": HYPOTHESES,
}
"""What an audit reads beside what was rated; the columns are documented in docs/tariffs.md."""
BEFORE = ("audited_lines", "tried_ratings", "tried_spans", "tried_intervals", "tried_carried_usage")
"""Macros up to the second rating, each of which makes the table of its name."""
FINDINGS = "bill_findings"
TRIED = {
    "contract_spans": "tried_spans",
    "intervals": "tried_intervals",
    "carried_usage": "tried_carried_usage",
    **{step: f"tried_{step}" for step in STEPS},
}
"""Relations of the second rating that are others than those of the first."""


def audit(
    execute: Callable[[str], Any],
    timezone: str,
    engine: Engine = "duckdb",
    relations: Mapping[str, str] | None = None,
    temporary: bool = True,
) -> str:
    """Make the findings on bills that were issued and return the name of their table.

    Args:
        execute: Runs one statement in the engine, where the relations of ``INPUT`` and ``AUDIT_INPUT``, a compiled book
            with its hypotheses and its ``rating_lines`` lie; on PostgreSQL all in one transaction.
        timezone: IANA zone whose days and hours the tariffs mean.
        engine: Whose SQL.
        relations: Names of relations that are called otherwise.
        temporary: Whether the tables that are made go with the session.
    """
    make_tables(execute, audit_statements(timezone, engine, relations), engine, temporary)
    return FINDINGS


def audit_statements(
    timezone: str, engine: Engine = "duckdb", relations: Mapping[str, str] | None = None
) -> Iterator[tuple[str, str]]:
    """Yield name and select of each step, in order, the second rating among them."""
    own = (*INPUT, *TABLES, *STEPS, *AUDIT_INPUT, *BEFORE, *TRIED.values(), FINDINGS)
    names = {name: name for name in own} | dict(relations or {})
    for step in BEFORE:
        yield names[step], select_of(step, names, timezone, engine)
    yield from statements(timezone, engine, names | {name: names[tried] for name, tried in TRIED.items()})
    yield names[FINDINGS], select_of(FINDINGS, names, timezone, engine)
