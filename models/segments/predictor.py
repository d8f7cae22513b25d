"""The load shapes as they are registered: named centres of profiles."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.segments.params import PROFILE, UNKNOWN

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LoadShapes:
    """Gives each customer the name of the nearest centre.

    Attributes:
        names: Name of each centre; centres that look alike share one, so a name means one shape.
        centres: One profile of 24 hourly shares a centre.
        min_days_known: Fewer days with reads make a customer's shape unknown.
    """

    names: tuple[str, ...]
    centres: tuple[tuple[float, ...], ...]
    min_days_known: int

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return ``load_shape`` and ``shape_distance`` (share of the day's energy); row by row, nothing is fitted."""
        known = self.is_known(frame)
        shape = np.full(len(frame), UNKNOWN, dtype=object)
        distance = np.full(len(frame), np.nan)
        if known.any():
            nearest, distance[known] = self.nearest(profiles(frame.loc[known]))
            shape[known] = np.asarray(self.names, dtype=object)[nearest]
        return pd.DataFrame({"load_shape": shape, "shape_distance": distance}, index=frame.index)

    def is_known(self, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Say which customers have a profile and enough days behind it."""
        return has_profile(frame, self.min_days_known)

    def nearest(self, rows: Matrix) -> tuple[npt.NDArray[np.intp], Matrix]:
        """Return position of and Euclidean distance to the nearest centre; of equally near ones the first."""
        # Centre by centre and without BLAS, so that a row's distance does not depend on the rows beside it.
        squares = np.column_stack([((rows - np.asarray(centre)) ** 2).sum(axis=1) for centre in self.centres])
        nearest = squares.argmin(axis=1)
        return nearest, np.sqrt(squares[np.arange(len(rows)), nearest])


def profiles(frame: pd.DataFrame) -> Matrix:
    """Return the 24 hourly shares of each row."""
    return np.ascontiguousarray(frame[list(PROFILE)].to_numpy(dtype=np.float64, na_value=np.nan))


def has_profile(frame: pd.DataFrame, min_days_known: int) -> npt.NDArray[np.bool_]:
    """Say which rows have a whole profile of some energy and enough days behind it."""
    rows = profiles(frame)
    days = pd.to_numeric(frame["days_known"], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return (
        np.isfinite(rows).all(axis=1) & (np.nan_to_num(rows).sum(axis=1) > 0) & (np.nan_to_num(days) >= min_days_known)
    )
