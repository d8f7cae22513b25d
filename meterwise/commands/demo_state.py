"""What a demo remembers between its days, and the settings that follow from it."""

from datetime import date, timedelta
from pathlib import Path

from pydantic import BaseModel

from meterwise.settings import Settings, get_settings

STATE_FILE = "demo.json"
DATABASES = {"crm_url": "crm"}
"""Databases that the demo needs beside those of the stack, by the secret that holds their URL."""


class Demo(BaseModel, extra="forbid"):
    """What a demo remembers in its home."""

    customers: int = 1000
    seed: int = 2026  # parameters of the models were chosen on other seeds, so that its figures do not flatter
    first_date: date = date(2026, 7, 15)
    published: date | None = None

    @property
    def next_date(self) -> date:
        """Day to work for next: the one after the last published."""
        return self.first_date if self.published is None else self.published + timedelta(days=1)

    def save(self, home: Path) -> None:
        """Write the state whole or not at all."""
        home.mkdir(parents=True, exist_ok=True)
        draft = home / f"{STATE_FILE}.new"
        draft.write_text(self.model_dump_json(indent=2))
        draft.replace(home / STATE_FILE)


def load(home: Path) -> Demo | None:
    """Return the demo of a home, or None where there is none."""
    path = home / STATE_FILE
    return Demo.model_validate_json(path.read_text()) if path.exists() else None


def settings_of(demo: Demo, home: Path, day: date | None = None) -> Settings:
    """Return the settings that a demo works with: its own sources, and a clock at the end of the day."""
    sources = home.resolve() / "utility" / "sources.yml"
    return get_settings().model_copy(
        update={"home": home.resolve(), "sources_file": sources, "last_date": day or demo.published or demo.first_date}
    )
