"""PostgreSQL's types in Arrow as DuckDB has them: numeric comes as text, and becomes decimal again."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

MOST_DIGITS = 38
MOST_DECIMALS = 18
"""Of a numeric that says nothing of itself; one with more is a quotient, and a double in DuckDB."""

POSTGRESQL_TYPES = {
    pa.string(): "varchar",
    pa.large_string(): "varchar",
    pa.bool_(): "boolean",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float32(): "real",
    pa.float64(): "double precision",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp",
}


def typed(reader: pa.RecordBatchReader, broken: list[Exception]) -> pa.RecordBatchReader:
    """Return the rows with every numeric as decimal of its declared precision.

    A numeric without one, as sums are, gets as many decimals as it needs; its rows must fit into memory.

    Args:
        reader: Rows as the driver gives them.
        broken: Gets the error, should the stream break in the middle.
    """
    kinds = [_kind(field) for field in reader.schema]
    if None not in kinds:
        schema = pa.schema(list(zip(reader.schema.names, kinds, strict=True)))
        return pa.RecordBatchReader.from_batches(schema, _cast(_watched(reader, broken), schema))
    table = pa.Table.from_batches(list(_watched(reader, broken)), reader.schema)
    found = [kind or _needed(column) for kind, column in zip(kinds, table.columns, strict=True)]
    schema = pa.schema(list(zip(reader.schema.names, found, strict=True)))
    return pa.RecordBatchReader.from_batches(schema, _cast(table.to_batches(), schema))


def arrow_type(field: pa.Field) -> pa.DataType | None:
    """Return the Arrow type of a column of a result; None for a numeric that says nothing of its precision."""
    return _kind(field)


def postgresql_type(kind: pa.DataType) -> str:
    """Return the type of a column that is to hold this."""
    if pa.types.is_decimal(kind):
        return f"numeric({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp" if kind.tz is None else "timestamptz"
    return POSTGRESQL_TYPES.get(kind, "varchar")


def _kind(field: pa.Field) -> pa.DataType | None:
    metadata = field.metadata or {}
    if metadata.get(b"POSTGRESQL:type") == b"numeric":
        modifier = int(metadata.get(b"POSTGRESQL:typmod", b"-1")) - 4
        return pa.decimal128(modifier >> 16 & 0xFFFF, modifier & 0x7FF) if modifier >= 0 else None
    return getattr(field.type, "storage_type", field.type)


def _watched(batches: pa.RecordBatchReader, broken: list[Exception]) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except Exception as error:
        broken.append(error)
        raise


def _cast(batches: Iterator[pa.RecordBatch] | list[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        columns = [_plain(column).cast(kind) for column, kind in zip(batch.columns, schema.types, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _plain(column: pa.Array) -> pa.Array:
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def _needed(column: pa.ChunkedArray) -> pa.DataType:
    texts = pa.chunked_array([_plain(chunk) for chunk in column.chunks], pa.string())
    lengths, points = pc.utf8_length(texts), pc.find_substring(texts, ".")
    decimals = pc.max(pc.if_else(pc.less(points, 0), 0, pc.subtract(pc.subtract(lengths, points), 1))).as_py() or 0
    digits = pc.max(lengths).as_py() or 0
    if decimals > MOST_DECIMALS or digits > MOST_DIGITS:
        return pa.float64()
    return pa.decimal128(MOST_DIGITS, decimals)
