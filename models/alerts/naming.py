"""From what changed in a meter to an alert type and a few words of evidence."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.alerts.faults import FAULTS

NONE = "none"
CHANGED = 0.5
"""A change of a logarithm that is told as one: by a factor of 1.6 up, 0.6 down."""

ALIKE = 0.5
"""Correlation of the day's shape before and after from which on the shape counts as kept."""

METER_TYPES = ("dead_meter", "tamper", "fault", "drift")
"""Types that ask for a crew; the others are of use."""


PUBLISHED = {"tamper": "tamper_suspected"}
"""What the tables call a type, where a file of scores or a crew calls it shorter."""


def published_type(types: "pd.Series[str]") -> npt.NDArray[np.object_]:
    """Return alert types as the tables name them."""
    return np.asarray(types.replace(PUBLISHED), dtype=object)


def told(
    kwh: npt.NDArray[np.float32],
    found: pd.DataFrame,
    score: npt.NDArray[np.float64],
    kinds: npt.NDArray[np.str_],
    days: npt.NDArray[np.datetime64],
) -> pd.DataFrame:
    """Return alert_type, first_date, expected_kwh and observed_kwh (a day) and evidence for each row.

    Args:
        kwh: (n, days, slots), NaN where missing.
        found: ``features`` of the same rows.
        score: Log odds that a fault was planted; at most 0 is no alert.
        kinds: The likeliest planted fault of each.
        days: The local days of ``kwh``.
    """
    split = found["split_day"].to_numpy()
    is_after = np.arange(kwh.shape[1]) >= split[:, None]
    whole_day = np.where(np.isnan(kwh).any(-1), np.nan, np.nansum(kwh, -1))
    rows = pd.DataFrame(
        {
            "alert_type": np.where(score > 0, _types(found, kinds), NONE),
            "first_date": days[split],
            "expected_kwh": _mean(whole_day, ~is_after),
            "observed_kwh": _mean(whole_day, is_after),
        }
    )
    return rows.assign(evidence=_words(rows, kinds))


def _types(found: pd.DataFrame, kinds: npt.NDArray[np.str_]) -> npt.NDArray[np.str_]:
    types = pd.Series(kinds).map({kind: alert_type for kind, (_, alert_type) in FAULTS.items()}).to_numpy()
    level, base = found["d_log_total"].to_numpy(), found["d_log_min"].to_numpy()
    keeps_shape = found["same_shape"].to_numpy() > ALIKE
    has_reads = found["a_zero"].to_numpy() < ALIKE
    is_meter = np.isin(kinds, ["stuck", "mixed", "lossy", "noisy"])
    # The base load of an empty home stays; what goes past the meter takes its share of the base load too.
    is_empty = (level < -CHANGED) & (base > -CHANGED / 2) & has_reads & ~is_meter
    choices = [found["d_negative"].to_numpy() > 0.05, ~has_reads & (level < -CHANGED), is_empty]
    choices += [(level > CHANGED) & keeps_shape & ~is_meter]
    return np.select(
        choices, ["reverse_energy", np.where(kinds == "dead", "dead_meter", types), "vacancy", "high_use"], types
    )


def _words(rows: pd.DataFrame, kinds: npt.NDArray[np.str_]) -> pd.Series:
    since = "since " + rows["first_date"].dt.strftime("%Y-%m-%d") + ": "
    figures = rows["observed_kwh"].map("{:.1f}".format) + " kWh a day, " + rows["expected_kwh"].map("{:.1f}".format)
    alike = "; most like " + pd.Series(kinds, index=rows.index).str.replace("_", " ")
    return (since + figures + " before" + alike).where(rows["alert_type"] != NONE, "nothing unusual")


def _mean(by_day: npt.NDArray[np.float32], is_in: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    counted = is_in & ~np.isnan(by_day)
    days = counted.sum(1)
    return np.where(days > 0, np.where(counted, by_day, 0).sum(1) / np.maximum(days, 1), np.nan)
