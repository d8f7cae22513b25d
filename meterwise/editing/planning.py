"""Finds out what an edit would change, and refuses what cannot be; in SQL on the warehouse's raw tables, all at once.

The steps make temporary tables: ``spans`` (what is asked, typed), ``lengths`` (of the read before each span, else of
that behind it), ``edited`` (one row an interval) and ``plan`` (with what each read says now).
"""

from datetime import datetime

import pyarrow as pa

from meterwise.editing import records
from meterwise.editing.asked import EditError
from meterwise.ingest.account import forgotten_before
from meterwise.ingest.mapping import CHANNELS
from meterwise.settings import Settings
from meterwise.sources.clock import from_column
from meterwise.sources.rows import literal
from meterwise.warehouse import LoadingArea

SHOWN_FAULTS = 20
LENGTHS = (5, 15, 30, 60)
"""Interval lengths, in minutes, that landing lets through."""

NEAREST = """
create or replace temp table lengths as
with known_reads as (
    select
        meter_id,
        channel,
        interval_start_utc,
        arg_max(interval_minutes, {'received_at_utc': received_at_utc, 'version_no': version_no}) as interval_minutes
    from raw.meter_reads
    where not is_deleted and meter_id in (select meter_id from spans)
    group by meter_id, channel, interval_start_utc
)
select
    spans.line,
    coalesce(before.interval_minutes, later.interval_minutes) as minutes,
    coalesce(before.interval_start_utc, later.interval_start_utc) as start_utc
from spans
asof left join known_reads as before
    on spans.meter_id = before.meter_id and spans.channel = before.channel
    and spans.interval_start_utc >= before.interval_start_utc
asof left join known_reads as later
    on spans.meter_id = later.meter_id and spans.channel = later.channel
    and spans.interval_start_utc <= later.interval_start_utc
"""

EDITED = """
create or replace temp table edited as
select
    meter_id,
    channel,
    unnest(generate_series(
        interval_start_utc,
        coalesce(end_utc - to_minutes(minutes), interval_start_utc),
        to_minutes(minutes)
    )) as interval_start_utc,
    minutes as interval_minutes,
    after_kwh,
    line
from measured
"""

PLAN = """
create or replace temp table plan as
with current_reads as (
    select reads.*
    from raw.meter_reads as reads
    semi join edited using (meter_id, channel, interval_start_utc)
    qualify row_number() over (
        partition by meter_id, channel, interval_start_utc order by received_at_utc desc, version_no desc
    ) = 1
)
select
    edited.* exclude (after_kwh),
    current_reads.interval_minutes as read_minutes,
    coalesce(last_edits.after_kwh, current_reads.consumption_kwh) as before_kwh,
    case when last_edits.after_kwh is not null then 'edited' else current_reads.quality_code end as before_quality,
    edited.after_kwh,
    row_number() over (
        partition by edited.meter_id, edited.channel, edited.interval_start_utc order by edited.line
    ) as occurrence
from edited
left join current_reads
    on edited.meter_id = current_reads.meter_id and edited.channel = current_reads.channel
    and edited.interval_start_utc = current_reads.interval_start_utc and not current_reads.is_deleted
left join last_edits
    on edited.meter_id = last_edits.meter_id and edited.channel = last_edits.channel
    and edited.interval_start_utc = last_edits.interval_start_utc
"""


def plan(
    area: LoadingArea, asked: pa.Table, timezone: str, now_utc: datetime, may_be_negative: bool, settings: Settings
) -> pa.Table:
    """Return what the edits would change, by meter, channel and time: the columns of ``records.append``.

    Args:
        area: Open, without a transaction.
        asked: Of ``of_span`` or ``of_csv``.
        timezone: Of times without an offset.
        now_utc: Meterwise's clock.
        may_be_negative: Whether a meter may have delivered negative energy on ``import``.
        settings: Of this installation.

    Raises:
        EditError: Some of it cannot be; the text says what of which row.
    """
    connection = area.connection
    connection.register("asked", asked)
    connection.execute(_spans(timezone))
    area.bring("meters")
    area.bring("meter_reads", of="spans", beside=True)
    connection.execute(NEAREST)
    connection.execute(_measured(area, now_utc, may_be_negative))
    _refuse_faults(area, "measured")
    connection.execute(EDITED)
    area.bring("meter_reads", of="edited")
    connection.register("last_edits", records.newest(connection.sql("from edited").to_arrow_table(), settings))
    connection.execute(PLAN)
    _refuse_faults(area, f"(select line, {_clashes()} as fault from plan)")
    return connection.sql(
        "select meter_id, channel, interval_start_utc, interval_minutes, before_kwh, before_quality, after_kwh "
        "from plan order by meter_id, channel, interval_start_utc"
    ).to_arrow_table()


def _spans(timezone: str) -> str:
    """Read the texts; a text that is nothing of the kind is null."""
    start, end = (from_column(name, "VARCHAR", timezone, None) for name in ("interval_start", "interval_end"))
    return f"""
        create or replace temp table spans as
        select
            line,
            trim(meter_id) as meter_id,
            coalesce(nullif(trim(channel), ''), 'import') as channel,
            {start.utc} as interval_start_utc,
            {end.utc} as end_utc,
            try_cast(interval_minutes as integer) as given_minutes,
            try_cast(kwh as decimal(18,6)) as after_kwh,
            ({start.earlier_utc}) is not null or ({end.earlier_utc}) is not null as is_repeated,
            coalesce({start.is_skipped}, false) or coalesce({end.is_skipped}, false) as is_skipped,
            interval_end is not null as has_end
        from asked
    """


def _measured(area: LoadingArea, now_utc: datetime, may_be_negative: bool) -> str:
    """Give each span the length of its intervals, or the reason why it cannot be edited."""
    forgotten = forgotten_before(area.connection)
    rules = {
        "coalesce(meter_id, '') = ''": "no meter is named",
        f"channel not in ({', '.join(literal(channel) for channel in CHANNELS)})": (
            "the channel is not import, export or reactive"
        ),
        "nearest_start_utc is null and meter_id not in (select meter_id from raw.meters)": (
            "neither this meter nor a read of it on this channel is known"
        ),
        "interval_start_utc is null or (has_end and end_utc is null)": (
            "the time cannot be read; write it as 2026-07-01T10:15"
        ),
        "is_skipped": "this local time does not exist: the clock change skips it",
        "is_repeated": "the clock change repeats this local time; write it with its offset, such as +02:00",
        "minutes is null": "no read says how long its intervals are; say it (interval_minutes)",
        f"minutes not in ({', '.join(map(str, LENGTHS))})": (
            f"the interval is not one of {', '.join(map(str, LENGTHS))} minutes long"
        ),
        "offset_seconds <> 0": "the time is not the start of one of the meter's intervals",
        "end_utc <= interval_start_utc or span_seconds % (minutes * 60) <> 0": (
            "the end is not the end of a later interval"
        ),
        # A stopped clock stands a microsecond before midnight.
        f"coalesce(end_utc, interval_start_utc + to_minutes(minutes)) > timestamp '{now_utc}' + interval 1 second": (
            "the interval has not ended yet"
        ),
        f"interval_start_utc < timestamp '{forgotten}'" if forgotten else "false": (
            f"reads before {forgotten} were given up (raw_kept_days)"
        ),
        "after_kwh is null": "the value is not a number",
        "false" if may_be_negative else "after_kwh < 0 and channel = 'import'": (
            "a negative value on the channel import; if the meter did run backwards, allow it (--allow-negative)"
        ),
    }
    cases = " ".join(f"when {condition} then {literal(told)}" for condition, told in rules.items())
    return f"""
        create or replace temp table measured as
        with known as (
            select
                spans.*,
                lengths.start_utc as nearest_start_utc,
                coalesce(spans.given_minutes, lengths.minutes) as minutes
            from spans left join lengths on spans.line = lengths.line
        ),
        placed as (
            select
                *,
                (epoch(interval_start_utc) - epoch(coalesce(nearest_start_utc, timestamp '1970-01-01')))::bigint
                    % (case when nearest_start_utc is null then least(minutes, 15) else minutes end * 60)
                    as offset_seconds,
                (epoch(end_utc) - epoch(interval_start_utc))::bigint as span_seconds
            from known
        )
        select *, case {cases} end as fault from placed
    """


def _clashes() -> str:
    return (
        "case when occurrence > 1 then 'the same interval is named twice' "
        "when read_minutes <> interval_minutes then "
        "'there is a read of ' || read_minutes || ' minutes, not ' || interval_minutes end"
    )


def _refuse_faults(area: LoadingArea, relation: str) -> None:
    faults = area.connection.execute(
        f"select distinct line, fault from {relation} where fault is not null order by line, fault"
    ).fetchall()
    if faults:
        shown = "\n".join(f"  - row {line}: {fault}." for line, fault in faults[:SHOWN_FAULTS])
        more = f"\n  ... and {len(faults) - SHOWN_FAULTS:,} more." if len(faults) > SHOWN_FAULTS else ""
        raise EditError(f"Nothing was edited; {len(faults):,} row(s) cannot be:\n{shown}{more}")
