"""Measures the alerts on a made-up utility that knows what befell its meters, into ``docs/quality.md``.

``make alert-rules-quality``; some minutes. The rules look at every week of half a year, as they would have on each of
these days. What they suspect, and what of it is published within the budget of false alarms, is held against what
really befell the meters and their homes.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow.compute as pc
from pydantic import SecretStr

from meterwise import ingest, transform
from meterwise.commands.document_blocks import write_block
from meterwise.settings import Settings, get_settings
from meterwise.sources.synthetic import SyntheticUtility
from meterwise.sources.synthetic.alert_figures import alert_figures
from meterwise.warehouse import Warehouse

log = logging.getLogger(__name__)

LAST_DAY = date(2026, 7, 15)
CUSTOMERS = 1000
SEED = 2027
"""A utility at which nobody looked: rules were tuned on seed 11, chances come from 11 to 15, 2026 showed a flaw."""

MONTHS, WEEKS = 13, 26
SELECT = "path:models/staging +publish_meter_alerts"
PAGE = """\
## Quality of the alerts of the rules

A made-up utility of {customers:,} customers (seed {seed}; rules and their chances come from others) as of each of
{weeks} days a week apart, {first_day} to {last_day}; {meters:,} meters were watched on the last one.

| type | what befell the meters | episodes | found by the rules | signs of the rules | right | published | right |
|---|---|---|---|---|---|---|---|
{rows}

- *Episodes* began and could be seen within these weeks; *found* are those of which a sign of their type was seen.
- *Signs* and *published* alerts are counted once, however many weeks they went on; *right* are those that tell of an
  episode of their type.
- Published, crews and customers: {false_rate:.2f} false alarms per 100 meters a month; the budget is {budget:g}.
- Kinds without a row never happen in this utility; `tests/integration/test_meter_alerts.py` plants one of each.
"""
BEFALLEN = {
    "dead_meter": "the meter breaks",
    "tamper_suspected": "energy goes past the meter",
    "drift": "the meter counts less and less",
    "vacancy": "the home stands empty",
    "low_use": "use falls by a third within weeks",
    "high_use": "(nothing: use never rises for long)",
    "fault": "(nothing)",
    "reverse_energy": "(nothing)",
    "outage": "(nothing)",
}


@dataclass(frozen=True)
class Trial:
    """What was suspected and published, and what was true.

    Attributes:
        figures: A row a type: episodes, found, signs, signs_right, published, published_right.
        meters: Watched on the last day.
        days: As-of days, oldest first.
        budget: False alarms a month that 100 meters may give.
    """

    figures: pd.DataFrame
    meters: int
    days: tuple[date, ...]
    budget: float

    @property
    def false_alarms_per_100_meters(self) -> float:
        """Published alerts a month that tell of nothing."""
        false = self.figures["published"].sum() - self.figures["published_right"].sum()
        months = (self.days[-1] - self.days[0]).days / 30
        return float(100 * false / self.meters / months)


def trial(folder: Path, customers: int, seed: int, weeks: int = WEEKS, months: int = MONTHS) -> Trial:
    """Make a utility in a folder, build its alerts for every week, and hold them against what befell the meters."""
    utility = SyntheticUtility(folder, f"sqlite:///{folder}/crm.db", customers, seed, LAST_DAY, months)
    utility.advance_to(LAST_DAY)
    settings = Settings(
        home=folder / "home",
        sources_file=utility.sources_path,
        last_date=LAST_DAY,
        secrets={"crm_url": SecretStr(utility.crm_url)},
    )
    for domain in ("crm", "weather", "meter_reads"):
        ingest.accept(ingest.land(domain, LAST_DAY.isoformat(), settings), settings)
    days = tuple(LAST_DAY - timedelta(days=7 * back) for back in reversed(range(weeks)))
    named = [day.isoformat() for day in days]
    transform.build(SELECT, named, settings, asked_dates=named)
    return judge(folder, days, settings)


def judge(folder: Path, days: Sequence[date], settings: Settings) -> Trial:
    """Hold the alerts of a warehouse against what befell the meters of the made-up utility of a folder."""
    tables = ("marts.meter_alert_candidates", "publish.meter_alerts")
    candidates, published = (Warehouse(settings).arrow(f"select * from {table}") for table in tables)
    figures = alert_figures(folder, candidates, published, days[0], days[-1]).to_pandas()
    meters = pc.max(candidates["watched_meters"]).as_py()
    return Trial(figures, int(meters), tuple(days), settings.false_alarms_per_100_meters)


def render(found: Trial, customers: int, seed: int) -> str:
    """Return the section."""
    rows = found.figures.set_index("alert_type")
    told = [name for name in BEFALLEN if name in rows.index and (rows.loc[name].sum() > 0)]
    return PAGE.format(
        customers=customers,
        seed=seed,
        weeks=len(found.days),
        first_day=found.days[0],
        last_day=found.days[-1],
        meters=found.meters,
        rows="\n".join(_row(name, rows.T[name]) for name in told),
        false_rate=found.false_alarms_per_100_meters,
        budget=found.budget,
    )


def _row(name: str, figures: "pd.Series[float]") -> str:
    def _share(part: str, whole: str) -> str:
        return f"{figures[part] / figures[whole]:.0%}" if figures[whole] else "-"

    cells = [
        f"| {name}",
        BEFALLEN[name],
        f"{figures['episodes']:,.0f}",
        _share("found", "episodes"),
        f"{figures['signs']:,.0f}",
        _share("signs_right", "signs"),
        f"{figures['published']:,.0f}",
        f"{_share('published_right', 'published')} |",
    ]
    return " | ".join(cells)


def write(customers: int = CUSTOMERS, seed: int = SEED) -> None:
    """Measure, and put the section into the page, in the place of the one before."""
    with TemporaryDirectory() as folder:
        section = render(trial(Path(folder), customers, seed), customers, seed)
    path = get_settings().project / "docs" / "quality.md"
    write_block(path, "alert rules", section)
    log.info("Wrote %s", path)


if __name__ == "__main__":
    write()
