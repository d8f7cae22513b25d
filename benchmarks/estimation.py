"""Hides true reads and lets the warehouse's own dbt models estimate them (``make bench-estimation``).

Reads of real homes, and of the made-up utility, are landed as a user would land them. In every window of ten days a gap
of 1 h, 6 h, 1 day or 1 week is cut into each meter that is judged; then ``int_read_estimates`` is built and compared
with what was cut out, beside linear interpolation and the value of a week before. The knobs of the models were chosen
on the other half of the Swiss meters and on the other months of the Australian ones; nothing was chosen on the utility.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
from pydantic import SecretStr
from utilsforecast.losses import wape

from meterwise import ingest, ops, transform
from meterwise.commands.document_blocks import write_block
from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings
from meterwise.sources.synthetic import SyntheticUtility
from meterwise.warehouse import Warehouse

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
QUALITY = ROOT / "docs" / "quality.md"
LENGTHS = {60: "1 h", 360: "6 h", 1440: "1 day", 10080: "1 week"}
METHODS = {"estimated_kwh": "Meterwise", "linear_kwh": "linear interpolation", "last_week_kwh": "last week's value"}
MADE_UP_DAY = date(2026, 3, 14)

HIDE = """
create schema bench;

create table bench.gaps as
with seen as (
    select meter_id, interval_start_utc, interval_minutes, dense_rank() over (order by meter_id) - 1 as meter_no
    from raw.meter_reads
    where channel = 'import'
),

windows as (
    select distinct
        meter_id,
        interval_minutes,
        date_trunc('month', interval_start_utc) + (least((day(interval_start_utc) - 1) // 10, 2) * 10)::integer
            * interval '1 day' as window_start_utc
    from seen
    where {judged}
),

sized as (
    select
        *,
        [{lengths}][1 + ((md5_number_lower(meter_id) % 4 + epoch(window_start_utc)::bigint // 864000) % 4)::integer]
            as gap_minutes
    from windows
)

select
    *,
    window_start_utc + interval_minutes * (
        md5_number_lower(meter_id || window_start_utc::varchar) % ((14400 - gap_minutes) // interval_minutes)
    )::integer * interval '1 minute' as gap_start_utc
from sized;

create table bench.hidden as
with cut as (
    select
        gaps.meter_id,
        gaps.gap_start_utc,
        gaps.gap_minutes,
        reads.interval_start_utc,
        reads.interval_minutes,
        reads.consumption_kwh as true_kwh,
        date_diff('minute', gaps.gap_start_utc, reads.interval_start_utc) as minutes_in
    from bench.gaps as gaps
    inner join raw.meter_reads as reads
        on gaps.meter_id = reads.meter_id
        and reads.interval_start_utc >= gaps.gap_start_utc - gaps.interval_minutes * interval '1 minute'
        and reads.interval_start_utc <= gaps.gap_start_utc + gaps.gap_minutes * interval '1 minute'
    where reads.quality_code = 'measured' and reads.channel = 'import'
    qualify count(*) over (partition by gaps.meter_id, gaps.gap_start_utc)
        = gaps.gap_minutes // gaps.interval_minutes + 2
)

select * from cut where minutes_in between 0 and gap_minutes - 1;

delete from raw.meter_reads where (meter_id, interval_start_utc) in (
    select (meter_id, interval_start_utc) from bench.hidden
)
"""

COMPARE = """
with known as (
    select meter_id, interval_start_utc, consumption_kwh::double as kwh from raw.meter_reads where channel = 'import'
)

select
    hidden.gap_minutes,
    hidden.meter_id || hidden.gap_start_utc::varchar as gap,
    hidden.true_kwh::double as true_kwh,
    estimates.estimated_kwh::double as estimated_kwh,
    first_read.kwh + (last_read.kwh - first_read.kwh) * (hidden.minutes_in + hidden.interval_minutes)
        / (hidden.gap_minutes + hidden.interval_minutes) as linear_kwh,
    coalesce(week_before.kwh, two_before.kwh) as last_week_kwh
from bench.hidden as hidden
left join intermediate.int_read_estimates as estimates
    on hidden.meter_id = estimates.meter_id and hidden.interval_start_utc = estimates.interval_start_utc
inner join known as first_read
    on hidden.meter_id = first_read.meter_id
    and hidden.gap_start_utc - hidden.interval_minutes * interval '1 minute' = first_read.interval_start_utc
inner join known as last_read
    on hidden.meter_id = last_read.meter_id
    and hidden.gap_start_utc + hidden.gap_minutes * interval '1 minute' = last_read.interval_start_utc
left join known as week_before
    on hidden.meter_id = week_before.meter_id
    and hidden.interval_start_utc - interval '7 days' = week_before.interval_start_utc
left join known as two_before
    on hidden.meter_id = two_before.meter_id
    and hidden.interval_start_utc - interval '14 days' = two_before.interval_start_utc
where last_week_kwh is not null
"""

TEXT = """\
## Quality of the estimates

True reads were hidden and estimated by the models of the warehouse (`make bench-estimation`): WAPE over all hidden
intervals, the sum of absolute errors by the sum of true use; *too much* is what all estimates are above (or, with a
minus, below) the truth, and *gap's energy* the WAPE of the sums of the gaps, which is what a bill sees. Where register
readings bracket a gap, these two are nothing: then the estimates add up to the register.

| reads | gap | gaps | Meterwise | linear interpolation | last week's value | too much | gap's energy |
|---|---|---|---|---|---|---|---|
{rows}

- The knobs were chosen on other meters (Swiss homes) and other months (Australian homes) than these; on the made-up
  utility nothing was chosen.
- The estimate lies half way between the median and the mean of like days: the median alone has a lower WAPE and is a
  third too low where use comes in peaks, the mean has next to no bias and the highest WAPE.
- Ten Australian homes are few neighbours, and each is hardly predictable; so their day counts little.
"""


@dataclass(frozen=True)
class Reads:
    """Where reads come from, and which of them are judged: those that no knob was chosen on."""

    name: str
    file: str
    last_day: date
    judged: str = "true"

    @property
    def path(self) -> Path:
        return DATA / self.name / self.file


SWISS = Reads(
    "swiss_homes",
    "reads_wide_15min.csv.gz",
    date(2015, 12, 14),
    judged="((meter_no::hugeint * 2654435761) >> 7) % 2 = 1",
)
AUSTRALIAN = Reads(
    "australian_homes", "reads_30min.csv.gz", date(2014, 3, 4), judged="month(interval_start_utc) % 2 = 0"
)
MADE_UP = Reads("made_up_utility", "", MADE_UP_DAY)
ALL = (SWISS, AUSTRALIAN, MADE_UP)


def measure(reads: Reads) -> pd.DataFrame:
    """Land the reads, hide some, build the estimates; returns a row a gap length with the figures of all methods."""
    with landed(reads) as settings:
        warehouse = Warehouse(settings)
        hide = HIDE.format(judged=reads.judged, lengths=", ".join(map(str, LENGTHS)))
        for statement in hide.split(";"):
            warehouse.execute(statement)
        transform.build("+int_read_estimates +stg_crm_customers", [reads.last_day.isoformat()], settings)
        found = warehouse.arrow(COMPARE).to_pandas()
    assert found["estimated_kwh"].notna().all(), "every hidden read is estimated"
    return figures(reads.name, found)


def figures(name: str, found: pd.DataFrame) -> pd.DataFrame:
    """WAPE of each method by gap length, as utilsforecast defines it; also the bias and the WAPE of whole gaps."""
    by_length = found.rename(columns={"gap_minutes": "unique_id", "true_kwh": "y"})
    values = ["y", *METHODS]
    table = wape(by_length[["unique_id", *values]], models=list(METHODS)).set_index("unique_id")
    sums = by_length.groupby(["unique_id", "gap"], as_index=False)[values].sum()
    table["gap_energy"] = wape(sums, models=["estimated_kwh"]).set_index("unique_id")["estimated_kwh"]
    totals = by_length.groupby("unique_id")[values].sum()
    table["bias"] = totals["estimated_kwh"] / totals["y"] - 1
    table["gaps"] = sums.groupby("unique_id").size()
    return table.reset_index(names="gap_minutes").assign(reads=name)


@contextmanager
def landed(reads: Reads) -> Iterator[Settings]:
    """A home of its own in which the reads have landed."""
    folder = Path(tempfile.mkdtemp(prefix="meterwise-estimation-"))
    with EmbeddedPostgres(folder / "postgres", durable=False) as server:
        settings = Settings(
            home=folder / "home",
            sources_file=folder / "sources.yml",
            last_date=reads.last_day,
            secrets={"crm_url": SecretStr(f"sqlite:///{folder}/crm.db")},
            database_url=SecretStr(server.create_database("meterwise")),
        )
        prepare(reads, folder)
        ops.migrate(settings)
        for domain in ("crm", "meter_reads"):
            ingest.accept(ingest.land(domain, reads.last_day.isoformat(), settings), settings)
        yield settings
    shutil.rmtree(folder)


def prepare(reads: Reads, folder: Path) -> None:
    """Put the files and their ``sources.yml`` into a folder."""
    if reads is MADE_UP:
        utility = SyntheticUtility(folder, f"sqlite:///{folder}/crm.db", 150, first_date=MADE_UP_DAY, months=4)
        utility.advance_to(MADE_UP_DAY)
        return
    shutil.copy(ROOT / "examples" / reads.name / "sources.yml", folder)
    shutil.copy(reads.path, folder)


def report(found: pd.DataFrame) -> str:
    """The section of the quality page."""
    rows = [
        f"| {row.reads.replace('_', ' ')} | {LENGTHS[row.gap_minutes]} | {row.gaps:,} | **{row.estimated_kwh:.3f}** | "
        f"{row.linear_kwh:.3f} | {row.last_week_kwh:.3f} | {row.bias:+.1%} | {row.gap_energy:.3f} |"
        for row in found.itertuples()
    ]
    return TEXT.format(rows="\n".join(rows))


def is_here(reads: Reads) -> bool:
    """Whether the reads can be had on this machine."""
    return reads is MADE_UP or reads.path.exists()


def main(arguments: Sequence[str]) -> int:
    """Measure on all reads that are here; returns 1 where a plain method is better over 1 h."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write what was measured into docs/quality.md")
    given = parser.parse_args(arguments)
    for reads in ALL:
        if not is_here(reads):
            print(f"{reads.name}: not measured, {reads.path} is not on this machine.")
    found = pd.concat([measure(reads) for reads in ALL if is_here(reads)])
    print(report(found))
    if given.write:
        write_block(QUALITY, "estimation", report(found))
    longer = found[found["gap_minutes"] > 60]
    return int((longer["estimated_kwh"] >= longer[["linear_kwh", "last_week_kwh"]].min(axis=1)).any())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
