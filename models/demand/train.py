"""Fits the demand model, records the run and registers the version. Whether it becomes champion is in ``evaluate``."""

import logging

import pandas as pd

from meterwise import registry
from meterwise.outcomes import NothingToDoError
from meterwise.settings import Settings, get_settings
from models.demand import plots
from models.demand.dataset import INPUTS, MODEL, Split, Windows, labelled_rows, skip_reason, split
from models.demand.evaluate import forecast_metrics
from models.demand.forecaster import DemandForecaster
from models.demand.params import DemandParams
from models.demand.registered import RegisteredDemand

log = logging.getLogger(__name__)

CARD = """# Demand forecast

Hourly load (kWh) of each region for the next {horizon} local days, as P10, P50 and P90, from weather forecast, calendar
and loads of earlier weeks. A ridge regression that is linear in temperature, corrected by LightGBM; the band is
calibrated (conformal) on the {calibration} issue days before the test.

| test window {first} to {last} | model | naive (same hour last week) |
|---|---|---|
| WAPE, all hours | {wape:.1%} | {wape_naive:.1%} |
| WAPE, day ahead | {wape_day_ahead:.1%} | {wape_naive_day_ahead:.1%} |
| WAPE, week ahead | {wape_week_ahead:.1%} | {wape_naive_week_ahead:.1%} |
| WAPE at daily peaks | {wape_peak:.1%} | {wape_naive_peak:.1%} |
| share inside P10 to P90 | {coverage_80:.1%} | |

Known as of {as_of_date}. Figures are of the model fitted before the test window; the forecaster is fitted again on all
days. Weather is the forecast that was issued by then. Not meant for single customers, nor beyond {horizon} days.
"""


class TooLittleHistoryError(NothingToDoError):
    """Fewer issue days with known loads than a model can learn from."""


def train_model(as_of_date: str, params: DemandParams | None = None, settings: Settings | None = None) -> str:
    """Fit on what was known at the end of ``as_of_date``; returns the MLflow run.

    The warehouse is free while the model is fitted. The same data and parameters give the run that is already there.

    Raises:
        TooLittleHistoryError: There is nothing to learn from yet; ``skip_reason`` says the same.
    """
    params, settings = params or DemandParams(), settings or get_settings()
    reason = skip_reason(as_of_date, params, settings)
    if reason:
        raise TooLittleHistoryError(reason)
    rows = labelled_rows(as_of_date, params, settings)
    windows = split(rows, as_of_date, params)
    fingerprint = registry.fingerprint(MODEL, as_of_date, params, rows)
    known = registry.trained(MODEL, fingerprint, settings)
    if known:
        return known
    model = fit(windows, params, settings.threads)
    return _record(model, windows, rows, as_of_date, fingerprint, params, settings)


def fit(windows: Split, params: DemandParams, threads: int) -> RegisteredDemand:
    """Fit once before the test window, to be judged on it, and once on everything, to forecast with."""
    judged = DemandForecaster.fit(windows.train, params, threads)
    judged.calibrate(windows.calibration)
    latest = DemandForecaster.fit(windows.everything, params, threads).with_band_of(judged)
    return RegisteredDemand(latest=latest, judged=judged)


def _record(
    model: RegisteredDemand,
    windows: Split,
    rows: pd.DataFrame,
    as_of_date: str,
    fingerprint: str,
    params: DemandParams,
    settings: Settings,
) -> str:
    planned = Windows.of(as_of_date, params)
    name = f"{rows['local_date'].min():%Y-%m-%d} to {rows['local_date'].max():%Y-%m-%d}"
    forecast = model.judged.predict(windows.test)
    metrics = forecast_metrics(windows.test, forecast)
    with registry.run(MODEL, name, as_of_date, fingerprint, settings) as run:
        run.log_params(params.model_dump() | vars(planned) | {"rows": len(rows), "threads": settings.threads})
        run.log_metrics(metrics)
        run.log_dataset(rows, "features_demand with region_load_hourly")
        for plot, figure in plots.figures(windows.test, forecast, model.latest.feature_gain()).items():
            run.log_figure(plot, figure)
        card = CARD.format(
            horizon=params.horizon_days,
            calibration=params.calibration_days,
            first=planned.test_first,
            last=planned.test_last,
            as_of_date=as_of_date,
            **metrics,
        )
        version = run.log_model(model, windows.test[INPUTS].head(5), card)
    log.info("Trained demand version %s: WAPE %.3f, naive %.3f", version, metrics["wape"], metrics["wape_naive"])
    return run.run_id
