"""Base, heating and cooling of made-up loads whose parts are known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_load import grid_of

from models.demand.grid import LoadGrid
from models.demand.weather import trailing_mean
from models.demand.weather_sensitivity import last_days, peak_intervals, weather_sensitive_parts

DAYS = 395
HEATS_BELOW, COOLS_ABOVE = 14.0, 22.0


def temperature(seed: int, minutes: int = 60) -> np.ndarray:
    """Seasons, fronts that pass in days, and warm afternoons, (times,)."""
    steps = 1440 // minutes
    day, draw = np.arange(DAYS * steps) / steps, np.random.default_rng(seed)
    front = np.interp(day, np.arange(0, DAYS + 4, 2), draw.normal(0, 4, DAYS // 2 + 3))
    return 11 - 11 * np.cos(2 * np.pi * (day - 20) / 365) + front - 4 * np.cos(2 * np.pi * (day - 0.125))


def house(
    seed: int = 1,
    heat: float = 0.1,
    cool: float = 0.15,
    noise: float = 0.1,
    season: float = 0.0,
    memory: int = 1,
    minutes: int = 60,
) -> tuple[LoadGrid, np.ndarray]:
    """A year and a month of one series, and its base, heating and cooling, (3, times).

    ``season`` is how much higher the base is in winter for want of light; ``memory`` the hours that a house remembers.
    """
    celsius = temperature(seed, minutes)
    felt, hour = trailing_mean(celsius, memory * 60 // minutes), np.arange(len(celsius)) * minutes / 60
    base = 1 + 0.3 * np.sin(2 * np.pi * (hour - 9) / 24) + 0.2 * (hour // 24 % 7 < 5)
    base = base * (1 + season * np.cos(2 * np.pi * (hour / 24 - 10) / 365))
    parts = np.stack([base, heat * np.maximum(HEATS_BELOW - felt, 0), cool * np.maximum(felt - COOLS_ABOVE, 0)])
    wild = 1 + noise * np.random.default_rng(seed).normal(0, 1, len(celsius))
    grid = grid_of(parts.sum(0) * wild, minutes=minutes)
    return replace(grid, temperature_c=celsius[None, None]), parts


def side_by_side(*grids: LoadGrid) -> LoadGrid:
    return replace(
        grids[0],
        unique_ids=np.array([f"s{number}" for number in range(len(grids))]),
        load=np.concatenate([grid.load for grid in grids]),
        temperature_c=np.concatenate([grid.temperature_c for grid in grids], axis=1),
        is_holiday=np.concatenate([grid.is_holiday for grid in grids]),
    )


def shares_of(grid: LoadGrid) -> np.ndarray:
    """Shares of base, heating and cooling, (series, 3)."""
    return weather_sensitive_parts(grid).shares(np.ones(grid.load.shape[1], dtype=np.bool_)).to_numpy()


def known_shares(parts: np.ndarray) -> np.ndarray:
    return parts.sum(1) / parts.sum()


@pytest.mark.parametrize("minutes", [60, 30])
@pytest.mark.parametrize("memory", [1, 24])
@pytest.mark.parametrize("season", [0.0, 0.2])
def test_parts_are_found_whatever_the_season_of_the_base_and_the_memory(
    season: float, memory: int, minutes: int
) -> None:
    grid, parts = house(season=season, memory=memory, minutes=minutes)

    found = weather_sensitive_parts(grid)

    np.testing.assert_allclose(shares_of(grid)[0], known_shares(parts), atol=0.015)
    assert found.heating_balance_c[0] == pytest.approx(HEATS_BELOW, abs=1)
    assert found.cooling_balance_c[0] == pytest.approx(COOLS_ABOVE, abs=1)
    assert np.corrcoef(found.heating[0], parts[1])[0, 1] > 0.99


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 1000),
    heat=st.sampled_from([0.0, 0.01, 0.3]),
    cool=st.sampled_from([0.0, 0.02, 0.5]),
    noise=st.sampled_from([0.0, 0.1, 0.8]),
    unit=st.sampled_from([1e-3, 7.0, 1e6]),
)
def test_parts_are_never_negative_add_up_to_the_load_and_scale_with_its_unit(
    seed: int, heat: float, cool: float, noise: float, unit: float
) -> None:
    grid, _ = house(seed, heat, cool, noise)

    found, scaled = weather_sensitive_parts(grid), weather_sensitive_parts(replace(grid, load=grid.load * unit))

    stacked = np.stack([found.base, found.heating, found.cooling])
    assert (stacked >= 0).all()
    np.testing.assert_allclose(stacked.sum(0), found.expected)
    assert found.expected.sum() == pytest.approx(grid.load.sum(), rel=1e-6)
    np.testing.assert_allclose(
        np.stack([scaled.base, scaled.heating, scaled.cooling]), stacked * unit, rtol=1e-6, atol=1e-6 * unit
    )
    shares = found.shares(last_days(grid, 30))
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_series_without_weather_effect_have_no_shares() -> None:
    noises = (0.0, 0.1, 0.5, 1.0)
    grid = side_by_side(*(house(seed, 0, 0, noise, season=0.2)[0] for seed, noise in enumerate(noises)))

    found = weather_sensitive_parts(grid)

    assert found.is_known.all()
    np.testing.assert_allclose(shares_of(grid), [[1, 0, 0]] * len(noises), atol=0.01)


def test_a_weak_effect_in_a_wild_load_is_not_blown_up() -> None:
    """A slope for each time of day that may not be negative would find twice the heating that is there."""
    grids, parts = zip(*(house(seed, 0.03, 0, 1.0) for seed in range(8)), strict=True)

    found = shares_of(side_by_side(*grids))

    assert np.mean(found[:, 1]) == pytest.approx(np.mean([known_shares(part)[1] for part in parts]), abs=0.03)


def test_a_part_without_evidence_has_no_balance_point() -> None:
    found = weather_sensitive_parts(side_by_side(house(heat=0)[0], house(cool=0)[0]))

    assert np.isnan(found.heating_balance_c).tolist() == [True, False]
    assert np.isnan(found.cooling_balance_c).tolist() == [False, True]
    assert not found.heating[0].any()
    assert not found.cooling[1].any()


def test_heating_by_night_is_put_into_the_night() -> None:
    grid, parts = house(heat=0, cool=0)
    hour = np.arange(grid.load.shape[1]) % 24
    by_night = 0.2 * np.maximum(HEATS_BELOW - grid.temperature_c[0, 0], 0) * (hour < 6)

    found = weather_sensitive_parts(replace(grid, load=grid.load + by_night))

    assert found.heating[0][hour < 6].sum() / by_night.sum() == pytest.approx(1, abs=0.05)
    assert found.heating[0][hour >= 6].sum() < 0.03 * by_night.sum()
    assert parts[1].sum() == 0


def test_series_of_which_too_little_is_known_are_named_and_leave_the_others_alone() -> None:
    good, cold, young, silent = (house(seed)[0] for seed in range(4))
    cold = replace(cold, temperature_c=np.full_like(cold.temperature_c, np.nan))
    young = replace(young, load=np.where(np.arange(DAYS * 24) < 200 * 24, np.nan, young.load))
    silent = replace(silent, load=np.full_like(silent.load, np.nan))

    found = weather_sensitive_parts(side_by_side(good, cold, young, silent))

    assert found.is_known.tolist() == [True, False, False, False]
    alone = weather_sensitive_parts(good)
    np.testing.assert_allclose(found.heating[0], alone.heating[0])
    assert np.isnan(found.expected[1:]).all()
    shares = found.shares(last_days(good))
    assert shares.loc["s1":].isna().all(axis=None)
    assert shares.loc["s0"].notna().all()


def test_without_any_station_nothing_is_known() -> None:
    found = weather_sensitive_parts(grid_of(np.ones(DAYS * 24)))

    assert not found.is_known.any()
    assert np.isnan(found.base).all()


def test_intervals_without_temperature_have_no_parts_and_do_not_count() -> None:
    grid, _ = house()
    temperature_c = grid.temperature_c.copy()
    temperature_c[:, :, -48:-40] = np.nan

    found = weather_sensitive_parts(replace(grid, temperature_c=temperature_c))

    assert np.flatnonzero(np.isnan(found.expected[0])).tolist() == list(range(DAYS * 24 - 48, DAYS * 24 - 40))
    assert found.shares(last_days(grid, 2)).notna().all(axis=None)


def test_a_series_that_stands_still_is_all_base() -> None:
    grid, _ = house()

    found = weather_sensitive_parts(side_by_side(*(replace(grid, load=np.full_like(grid.load, kwh)) for kwh in (0, 3))))

    assert found.is_known.all()
    np.testing.assert_allclose(found.base, np.repeat([[0.0], [3.0]], DAYS * 24, axis=1), atol=1e-9)
    assert found.shares(last_days(grid)).loc["s0"].isna().all(), "nothing is expected, so there is nothing to share"


def test_months_without_load_are_bridged_at_the_level_beside_them() -> None:
    grid, parts = house(season=0.2)
    gap = slice(150 * 24, 200 * 24)
    load = grid.load.copy()
    load[:, gap] = np.nan

    found = weather_sensitive_parts(replace(grid, load=load))

    assert found.base[0, gap].mean() == pytest.approx(parts[0, gap].mean(), rel=0.1)


def test_peaks_are_the_highest_known_intervals_within() -> None:
    load = np.array([[1, 9, np.nan, 5, 7, 2.0], [np.nan, np.nan, np.nan, 1, 2, 3.0]])
    grid = grid_of(load, ids="ab")

    chosen = peak_intervals(grid, 2, np.array([True, False, True, True, True, True]))

    assert [np.flatnonzero(row).tolist() for row in chosen] == [[3, 4], [4, 5]]
    assert peak_intervals(grid, 4, np.ones(6, dtype=np.bool_))[1].sum() == 3
    assert last_days(grid_of(np.ones(72)), 2).sum() == 48
