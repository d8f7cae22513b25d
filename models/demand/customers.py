"""Daily energy of single customers for five weeks ahead, beside what persistence says, and how little better it is.

One LightGBM for all customers, in units of each customer's own mean: single homes are hardly predictable, and a model
of each would learn its noise.
"""

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from models.demand.customer_usage import HISTORY_DAYS, Days, Past, Usage, coming, median_of_known
from models.demand.grid import Floats
from models.demand.ladder import MODEL

TABLE = "scores.customer_usage_forecasts"
PERSISTENCE, OTHER_CUSTOMERS = "persistence", "other_customers"
LEVELS = (0.1, 0.5, 0.9)
QUANTILES = ["p10_kwh", "p50_kwh", "p90_kwh"]
LEAST_DAYS = 28
"""Known days without which a customer has persistence."""
TEST_ISSUES, APART = 5, 7
"""Issue days that the skill of a customer is told by, a week apart."""
LEAST_JUDGED = 28
ROWS, TREES = 60_000, 40
"""So few trees that they correct persistence, and learn no season of one year by heart."""
KEPT_DAYS = 7
"""Forecasts of older issue days are thrown away: a row a customer and day ahead is much."""
HIGHEST = 20.0
"""Times its mean that a day is learnt as at most: a home that was empty for a month makes any day immense."""
USUAL_MISSES = (-0.5, 0.0, 0.5)
SETTINGS = {
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
SCHEMA = pa.schema(
    [
        ("as_of_date", pa.date32()),
        ("customer_id", pa.string()),
        ("local_date", pa.date32()),
        ("days_ahead", pa.int32()),
        ("mean_kwh", pa.float64()),
        *((name, pa.float64()) for name in QUANTILES),
        ("persistence_kwh", pa.float64()),
        ("skill", pa.float64()),
        ("basis", pa.string()),
        ("reason", pa.string()),
        ("model_version", pa.string()),
    ]
)


@dataclass(frozen=True)
class CustomerForecaster:
    """What was learnt of all customers.

    Attributes:
        trees: LightGBM models as text of what persistence misses, in units of a customer's mean: its mean and the
            quantiles of ``LEVELS``; none where too little is known.
        misses: (quantiles,) of the same over all customers.
        usual: Mean and quantiles of daily kWh by customer class; ``*`` is of all.
        classes: Classes that the trees know, in the order of their numbers.
        learnt_until: Last day that was learnt from.
    """

    trees: tuple[str, ...]
    misses: Floats
    usual: dict[str, tuple[float, ...]]
    classes: tuple[str, ...]
    learnt_until: np.datetime64

    @classmethod
    def fit(cls, usage: Usage, until: int, seed: int, with_trees: bool = True) -> "CustomerForecaster":
        """Fit on the days before column ``until`` of a sample of customers."""
        past, classes = Past.of(usage), tuple(sorted(set(usage.customer_class)))
        rows = _drawn(usage, until, seed)
        rows = _where(rows, ~np.isnan(usage.kwh[rows.customer, rows.column]) & (past.known_days(rows) >= LEAST_DAYS))
        enough = len(rows.column) >= 4 * int(str(SETTINGS["min_data_in_leaf"]))
        missed = (usage.kwh[rows.customer, rows.column] - past.lately(rows)) / past.scale(rows)
        misses = np.quantile(missed, LEVELS) if enough else np.array(USUAL_MISSES)
        found = cls((), misses, _usual(usage, until), classes, usage.dates[until - 1])
        if not (with_trees and enough):
            return found
        features, capped = found._features(usage, past, rows), np.minimum(missed, HIGHEST)
        wanted = [{"objective": "l2"}] + [{"objective": "quantile", "alpha": level} for level in LEVELS]
        trees = [
            lgb.train(SETTINGS | {"seed": seed} | one, lgb.Dataset(features, capped), TREES).model_to_string()
            for one in wanted
        ]
        return cls(tuple(trees), misses, found.usual, classes, found.learnt_until)

    def predict(self, usage: Usage, days: Days) -> pd.DataFrame:
        """Return ``mean_kwh``, quantiles, ``persistence_kwh`` and ``basis`` of each row; never NaN but persistence."""
        past = Past.of(usage)
        lately, scale = past.lately(days), past.scale(days)
        usual = [self.usual.get(name, self.usual["*"]) for name in usage.customer_class]
        kwh = np.array(usual).reshape(-1, 1 + len(LEVELS)).T[:, days.customer]
        spread = np.array([0.0, *self.misses])[:, None] * scale
        is_known = ~np.isnan(lately)
        kwh = np.where(is_known, lately + spread, kwh)
        basis = np.where(is_known, PERSISTENCE, OTHER_CUSTOMERS)
        modelled = is_known & (past.known_days(days) >= LEAST_DAYS) & bool(self.trees)
        if modelled.any():
            rows = _where(days, modelled)
            features = self._features(usage, past, rows)
            missed = np.stack([_predicted(text, features) for text in self.trees])
            kwh[:, modelled] = lately[modelled] + scale[modelled] * missed
            basis = np.where(modelled, MODEL, basis)
        kwh = np.maximum(kwh, 0)
        said = pd.DataFrame({"mean_kwh": kwh[0], **dict(zip(QUANTILES, np.sort(kwh[1:], axis=0), strict=True))})
        return said.assign(persistence_kwh=median_of_known(past.ensemble(days)), basis=basis.astype(object))

    def median(self, usage: Usage, days: Days) -> Floats:
        """Return (rows,) the median alone of what was learnt, NaN where a customer is not modelled."""
        past, found = Past.of(usage), np.full(len(days.column), np.nan)
        modelled = (past.known_days(days) >= LEAST_DAYS) & bool(self.trees)
        if modelled.any():
            rows = _where(days, modelled)
            text = self.trees[1 + LEVELS.index(0.5)]
            missed = past.scale(rows) * _predicted(text, self._features(usage, past, rows))
            found[modelled] = np.maximum(past.lately(rows) + missed, 0)
        return found

    def _features(self, usage: Usage, past: Past, days: Days) -> pd.DataFrame:
        """What the trees see, in units of the customer's mean. No date: it would name the weather of its day."""
        members, scale = past.ensemble(days), past.scale(days)
        weekday = (usage.dates.astype("datetime64[D]").astype(np.int64)[days.column] + 3) % 7
        kind = pd.Index(self.classes).get_indexer(pd.Index(usage.customer_class))
        around = days.column - 364
        found = {
            "lead_days": days.lead_days,
            "day_of_week": weekday,
            "is_holiday": usage.is_holiday[days.customer, days.column],
            "customer_class": kind[days.customer],
            "known_days": past.known_days(days, 91),
            "persistence": median_of_known(members) / scale,
            "same_weekday_mean": _mean(members[:4]) / scale,
            "last_week": members[0] / scale,
            "last_known": members[4] / scale,
            "mean_7d": past.recent(days, 7) / scale,
            "mean_91d": past.recent(days, 91) / scale,
            "year_before": past.mean(days, around - 3, around + 4) / scale,
            "spread": _spread(members[:4]) / scale,
        }
        return pd.DataFrame(found).astype(np.float64)


@dataclass(frozen=True)
class CustomerTwins:
    """The forecaster that forecasts, and its twin that has not seen the days by which skill is told."""

    latest: CustomerForecaster
    judged: CustomerForecaster

    @classmethod
    def fit(cls, usage: Usage, seed: int) -> "CustomerTwins":
        """Fit both; where there is too little to judge by, neither has trees."""
        before = usage.cutoff - (TEST_ISSUES - 1) * APART - len(usage.dates) + usage.cutoff
        judged = CustomerForecaster.fit(usage, before, seed)
        return cls(CustomerForecaster.fit(usage, usage.cutoff, seed, with_trees=bool(judged.trees)), judged)

    @classmethod
    def none(cls, usage: Usage) -> "CustomerTwins":
        """Return what says persistence alone, where no model can be had."""
        found = CustomerForecaster.fit(usage, usage.cutoff, seed=0, with_trees=False)
        return cls(found, found)

    def forecast(self, usage: Usage) -> pd.DataFrame:
        """Forecast each day after the day of issue.

        Returns:
            A row for each customer and day: what ``CustomerForecaster.predict`` says, and ``skill``.
        """
        days = coming(usage, usage.cutoff)
        said = self.latest.predict(usage, days)
        skill = self.skill(usage)
        said = said.assign(
            as_of_date=pd.Timestamp(usage.dates[HISTORY_DAYS - 1]),
            customer_id=usage.customer_id[days.customer],
            local_date=usage.dates[days.column].astype("datetime64[us]"),
            days_ahead=days.column - HISTORY_DAYS + 1,
            skill=np.where(said["basis"] == MODEL, skill[days.customer], np.nan).round(6),
        )
        kwh = ["mean_kwh", *QUANTILES, "persistence_kwh"]
        said[kwh] = said[kwh].round(6)
        return said[said["days_ahead"] > 0].reset_index(drop=True)

    def skill(self, usage: Usage) -> Floats:
        """Return (customers,) the share of persistence's mean absolute error that is gone; NaN where it is not known.

        Of the last issue days whose days are all known and that the twin has not seen.
        """
        judged = self.judged_errors(usage)
        sums = judged.groupby("customer")[["error", "persistence_error"]].agg(["sum", "size"])
        sums = sums.reindex(range(len(usage.customer_id)))
        ours, theirs = sums[("error", "sum")], sums[("persistence_error", "sum")]
        told = (sums[("error", "size")] >= LEAST_JUDGED) & (theirs > 0)
        return (1 - ours / theirs.where(theirs > 0)).where(told).to_numpy(dtype=np.float64)

    def judged_errors(self, usage: Usage) -> pd.DataFrame:
        """Return the absolute errors of the twin and of persistence of days that came: ``customer``, kWh."""
        parts = [pd.DataFrame({"customer": [], "error": [], "persistence_error": [], "kwh": []}, dtype=float)]
        for days in self._judged_days(usage):
            came, persistence = usage.kwh[days.customer, days.column], median_of_known(Past.of(usage).ensemble(days))
            errors = {
                "customer": days.customer,
                "error": np.abs(self.judged.median(usage, days) - came),
                "persistence_error": np.abs(persistence - came),
                "kwh": came,
            }
            parts.append(pd.DataFrame(errors).dropna())
        return pd.concat(parts, ignore_index=True)

    def _judged_days(self, usage: Usage) -> list[Days]:
        """Forecasts of the last issue days whose days are all known and that the twin has not seen."""
        first = int(np.searchsorted(usage.dates, self.judged.learnt_until)) + 1
        newest = usage.cutoff - (len(usage.dates) - usage.cutoff)
        issues = [newest - APART * n for n in range(TEST_ISSUES) if newest - APART * n >= max(first, 1)]
        return [coming(usage, issue) for issue in issues] if self.judged.trees else []

    def metrics(self, usage: Usage) -> dict[str, float]:
        """Return how the twin did beside persistence, over all customers and of the one in the middle; {} if untold."""
        judged, skill = self.judged_errors(usage), self.skill(usage)
        ours, theirs, total = (float(judged[name].sum()) for name in ("error", "persistence_error", "kwh"))
        if total <= 0 or theirs <= 0:
            return {}
        known = skill[~np.isnan(skill)]
        return {
            "wape_customers": ours / total,
            "wape_persistence_customers": theirs / total,
            "skill_customers": 1 - ours / theirs,
            "skill_median_customer": float(np.median(known)) if len(known) else float("nan"),
            "skilled_customers": float((known > 0).mean()) if len(known) else float("nan"),
            "coverage_80_customers": self._coverage(usage),
        }

    def _coverage(self, usage: Usage) -> float:
        inside = []
        for days in self._judged_days(usage):
            came, said = usage.kwh[days.customer, days.column], self.judged.predict(usage, days)
            told = ~np.isnan(came) & (said["basis"] == MODEL).to_numpy()
            inside.append(((said["p10_kwh"] <= came) & (came <= said["p90_kwh"])).to_numpy()[told])
        return float(np.concatenate(inside).mean())


def _drawn(usage: Usage, until: int, seed: int) -> Days:
    """Forecasts as they could have been made, drawn by chance."""
    random, customers = np.random.default_rng(seed), len(usage.kwh)
    horizon = len(usage.dates) - usage.cutoff
    if not customers or until <= LEAST_DAYS + 1:
        nothing = np.zeros(0, dtype=np.int64)
        return Days(nothing, nothing, nothing)
    column = random.integers(LEAST_DAYS, until, ROWS)
    cutoff = np.maximum(column - random.integers(0, horizon, ROWS), LEAST_DAYS)
    return Days(random.integers(0, customers, ROWS), cutoff, column)


def _usual(usage: Usage, until: int) -> dict[str, tuple[float, ...]]:
    kwh, found = usage.kwh[:, :until], {}
    for name in ("*", *sorted(set(usage.customer_class))):
        values = kwh if name == "*" else kwh[usage.customer_class == name]
        known = values[~np.isnan(values)]
        if len(known):
            found[name] = (float(known.mean()), *(float(value) for value in np.quantile(known, LEVELS)))
    return found if "*" in found else found | {"*": (0.0,) * (1 + len(LEVELS))}


def _where(days: Days, mask: npt.NDArray[np.bool_]) -> Days:
    return Days(days.customer[mask], days.cutoff[mask], days.column[mask])


def _mean(members: Floats) -> Floats:
    known = ~np.isnan(members)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, members, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _spread(members: Floats) -> Floats:
    return np.sqrt(_mean(np.square(members - _mean(members))))


def _predicted(text: str, features: pd.DataFrame) -> Floats:
    return np.asarray(lgb.Booster(model_str=text).predict(features, num_threads=1), dtype=np.float64)
