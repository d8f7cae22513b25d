"""Train, promote, score: separate verbs on a real warehouse, a real MLflow store and a real PostgreSQL."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from made_up_utility import AS_OF_DATE, CUSTOMERS, NEW_CUSTOMER, SERIES, UNKNOWN_CUSTOMER

from meterwise import ops, promotions, registry
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from models.demand import evaluate, score, train

CHALLENGER = {"trees": 41}
POOR = {"trees": 1, "shrinkage": 1e9}


@pytest.fixture(scope="module")
def _trained(made_up_warehouse, empty_mlflow_store, small_params, tmp_path_factory) -> tuple[Settings, list[str]]:
    """Three versions, trained once: an honest one, one as good, and a poor one."""
    settings = Settings(home=tmp_path_factory.mktemp("trained"))
    shutil.copy(made_up_warehouse, settings.warehouse_path)
    shutil.copy(empty_mlflow_store, settings.home_path / "mlflow.db")
    knobs = [small_params.forecast.model_copy(update=update) for update in ({}, CHALLENGER, POOR)]
    variants = [small_params.model_copy(update={"forecast": forecast}) for forecast in knobs]
    return settings, [train.train_model(AS_OF_DATE, params, settings) for params in variants]


@pytest.fixture
def utility(_trained, settings: Settings, database: Settings) -> Settings:
    """The made-up utility with three trained versions and no champion."""
    settings.home_path.mkdir(parents=True, exist_ok=True)
    for file in (_trained[0].warehouse_path, _trained[0].home_path / "mlflow.db"):
        shutil.copy(file, settings.home_path / file.name)
    return settings.model_copy(update={"database_url": database.database_url})


@pytest.fixture
def trained(_trained) -> str:
    return _trained[1][0]


@pytest.fixture
def challenger(_trained) -> str:
    return _trained[1][1]


@pytest.fixture
def poor(_trained) -> str:
    return _trained[1][2]


def test_training_records_model_and_baselines(utility, trained):
    run = registry.client(utility).get_run(trained)

    assert run.info.run_name.startswith(f"{AS_OF_DATE} (2025-08-")
    assert run.data.params["searched_by"] == "given"
    assert run.data.metrics["wape"] < 0.5 * run.data.metrics["wape_naive"]
    assert 0.7 < run.data.metrics["coverage_80"] < 0.95
    assert {"wape_day_ahead", "wape_week_ahead", "wape_peak", "wape_feeder", "skill"} <= set(run.data.metrics)
    plots = [artifact.path for artifact in registry.client(utility).list_artifacts(trained, "plots")]
    assert len(plots) == 4


def test_training_again_on_the_same_makes_no_second_version(utility, params, trained):
    assert train.train_model(AS_OF_DATE, params, utility) == trained


def test_too_little_history_says_what_is_needed(utility, params):
    with pytest.raises(train.TooLittleHistoryError, match="Load more meter reads"):
        train.train_model("2025-10-01", params, utility)


def test_the_first_model_is_promoted_and_the_reason_written_down(utility, params, trained):
    assert evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)

    promotion = ops.current_promotion("demand", utility)
    assert (promotion.version, promotion.run_id, promotion.promoted_by) == ("1", trained, "automatic")
    assert promotion.reason.startswith("first version; WAPE")


def test_a_challenger_within_the_margin_is_not_promoted(utility, params, trained, challenger):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)

    assert not evaluate.promote_if_better(challenger, AS_OF_DATE, params, utility)
    assert registry.champion("demand", utility).run_id == trained
    lost = registry.client(utility).get_run(challenger).data
    assert lost.tags[registry.VERDICT].startswith("the champion stays: WAPE")
    assert {"wape_champion", "wape_noise"} <= set(lost.metrics)


def test_a_forecast_better_on_one_day_alone_is_within_its_noise():
    days = pd.date_range("2026-06-01", periods=28).repeat(24)
    key = {"level": "region", "region_code": "north", "feeder_code": "*", "customer_class": "*"}
    hours = days + pd.to_timedelta(list(range(24)) * 28, unit="h")
    champion = pd.DataFrame({**key, "as_of_date": days, "valid_at_utc": hours, "load_kwh": 100.0, "p50_kwh": 110.0})
    steadily = champion.assign(p50_kwh=108.0)
    first_day = champion["as_of_date"] == champion["as_of_date"].min()
    once = champion.assign(p50_kwh=champion["p50_kwh"].add(0.2).mask(first_day, 100.0))

    assert evaluate.compare(steadily, champion, seed=1).judge(0.01)[0]
    lucky = evaluate.compare(once, champion, seed=1)
    assert lucky.challenger < 0.99 * lucky.champion, "by more than the margin"
    assert not lucky.judge(0.01)[0]


def test_a_better_challenger_is_promoted_and_stays_so(utility, params, poor, trained):
    evaluate.promote_if_better(poor, AS_OF_DATE, params, utility)

    for _ in range(2):  # a task that was killed after the promotion is repeated
        assert evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)

    assert registry.champion("demand", utility).run_id == trained
    assert "on the same window" in ops.current_promotion("demand", utility).reason


def test_scoring_without_a_champion_names_the_dag_that_trains(utility):
    with pytest.raises(registry.NoChampionError, match="train_demand"):
        score.score(AS_OF_DATE, utility)


def test_scoring_replaces_the_day(utility, params, trained):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)

    first = score.score(AS_OF_DATE, utility)
    forecasts = Warehouse(utility).arrow("from scores.demand_forecasts order by all").to_pandas()
    score.score(AS_OF_DATE, utility)

    assert first == len(forecasts) == 8 * 24 * SERIES, "the day itself, not measured yet, and seven more"
    assert (forecasts["horizon_hours"].min(), forecasts["horizon_hours"].max()) == (-23, 7 * 24)
    assert set(forecasts["basis"]) == {"champion"}
    pd.testing.assert_frame_equal(
        forecasts, Warehouse(utility).arrow("from scores.demand_forecasts order by all").to_pandas()
    )
    assert set(forecasts["model_version"]) == {"1"}


def scored(utility) -> pd.DataFrame:
    score.score(AS_OF_DATE, utility)
    return Warehouse(utility).arrow("from scores.demand_forecasts").to_pandas()


def test_the_means_of_all_levels_add_up(utility, params, trained):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)

    hours = scored(utility)

    sums = hours.pivot_table(index="valid_at_utc", columns="level", values="mean_kwh", aggfunc="sum")
    for level in ("region", "feeder", "customer_class"):
        pd.testing.assert_series_equal(sums[level], sums["total"], rtol=1e-6, check_names=False)
    north = hours[hours["region_code"] == "north"].pivot_table(
        index="valid_at_utc", columns="level", values="mean_kwh", aggfunc="sum"
    )
    pd.testing.assert_series_equal(north["feeder"], north["region"], rtol=1e-6, check_names=False)


def test_peaks_are_measured_against_the_limit_and_the_year_before(utility, params, trained):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    score.score(AS_OF_DATE, utility)

    peaks = Warehouse(utility).arrow("from scores.demand_peaks order by all").to_pandas()

    assert len(peaks) == 7 * SERIES
    feeder = dict(iter(peaks[peaks["level"] == "feeder"].groupby("feeder_code")))
    assert feeder["N2"]["overload_probability"].isna().all(), "nobody said what it may carry"
    assert (feeder["S1"]["overload_probability"] == 1).all(), "its limit lies below every day"
    expected = feeder["S1"]["mean_kwh"] - feeder["S1"]["limit_kw"]
    assert feeder["S1"]["expected_overload_kw"].to_numpy() == pytest.approx(expected.to_numpy(), rel=0.02)
    assert (feeder["N1"]["overload_probability"] < 1).any()
    assert (peaks["record_probability"] <= peaks["top_ten_probability"]).all()
    hours = Warehouse(utility).arrow("from scores.demand_forecasts where horizon_hours > 0").to_pandas()
    highest = hours.groupby(["level", "region_code", "feeder_code", "customer_class"])["p50_kwh"].max()
    lately = peaks.groupby(["level", "region_code", "feeder_code", "customer_class"])["p50_kwh"].max()
    assert (lately / highest).between(0.95, 1.1).all()


def test_five_weeks_of_days_are_scored_with_the_hours_and_add_up(utility, params, trained):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    score.score(AS_OF_DATE, utility)

    days = Warehouse(utility).arrow("from scores.demand_outlook").to_pandas()

    assert len(days) == 35 * SERIES
    assert (days["days_ahead"].min(), days["days_ahead"].max()) == (1, 35)
    assert set(days["basis"]) == {"like_day"}, "a year and a test window are needed for a season"
    assert days["reason"].str.startswith("No model forecasts the series").all()
    sums = days.pivot_table(index="local_date", columns="level", values="mean_kwh", aggfunc="sum")
    for level in ("region", "feeder", "customer_class"):
        assert sums[level].to_numpy() == pytest.approx(sums["total"].to_numpy(), rel=1e-6)


def test_the_seasons_ahead_are_scored_with_the_hours(utility, params, trained):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    score.score(AS_OF_DATE, utility)

    seasons = Warehouse(utility).arrow("from scores.season_peaks").to_pandas()

    begin = seasons["season_first_date"].astype(str)
    assert set(begin) == {"2026-09-01", "2026-12-01", "2027-03-01"}, "of July no weather is known"
    assert len(seasons) == 3 * SERIES
    winter = seasons[begin == "2026-12-01"]
    assert winter["p50_kw"].to_numpy() == pytest.approx(winter["last_year_kw"].to_numpy(), rel=0.12)
    feeder = dict(iter(seasons[seasons["level"] == "feeder"].groupby("feeder_code")))
    assert feeder["N2"]["overload_probability"].isna().all(), "nobody said what it may carry"
    assert (feeder["S1"]["overload_probability"] == 1).all(), "its limit lies below every day"
    assert (seasons["likely_first_date"] >= seasons["season_first_date"]).all()
    assert (seasons["likely_last_date"] <= seasons["season_last_date"]).all()


def test_every_customer_has_a_forecast_beside_persistence_and_its_skill(utility, params, trained):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    score.score(AS_OF_DATE, utility)

    days = Warehouse(utility).arrow("from scores.customer_usage_forecasts").to_pandas()

    assert len(days) == 35 * CUSTOMERS
    assert not days[["mean_kwh", "p10_kwh", "p50_kwh", "p90_kwh"]].isna().any(axis=None)
    by_customer = dict(iter(days.groupby("customer_id")))
    new, unknown = (by_customer.pop(f"C{number:06}") for number in (NEW_CUSTOMER, UNKNOWN_CUSTOMER))
    assert (set(new["basis"]), set(unknown["basis"])) == ({"persistence"}, {"other_customers"})
    assert new["persistence_kwh"].notna().any()
    assert unknown["persistence_kwh"].isna().all()
    assert new["skill"].isna().all()
    known = pd.concat(by_customer.values())
    assert set(known["basis"]) == {"champion"}
    skill = known.groupby("customer_id")["skill"].first()
    assert skill.mean() > 0, "little, but more than nothing"
    assert skill.max() < 0.5, "single homes are hardly predictable"


def test_forecasts_of_customers_are_not_kept_for_ever(utility, params, trained):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    warehouse = Warehouse(utility)
    warehouse.create_score_tables()
    for day in ("2026-07-01", "2026-07-14"):
        warehouse.execute(
            f"insert into scores.customer_usage_forecasts (as_of_date, customer_id) values (date '{day}', 'C000001')"
        )

    score.score(AS_OF_DATE, utility)

    found = warehouse.arrow(
        "select distinct as_of_date::varchar as day from scores.customer_usage_forecasts order by 1"
    )
    assert found["day"].to_pylist() == ["2026-07-14", AS_OF_DATE]


def test_the_champion_before_stands_in_for_one_that_is_damaged(utility, params, poor, trained):
    evaluate.promote_if_better(poor, AS_OF_DATE, params, utility)
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    champion = registry.champion("demand", utility)

    with damaged(champion, utility):
        hours = scored(utility)
        word = evaluate.quality_dropped(AS_OF_DATE, params, utility)

    assert set(hours["basis"]) == {"last_champion"}
    assert set(hours["model_version"]) == {registry.version_of_run(poor, utility)[1]} != {champion.version}
    assert hours["reason"].str.contains("the one before it stands in").all()
    assert "cannot be loaded" in word


@contextmanager
def damaged(champion: registry.Champion, utility: Settings) -> Iterator[None]:
    client = registry.client(utility)
    source = client.get_model_version("demand", champion.version).source
    folder = client.get_logged_model(source.removeprefix("models:/")).artifact_location
    (pickled,) = Path(folder.removeprefix("file://")).rglob("predictor.pkl")
    whole = pickled.read_bytes()
    pickled.write_bytes(b"nothing that was pickled")
    yield
    pickled.write_bytes(whole)


def test_like_days_stand_in_where_no_model_can_be_had(utility, params, trained, monkeypatch):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    monkeypatch.setattr(registry, "require_champion", lambda *_: 1 / 0)

    hours = scored(utility)

    assert set(hours["basis"]) == {"like_day"}
    assert set(hours["model_version"]) == {"no_model"}
    assert not hours[["mean_kwh", "p05_kwh", "p50_kwh", "p95_kwh"]].isna().any(axis=None)


def test_a_silent_feed_is_forecast_and_said(utility, params, trained):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    Warehouse(utility).execute(
        "delete from features.features_demand_loads where local_date >= date '2026-07-10' "
        "and (region_code = 'south' or local_date >= date '2026-07-12')"
    )

    hours = scored(utility)

    assert len(hours) == 8 * 24 * SERIES
    assert set(hours["basis"]) == {"without_recent_load"}
    assert set(hours["known_until_utc"]) == {pd.Timestamp("2026-07-12")}


def test_a_weather_outage_is_forecast_and_said(utility, params, trained):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    whole = scored(utility)
    Warehouse(utility).execute(
        "update features.features_demand set temperature_c = null where region_code = 'south' "
        "and valid_at_utc >= timestamp '2026-07-17'"
    )

    hours = scored(utility)

    blind = hours[hours["basis"] == "without_weather"]
    assert set(blind["region_code"]) == {"south"}
    assert blind["valid_at_utc"].min() == pd.Timestamp("2026-07-17")
    assert len(hours) == len(whole)
    assert blind["reason"].str.contains("weather").all()


def test_a_feeder_that_no_model_knows_is_forecast_by_like_days(utility, params, trained):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    for table in ("features_demand_loads", "features_demand_meters"):
        Warehouse(utility).execute(
            f"insert into features.{table} by name select * replace ('S2' as feeder_code) from features.{table} "
            "where feeder_code = 'S1' and local_date > date '2026-06-25'"
        )

    hours = scored(utility)

    new = hours[hours["feeder_code"] == "S2"]
    assert len(new) == 8 * 24
    assert set(new["basis"]) == {"like_day"}
    old = hours[hours["feeder_code"] == "S1"]
    assert new["p50_kwh"].mean() == pytest.approx(old["p50_kwh"].mean(), rel=0.2)
    sums = hours.groupby("level")["mean_kwh"].sum()
    assert sums.to_numpy() == pytest.approx(sums["total"])


def test_an_hour_without_a_forecast_writes_nothing(utility, params, trained, monkeypatch):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    whole = scored(utility)
    said = score.issued.loads
    monkeypatch.setattr(score.issued, "loads", lambda *told: said(*told).iloc[:-1])

    with pytest.raises(score.IncompleteForecastError, match="Nothing was written"):
        score.score(AS_OF_DATE, utility)

    assert len(Warehouse(utility).arrow("from scores.demand_forecasts")) == len(whole)


def test_an_alias_moved_by_hand_is_honoured_and_recorded(utility, params, trained):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    registry.client(utility).set_registered_model_alias("demand", "champion", "2")

    score.score(AS_OF_DATE, utility)

    forecasts = Warehouse(utility).arrow("select distinct model_version from scores.demand_forecasts").to_pylist()
    assert forecasts == [{"model_version": "2"}]
    promotion = ops.current_promotion("demand", utility)
    assert (promotion.version, promotion.promoted_by) == ("2", "manual")


def test_a_promotion_killed_before_its_record_is_not_taken_for_a_hand(utility, params, trained):
    client = registry.client(utility)
    client.set_model_version_tag("demand", "1", registry.PROMOTED_ON, AS_OF_DATE)
    client.set_model_version_tag("demand", "1", registry.PROMOTED_WHY, "first model")
    client.set_registered_model_alias("demand", "champion", "1")

    assert not promotions.honour_manual_promotion("demand", AS_OF_DATE, utility)

    promotion = ops.current_promotion("demand", utility)
    assert (promotion.promoted_by, promotion.reason) == ("automatic", "first model")


def test_a_day_with_too_few_known_loads_is_skipped_with_the_reason(utility):
    Warehouse(utility).execute("delete from features.features_demand_loads where local_date < date '2026-06-01'")

    assert score.score(AS_OF_DATE, utility) == 0

    skips = Warehouse(utility).arrow("from scores.model_skips").to_pylist()
    assert [skip["model"] for skip in skips] == ["demand"]
    assert "days with known loads" in skips[0]["reason"]


def test_quality_is_watched_on_published_forecasts(utility, params, trained):
    assert evaluate.quality_dropped(AS_OF_DATE, params, utility) == "no champion yet"
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    for day in ("2026-07-11", "2026-07-13"):
        score.score(day, utility)

    assert evaluate.quality_dropped("2026-07-16", params, utility) is None
    assert evaluate.quality_dropped("2026-07-22", params, utility) == "last trained 7 days ago"

    Warehouse(utility).execute("update scores.demand_forecasts set p50_kwh = 2 * p50_kwh")
    assert "WAPE of published forecasts" in evaluate.quality_dropped("2026-07-16", params, utility)
