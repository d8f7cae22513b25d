"""SQL for local time: from a text or a timestamp of the source to UTC, right on both days of the clock change."""

from dataclasses import dataclass

from meterwise.sources.rows import literal

OFFSET = r"\d:\d{2}(:\d{2}([.,]\d+)?)?\s*(Z|z|[+-]\d{2}(:?\d{2})?)$"
"""A time of day with an offset behind it; the day of an ISO date must not pass for one."""


@dataclass(frozen=True)
class Instant:
    """SQL of one instant.

    Attributes:
        utc: UTC; of two instants with the same local time the later one; null where the text is no time.
        earlier_utc: The earlier of two instants with the same local time, else null.
        is_skipped: Whether the local time does not exist (the hour that the spring change skips).
    """

    utc: str
    earlier_utc: str = "null::timestamp"
    is_skipped: str = "false"


def from_local(local: str, timezone: str) -> Instant:
    """Read a local timestamp."""
    if timezone in {"UTC", "Etc/UTC"}:
        return Instant(local)
    zone = literal(timezone)
    utc = f"(({local}) at time zone {zone}) at time zone 'UTC'"

    def back(instant: str) -> str:
        return f"(({instant}) at time zone 'UTC') at time zone {zone}"

    # Clocks go back by an hour, on Lord Howe Island by half an hour. Steps inside a day of change only cost the check.
    earlier = (
        f"case when {back(f'{utc} - interval 1 hour')} = {local} then {utc} - interval 1 hour "
        f"when {back(f'{utc} - interval 30 minutes')} = {local} then {utc} - interval 30 minutes end"
    )
    return Instant(utc, earlier, f"{back(utc)} <> {local}")


def from_column(column: str, kind: str, timezone: str, text_format: str | None) -> Instant:
    """Read a column of the source.

    Args:
        column: SQL of the column, as the source has it.
        kind: DuckDB type of the column.
        timezone: Zone of times without an offset.
        text_format: strptime format of text, None for ISO 8601.
    """
    if kind.startswith("TIMESTAMP WITH TIME ZONE") or kind.startswith("TIMESTAMPTZ"):
        return Instant(f"(({column})::timestamptz at time zone 'UTC')")
    if kind.startswith(("TIMESTAMP", "DATE")):
        return from_local(f"(({column})::timestamp)", timezone)
    text = f"trim(({column})::varchar)"
    if text_format and "%z" in text_format:
        return Instant(f"(try_strptime({text}, {literal(text_format)})::timestamptz at time zone 'UTC')")
    if text_format:
        return from_local(f"try_strptime({text}, {literal(text_format)})::timestamp", timezone)
    local = from_local(f"try_cast({text} as timestamp)", timezone)
    has_offset = f"regexp_matches({text}, {literal(OFFSET)})"
    return Instant(
        f"case when {has_offset} then try_cast({text} as timestamptz) at time zone 'UTC' else {local.utc} end",
        f"case when {has_offset} then null else {local.earlier_utc} end",
        f"(not {has_offset} and {local.is_skipped})",
    )
