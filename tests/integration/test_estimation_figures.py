"""The estimates of hidden true reads beside plain methods; ``make bench-estimation`` writes the same into the docs."""

import pandas as pd
import pytest

from benchmarks.estimation import ALL, Reads, is_here, measure

pytestmark = [pytest.mark.figures, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("reads", [pytest.param(reads, id=reads.name) for reads in ALL])
def test_estimates_beat_plain_methods_at_every_length_over_an_hour(reads: Reads) -> None:
    if not is_here(reads):
        pytest.skip(f"The reads {reads.path} are not on this machine.")
    found: pd.DataFrame = measure(reads)

    longer = found[found["gap_minutes"] > 60]
    assert list(longer["gap_minutes"]) == [360, 1440, 10080]
    assert (longer["gaps"] >= 20).all()
    assert (longer["estimated_kwh"] < longer["linear_kwh"]).all()
    assert (longer["estimated_kwh"] < longer["last_week_kwh"]).all()
