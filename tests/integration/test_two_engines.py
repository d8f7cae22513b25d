"""The same utility through both engines: every table of every schema has the same columns, types and rows.

Tables are found in the catalogs, so that one which is added later takes part by itself.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import import_module

import chain
import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pydantic import SecretStr

from meterwise.database import connect
from meterwise.postgres import EmbeddedPostgres
from meterwise.publish.tables import PUBLISHED
from meterwise.settings import Settings
from meterwise.sources.synthetic import SyntheticUtility
from meterwise.warehouse import Warehouse
from models.churn.params import ChurnParams
from models.demand.dataset import known
from models.demand.train import learnt_from
from models.segments.params import SegmentsParams

# Six months with both changes of the clock; the second day brings late and corrected reads.
DAY = date(2026, 4, 14)
CUSTOMERS, MONTHS = 25, 6

pytestmark = pytest.mark.timeout(1200)  # two days in each of two engines, on two shared cores

WAREHOUSE_SCHEMAS = (
    "raw",
    "reference",
    "staging",
    "snapshots",
    "intermediate",
    "seeds",
    "features",
    "marts",
    "scores",
    "publish",
)
WALL_CLOCK = {"raw.load_audit": {"seconds"}}
"""Columns that no two runs have in common, whatever the engine: how long a load took."""
SCORED = (
    "scores.",
    *(f"publish.{table.name}" for table in PUBLISHED if table.models),
    "publish.load_now",
    "publish.forecast_quality",
)
"""What models said is equal within this; everything before them to the bit."""
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Homes:
    """The installation with DuckDB, and the one with PostgreSQL that scores by the same registered models."""

    duckdb: Settings
    postgresql: Settings


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory, postgres_server: EmbeddedPostgres) -> Homes:
    folder = tmp_path_factory.mktemp("engines")
    crm_url = f"sqlite:///{folder}/crm.db"
    server = SecretStr(postgres_server.create_database("team"))
    one = Settings(
        home=folder / "duckdb",
        sources_file=folder / "sources.yml",
        secrets={"crm_url": SecretStr(crm_url)},
        database_url=SecretStr(postgres_server.create_database("one_person")),
    )
    other = one.model_copy(
        update={
            "home": folder / "postgresql",
            "warehouse": "postgresql",
            "warehouse_url": server,
            "database_url": server,
            "mlflow_uri": f"sqlite:///{folder}/duckdb/mlflow.db",
        }
    )
    utility = SyntheticUtility(folder, crm_url, customers=CUSTOMERS, first_date=DAY, months=MONTHS)
    days = (DAY, DAY + timedelta(days=1))
    for day in days:
        utility.advance_to(day)
        clock = {"last_date": day}
        skipped = chain.run(day.isoformat(), one.model_copy(update=clock), learns=day == DAY)
        assert skipped == chain.run(day.isoformat(), other.model_copy(update=clock), learns=False)
        assert None in skipped.values(), "at least one model scores"
    clock = {"last_date": days[-1]}
    return Homes(one.model_copy(update=clock), other.model_copy(update=clock))


def tables_of(settings: Settings) -> set[str]:
    """Tables and views of the warehouse. PostgreSQL's partitions are read through the table that they belong to."""
    listed = "select table_schema || '.' || table_name as name from information_schema.tables as t"
    names = Warehouse(settings).arrow(f"{listed} where table_schema = any($schemas)", {"schemas": [*WAREHOUSE_SCHEMAS]})
    found = set(names["name"].to_pylist())
    if settings.warehouse == "postgresql":
        parts = Warehouse(settings).arrow("select inhrelid::regclass::text as name from pg_catalog.pg_inherits")
        found -= set(parts["name"].to_pylist())
    return found


def rows_of(table: str, settings: Settings) -> pa.Table:
    """Every row of a table, columns in the order of the alphabet, as the plain types of Arrow."""
    rows = Warehouse(settings).arrow(f"select * from {table}")
    rows = rows.select(sorted(set(rows.column_names) - WALL_CLOCK.get(table, set())))
    plain = {pa.large_string(): pa.string(), pa.string_view(): pa.string(), pa.timestamp("ns"): pa.timestamp("us")}
    return rows.cast(pa.schema([(field.name, plain.get(field.type, field.type)) for field in rows.schema]))


def sorted_rows(rows: pa.Table) -> pa.Table:
    """The rows in order of what is no double, so that those of two tables stand beside each other."""
    keys = [field.name for field in rows.schema if not pa.types.is_floating(field.type)]
    return rows.sort_by([(name, "ascending") for name in keys])


@cache
def engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def rows_apart(one: pa.Table, other: pa.Table) -> list[dict[str, object]]:
    """The first rows that one table has and the other has not."""
    connection = engine()
    connection.register("one", one)
    connection.register("other", other)
    found = connection.sql("(from one except all from other) limit 3").to_arrow_table().to_pylist()
    return found + connection.sql("(from other except all from one) limit 3").to_arrow_table().to_pylist()


def test_both_engines_hold_the_same_tables(homes: Homes) -> None:
    found = tables_of(homes.duckdb)

    assert tables_of(homes.postgresql) == found
    assert {table.split(".")[0] for table in found} == set(WAREHOUSE_SCHEMAS)
    assert len(found) > 60


def test_every_table_has_the_same_types_and_rows(homes: Homes) -> None:
    wrong: dict[str, object] = {}
    filled = 0
    for table in sorted(tables_of(homes.duckdb)):
        one, other = rows_of(table, homes.duckdb), rows_of(table, homes.postgresql)
        filled += one.num_rows > 0
        if one.schema != other.schema:
            wrong[table] = set(zip(one.schema, other.schema, strict=False))
        elif table.startswith(SCORED):
            if not equal_within_tolerance(one, other):
                wrong[table] = rows_apart(one, other)
        elif apart := rows_apart(one, other):
            wrong[table] = apart

    assert wrong == {}
    assert filled > 45, "most tables hold something to compare"


@pytest.mark.parametrize("model", ["demand", "churn", "segments"])
def test_a_model_learns_and_scores_from_the_same_frames(homes: Homes, model: str) -> None:
    one, other = (frames(model, settings) for settings in (homes.duckdb, homes.postgresql))

    for ours, theirs in zip(one, other, strict=True):
        assert not ours.empty
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def frames(model: str, settings: Settings) -> list[pd.DataFrame]:
    """What a model learns from and what it scores, of the last day."""
    day = settings.last_date
    assert day is not None
    if model == "demand":
        return [learnt_from(known(day.isoformat(), settings=settings))]
    dataset = import_module(f"models.{model}.dataset")
    if model == "segments":
        learnt = dataset.training_set(day, SegmentsParams(), settings)
        return [learnt.train, learnt.evaluate, dataset.scoring_set(day, settings)]
    days = (
        Warehouse(settings).arrow("select distinct as_of_date from features.features_churn")["as_of_date"].to_pylist()
    )
    closed = [found for found in days if found + timedelta(days=ChurnParams().horizon_days) <= day]
    return [dataset.labelled(closed, day, ChurnParams(), settings), dataset.scoring_set(day, settings)]


def test_readers_of_published_cannot_tell_the_engine(homes: Homes) -> None:
    one, other = (publications(settings) for settings in (homes.duckdb, homes.postgresql))

    assert len(one) == 2 * len(PUBLISHED), "every table, two days"
    assert one == other
    for table in {row[1] for row in one}:
        assert chain.published(table, homes.duckdb) == chain.published(table, homes.postgresql), table


def publications(settings: Settings) -> list[tuple[object, ...]]:
    with connect(settings) as connection:
        return connection.execute(
            "select version, table_name, as_of_date, rows, checksum, is_unchanged, model_versions "
            "from published.publications order by version, table_name"
        ).fetchall()


def test_no_file_of_the_installation_holds_the_password(homes: Homes, postgres_server: EmbeddedPostgres) -> None:
    files = [path for path in homes.postgresql.home_path.rglob("*") if path.is_file()]

    assert {"gx", "dbt"} <= {path.relative_to(homes.postgresql.home_path).parts[0] for path in files}
    assert [path for path in files if postgres_server.password.encode() in path.read_bytes()] == []


def equal_within_tolerance(one: pa.Table, other: pa.Table) -> bool:
    one, other = sorted_rows(one), sorted_rows(other)
    doubles = [field.name for field in one.schema if pa.types.is_floating(field.type)]
    if not one.drop_columns(doubles).equals(other.drop_columns(doubles)):
        return False
    return all(
        one[name].is_null().equals(other[name].is_null())
        and (pc.max(pc.abs(pc.subtract(one[name], other[name]))).as_py() or 0) <= TOLERANCE
        for name in doubles
    )
