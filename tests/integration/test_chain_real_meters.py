"""Meters of real homes, mapped by the example's ``sources.yml`` alone, go the whole way to published segments."""

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import chain
import duckdb
import pytest
from pydantic import SecretStr

from meterwise.database import connect
from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

pytestmark = pytest.mark.figures  # minutes, as half a year of real reads takes
ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Homes:
    """A real data set, and the part of it that is enough for a test."""

    name: str
    file: str
    last_day: str
    part: str
    meters: int


SWISS = Homes(
    "swiss_homes",
    "reads_wide_15min.csv.gz",
    "2015-12-14",
    # Some of those with reads below zero, and whole ones.
    "select * from rows where meter in (select meter from rows group by meter order by "
    "count(*) filter (contains(rows::varchar, ': -')) desc, count(*) desc, md5(meter) limit 40)",
    40,
)
AUSTRALIAN = Homes(
    "australian_homes",
    "reads_30min.csv.gz",
    "2014-03-04",
    "select * from rows where reading_datetime >= '2013-10-01'",
    10,
)


@dataclass(frozen=True)
class Published:
    """What the chain made of a data set."""

    homes: Homes
    folder: Path
    settings: Settings
    skipped: dict[str, str | None]

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with connect(self.settings) as connection:
            return connection.execute(sql).fetchall()


def publish(homes: Homes, folder: Path, server: EmbeddedPostgres) -> Published:
    source = DATA / homes.name / homes.file
    if not source.exists():
        pytest.skip(f"The real data {homes.name}/{homes.file} are not on this machine.")
    shutil.copy(ROOT / "examples" / homes.name / "sources.yml", folder)
    with duckdb.connect() as connection:
        rows = f"with rows as (from read_csv('{source}', all_varchar = true))"
        connection.execute(f"copy ({rows} {homes.part}) to '{folder / homes.file}' (header)")
    settings = Settings(
        home=folder / "home",
        sources_file=folder / "sources.yml",
        last_date=date.fromisoformat(homes.last_day),
        database_url=SecretStr(server.create_database(homes.name)),
    )
    return Published(homes, folder, settings, chain.run(homes.last_day, settings))


@pytest.fixture(scope="module")
def swiss(tmp_path_factory: pytest.TempPathFactory, postgres_server: EmbeddedPostgres) -> Published:
    return publish(SWISS, tmp_path_factory.mktemp("swiss"), postgres_server)


@pytest.fixture(scope="module")
def australian(tmp_path_factory: pytest.TempPathFactory, postgres_server: EmbeddedPostgres) -> Published:
    return publish(AUSTRALIAN, tmp_path_factory.mktemp("australian"), postgres_server)


@pytest.fixture(params=["swiss", "australian"])
def published(request: pytest.FixtureRequest) -> Published:
    return request.getfixturevalue(request.param)


def test_every_home_has_a_segment(published: Published) -> None:
    segments = published.rows(
        "select customer_id, segment_code, load_shape, recommended_action, annual_kwh from published.customer_segments"
    )

    assert len({row[0] for row in segments}) == len(segments) == published.homes.meters
    known = [row for row in segments if row[1] != "not_known"]
    assert len(known) >= 0.7 * len(segments)
    assert all(row[2] != "unknown" and row[3] for row in known)
    assert len({row[2] for row in known}) > 1, "homes differ"


def test_churn_is_skipped_with_its_word(published: Published) -> None:
    skips = Warehouse(published.settings).arrow("select model, reason from scores.model_skips").to_pylist()
    reasons = {row["model"]: row["reason"] for row in skips}

    assert reasons["churn"] == published.skipped["churn"]
    assert "there are no CRM contracts" in reasons["churn"]
    assert "sources.yml" in reasons["churn"], "what to do"
    assert published.rows("select count(*) from published.churn_scores") == [(0,)]


def test_seven_weeks_are_too_short_for_demand_and_the_word_says_so(swiss: Published) -> None:
    assert "Load more meter reads" in str(swiss.skipped["demand"])
    assert swiss.rows("select count(*) from published.demand_forecasts") == [(0,)]


def test_demand_is_forecast_without_weather(australian: Published) -> None:
    assert australian.skipped["demand"] is None
    ((hours, negative, mean_kwh),) = australian.rows(
        "select count(*), count(*) filter (where p10_kwh < 0 or p10_kwh > p90_kwh), avg(p50_kwh) "
        "from published.demand_forecasts"
    )
    assert hours == 7 * 24
    assert negative == 0
    assert 1 < float(str(mean_kwh)) < 15, "kWh an hour of ten homes"


def test_published_usage_is_what_the_file_holds(australian: Published) -> None:
    file = australian.folder / australian.homes.file
    query = f"select customer_id::varchar, sum(general_supply_kwh::decimal(18, 6)) from '{file}' group by 1 order by 1"
    with duckdb.connect() as connection:
        expected = connection.execute(query).fetchall()

    assert (
        australian.rows(
            "select customer_id, sum(consumption_kwh - estimated_kwh) from published.customer_usage_daily "
            "group by 1 order by 1"
        )
        == expected
    )
