"""``meterwise published`` prints what readers see, for a person, as CSV and as JSON, today's or an earlier day's."""

import csv
import io
import json

import pytest
import typer
from key_columns import key_columns
from typer.testing import CliRunner

from meterwise.commands.published import published
from meterwise.publish import deliver
from meterwise.publish.tables import PUBLISHED
from meterwise.settings import Settings, get_settings
from meterwise.warehouse.duckdb import opened


@pytest.fixture
def command(database: Settings, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    assert database.database_url is not None
    monkeypatch.setenv("METERWISE_DATABASE_URL", database.database_url.get_secret_value())
    monkeypatch.setenv("COLUMNS", "30")  # narrower than any table
    get_settings.cache_clear()
    app = typer.Typer()
    app.command()(published)
    yield app
    get_settings.cache_clear()


@pytest.fixture
def two_days(database: Settings) -> None:
    for day, band in (("2026-07-15", "low"), ("2026-07-16", "high")):
        with opened(database) as connection:
            connection.execute("create schema if not exists publish")
            for table in PUBLISHED:
                connection.execute(
                    f"create or replace table publish.{table.name} as select "
                    f"printf('C%02d', number) as customer_id, printf('A%02d', number) as alert_id, "
                    f"{key_columns(day, without=('customer_id', 'alert_id'))}, "
                    f"1.50::decimal(12, 2) as annual_kwh, case when number > 0 then '{band}' end as value_band "
                    "from range(30) numbers(number)"
                )
        deliver(day, "run", database)


@pytest.mark.usefixtures("two_days")
def test_csv_and_json_hold_every_row(command: typer.Typer) -> None:
    as_csv = CliRunner().invoke(command, ["customer_segments", "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(as_csv.output)))
    assert len(rows) == 30
    assert rows[1]["value_band"] == "high"
    as_json = json.loads(CliRunner().invoke(command, ["customer_segments", "--format", "json"]).output)
    assert [row["customer_id"] for row in as_json] == [row["customer_id"] for row in rows]
    assert (as_json[0]["annual_kwh"], as_json[0]["value_band"]) == (1.5, None)


@pytest.mark.usefixtures("two_days")
def test_the_screen_shows_the_first_rows_of_the_day_asked_for(command: typer.Typer) -> None:
    shown = CliRunner().invoke(command, ["customer_segments", "--as-of", "2026-07-15"]).output
    assert "published.customer_segments" in shown
    assert "as_of_date" in shown
    assert "C19" in shown
    assert "C20" not in shown
    assert "low" in shown
    assert "high" not in shown
    assert "C01" in CliRunner().invoke(command, ["customer_segments", "--limit", "2"]).output


@pytest.mark.usefixtures("two_days")
def test_without_a_name_publications_are_listed(command: typer.Typer) -> None:
    listed = json.loads(CliRunner().invoke(command, ["--format", "json"]).output)
    assert [(row["version"], row["is_current"]) for row in listed] == [(2, True)] * len(PUBLISHED) + [(1, False)] * len(
        PUBLISHED
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["customers"], "There is no table published.customers. There are: churn_scores"),
        (["churn_scores", "--as-of", "2026-07-01"], "days kept: 2026-07-15 to 2026-07-16"),
    ],
)
@pytest.mark.usefixtures("two_days")
def test_what_is_not_there_is_said(command: typer.Typer, arguments: list[str], message: str) -> None:
    answer = CliRunner().invoke(command, arguments)
    assert answer.exit_code == 1
    assert message in " ".join(answer.output.split())


def test_before_the_first_publication_the_way_to_it_is_said(command: typer.Typer) -> None:
    answer = CliRunner().invoke(command, [])
    assert answer.exit_code == 1
    assert "publish_segments" in answer.output
