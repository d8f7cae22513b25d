"""Faults that we plant ourselves into reads, to learn what a fault looks like where nobody has named one.

Each fault takes (n, days, slots) kWh and draws; it changes whole cubes, and ``plant`` keeps the days before the start.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Fault = Callable[[Floats, npt.NDArray[np.int64], np.random.Generator], Floats]
LEAST_DAYS = 7
"""Days that a fault leaves before its start and lasts at least."""


def _each(rng: np.random.Generator, low: float, high: float, n: int) -> Floats:
    return rng.uniform(low, high, n).astype(np.float32)[:, None, None]


def _by_share(x: Floats, share: Floats) -> Floats:
    """The value of each meter below which ``share`` of its reads lie; (n, 1, 1)."""
    ordered = np.sort(x.reshape(len(x), -1), axis=1)
    return np.take_along_axis(ordered, (share[:, :, 0] * (ordered.shape[1] - 1)).astype(int), 1)[:, :, None]


def bypass(x: Floats, start: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """A part of the load goes past the meter."""
    return x * _each(rng, 0.25, 0.65, len(x))


def drift(x: Floats, start: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """The meter slows more and more."""
    days = np.arange(x.shape[1])
    so_far = np.clip((days - start[:, None]) / (x.shape[1] - start[:, None]), 0, 1).astype(np.float32)
    return x * (1 - so_far[:, :, None] * _each(rng, 0.2, 0.8, len(x)))


def dead(x: Floats, start: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """Zero from now on."""
    return np.zeros_like(x)


def stuck(x: Floats, start: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """The same value again and again."""
    return np.broadcast_to(_by_share(x, _each(rng, 0.2, 0.95, len(x))), x.shape).astype(np.float32)


def night_bypass(x: Floats, start: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """In the same 3 to 10 hours of each day most of the load is not counted."""
    slots, hour = x.shape[2], x.shape[2] // 24
    first, width = rng.integers(0, 24, len(x)) * hour, rng.integers(3, 11, len(x)) * hour
    inside = (np.arange(slots) - first[:, None]) % slots < width[:, None]
    return np.where(inside[:, None], x * _each(rng, 0.0, 0.4, len(x)), x)


def clock(x: Floats, start: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """The clock is 4 to 20 hours off."""
    flat = x.reshape(len(x), -1)
    shift = rng.integers(4, 21, len(x)) * (x.shape[2] // 24)
    return np.take_along_axis(flat, (np.arange(flat.shape[1]) - shift[:, None]) % flat.shape[1], 1).reshape(x.shape)


def noisy(x: Floats, start: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """Each read is off by a factor of its own."""
    sigma = _each(rng, 0.3, 0.9, len(x))
    return x * np.exp(sigma * rng.standard_normal(x.shape, dtype=np.float32) - sigma**2 / 2)


def mixed(x: Floats, start: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """The reads of a day come in any order."""
    return np.take_along_axis(x, np.argsort(rng.random(x.shape, dtype=np.float32), axis=2), 2)


def lossy(x: Floats, start: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """Many reads, drawn anew each day, are zero."""
    return np.where(rng.random(x.shape, dtype=np.float32) < _each(rng, 0.15, 0.7, len(x)), 0, x).astype(np.float32)


def capped(x: Floats, start: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """No read is above a limit."""
    return np.minimum(x, _by_share(x, _each(rng, 0.3, 0.8, len(x))))


def swapped(x: Floats, start: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """The halves of the day change places."""
    return np.roll(x, x.shape[2] // 2, axis=2)


FAULTS: dict[str, tuple[Fault, str]] = {
    "bypass": (bypass, "tamper"),
    "drift": (drift, "drift"),
    "dead": (dead, "dead_meter"),
    "stuck": (stuck, "fault"),
    "night_bypass": (night_bypass, "tamper"),
    "clock": (clock, "fault"),
    "noisy": (noisy, "fault"),
    "mixed": (mixed, "fault"),
    "lossy": (lossy, "fault"),
    "capped": (capped, "fault"),
    "swapped": (swapped, "fault"),
}
"""What can be planted, and the alert type that it is."""


def plant(x: Floats, rng: np.random.Generator, earliest: int = LEAST_DAYS) -> tuple[Floats, npt.NDArray[np.str_]]:
    """Plant one drawn fault into each meter from a drawn day on; (n, days, slots) -> the same shape, kinds (n,).

    ``earliest`` is the first day on which one may start.
    """
    names = list(FAULTS)
    kinds = rng.integers(0, len(names), len(x))
    start = rng.integers(earliest, x.shape[1] - LEAST_DAYS + 1, len(x))
    planted = x.copy()
    for code, name in enumerate(names):
        of_kind = np.flatnonzero(kinds == code)
        if len(of_kind):
            changed = FAULTS[name][0](x[of_kind], start[of_kind], rng)
            is_after = np.arange(x.shape[1]) >= start[of_kind, None]
            planted[of_kind] = np.where(is_after[:, :, None], changed, x[of_kind])
    return planted, np.array(names)[kinds]
