"""How each day of each meter looks, in numbers that two days can be compared by."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
SAME_KWH = 1e-6


def filled(kwh: Floats) -> Floats:
    """Stand in for missing reads so that a gap looks like no change: days by days near them, reads by their slot.

    A whole day is taken from the meter's own days beside the gap, mirrored; a read is the meter's median of that slot,
    or zero where the meter never has one.
    """
    if not np.isnan(kwh).any():
        return kwh
    day = _stand_in_days(np.asarray(np.any(~np.isnan(kwh), axis=2)))
    kwh = np.take_along_axis(kwh, day[:, :, None], axis=1)
    has_any = ~np.isnan(kwh).all(axis=1)
    usual = np.zeros((kwh.shape[0], kwh.shape[2]), np.float32)
    usual[has_any] = np.nanmedian(kwh.transpose(0, 2, 1)[has_any], axis=1)
    return np.where(np.isnan(kwh), usual[:, None, :], kwh)


def _stand_in_days(is_there: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """For each meter and day the day that stands for it: itself, or one as far on the other side of the gap's edge."""
    count = is_there.shape[1]
    day, first = np.arange(count), is_there.argmax(axis=1)[:, None]
    latest = np.maximum.accumulate(np.where(is_there, day, -1), axis=1)
    before_the_first = first + (first - 1 - day) % (count - first)
    behind_a_gap = np.maximum(2 * latest - day + 1, first)
    return np.where(is_there, day, np.where(day < first, before_the_first, behind_a_gap))


def hourly(kwh: Floats) -> Floats:
    """Sums of hours: (n, days, slots) -> (n, days, 24)."""
    return kwh.reshape(*kwh.shape[:2], 24, -1).sum(-1)


def correlation(a: Floats, b: Floats) -> Floats:
    """Pearson's, over the last axis; 0 where one of both is flat."""
    a, b = a - a.mean(-1, keepdims=True), b - b.mean(-1, keepdims=True)
    return (a * b).sum(-1) / np.maximum(np.sqrt((a * a).sum(-1) * (b * b).sum(-1)), 1e-9)


def day_features(kwh: Floats, population_day: Floats) -> dict[str, Floats]:
    """Features by name, each (n, days), of complete reads; ``population_day`` (24,) is the shape of all meters' day."""
    slots, hours = kwh.shape[2], hourly(kwh)
    ordered, rises = np.sort(kwh, axis=-1), np.diff(kwh, axis=-1)
    steps = np.abs(rises)
    total, mean = kwh.sum(-1), kwh.mean(-1)
    off = kwh - mean[..., None]
    spread = np.sqrt((off * off).mean(-1))
    share = hours / np.maximum(hours.sum(-1, keepdims=True), 0.05)

    def _log_kwh(values: Floats) -> Floats:
        return np.log(np.maximum(values, 0) * slots + 0.05)

    def _echo(lag: int) -> Floats:
        together = (off[..., lag:] * off[..., :-lag]).mean(-1) / np.maximum(spread**2, 1e-8)
        return np.where(spread < SAME_KWH, 0, together)

    return {
        "log_total": np.log(np.maximum(total, 0) + 0.2),
        "log_min": _log_kwh(ordered[..., : max(1, slots // 12)].mean(-1)),
        "log_max": _log_kwh(ordered[..., -max(1, slots // 24) :].mean(-1)),
        "log_median": _log_kwh(ordered[..., slots // 2]),
        "rough": np.log(steps.sum(-1) / np.maximum(np.abs(total), 0.2) + 0.02),
        # Load rises at a switch and decays after it; a day told backwards, or out of order, does not.
        "rises_faster": (rises**3).sum(-1) / np.maximum((steps**3).sum(-1), 1e-9),
        "zero": (np.abs(kwh) < SAME_KWH).mean(-1),
        "negative": (kwh < -SAME_KWH).mean(-1),
        "log_cv": np.log(spread / np.maximum(mean, 1e-3) + 0.02),
        "echo_slot": _echo(1),
        "echo_hour": _echo(max(2, slots // 24)),
        "night": share[..., 0:5].sum(-1),
        "morning": share[..., 6:11].sum(-1),
        "midday": share[..., 11:15].sum(-1),
        "evening": share[..., 17:22].sum(-1),
        "like_all": correlation(hours, np.broadcast_to(population_day, hours.shape)),
        "like_all_reversed": correlation(hours, np.broadcast_to(population_day[::-1], hours.shape)),
        "same": (steps < SAME_KWH).mean(-1),
        "zero_hours": (hours < 1e-4).mean(-1),
    }
