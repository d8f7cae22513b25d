"""What is registered in MLflow for demand: the forecaster, and its twin that the test window is judged by."""

from dataclasses import dataclass

import pandas as pd

from models.demand.forecaster import DemandForecaster


@dataclass(frozen=True)
class RegisteredDemand:
    """The forecaster that scores, with everything that it needs.

    Attributes:
        latest: Fitted on all days that were known; this one forecasts.
        judged: The same parameters fitted before the test window, so that a later comparison of champion and challenger
            on one window is fair to both: neither twin has seen it.
    """

    latest: DemandForecaster
    judged: DemandForecaster

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return p10_kwh, p50_kwh and p90_kwh for each row of features."""
        return self.latest.predict(frame)
