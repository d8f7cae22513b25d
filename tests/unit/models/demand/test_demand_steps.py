"""A utility that is forecast by the quarter-hour: the same verbs, whole weeks, power where power is meant."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import make_up
from made_up_utility import AS_OF_DATE, CUSTOMERS, SERIES

from meterwise import ops, registry
from meterwise.registry import RegisteredModel
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse
from models.demand import dataset, evaluate, issued, outlook, peaks, score, train
from models.demand.levels import KEY
from models.demand.loads import OtherStepError, highest_of_days
from models.demand.registered import Forecasters

QUARTERS_OF_A_WEEK = 7 * 96
HOUR_KEY = ["level", "region_code", "feeder_code", "customer_class"]
BERLIN = "utility: {name: Made up, timezone: Europe/Berlin, country: DE, currency: EUR}\nsources: {}\n"


@pytest.fixture(scope="module")
def _trained(empty_mlflow_store, small_params, tmp_path_factory) -> tuple[Settings, str]:
    settings = Settings(home=tmp_path_factory.mktemp("quarters"), forecast_step_minutes=15)
    make_up(settings)
    shutil.copy(empty_mlflow_store, settings.home_path / "mlflow.db")
    return settings, train.train_model(AS_OF_DATE, small_params, settings)


@pytest.fixture
def utility(_trained, database: Settings) -> Settings:
    """The made-up utility by quarter-hours with one trained version and no champion."""
    home = database.home_path
    home.mkdir(parents=True, exist_ok=True)
    for file in (_trained[0].warehouse_path, _trained[0].home_path / "mlflow.db"):
        shutil.copy(file, home / file.name)
    return database.model_copy(update={"forecast_step_minutes": 15})


@pytest.fixture
def trained(_trained) -> str:
    return _trained[1]


@pytest.fixture
def scored(utility, params, trained) -> Settings:
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    score.score(AS_OF_DATE, utility)
    return utility


def test_training_by_quarter_hours_is_as_good_as_by_hours(utility, trained):
    run = registry.client(utility).get_run(trained)

    assert run.data.params["interval_minutes"] == "15"
    assert run.data.metrics["wape"] < 0.5 * run.data.metrics["wape_naive"]
    assert 0.7 < run.data.metrics["coverage_80"] < 0.95


def test_a_week_of_quarter_hours_is_whole_and_adds_up(scored):
    rows = Warehouse(scored).arrow("from scores.demand_forecasts").to_pandas()

    assert len(rows) == 8 * 96 * SERIES, "the day itself, not measured yet, and seven more"
    assert (set(rows["interval_minutes"]), set(rows["basis"])) == ({15}, {"champion"})
    week = rows[rows["horizon_hours"] > 0]
    assert (week.groupby(HOUR_KEY)["valid_at_utc"].nunique() == QUARTERS_OF_A_WEEK).all()
    assert (week.groupby([*HOUR_KEY, "horizon_hours"]).size() == 4).all(), "the quarters of an hour share its number"
    assert (week["horizon_hours"].min(), week["horizon_hours"].max()) == (1, 168)
    sums = rows.pivot_table(index="valid_at_utc", columns="level", values="mean_kwh", aggfunc="sum")
    for level in ("region", "feeder", "customer_class"):
        pd.testing.assert_series_equal(sums[level], sums["total"], rtol=1e-6, check_names=False)


def test_quarter_hours_sum_to_the_energy_of_their_days(scored):
    rows = Warehouse(scored).arrow(
        "select valid_at_utc::date as local_date, sum(mean_kwh) as kwh from scores.demand_forecasts "
        "where level = 'total' and horizon_hours > 0 group by local_date order by local_date"
    )
    days = Warehouse(scored).arrow(
        "select mean_kwh from scores.demand_outlook where level = 'total' and days_ahead <= 7 order by local_date"
    )

    assert rows["kwh"].to_numpy() == pytest.approx(days["mean_kwh"].to_numpy(), rel=0.25), "two models, one unit"


def test_peaks_of_quarter_hours_are_held_against_limits_in_kw(scored):
    days = Warehouse(scored).arrow("from scores.demand_peaks").to_pandas()

    assert set(days["interval_minutes"]) == {15}
    south = days[days["feeder_code"] == "S1"]
    assert (south["overload_probability"] == 1).all(), "its limit of 100 kW lies below every day"
    expected = south["mean_kwh"] * 4 - south["limit_kw"]
    assert south["expected_overload_kw"].to_numpy() == pytest.approx(expected.to_numpy(), rel=0.02)
    assert (days[days["feeder_code"] == "N1"]["overload_probability"] < 1).any()


def test_customers_and_days_are_what_they_are_by_the_hour(scored):
    warehouse = Warehouse(scored)

    assert len(warehouse.arrow("from scores.demand_outlook")) == 35 * SERIES
    assert len(warehouse.arrow("from scores.customer_usage_forecasts")) == 35 * CUSTOMERS


@pytest.mark.parametrize(
    ("day", "changed", "intervals"), [("2026-03-27", "2026-03-29", 92), ("2025-10-24", "2025-10-26", 100)]
)
def test_days_on_which_the_clock_is_changed_are_whole(tmp_path: Path, day: str, changed: str, intervals: int) -> None:
    (tmp_path / "sources.yml").write_text(BERLIN, encoding="utf-8")
    settings = Settings(home=tmp_path / "home", sources_file=tmp_path / "sources.yml", forecast_step_minutes=15)
    make_up(settings, "Europe/Berlin")
    demand = dataset.known(day, settings=settings)
    days = dataset.by_day(demand, 35, settings)
    no_model, no_days = (Forecasters.none(one.tomorrow - one.cutoff) for one in (demand, days))

    rows = issued.loads(demand, no_model)
    against = peaks.records(highest_of_days(demand.as_of_date, 365, settings), demand.as_of_date)
    limits = peaks.limits(demand.as_of_date, settings)
    highest = peaks.highest(demand, no_model, rows, against.merge(limits, how="left", on=KEY))
    energy = outlook.ahead(days, no_days)

    of_day = rows[rows["local_date"] == changed]
    assert len(of_day) == intervals * SERIES
    assert of_day["valid_at_utc"].nunique() == intervals
    assert not of_day[["mean_kwh", "p05_kwh", "p50_kwh", "p95_kwh"]].isna().any(axis=None)
    assert set(highest.loc[highest["local_date"] == changed, "peak_at_utc"]) <= set(of_day["valid_at_utc"])
    assert len(energy[energy["local_date"] == changed]) == SERIES
    ahead = rows[rows["local_date"] > day]
    assert len(ahead) == (7 * 96 + intervals - 96) * SERIES
    assert (ahead["horizon_hours"].min(), ahead["horizon_hours"].max()) == (1, 7 * 24 + intervals // 4 - 24)


def test_the_weather_of_an_hour_is_that_of_its_quarters(utility, params):
    demand = dataset.known(AS_OF_DATE, params, utility)
    grid = demand.grid

    degrees = grid.temperature_c[0].reshape(len(grid.load), -1, 4)
    np.testing.assert_array_equal(degrees, degrees[..., :1].repeat(4, axis=-1))
    assert np.ptp(degrees[:, -1000:, 0], axis=1).min() > 10, "and it does change"
    said = grid.issued_weather
    column = int(np.flatnonzero(grid.times_utc == np.datetime64("2026-06-01"))[0])
    then = said.temperature_c[list(said.cutoffs).index(column), said.place[0]]
    wanted = Warehouse(utility).arrow(
        "select temperature_c from features.features_demand where as_of_date = date '2026-06-01' "
        "and region_code = 'north' order by valid_at_utc"
    )
    np.testing.assert_allclose(then, wanted["temperature_c"].to_numpy()[-len(then) // 4 :].repeat(4))


def test_a_forecast_begins_in_the_middle_of_an_hour(utility, params):
    Warehouse(utility).execute(
        "insert into features.features_demand_loads by name select * replace "
        "(interval_start_utc + interval 1 day as interval_start_utc, local_date + 1 as local_date) "
        "from features.features_demand_loads where interval_start_utc >= timestamp '2026-07-14' "
        "and interval_start_utc < timestamp '2026-07-14 10:30'"
    )
    Warehouse(utility).execute(
        "delete from features.features_demand_loads where local_date = date '2026-07-15' "
        "and interval_start_utc >= timestamp '2026-07-15 10:30'"
    )
    Warehouse(utility).execute(
        "update features.features_demand_loads set known_on = least(known_on, date '2026-07-15')"
    )
    Warehouse(utility).execute(
        "insert into features.features_demand_meters select region_code, feeder_code, customer_class, "
        "date '2026-07-15', date '2026-07-15', 10, 10 from features.features_demand_meters "
        "where local_date = date '2026-07-14'"
    )

    demand = dataset.known(AS_OF_DATE, params, utility)

    assert demand.grid.times_utc[demand.cutoff] == np.datetime64("2026-07-15T10:30")
    weather = demand.grid.issued_weather
    last = weather.temperature_c[-1, weather.place[0]]
    np.testing.assert_array_equal(last, demand.grid.temperature_c[0, 0, demand.cutoff :])
    rows = issued.loads(demand, Forecasters.none(demand.tomorrow - demand.cutoff))
    assert rows["valid_at_utc"].min() == pd.Timestamp("2026-07-15 10:30")
    assert rows.loc[rows["valid_at_utc"] == "2026-07-15 23:45", "horizon_hours"].max() == 0


def test_loads_by_another_step_are_refused_with_what_to_do(utility, params):
    by_hour = utility.model_copy(update={"forecast_step_minutes": 60})

    with pytest.raises(OtherStepError, match=r"loads by 15 minutes.* asks for 60\. Run the DAG build_warehouse"):
        train.train_model(AS_OF_DATE, params, by_hour)
    with pytest.raises(OtherStepError):
        score.score(AS_OF_DATE, by_hour)


def test_a_champion_of_another_step_is_no_rival_and_forecasts_nothing(utility, params, trained, monkeypatch):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    champion = registry.champion("demand", utility)
    by_hour = RegisteredModel("demand", "7", "", "", object(), {})  # stored before there was a choice
    monkeypatch.setattr(registry, "require_champion", lambda *_: _of_an_hour(champion))

    score.score(AS_OF_DATE, utility)
    word = evaluate.quality_dropped(AS_OF_DATE, params, utility)

    found = Warehouse(utility).arrow("select distinct basis, model_version from scores.demand_forecasts").to_pylist()
    assert found == [{"basis": "like_day", "model_version": "no_model"}]
    assert "forecasts by 60 minutes, METERWISE_FORECAST_STEP_MINUTES asks for 15" in word
    assert "by 60 minutes" in evaluate.other_step(by_hour, utility)


def _of_an_hour(champion: registry.Champion) -> registry.Champion:
    old = object.__new__(type(champion.predictor))
    old.__dict__.update({name: value for name, value in vars(champion.predictor).items() if name != "minutes"})
    fields = {**vars(champion), "predictor": old, "version": "0"}
    return registry.Champion(**fields)


def test_the_first_version_of_another_step_takes_over(utility, params, trained, monkeypatch):
    evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)
    champion = registry.champion("demand", utility)
    monkeypatch.setattr(registry, "require_champion", lambda *_: _of_an_hour(champion))

    assert evaluate.promote_if_better(trained, AS_OF_DATE, params, utility)

    verdict = registry.client(utility).get_run(trained).data.tags[registry.VERDICT]
    assert verdict.startswith("Version 0 of demand forecasts by 60 minutes")
    assert ops.current_promotion("demand", utility).version == "1"


@pytest.mark.parametrize(("share", "word"), [(0.4, None), (0.6, "60% of what was measured is of reads longer than 15")])
def test_a_load_that_is_mostly_spread_is_not_forecast(utility, params, caplog, share: float, word: str | None) -> None:
    Warehouse(utility).execute(f"update features.features_demand_loads set spread_minutes = {share} * measured_minutes")

    reason = dataset.skip_reason(AS_OF_DATE, params, utility)

    if word is None:
        assert reason is None
        assert "40% of what was measured is of reads longer than 15 minutes" in caplog.text
    else:
        assert word in reason
        assert "METERWISE_FORECAST_STEP_MINUTES" in reason
