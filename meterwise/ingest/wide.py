"""Finds the instant of every cell of a wide file: once for each day and column, not for each cell."""

from meterwise.sources.clock import from_local


def cells_in_time(relation: str, day: str, day_column: str, amount: str, timezone: str, repeated_hour: str) -> str:
    """Return SQL of the cells with their ``_start_utc`` and ``_is_unreal`` (a local time that does not exist).

    Zeros at times that do not exist are filler and are left out. In the hour that the autumn change repeats, a plain
    column holds the first, the second or the sum of both; a sum becomes two reads of half the value.

    Args:
        relation: ``cells`` as ``meterwise.sources.layouts`` makes them.
        day: SQL of the local date, of ``day_column``.
        day_column: SQL of the source's column with the local date.
        amount: SQL of ``_value`` as a number.
        timezone: Zone of the local date.
        repeated_hour: first, second or sum.
    """
    clock = from_local("(_date::timestamp + to_minutes(_minute))", timezone)
    midnight = from_local("_date::timestamp", timezone).utc
    next_midnight = from_local("(_date + 1)::timestamp", timezone).utc
    elapsed = f"{midnight} + to_minutes(_minute)"
    start = "_late" if repeated_hour == "second" else "coalesce(_earlier, _late)"
    other = "_late" if repeated_hour == "sum" else "null::timestamp"
    return f"""(
        with cells as materialized (select *, {day_column} as _day from {relation}),
        day_columns as (select distinct _day, {day} as _date, _minute, _is_elapsed, _is_second from cells),
        instants as (
            select *,
                case when _is_elapsed then {elapsed} else {clock.utc} end as _late,
                case when not _is_elapsed then {clock.earlier_utc} end as _earlier,
                case when _is_elapsed then {elapsed} >= {next_midnight} else {clock.is_skipped} end as _is_skipped
            from day_columns
        ),
        places as (
            select _day, _minute, _is_elapsed, _is_second,
                case when _is_second then _late else {start} end as _start_utc,
                case when not _is_second and _earlier is not null then {other} end as _other_utc,
                _is_skipped or (_is_second and not _is_elapsed and _earlier is null) as _is_unreal
            from instants
        ),
        placed as (
            select cells.*, places._start_utc, places._other_utc, places._is_unreal
            from cells
            inner join places
                on cells._day is not distinct from places._day and cells._minute = places._minute
                and cells._is_elapsed = places._is_elapsed and cells._is_second = places._is_second
            where places._is_unreal is not true or {amount} is distinct from 0
        )
        select * from placed where _other_utc is null
        union all by name
        select * replace (({amount} / 2)::varchar as _value, unnest([_start_utc, _other_utc]) as _start_utc)
        from placed where _other_utc is not null
    )"""
