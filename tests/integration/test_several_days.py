"""Days that are built and published together: each whole, no other touched, and what is refused changes nothing."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from tiny_utility import TinyUtility, tiny_settings

from expectations import check_features, check_publish
from meterwise import transform
from meterwise.database import connect
from meterwise.postgres import EmbeddedPostgres
from meterwise.publish import deliver
from meterwise.settings import Settings
from meterwise.validation import DataQualityError
from meterwise.warehouse import Warehouse

OTHER, ASKED = "2026-04-03", ["2026-04-02", "2026-04-05"]
FEATURES = ("demand", "churn", "segments")
DATED = [f"features.features_{model}" for model in FEATURES]
DATED += ["publish.customer_segments", "publish.churn_scores", "publish.demand_forecasts"]


def score(settings: Settings, day: str, churn_probability: float) -> None:
    """What the models would have said of a day."""
    warehouse = Warehouse(settings)
    for table, rows in {
        "demand_forecasts": "select as_of_date, 'region' as level, region_code, '*' as feeder_code, "
        "'*' as customer_class, valid_at_utc, 1 as horizon_hours, 2 as mean_kwh, 0 as p05_kwh, 1 as p10_kwh, "
        "2 as p50_kwh, 3 as p90_kwh, 4 as p95_kwh, 'champion' as basis, '1' as model_version "
        "from features.features_demand",
        "demand_peaks": "select distinct as_of_date, 'region' as level, region_code, '*' as feeder_code, "
        "'*' as customer_class, local_date, timestamp '2026-04-06' as peak_at_utc, 0 as p05_kwh, 1 as p10_kwh, "
        "2 as p50_kwh, 3 as p90_kwh, 4 as p95_kwh, '1' as model_version from features.features_demand",
        "demand_outlook": "select distinct as_of_date, 'region' as level, region_code, '*' as feeder_code, "
        "'*' as customer_class, local_date, 1 as days_ahead, 2 as mean_kwh, 0 as p05_kwh, 1 as p10_kwh, "
        "2 as p50_kwh, 3 as p90_kwh, 4 as p95_kwh, 'champion' as basis, '1' as model_version "
        "from features.features_demand",
        "customer_usage_forecasts": "select as_of_date, customer_id, as_of_date + 1 as local_date, 1 as days_ahead, "
        "2 as mean_kwh, 1 as p10_kwh, 2 as p50_kwh, 3 as p90_kwh, 'champion' as basis, '1' as model_version "
        "from features.features_segments",
        "churn_scores": f"select as_of_date, customer_id, {churn_probability} as churn_probability, "
        "'1' as model_version from features.features_churn",
        "load_shapes": "select as_of_date, customer_id, 'flat' as load_shape, 0 as shape_distance, "
        "'1' as model_version from features.features_segments",
    }.items():
        warehouse.execute(f"delete from scores.{table} where as_of_date = date '{day}'")
        warehouse.execute(f"insert into scores.{table} by name {rows} where as_of_date = date '{day}'")


def rows_by_day(settings: Settings, table: str) -> dict[str, list[dict]]:
    rows = Warehouse(settings).arrow(f"select as_of_date::varchar as day, * from {table} order by all").to_pylist()
    return {day: [row for row in rows if row["day"] == day] for day in {row["day"] for row in rows}}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, postgres_server: EmbeddedPostgres) -> Iterator[Settings]:
    """The tiny utility with one day built and published."""
    url = postgres_server.create_database("several_days")
    settings = tiny_settings(tmp_path_factory.mktemp("several"))
    settings = settings.model_copy(update={"database_url": SecretStr(url)})
    utility = TinyUtility(settings)
    utility.crm()
    utility.reads("M1", "2026-02-15", "2026-04-04")
    utility.reads("M2", "2026-02-15", "2026-03-19")
    utility.reads("M3", "2026-03-20", "2026-04-04")
    transform.build("", [OTHER], settings)
    score(settings, OTHER, churn_probability=0.5)
    transform.build(transform.PUBLISH, [OTHER], settings)
    return settings


def test_every_day_asked_for_is_built_and_published_and_no_other_is_touched(settings: Settings) -> None:
    before = {table: rows_by_day(settings, table)[OTHER] for table in DATED}

    # The day that is there lies between those asked for: as history it is no day for churn or segments.
    transform.build("", [ASKED[0], OTHER, ASKED[1]], settings, asked_dates=ASKED)
    for day in ASKED:
        for model in FEATURES:
            check_features(model, day, settings)
        score(settings, day, churn_probability=0.25)
    transform.build(transform.PUBLISH, ASKED, settings)
    versions = []
    for day in reversed(ASKED):
        check_publish(day, settings)
        versions.append(deliver(day, f"run-{day}", settings))

    for table in DATED:
        found = rows_by_day(settings, table)
        assert set(found) == {*ASKED, OTHER}, table
        assert found[OTHER] == before[table], table
        clock_change = 1 if "demand" in table else 0
        assert all(abs(len(found[day]) - len(found[OTHER])) <= clock_change for day in ASKED), table
    with connect(settings) as connection:
        current = connection.execute("select distinct as_of_date::text from published.customer_segments").fetchall()
    assert versions == [1, 2]
    assert current == [(ASKED[1],)]


def test_what_is_refused_before_delivery_leaves_the_publication_untouched(settings: Settings) -> None:
    def published() -> list[tuple]:
        with connect(settings) as connection:
            scores = connection.execute("select * from published.churn_scores order by customer_id").fetchall()
            return scores + connection.execute("select * from published.publications order by 1, 2").fetchall()

    before = published()
    score(settings, ASKED[1], churn_probability=7)
    transform.build(transform.PUBLISH, ASKED[1:], settings)

    with pytest.raises(DataQualityError, match="churn_probability"):
        check_publish(ASKED[1], settings)

    assert len(before) > 5
    assert published() == before
