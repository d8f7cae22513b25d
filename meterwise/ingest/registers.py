"""Turns register readings into interval reads: the differences between successive readings of a meter."""

from meterwise.sources.config import FileSource, SqlSource
from meterwise.sources.rows import LINE
from meterwise.warehouse import LoadingArea


def derive_reads(area: LoadingArea, source: FileSource | SqlSource, load_id: str) -> None:
    """Make ``incoming`` the interval reads that a load of register readings changes.

    A reading between two known ones changes both differences beside it. Over a gap of several intervals the energy is
    spread evenly and the reads say that they are estimated; nothing is lost, and readings that come later replace them.

    Args:
        area: In the transaction of the load.
        source: The source of the readings; ``interval_minutes`` is the length of its reads.
        load_id: Of the readings.
    """
    minutes = source.interval_minutes or 60
    area.bring("register_reads", of="received", beside=True)
    area.connection.execute(
        f"""
        create or replace temp table incoming as
        with current_registers as (
            select * from raw.register_reads
            where (meter_id, channel) in (
                select (meter_id, channel) from raw.register_reads where load_id = '{load_id}'
            )
            qualify row_number() over (
                partition by meter_id, channel, read_at_utc order by received_at_utc desc, version_no desc
            ) = 1
        ),
        pairs as (
            select
                meter_id,
                channel,
                read_at_utc,
                register_kwh,
                received_at_utc,
                load_id,
                lag(read_at_utc) over readings as start_utc,
                lag(register_kwh) over readings as start_kwh,
                lag(received_at_utc) over readings as start_received_at_utc,
                lag(load_id) over readings as start_load_id
            from current_registers
            where not is_deleted
            window readings as (partition by meter_id, channel order by read_at_utc)
        ),
        changed as (
            select
                *,
                date_diff('minute', start_utc, read_at_utc)::integer as minutes,
                register_kwh - start_kwh as difference_kwh
            from pairs
            where start_utc is not null and '{load_id}' in (load_id, start_load_id)
        ),
        counted as (
            select *, case when minutes % {minutes} = 0 then minutes // {minutes} else 1 end as parts from changed
        ),
        parted as (
            select *, unnest(generate_series(0, parts - 1)) as part from counted
        )
        select
            meter_id,
            channel,
            start_utc + to_minutes((part * {minutes})::integer) as interval_start_utc,
            (case when parts > 1 then {minutes} else minutes end)::integer as interval_minutes,
            -- Differences of rounded shares, so that the parts add up to the whole.
            (
                round(difference_kwh * (part + 1) / parts, 6) - round(difference_kwh * part / parts, 6)
            )::decimal(18,6) as consumption_kwh,
            case when parts > 1 then 'estimated' end as quality_code,
            case when parts > 1 then 'register gap' end as quality_reason,
            greatest(received_at_utc, start_received_at_utc) as _received_at,
            null::timestamp as _earlier_utc,
            row_number() over (order by meter_id, channel, read_at_utc, part) as {LINE},
            null::varchar as _slot,
            null::varchar as _bad
        from parted
        """
    )


def find_replaced_parts(area: LoadingArea, source: FileSource | SqlSource) -> None:
    """Make ``gone`` the current reads that ``incoming`` covers with others: parts of a gap that a late reading splits.

    A reading at 2:30 in a gap from 0:00 to 5:00 makes two reads, of 0:00 and of 2:30; the parts of 1:00, 2:00, 3:00 and
    4:00 have no successor and would count beside them.

    Args:
        area: Holds ``incoming`` as made by ``derive_reads``.
        source: The source of the readings; only its own reads are looked at.
    """
    area.bring("meter_reads", of="incoming")
    area.connection.execute(
        """
        create or replace temp table gone as
        with spans as (
            select
                meter_id,
                channel,
                interval_start_utc as start_utc,
                interval_start_utc + to_minutes(interval_minutes) as end_utc,
                _received_at
            from incoming
        ),
        current_reads as (
            select reads.* from raw.meter_reads as reads
            where reads.meter_id in (select meter_id from spans)
                and reads.interval_start_utc >= (select min(start_utc) from spans)
                and reads.interval_start_utc < (select max(end_utc) from spans)
            qualify row_number() over (
                partition by meter_id, channel, interval_start_utc order by received_at_utc desc, version_no desc
            ) = 1
        )
        select current_reads.*, coalesce(spans._received_at, current_reads.received_at_utc) as _gone_at
        from current_reads
        inner join raw.load_audit as audit on current_reads.load_id = audit.load_id
        inner join spans
            on current_reads.meter_id = spans.meter_id
            and current_reads.channel = spans.channel
            and current_reads.interval_start_utc > spans.start_utc
            and current_reads.interval_start_utc < spans.end_utc
        anti join incoming
            on current_reads.meter_id = incoming.meter_id
            and current_reads.channel = incoming.channel
            and current_reads.interval_start_utc = incoming.interval_start_utc
        where audit.source = $source and not current_reads.is_deleted
        """,
        {"source": source.name},
    )
