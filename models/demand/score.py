"""Forecasts one issue day with the champion, or with what stands in for it. Never fits anything."""

import logging
from datetime import date

import pandas as pd
import pyarrow as pa

from meterwise import ops, promotions, registry
from meterwise.registry import NoChampionError
from meterwise.settings import Settings, get_settings
from meterwise.skips import record_skip
from meterwise.warehouse import Warehouse
from models.demand import issued, peaks
from models.demand.dataset import MODEL, Demand, known, skip_reason
from models.demand.ladder import MODEL as BY_MODEL
from models.demand.registered import Forecasters, RegisteredDemand, quantile_columns

log = logging.getLogger(__name__)

TABLE = "scores.demand_forecasts"
LOOKED_BACK_DAYS = 75
"""Enough for every lag of a forecast, a feed that has been silent for two weeks included."""
CHAMPION, LAST_CHAMPION, NO_MODEL = "champion", "last_champion", "no_model"
REASONS = {
    CHAMPION: "",
    LAST_CHAMPION: "The champion cannot be used; the one before it stands in.",
    "without_recent_load": "No read of the last day before is known.",
    "without_weather": "No weather forecast is known for the hour.",
    "like_day": "No model knows the series: the median of the same hour on the last four like days.",
    "last_week": "No model knows the series, and of like days one alone is known.",
    "last_known": "No like day is known: the last load that is.",
    "other_series": "Nothing is known of the series: the mean of the others.",
    "usual_level": "Nothing is known of the series: its usual level.",
}
"""Why a forecast stands on a rung of the ladder; the champion needs no reason."""
SCHEMA = pa.schema(
    [
        ("as_of_date", pa.date32()),
        ("level", pa.string()),
        ("region_code", pa.string()),
        ("feeder_code", pa.string()),
        ("customer_class", pa.string()),
        ("valid_at_utc", pa.timestamp("us")),
        ("horizon_hours", pa.int32()),
        ("mean_kwh", pa.float64()),
        *((name, pa.float64()) for name in quantile_columns()),
        ("naive_kwh", pa.float64()),
        ("basis", pa.string()),
        ("reason", pa.string()),
        ("known_until_utc", pa.timestamp("us")),
        ("model_version", pa.string()),
    ]
)


class IncompleteForecastError(RuntimeError):
    """A forecast is missing for some hour; nothing of the day was written."""


def score(as_of_date: str, settings: Settings | None = None) -> int:
    """Write the forecasts of one issue day to ``scores.demand_forecasts`` and ``scores.demand_peaks``.

    Where the champion cannot be loaded or fails, the champion before it stands in, and below that like days; each row
    says so. A day without known loads is skipped with the reason in ``scores.model_skips``.

    Returns:
        Rows of ``scores.demand_forecasts``.

    Raises:
        NoChampionError: No version holds the alias ``champion``.
        IncompleteForecastError: An hour would be without a forecast.
    """
    settings, day = settings or get_settings(), date.fromisoformat(as_of_date)
    reason = skip_reason(as_of_date, settings=settings)
    loads, highest = SCHEMA.empty_table(), peaks.SCHEMA.empty_table()
    if reason is None:
        demand = known(as_of_date, settings=settings, days=LOOKED_BACK_DAYS)
        loads, highest = forecast(demand, as_of_date, settings)
    else:
        log.warning(reason)
    warehouse = Warehouse(settings)
    warehouse.replace_partition(peaks.TABLE, highest, {"as_of_date": day})
    warehouse.replace_partition(TABLE, loads, {"as_of_date": day})
    record_skip(MODEL, day, reason, settings)
    return loads.num_rows


def forecast(demand: Demand, as_of_date: str, settings: Settings) -> tuple[pa.Table, pa.Table]:
    """Return hours and daily maxima by the best model that can be used.

    Raises:
        NoChampionError: There has never been one.
        IncompleteForecastError: An hour would be without a forecast.
    """
    against = peaks.bounds(demand, settings)
    for rung in (CHAMPION, LAST_CHAMPION):
        try:
            version, model = _champion(rung, as_of_date, settings)
            return _tables(demand, against, model.latest, rung, version)
        except (NoChampionError, registry.RegistryDownError, registry.RegistryRefusedError):
            if rung == CHAMPION:
                raise
        except Exception:  # whatever a model dies of, the day gets a forecast and the log the reason
            log.exception("The %s of demand cannot forecast %s; the next rung stands in.", rung, as_of_date)
    return _tables(demand, against, Forecasters.none(demand.tomorrow - demand.cutoff), NO_MODEL, None)


def _champion(rung: str, as_of_date: str, settings: Settings) -> tuple[str, RegisteredDemand]:
    if rung == CHAMPION:
        found: registry.RegisteredModel = promotions.champion_to_score(MODEL, as_of_date, settings)
    else:
        before = ops.promotion_before(MODEL, settings=settings)
        if before is None:
            raise NoChampionError(f"There was no champion of {MODEL} before the present one.")
        found = registry.load(MODEL, before.version, settings)
    if not isinstance(found.predictor, RegisteredDemand):
        raise TypeError(f"Version {found.version} of {MODEL} is of an older kind; train it again.")
    return found.version, found.predictor


def _tables(
    demand: Demand, against: pd.DataFrame, forecasters: Forecasters, rung: str, version: str | None
) -> tuple[pa.Table, pa.Table]:
    found = {"model_version": version or NO_MODEL}
    hours = issued.loads(demand, forecasters)
    hours = hours[hours["local_date"] >= pd.Timestamp(demand.as_of_date)]
    days = peaks.highest(demand, forecasters, against)
    tables = [_explained(frame, rung).assign(**found) for frame in (hours, days)]
    _check_complete(demand, tables[0])
    return _arrow(tables[0], SCHEMA), _arrow(tables[1], peaks.SCHEMA)


def _explained(frame: pd.DataFrame, rung: str) -> pd.DataFrame:
    basis = frame["basis"].replace(BY_MODEL, rung)
    return frame.assign(basis=basis, reason=basis.map(REASONS))


def _arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    days = [field.name for field in schema if pa.types.is_date(field.type)]
    dated = frame.assign(**{name: frame[name].dt.date for name in days})
    return pa.Table.from_pandas(dated[schema.names], schema, preserve_index=False, safe=False)


def _check_complete(demand: Demand, hours: pd.DataFrame) -> None:
    wanted = len(demand.series) * (demand.grid.load.shape[1] - demand.tomorrow)
    values = hours.loc[hours["horizon_hours"] > 0, ["mean_kwh", *quantile_columns()]]
    if len(values) != wanted or values.isna().any(axis=None):
        raise IncompleteForecastError(
            f"Of {wanted} hours of {demand.as_of_date} to forecast, {len(values.dropna())} have one. "
            f"Nothing was written; the forecasts of the day before stay. See the log of this task."
        )
