"""Forecasts one issue day with the champion, or with what stands in for it. Never fits anything."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pandas as pd
import pyarrow as pa

from meterwise import ops, promotions, registry
from meterwise.registry import NoChampionError
from meterwise.settings import Settings, get_settings
from meterwise.skips import record_skip
from meterwise.warehouse import Warehouse
from models.demand import customer_usage, customers, issued, outlook, peaks, season_peaks
from models.demand.customers import CustomerTwins
from models.demand.dataset import MODEL, Demand, by_day, known, skip_reason
from models.demand.ladder import MODEL as BY_MODEL
from models.demand.levels import KEY, KEY_FIELDS
from models.demand.loads import highest_of_days
from models.demand.params import DemandParams
from models.demand.registered import Forecasters, RegisteredDemand, Twins, other_step, quantile_columns

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
    "like_day": "No model forecasts the series: the median of the same time on the last four like days.",
    "last_week": "No model knows the series, and of like days one alone is known.",
    "last_known": "No like day is known: the last load that is.",
    "other_series": "Nothing is known of the series: the mean of the others.",
    customers.PERSISTENCE: "Too little is known of the customer for a model: the median of like days and the last one.",
    customers.OTHER_CUSTOMERS: "Nothing is known of the customer: what others of the class use.",
    "usual_level": "Nothing is known of the series: its usual level.",
}
"""Why a forecast stands on a rung of the ladder; the champion needs no reason."""
SCHEMA = pa.schema(
    [
        ("as_of_date", pa.date32()),
        *KEY_FIELDS,
        ("valid_at_utc", pa.timestamp("us")),
        ("interval_minutes", pa.int32()),
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
SCHEMAS = {
    peaks.TABLE: peaks.SCHEMA,
    outlook.TABLE: outlook.SCHEMA,
    season_peaks.TABLE: season_peaks.SCHEMA,
    customers.TABLE: customers.SCHEMA,
    TABLE: SCHEMA,
}
"""Tables that are written, the one last by which a day counts as scored."""


class IncompleteForecastError(RuntimeError):
    """A forecast is missing for some interval or day; nothing of the day of issue was written."""


@dataclass(frozen=True)
class Asked:
    """What is to be forecast, and what maxima are measured against; customers are read later.

    Attributes:
        demand: Intervals.
        days: Local days of the outlook.
        year: Local days of the seasons.
        highest: ``highest_kwh`` and ``highest_kw`` of past days, by level.
        limits: ``limit_kw`` of feeders.
    """

    demand: Demand
    days: Demand
    year: Demand
    highest: pd.DataFrame
    limits: pd.DataFrame
    settings: Settings

    @classmethod
    def of(cls, demand: Demand, settings: Settings) -> "Asked":
        """Read what is asked beside the hours."""
        highest = highest_of_days(demand.as_of_date, season_peaks.LOOKED_BACK_DAYS, settings)
        year = by_day(demand, season_peaks.AHEAD_DAYS, settings)
        outlook_end = year.tomorrow + DemandParams().outlook_days
        return cls(
            demand,
            replace(year, grid=year.grid.between(0, outlook_end)),
            year,
            highest.assign(highest_kw=highest["highest_kwh"] * 60 / demand.grid.minutes),
            peaks.limits(demand.as_of_date, settings),
            settings,
        )


def score(as_of_date: str, settings: Settings | None = None) -> int:
    """Write the forecasts of one issue day to the tables of ``SCHEMAS``.

    Where the champion cannot be loaded or fails, the champion before it stands in, and below that like days; each row
    says so. A day without known loads is skipped with the reason in ``scores.model_skips``.

    Returns:
        Rows of ``scores.demand_forecasts``.

    Raises:
        NoChampionError: No version holds the alias ``champion``.
        IncompleteForecastError: An interval or a day would be without a forecast.
        OtherStepError: The warehouse holds loads by another step than the settings ask for.
    """
    settings, day = settings or get_settings(), date.fromisoformat(as_of_date)
    reason = skip_reason(as_of_date, settings=settings)
    found = {name: schema.empty_table() for name, schema in SCHEMAS.items()}
    if reason is None:
        demand = known(as_of_date, settings=settings, days=LOOKED_BACK_DAYS)
        found = forecast(demand, as_of_date, settings)
    else:
        log.warning(reason)
    warehouse = Warehouse(settings)
    for name in SCHEMAS:
        warehouse.replace_partition(name, found[name], {"as_of_date": day})
    forgotten = {"before": day - timedelta(days=customers.KEPT_DAYS)}
    warehouse.execute(f"delete from {customers.TABLE} where as_of_date < $before", forgotten)
    record_skip(MODEL, day, reason, settings)
    return found[TABLE].num_rows


def forecast(demand: Demand, as_of_date: str, settings: Settings) -> dict[str, pa.Table]:
    """Return intervals, maxima, outlook and seasons, by the name of their tables, by the best model that can be used.

    Raises:
        NoChampionError: There has never been one.
        IncompleteForecastError: An interval or a day would be without a forecast.
    """
    asked = Asked.of(demand, settings)
    for rung in (CHAMPION, LAST_CHAMPION):
        try:
            version, model = _champion(rung, as_of_date, settings)
            return _tables(asked, model, rung, version)
        except (NoChampionError, registry.RegistryDownError, registry.RegistryRefusedError):
            if rung == CHAMPION:
                raise
        except Exception:  # whatever a model dies of, the day gets a forecast and the log the reason
            log.exception("The %s of demand cannot forecast %s; the next rung stands in.", rung, as_of_date)
    loads, days = (Forecasters.none(one.tomorrow - one.cutoff) for one in (demand, asked.days))
    no_model = RegisteredDemand(loads, loads, demand.grid.timezone, Twins(days, days), minutes=demand.grid.minutes)
    return _tables(asked, no_model, NO_MODEL, None)


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
    if reason := other_step(found, settings):
        raise registry.UnusableModelError(reason)
    return found.version, found.predictor


def _tables(asked: Asked, model: RegisteredDemand, rung: str, version: str | None) -> dict[str, pa.Table]:
    loads = issued.loads(asked.demand, model.latest)
    against = peaks.records(asked.highest, asked.demand.as_of_date).merge(asked.limits, how="left", on=KEY)
    _check_complete(asked.demand, loads, "horizon_hours", "intervals")
    said = {
        TABLE: loads[loads["local_date"] >= pd.Timestamp(asked.demand.as_of_date)],
        peaks.TABLE: peaks.highest(asked.demand, model.latest, loads, against),
        outlook.TABLE: outlook.ahead(asked.days, model.outlook.latest),
    }
    _check_complete(asked.days, said[outlook.TABLE], "days_ahead", "days")

    def table(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
        return _arrow(frame.assign(model_version=version or NO_MODEL), schema)

    found = {name: table(_explained(frame, rung), SCHEMAS[name]) for name, frame in said.items()}
    seasons = season_peaks.ahead(asked.year, model.seasons, said[peaks.TABLE], asked.highest, asked.limits)
    schema = season_peaks.SCHEMA
    found[season_peaks.TABLE] = schema.empty_table() if seasons is None else table(seasons, schema)
    parts = [table(_explained(frame, rung), customers.SCHEMA) for frame in _of_customers(asked, model.customers)]
    return found | {customers.TABLE: pa.concat_tables([customers.SCHEMA.empty_table(), *parts])}


def _of_customers(asked: Asked, twins: CustomerTwins | None) -> Iterator[pd.DataFrame]:
    day, settings = asked.demand.as_of_date, asked.settings
    twins = twins or CustomerTwins.none(customer_usage.sample(day, settings))
    for usage in customer_usage.chunks(day, settings):
        yield twins.forecast(usage)


def _explained(frame: pd.DataFrame, rung: str) -> pd.DataFrame:
    basis = frame["basis"].replace(BY_MODEL, rung)
    return frame.assign(basis=basis, reason=basis.map(REASONS))


def _arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    days = [field.name for field in schema if pa.types.is_date(field.type)]
    dated = frame.assign(**{name: frame[name].dt.date for name in days})
    return pa.Table.from_pandas(dated[schema.names], schema, preserve_index=False, safe=False)


def _check_complete(demand: Demand, said: pd.DataFrame, lead: str, intervals: str) -> None:
    wanted = len(demand.series) * (demand.grid.load.shape[1] - demand.tomorrow)
    values = said.loc[said[lead] > 0, ["mean_kwh", *quantile_columns()]]
    if len(values) != wanted or values.isna().any(axis=None):
        raise IncompleteForecastError(
            f"Of {wanted} {intervals} after {demand.as_of_date} to forecast, {len(values.dropna())} have one. "
            f"Nothing was written; the forecasts of the day before stay. See the log of this task."
        )
