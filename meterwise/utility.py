"""The utility's own calendar: its time zone, its days, and the clock that Meterwise goes by."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from meterwise.settings import Settings, get_settings


class Utility(BaseModel, frozen=True, extra="forbid"):
    """What holds for the whole utility; the block ``utility`` of ``sources.yml``."""

    name: str = Field(default="Utility", description="Name in reports.")
    timezone: str = Field(default="UTC", description="IANA time zone whose calendar bills and segments follow.")
    country: str = Field(default="DE", description="ISO country of the public holidays, as the package holidays knows.")
    currency: str = Field(default="EUR", description="ISO currency of every amount.")

    def day_end_utc(self, local_date: date) -> datetime:
        """Return the instant (UTC, without a zone marker) at which a local day ends."""
        midnight = datetime.combine(local_date + timedelta(days=1), time(), tzinfo=ZoneInfo(self.timezone))
        return midnight.astimezone(UTC).replace(tzinfo=None)

    def now_utc(self, settings: Settings | None = None) -> datetime:
        """Return Meterwise's clock (UTC, without a zone marker): the real one unless ``last_date`` stops it."""
        settings = settings or get_settings()
        if settings.last_date is not None:
            return self.day_end_utc(settings.last_date) - timedelta(microseconds=1)
        return datetime.now(UTC).replace(tzinfo=None)

    def today(self, settings: Settings | None = None) -> date:
        """Return the local date of Meterwise's clock: the default ``as_of_date``."""
        now = self.now_utc(settings).replace(tzinfo=UTC)
        return now.astimezone(ZoneInfo(self.timezone)).date()
