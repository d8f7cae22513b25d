"""The three main reasons of a churn score in plain words, for customers whom someone will contact.

A reason is a group of features with one cause. Only causes that raise the risk are named.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.churn.dataset import ATTRIBUTE_PREFIX

REASONS = 3
LEAST_CONTRIBUTION = 0.02  # log odds; below it a reason would be noise in words
Words = Callable[[pd.DataFrame], pd.Series]


@dataclass(frozen=True)
class Cause:
    """One cause.

    Attributes:
        features: Their contributions are added up.
        words: Says it for every row, with the row's own figures.
    """

    features: tuple[str, ...]
    words: Words


def main_reasons(frame: pd.DataFrame, contributions: pd.DataFrame) -> pd.DataFrame:
    """Return ``reason_1`` to ``reason_3`` for each row, the strongest first; null where fewer raise the risk."""
    known = [cause for cause in (*CAUSES, _own_attributes(contributions)) if set(cause.features) & set(contributions)]
    names = [f"reason_{i + 1}" for i in range(REASONS)]
    if frame.empty or not known:
        return pd.DataFrame(None, index=frame.index, columns=names, dtype="object")
    strength = np.column_stack([contributions.reindex(columns=cause.features).sum(axis=1) for cause in known])
    texts = np.column_stack([cause.words(frame).astype("object").to_numpy() for cause in known])
    # Rounded, and equal strengths in the order of CAUSES, so that a run repeats to the letter.
    order = np.argsort(-strength.round(6), axis=1, kind="stable")[:, :REASONS]
    chosen = np.take_along_axis(texts, order, axis=1)
    chosen[np.take_along_axis(strength, order, axis=1) < LEAST_CONTRIBUTION] = None
    padded = np.full((len(frame), REASONS), None, dtype=object)
    padded[:, : chosen.shape[1]] = chosen
    return pd.DataFrame(padded, index=frame.index, columns=names, dtype="object")


def _number(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame:
        return pd.Series(np.nan, index=frame.index)
    return pd.to_numeric(frame[name], errors="coerce").astype("float64")


def _text(values: pd.Series, digits: int = 0) -> pd.Series:
    return values.fillna(0).round(digits).map(f"{{:.{digits}f}}".format)


def _first_that_holds(frame: pd.DataFrame, cases: list[tuple[pd.Series, pd.Series | str]], otherwise: str) -> pd.Series:
    text = pd.Series(otherwise, index=frame.index, dtype="object")
    for holds, words in reversed(cases):
        text = text.mask(holds.fillna(False), words)
    return text


def _times(count: pd.Series, one: str, many: str) -> pd.Series:
    """``one`` for 1, else ``many`` with the number in the place of ``{}``."""
    numbers = _text(count)
    before, after = many.split("{}")
    return pd.Series(np.where(count.round() == 1, one, before + numbers + after), index=count.index, dtype="object")


def _price(frame: pd.DataFrame) -> pd.Series:
    gap, ahead = _number(frame, "price_gap_pct"), _number(frame, "price_change_ahead_pct")
    change = _number(frame, "price_change_180d_pct")
    return _first_that_holds(
        frame,
        [
            (ahead >= 0.5, "price rises by " + _text(ahead, 1) + " % soon"),
            (gap >= 0.5, "pays " + _text(gap, 1) + " % more than the market's price"),
            (change >= 0.5, "price rose by " + _text(change, 1) + " % in the last 180 days"),
            (gap <= -0.5, "pays only " + _text(-gap, 1) + " % less than the market's price"),
        ],
        "price no better than the market's",
    )


def _complaints(frame: pd.DataFrame) -> pd.Series:
    recent, year = _number(frame, "complaints_90d"), _number(frame, "complaints_365d")
    return _first_that_holds(
        frame,
        [
            (recent >= 1, _times(recent, "complained in the last 90 days", "complained {} times in the last 90 days")),
            (year >= 1, _times(year, "complained in the last year", "complained {} times in the last year")),
        ],
        "like customers who did not say what they miss",
    )


def _payments(frame: pd.DataFrame) -> pd.Series:
    failed, late = _number(frame, "failed_payments_365d"), _number(frame, "late_payments_365d")
    days = _number(frame, "mean_days_late_365d")
    return _first_that_holds(
        frame,
        [
            (failed >= 1, _times(failed, "a payment failed in the last year", "{} payments failed in the last year")),
            (late >= 1, _times(late, "paid late once in the last year", "paid late {} times in the last year")),
            (days >= 0.5, "pays " + _text(days) + " days late on average"),
        ],
        "payments like those of customers who left",
    )


def _contract(frame: pd.DataFrame) -> pd.Series:
    end, age = _number(frame, "days_to_term_end"), _number(frame, "contract_age_days")
    return _first_that_holds(
        frame,
        [
            (end.between(0, 120), _times(end, "contract term ends tomorrow", "contract term ends in {} days")),
            (end < 0, "contract term is over, free to leave at any time"),
            (age < 365, _times(age / 30.4, "contract is only a month old", "contract is only {} months old")),
            (age >= 365, "contract is " + _text(age / 365.25, 1) + " years old"),
        ],
        "contract like those of customers who left",
    )


def _tenure(frame: pd.DataFrame) -> pd.Series:
    days = _number(frame, "tenure_days")
    return _first_that_holds(
        frame,
        [
            (days < 730, _times(days / 30.4, "customer for only a month", "customer for only {} months")),
            (days >= 730, "customer for " + _text(days / 365.25, 1) + " years"),
        ],
        "short time as a customer",
    )


def _usage(frame: pd.DataFrame) -> pd.Series:
    trend, daily = _number(frame, "kwh_trend_ratio"), _number(frame, "mean_daily_kwh_365d")
    return _first_that_holds(
        frame,
        [
            (trend <= 0.9, "uses " + _text(100 - 100 * trend) + " % less than a year ago"),
            (trend >= 1.1, "uses " + _text(100 * trend - 100) + " % more than a year ago"),
            (daily > 0, "level of use: " + _text(daily, 1) + " kWh a day"),
        ],
        "use like that of customers who left",
    )


def _shape(frame: pd.DataFrame) -> pd.Series:
    peak = _number(frame, "peak_share_90d")
    return _first_that_holds(
        frame, [(peak > 0, "times of use: " + _text(100 * peak) + " % in the evening peak")], "times of use"
    )


def _contacts(frame: pd.DataFrame) -> pd.Series:
    count, since = _number(frame, "contacts_90d"), _number(frame, "days_since_last_contact")
    return _first_that_holds(
        frame,
        [
            (
                count >= 1,
                _times(count, "got in touch in the last 90 days", "got in touch {} times in the last 90 days"),
            ),
            (since >= 90, "no contact for " + _text(since / 30.4) + " months"),
        ],
        "no contact known",
    )


def _campaigns(frame: pd.DataFrame) -> pd.Series:
    asked, taken = _number(frame, "campaign_contacts_365d"), _number(frame, "offers_accepted_365d")
    return _first_that_holds(
        frame,
        [
            ((asked >= 1) & (taken == 0), _times(asked, "declined an offer this year", "declined {} offers this year")),
            (asked == 0, "got no offer in the last year"),
        ],
        "response to offers",
    )


def _move(frame: pd.DataFrame) -> pd.Series:
    return _first_that_holds(
        frame, [(_number(frame, "has_moved_in_180d") == 1, "moved in within the last 180 days")], "home changes hands"
    )


def _meter(frame: pd.DataFrame) -> pd.Series:
    suspect = _number(frame, "suspect_share_90d")
    return _first_that_holds(
        frame, [(suspect > 0, _text(100 * suspect, 1) + " % of the meter's reads are suspect")], "gaps in meter reads"
    )


def _profile(frame: pd.DataFrame) -> pd.Series:
    parts = [frame[name] for name in ("tariff_code", "customer_class", "region_code") if name in frame]
    if not parts:
        return pd.Series("group of customers", index=frame.index, dtype="object")
    joined = pd.concat([p.astype("object") for p in parts], axis=1)
    names = (
        joined.apply(lambda column: column.where(column.notna(), "")).agg(" ".join, axis=1).str.split().str.join(", ")
    )
    return ("belongs to a group that leaves more often (" + names + ")").str.replace(" ()", "", regex=False)


def _own_attributes(contributions: pd.DataFrame) -> Cause:
    names = tuple(sorted(name for name in map(str, contributions) if name.startswith(ATTRIBUTE_PREFIX)))

    def words(frame: pd.DataFrame) -> pd.Series:
        shares = contributions.reindex(columns=list(names))
        text = pd.Series("a property of the customer in the CRM", index=frame.index, dtype="object")
        if not names:
            return text
        strongest = shares.to_numpy().argmax(axis=1)
        for position, name in enumerate(names):
            label = name.removeprefix(ATTRIBUTE_PREFIX).replace("_", " ")
            value = (
                frame[name].astype("object").map(str, na_action="ignore").fillna("not known") if name in frame else "?"
            )
            text = text.mask(pd.Series(strongest == position, index=frame.index), label + ": " + value)
        return text

    return Cause(names, words)


CAUSES = (
    Cause(("price_gap_pct", "price_change_180d_pct", "price_change_ahead_pct"), _price),
    Cause(("complaints_90d", "complaints_365d"), _complaints),
    Cause(("late_payments_180d", "late_payments_365d", "mean_days_late_365d", "failed_payments_365d"), _payments),
    Cause(("days_to_term_end", "contract_age_days"), _contract),
    Cause(("tenure_days",), _tenure),
    Cause(("contacts_90d", "days_since_last_contact"), _contacts),
    Cause(("campaign_contacts_365d", "offers_accepted_365d", "consent_marketing", "personalisation"), _campaigns),
    Cause(("has_moved_in_180d",), _move),
    Cause(
        ("kwh_30d", "kwh_90d", "kwh_90d_year_ago", "kwh_trend_ratio", "mean_daily_kwh_365d", "contracted_kw"), _usage
    ),
    Cause(("peak_share_90d", "night_share_90d", "weekend_share_90d"), _shape),
    Cause(("suspect_share_90d", "days_known_90d"), _meter),
    Cause(("customer_class", "region_code", "tariff_code", "tariff_kind"), _profile),
)
"""Every feature belongs to exactly one cause; attributes of the utility's own CRM form one more."""
