"""The planted utility as fixtures."""

import pytest
from planted_churn import GRID, PlantedUtility, plant

from meterwise.settings import Settings


@pytest.fixture
def planted(settings: Settings) -> PlantedUtility:
    """300 customers with a history of 32 steps."""
    return plant(settings, 300, GRID)


@pytest.fixture(scope="module")
def planted_once(tmp_path_factory: pytest.TempPathFactory) -> PlantedUtility:
    """1,000 customers for tests that only read."""
    return plant(Settings(home=tmp_path_factory.mktemp("planted")), 1000, GRID)
