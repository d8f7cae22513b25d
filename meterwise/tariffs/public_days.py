"""Days that are holidays, or workdays whatever they are, for the tariffs of a book."""

from collections.abc import Iterable
from datetime import date

import holidays

from meterwise.tariffs.model import TariffBook
from meterwise.tariffs.problems import TariffBookError


def public_days(book: TariffBook, years: Iterable[int]) -> dict[date, str]:
    """Return ``holiday`` or ``workday`` for each day of some years that is marked as one.

    Raises:
        TariffBookError: The book's country is unknown.
    """
    days: dict[date, str] = {}
    if book.country is not None:
        country, _, part = book.country.partition("-")
        try:
            known = holidays.country_holidays(country, subdiv=part or None, years=sorted(set(years)))
        except NotImplementedError as error:
            raise TariffBookError(
                f"`country: {book.country}` is unknown. Write it like DE or DE-BY, or leave it out and list `holidays`."
            ) from error
        days |= dict.fromkeys(known, "holiday")
        # Weekends that are worked on for a long holiday, as China's calendar has.
        days |= dict.fromkeys(getattr(known, "weekend_workdays", ()), "workday")
    return days | dict.fromkeys(book.holidays, "holiday") | dict.fromkeys(book.workdays, "workday")
