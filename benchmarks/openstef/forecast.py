"""Forecasts with OpenSTEF 4, in an environment of its own (``make openstef``); ``benchmarks/forecasts.py`` calls it.

The rows hold what came, too. A model is fitted on what lies before a cutoff and is given the load before it; of the
time after it only holidays and, if so said, the temperature. Prints JSON: seconds of training and of forecasting, and
the most memory that this process held.
"""

import argparse
import json
import logging
import resource
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from openstef_core.datasets import TimeSeriesDataset
from openstef_core.exceptions import FlatlinerDetectedError, InsufficientlyCompleteError
from openstef_core.types import LeadTime, Q
from openstef_meta.presets import EnsembleForecastingWorkflowConfig, create_ensemble_forecasting_workflow
from openstef_models.presets import ForecastingWorkflowConfig, create_forecasting_workflow
from openstef_models.presets.forecasting_workflow import LocationConfig
from pydantic_extra_types.coordinate import Coordinate
from pydantic_extra_types.country import CountryAlpha2

CONTEXT = timedelta(days=14)
"""Load before the cutoff that a forecast sees, as in OpenSTEF's own benchmark: its longest lag."""
UNUSABLE = (FlatlinerDetectedError, InsufficientlyCompleteError)
"""What OpenSTEF's own backtest passes over, too."""
AGGREGATES = ["mean", "median", "max", "min"]


def workflow(given: argparse.Namespace, name: str) -> Any:
    """Return a preset that is not fitted yet: the ensemble of OpenSTEF's benchmark, or a single model."""
    coordinate = Coordinate(latitude=given.latitude, longitude=given.longitude)
    shared = {
        "model_id": name,
        "quantiles": [Q(level) for level in given.quantiles],
        "horizons": [LeadTime.from_string(given.lead)],
        "sample_interval": timedelta(minutes=given.minutes),
        "location": LocationConfig(name=name, coordinate=coordinate, country_code=CountryAlpha2(given.country)),
        "mlflow_storage": None,
        "rolling_aggregate_features": AGGREGATES,
    }
    if len(given.models) > 1:
        config = EnsembleForecastingWorkflowConfig(base_models=given.models, **shared)
        return create_ensemble_forecasting_workflow(config)
    return create_forecasting_workflow(ForecastingWorkflowConfig(model=given.models[0], **shared))


def dataset(rows: pd.DataFrame, given: argparse.Namespace) -> TimeSeriesDataset:
    """Return rows as OpenSTEF takes them, by the local clock, from which it makes hours, weekdays and holidays."""
    index = pd.DatetimeIndex(rows["ds"], tz="UTC").tz_convert(given.timezone).rename("timestamp")
    data = {
        "load": rows["y"].to_numpy(float),
        "temperature": rows["temperature"].to_numpy(float),
        "public_holiday": rows["holiday"].to_numpy(float),
    }
    frame = pd.DataFrame(data, index=index)
    # OpenSTEF counts on a forecast of the weather: without one, a model that learnt from temperature would miss it.
    is_usable = given.known and frame["temperature"].notna().any()
    kept = frame.columns if is_usable else frame.columns.drop("temperature")
    return TimeSeriesDataset(frame[kept], sample_interval=timedelta(minutes=given.minutes))


def history(rows: pd.DataFrame, cutoff: pd.Timestamp, given: argparse.Namespace) -> TimeSeriesDataset:
    """Return what a model is fitted on."""
    first = cutoff - timedelta(days=given.days)
    return dataset(rows[(rows["ds"] >= first) & (rows["ds"] < cutoff)], given)


def known(rows: pd.DataFrame, cutoff: pd.Timestamp, given: argparse.Namespace) -> TimeSeriesDataset:
    """Return what a forecast sees: the load before the cutoff, and the horizon without it."""
    end = cutoff + timedelta(minutes=given.steps * given.minutes)
    seen = rows[(rows["ds"] >= cutoff - CONTEXT) & (rows["ds"] < end)]
    return dataset(seen.assign(y=seen["y"].mask(seen["ds"] >= cutoff)), given)


class Clock:
    """Adds up the seconds of what is done."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, action: Any, *arguments: Any, **named: Any) -> Any:
        """Do it; what OpenSTEF cannot use is None."""
        began = time.perf_counter()
        try:
            return action(*arguments, **named)
        except UNUSABLE:
            return None
        finally:
            self.seconds += time.perf_counter() - began


def forecasts(
    name: str, rows: pd.DataFrame, given: argparse.Namespace, training: Clock, predicting: Clock
) -> Iterator[pd.DataFrame]:
    """Yield the forecast of each cutoff of one series: unique_id, cutoff, ds, a column for each quantile."""
    fitted = None
    for cutoff in given.cutoffs:
        if cutoff in given.fits:
            fresh = workflow(given, name)
            training(fresh.fit, history(rows, cutoff, given))
            fitted = fresh if fresh.model.is_fitted else fitted
        if fitted is None:
            continue
        said = predicting(fitted.predict, known(rows, cutoff, given), forecast_start=cutoff.tz_localize("UTC"))
        if said is not None:
            yield as_rows(name, cutoff, said)


def as_rows(name: str, cutoff: pd.Timestamp, said: Any) -> pd.DataFrame:
    """Return a forecast as rows, times in UTC without a zone."""
    times = said.data.index.tz_convert("UTC").tz_localize(None)
    levels = {f"q{float(level):g}": said.data[level.format()].to_numpy() for level in said.quantiles}
    found = pd.DataFrame({"unique_id": name, "cutoff": cutoff, "ds": times, **levels})
    return found[found["ds"] >= cutoff]


def arguments(texts: Sequence[str]) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="Parquet: unique_id, ds, y, temperature, holiday")
    parser.add_argument("--cutoffs", type=pd.Timestamp, nargs="+", required=True, help="first time of each forecast")
    parser.add_argument("--fits", type=pd.Timestamp, nargs="+", help="cutoffs that begin with a new fit, else all")
    parser.add_argument("--out", type=Path, required=True, help="Parquet to write")
    parser.add_argument("--steps", type=int, required=True, help="intervals to forecast")
    parser.add_argument("--minutes", type=int, default=60, help="length of an interval")
    parser.add_argument("--quantiles", type=float, nargs="+", default=[0.1, 0.5, 0.9])
    parser.add_argument("--known", action="store_true", help="the temperature of the horizon may be used")
    parser.add_argument("--timezone", default="UTC")
    parser.add_argument("--country", default="NL")
    parser.add_argument("--latitude", type=float, default=52.1, help="OpenSTEF adds daylight")
    parser.add_argument("--longitude", type=float, default=5.3)
    models = "one, or those of an ensemble: lgbm, gblinear, xgboost"
    parser.add_argument("--models", nargs="+", default=["lgbm", "gblinear"], help=models)
    parser.add_argument("--lead", default="PT36H", help="shortest age of the load that its lags use")
    parser.add_argument("--days", type=int, default=730, help="most history of a fit")
    given = parser.parse_args(texts)
    given.fits = given.fits or given.cutoffs
    return given


def main(texts: Sequence[str]) -> int:
    """Forecast every series from every cutoff."""
    given = arguments(texts)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    training, predicting = Clock(), Clock()
    rows = pd.read_parquet(given.rows)
    found = [
        frame
        for name, series in rows.groupby("unique_id")
        for frame in forecasts(str(name), series, given, training, predicting)
    ]
    empty = pd.DataFrame({"unique_id": np.empty(0, object)})
    pd.concat(found or [empty], ignore_index=True).to_parquet(given.out)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"train_seconds": training.seconds, "predict_seconds": predicting.seconds, "peak_mb": peak_mb}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
