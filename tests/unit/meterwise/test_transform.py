"""How dbt is called on each engine, and how its failures are told."""

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from meterwise import transform
from meterwise.settings import Settings


def test_a_warehouse_in_a_file_needs_its_path_alone(settings: Settings) -> None:
    environment = transform.dbt_environment(settings)

    assert environment["DBT_WAREHOUSE_PATH"] == str(settings.warehouse_path)
    assert not [name for name in environment if "PASSWORD" in name]


def test_the_server_of_the_warehouse_is_named_and_its_password_is_masked(database: Settings) -> None:
    settings = database.model_copy(update={"warehouse": "postgresql", "warehouse_url": database.database_url})
    assert isinstance(database.database_url, SecretStr)
    password = database.database_url.get_secret_value().split(":")[2].split("@")[0]

    environment = transform.dbt_environment(settings)

    assert environment["DBT_WAREHOUSE_HOST"] == "127.0.0.1"
    assert environment["DBT_WAREHOUSE_DATABASE"].startswith("test_")
    # dbt masks the values of variables that begin like this.
    assert [name for name, value in environment.items() if value == password] == ["DBT_ENV_SECRET_WAREHOUSE_PASSWORD"]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        pytest.param(
            "Runtime Error in model m (models/m.sql)\n  Binder Error: no column a\n  LINE 1",
            "Binder Error: no column a",
        ),
        pytest.param(
            'Database Error in model m (models/m.sql)\n  relation "raw.x" does not exist\n  LINE 1: select\n  compiled',
            'relation "raw.x" does not exist',
        ),
        pytest.param("Got 2 results, configured to fail if != 0", "Got 2 results, configured to fail if != 0"),
    ],
    ids=["duckdb", "postgresql", "test"],
)
def test_what_an_engine_said_is_told(tmp_path: Path, message: str, told: str) -> None:
    results = tmp_path / "run_results.json"
    page = {"results": [{"status": "error", "unique_id": "model.meterwise.m", "message": message}]}
    results.write_text(json.dumps(page), encoding="utf-8")

    text = transform._explain(results, "", Settings(home=tmp_path))

    assert text.startswith(f"dbt failed at model m: {told}\n")
