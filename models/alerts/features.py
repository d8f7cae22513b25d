"""What changed in each meter: the day that best parts its reads in two, and how the days behind it differ.

The change point maximises the gain in log likelihood of two levels over one, summed over the day features (binary
segmentation with one change; Killick et al. 2012). What all meters did on a day is taken off first: a cold week is no
fault.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.alerts.day_features import SAME_KWH, correlation, day_features, filled, hourly
from models.alerts.faults import LEAST_DAYS

Floats = npt.NDArray[np.floating[Any]]
ORDER_CHANGES = ("turned_most", "shifted_most", "kept_least", "shape_away", "shape_away_z")
"""Features of ``_order_changes``: with labels they help, without they cost on kinds of faults that were not planted."""

QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)


@dataclass(frozen=True)
class Population:
    """What is usual among many meters, most of them sound.

    Attributes:
        day_shape: (24,) the usual day.
        day_medians: (days, features) the usual value of each feature on each day.
        noise: (features,) usual variance within a level.
        hour_ratio: (24,) usual ratio of an hour after to before.
    """

    day_shape: Floats
    day_medians: Floats
    noise: Floats
    hour_ratio: Floats


@dataclass(frozen=True)
class _Split:
    day: npt.NDArray[np.int64]
    gain: Floats
    before: Floats
    after: Floats
    spread_before: Floats
    spread_after: Floats
    within: Floats
    all_gains: Floats


def population(kwh: Floats) -> Population:
    """Learn the usual from a sample of meters (n, days, slots); days >= 14."""
    kwh = filled(kwh)
    hours = hourly(kwh)
    shape = np.median(hours / np.maximum(hours.mean(-1, keepdims=True), 1e-3), axis=(0, 1))
    days = np.stack(list(day_features(kwh, shape).values()), -1)
    medians = np.median(days, axis=0)
    first = Population(shape, medians, np.ones(days.shape[-1], np.float32), np.ones(24, np.float32))
    noise = np.median(_levels(_without_weather(days, first))[4].mean(1), axis=0)
    split = _best_split(_without_weather(days, first), noise)
    before, after = _profiles(hours, split.day)
    return Population(shape, medians, noise, np.median((after + 0.02) / (before + 0.02), axis=0))


def features(kwh: Floats, usual: Population) -> pd.DataFrame:
    """One row a meter of (n, days, slots); a meter's row depends on itself and ``usual`` only."""
    kwh = filled(kwh)
    by_day = day_features(kwh, usual.day_shape)
    split = _best_split(_without_weather(np.stack(list(by_day.values()), -1), usual), usual.noise)
    found = _level_changes(split, list(by_day), usual.noise)
    hours, is_after = hourly(kwh), np.arange(kwh.shape[1]) >= split.day[:, None]
    found |= _shape_changes(hours, split.day, is_after, usual) | _zero_slots(kwh, is_after) | _quantiles(kwh, is_after)
    found |= _order_changes(hours)
    found["split_share"] = split.day / kwh.shape[1]
    return pd.DataFrame(found).astype(np.float32).assign(split_day=split.day)


def _without_weather(days: Floats, usual: Population) -> Floats:
    return days - usual.day_medians + np.median(usual.day_medians, axis=0)


def _levels(days: Floats) -> tuple[Floats, ...]:
    count = days.shape[1]
    zero = np.zeros((len(days), 1, days.shape[-1]))
    sums, squares = (np.cumsum(np.concatenate([zero, x], 1), 1, dtype=float) for x in (days, days**2))
    at = np.arange(LEAST_DAYS, count - LEAST_DAYS + 1)
    past, rest = at[None, :, None], count - at[None, :, None]
    before, after = sums[:, at] / past, (sums[:, -1:] - sums[:, at]) / rest
    spread_before = squares[:, at] / past - before**2
    spread_after = (squares[:, -1:] - squares[:, at]) / rest - after**2
    within = (spread_before * past + spread_after * rest) / count
    total = (squares[:, -1] / count - (sums[:, -1] / count) ** 2)[:, None]
    return before, after, spread_before, spread_after, within, total


def _best_split(days: Floats, noise: Floats) -> _Split:
    before, after, spread_before, spread_after, within, total = _levels(days)
    least = 0.1 * noise + 1e-6
    gain = days.shape[1] / 2 * np.log((np.maximum(total, 0) + least) / (np.maximum(within, 0) + least))
    place = gain.sum(-1).argmax(1)
    row = np.arange(len(days))
    at = (row, place)
    return _Split(
        day=place + LEAST_DAYS,
        gain=gain[at],
        before=before[at],
        after=after[at],
        spread_before=spread_before[at],
        spread_after=spread_after[at],
        within=within[at],
        all_gains=gain.sum(-1),
    )


def _level_changes(split: _Split, names: list[str], noise: Floats) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for k, name in enumerate(names):
        change, least = split.after[:, k] - split.before[:, k], noise[k] + 1e-5
        found[f"d_{name}"], found[f"a_{name}"] = change, split.after[:, k]
        found[f"z_{name}"] = change / np.sqrt(np.maximum(split.within[:, k], 0) + 0.1 * least)
        ratio = (np.maximum(split.spread_after[:, k], 0) + 0.05 * least) / (
            np.maximum(split.spread_before[:, k], 0) + 0.05 * least
        )
        found[f"vr_{name}"] = 0.5 * np.log(ratio)
    found["gain"], found["gain_max"] = split.gain.sum(1), split.gain.max(1)
    found["gain_median"] = np.median(split.all_gains, axis=1)
    return found


def _mean_over(values: Floats, is_in: npt.NDArray[np.bool_]) -> Floats:
    weight = (is_in / np.maximum(is_in.sum(1, keepdims=True), 1)).astype(np.float32)
    return np.einsum("nd,nd...->n...", weight, values)


def _profiles(hours: Floats, day: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    is_after = np.arange(hours.shape[1]) >= day[:, None]
    return _mean_over(hours, ~is_after), _mean_over(hours, is_after)


def _shape_changes(
    hours: Floats, day: npt.NDArray[np.int64], is_after: npt.NDArray[np.bool_], usual: Population
) -> dict[str, Floats]:
    before, after = _profiles(hours, day)
    shifted = np.stack([correlation(before, np.roll(after, k, 1)) for k in range(24)], 1)
    ratio = np.log(np.maximum(after + 0.02, 1e-3) / np.maximum(before + 0.02, 1e-3) / usual.hour_ratio)
    window = np.stack([np.roll(ratio, -k, 1) for k in range(4)]).max(0).min(1)
    like_before = correlation(hours, np.broadcast_to(before[:, None], hours.shape))
    to_all, to_all_reversed = (
        correlation(hours, np.broadcast_to(shape, hours.shape)) for shape in (usual.day_shape, usual.day_shape[::-1])
    )
    backwards = to_all_reversed - to_all
    found = {
        "same_shape": shifted[:, 0],
        "reversed_gain": correlation(before, after[:, ::-1]) - shifted[:, 0],
        "shift_gain": shifted.max(1) - shifted[:, 0],
        "shift_hours": np.minimum(shifted.argmax(1), 24 - shifted.argmax(1)),
        "ratio_min": ratio.min(1),
        "ratio_max": ratio.max(1),
        "ratio_spread": ratio.std(1),
        "ratio_median": np.median(ratio, axis=1),
        "ratio_4h": window,
        "ratio_4h_to_rest": window - np.sort(ratio, axis=1)[:, 12:].mean(1),
        "day_like_before": _mean_over(like_before, is_after),
        "day_like_change": _mean_over(like_before, is_after) - _mean_over(like_before, ~is_after),
        "backwards": _mean_over(backwards, is_after),
        "backwards_change": _mean_over(backwards, is_after) - _mean_over(backwards, ~is_after),
    }
    for name, profile in (("before", before), ("after", after)):
        found[f"all_like_{name}"] = correlation(profile, np.broadcast_to(usual.day_shape, profile.shape))
    return found


def _order_changes(hours: Floats) -> dict[str, Floats]:
    """The day on which another order of the day (turned round, shifted) begins to fit best, wherever it is.

    A level may change on another day than the order, so this looks at shapes alone and at every day.
    """
    shapes = hours / np.maximum(np.abs(hours).mean(-1, keepdims=True), 0.02)
    count = hours.shape[1]
    at = np.arange(LEAST_DAYS, count - LEAST_DAYS + 1)
    sums: Floats = np.cumsum(shapes, axis=1, dtype=np.float32)
    before = np.asarray(sums[:, at - 1] / at.astype(np.float32)[:, None], dtype=np.float32)
    rest = (count - at).astype(np.float32)
    after = np.asarray((sums[:, -1:] - sums[:, at - 1]) / rest[:, None], dtype=np.float32)
    kept = correlation(before, after)
    turned = correlation(before, after[..., ::-1]) - kept
    shifted = np.stack([correlation(before, np.roll(after, k, -1)) for k in range(2, 23)]).max(0) - kept
    weight = np.sqrt(at * (count - at)).astype(np.float32) / (count / 2)
    away = np.sqrt(((before - after) ** 2).mean(-1)) * weight
    noise = shapes.std(axis=1).mean(-1) + 0.05
    return {
        "turned_most": (turned * weight).max(1),
        "shifted_most": (shifted * weight).max(1),
        "kept_least": (kept / weight).min(1),
        "shape_away": away.max(1),
        "shape_away_z": away.max(1) / noise,
    }


def _zero_slots(kwh: Floats, is_after: npt.NDArray[np.bool_]) -> dict[str, Floats]:
    is_zero = (np.abs(kwh) < SAME_KWH).astype(np.float32)
    before, after = _mean_over(is_zero, ~is_after), _mean_over(is_zero, is_after)
    return {"zero_slot": (after - before).max(1), "new_zero_slots": ((after > 0.95) & (before < 0.5)).mean(1)}


def _quantiles(kwh: Floats, is_after: npt.NDArray[np.bool_]) -> dict[str, Floats]:
    at = [round(q * (kwh.shape[2] - 1)) for q in QUANTILES]
    logs = np.log(np.maximum(np.sort(kwh, axis=-1)[..., at], 0) * kwh.shape[2] + 0.05)
    change = _mean_over(logs, is_after) - _mean_over(logs, ~is_after)
    found = {f"q{q}": change[:, k] for k, q in enumerate(QUANTILES)}
    return found | {
        "q_range": change[:, -1] - change[:, 0],
        "q_low": change[:, 3] - change[:, 0],
        "q_sd": change.std(1),
    }
