"""Parameters that the newest search found. The search itself is in ``search``."""

from dataclasses import dataclass

from meterwise import registry
from meterwise.settings import Settings
from models.demand.forecast_params import ForecastParams
from models.demand.params import DemandParams

SEARCHES = "demand_search"
"""Experiment in MLflow that searches are recorded in."""


@dataclass(frozen=True)
class Searched:
    """Parameters to train with.

    Attributes:
        params: Found by a search, given, or the defaults.
        searched_by: The search's MLflow run; ``given`` or ``none`` where no search is asked or there.
    """

    params: DemandParams
    searched_by: str


def newest_search(as_of_date: str, settings: Settings) -> Searched:
    """Return what the newest search found that was made as of ``as_of_date`` or an earlier day.

    The test window of a day lies behind all that an earlier day's search, or its own, has looked at. What a search did
    not search is as it is by default today.
    """
    search = registry.newest_run(SEARCHES, as_of_date, settings)
    if search is None:
        return Searched(DemandParams(), "none")
    found = {name: value for name, value in search.params.items() if name in ForecastParams.model_fields}
    return Searched(DemandParams(forecast=ForecastParams.model_validate(found)), search.run_id)
