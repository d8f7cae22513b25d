"""Column types of the warehouse, told to PostgreSQL."""

import re

from meterwise.outcomes import RefusedError

POSTGRES_TYPES = {
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "UTINYINT": "smallint",
    "USMALLINT": "integer",
    "UINTEGER": "bigint",
    "HUGEINT": "numeric(38,0)",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "DOUBLE PRECISION": "double precision",  # the same, as both engines understand it
    "DATE": "date",
    "TIMESTAMP": "timestamp without time zone",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
}
DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")


class UnpublishableTypeError(RefusedError):
    """A column has a type that PostgreSQL has no plain equal of."""


def postgres_type(duckdb_type: str, column: str) -> str:
    """Return the PostgreSQL type of a column, as ``format_type`` spells it.

    Raises:
        UnpublishableTypeError: The type is nested or unknown; names the column and the cure.
    """
    if match := DECIMAL.fullmatch(duckdb_type):
        return f"numeric({match[1]},{match[2]})"
    if duckdb_type not in POSTGRES_TYPES:
        raise UnpublishableTypeError(
            f"{column} has type {duckdb_type}, which downstream cannot read. Cast it in its publish model to one of: "
            f"{', '.join(sorted(POSTGRES_TYPES))}, DECIMAL(p,s)."
        )
    return POSTGRES_TYPES[duckdb_type]
