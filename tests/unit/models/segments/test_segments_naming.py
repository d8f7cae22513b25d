"""A name is what a person would say of the curve."""

import numpy as np
import pytest
from planted_shapes import SHAPES, bump

from models.segments.naming import name_of

GOLDEN = [
    pytest.param(np.ones(24), "flat", id="flat"),
    pytest.param(1 + 0.15 * np.sin(np.arange(24)), "flat", id="nearly-flat"),
    pytest.param(0.8 + bump(19, 3, 0.8), "evening peak", id="mild-evening"),
    pytest.param(0.5 + bump(19, 2, 3.0), "strong evening peak", id="strong-evening"),
    pytest.param(0.6 + bump(21, 2.5, 1.6), "late evening peak", id="charging-after-work"),
    pytest.param(0.5 + bump(7, 1.5, 1.2) + bump(19, 2, 1.2), "morning and evening", id="two-peaks"),
    pytest.param(0.5 + bump(7, 1.5, 1.2) + bump(20, 2, 1.9), "morning and evening", id="uneven-two-peaks"),
    pytest.param(0.3 + bump(12, 4.5, 1.5), "office hours", id="office"),
    pytest.param(0.7 + bump(12.5, 5, 0.8), "office hours", id="mild-office"),
    pytest.param(0.4 + bump(1, 3, 2.5), "night", id="night-storage"),
    pytest.param(0.6 + bump(23, 2.5, 1.6), "night", id="charging-at-night"),
    pytest.param(0.9 + bump(12, 1.5, 0.7), "midday peak", id="midday"),
    pytest.param(0.9 + bump(15, 2, 0.8) + bump(18, 2, 0.4), "afternoon peak", id="air-conditioning"),
    pytest.param(0.8 + bump(7, 2, 0.8), "morning peak", id="morning"),
]


@pytest.mark.parametrize(("profile", "name"), GOLDEN)
def test_golden_shapes(profile: np.ndarray, name: str) -> None:
    assert name_of(profile) == name
    assert name_of(profile * 7.5) == name, "the level does not matter"


@pytest.mark.parametrize(("profile", "name"), GOLDEN)
def test_a_little_noise_keeps_the_name(profile: np.ndarray, name: str) -> None:
    draw = np.random.default_rng(4)

    kept = [name_of(profile * draw.lognormal(0, 0.01, 24)) == name for _ in range(20)]

    assert np.mean(kept) == 1.0


def test_the_planted_shapes_have_names_of_their_own() -> None:
    assert {name: name_of(shape) for name, shape in SHAPES.items()} == {name: name for name in SHAPES}
