"""Names a load shape by what a person sees in it. A name depends on the shape alone, so a refit finds it again."""

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

FLAT_BAND = 0.25  # every hour within a quarter of the mean
NIGHT = (22, 23, 0, 1, 2, 3, 4, 5)
OFFICE = tuple(range(8, 17))
MORNING = tuple(range(6, 10))
MIDDAY = tuple(range(11, 15))
EVENING = tuple(range(17, 22))
EARLY, LATE = tuple(range(16, 20)), tuple(range(20, 24))
STRONG = 2.0  # the peak hour takes twice the mean

PEAKS = (
    (range(0, 5), "night"),
    (range(5, 10), "morning peak"),
    (range(10, 14), "midday peak"),
    (range(14, 17), "afternoon peak"),
    (range(17, 24), "evening peak"),
)


def name_of(profile: Vector) -> str:
    """Return the name of a profile of 24 hourly shares (any level; only the shape counts)."""
    level = profile / profile.mean()
    if level.max() <= 1 + FLAT_BAND and level.min() >= 1 - FLAT_BAND:
        return "flat"
    evening, night = level[list(EVENING)].mean(), level[list(NIGHT)].mean()
    if night >= 1.2 and night > evening:
        return "night"
    if level[list(OFFICE)].mean() >= 1.25 and evening < 1.1:
        return "office hours"
    if _two_peaks(level):
        return "morning and evening"
    if evening > 1 and level[list(LATE)].mean() > level[list(EARLY)].mean():
        return "late evening peak"
    peak = int(level.argmax())
    name = next(name for hours, name in PEAKS if peak in hours)
    return f"strong {name}" if level.max() >= STRONG and name != "night" else name


def _two_peaks(level: Vector) -> bool:
    """Whether morning and evening both stand out above a valley between them."""
    morning, evening = level[list(MORNING)].max(), level[list(EVENING)].max()
    valley = level[list(MIDDAY)].mean()
    return bool(min(morning, evening) >= 1.15 and valley <= 0.85 * min(morning, evening))
