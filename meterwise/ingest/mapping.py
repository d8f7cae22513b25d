"""Maps the rows of a source onto a canonical raw table, in SQL; what cannot be represented is marked with its reason.

The outcome is the temporary table ``incoming``: the canonical columns, ``_line_no``, ``_slot``, ``_received_at`` (null
where the source does not say) and ``_bad`` (null for a row that can be represented).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from meterwise.ingest.wide import cells_in_time
from meterwise.raw_tables import Column
from meterwise.sources.clock import Instant, from_column
from meterwise.sources.config import FileSource, SqlSource
from meterwise.sources.messages import REFUSED
from meterwise.sources.rows import LINE, SourceRows, literal, quoted

TO_KWH = {"kWh": "1", "Wh": "0.001", "MWh": "1000", "kW": "interval_minutes / 60.0", "W": "interval_minutes / 60000.0"}
ENERGY = {"meter_reads": "consumption_kwh", "register_reads": "register_kwh"}
"""The column of a table that ``unit`` speaks of."""

CHANNELS = ("import", "export", "reactive")
EARLIEST = {"meter_reads": "1990-01-01", "register_reads": "1990-01-01", "weather": "1990-01-01"}
PERIODS = {
    "meters": ("installed_on", "removed_on"),
    "crm_contracts": ("start_on", "end_on"),
    "crm_customers": ("joined_on", "left_on"),
    "tariffs": ("valid_from", "valid_to"),
    "school_holidays": ("first_on", "last_on"),
}
WORDS = {"timestamp": "not a time", "date": "not a date", "integer": "not a whole number", "boolean": "not yes or no"}
DATES = {"date", "timestamp"}


@dataclass(frozen=True)
class Mapped:
    """SQL of one canonical column.

    Attributes:
        column: The canonical column.
        raw: SQL of what the source has, null where it has nothing.
        value: SQL of the canonical value, null where the source's cannot be read.
        instant: For times, both readings of a local time that the autumn change repeats.
    """

    column: Column
    raw: str
    value: str
    instant: Instant | None = None


class Mapping:
    """The mapping of one source; ``sources.yml`` in SQL."""

    def __init__(
        self,
        source: FileSource | SqlSource,
        rows: SourceRows,
        timezone: str,
        now_utc: datetime,
        forgotten_before: datetime | None = None,
    ) -> None:
        self.source = source
        self.forgotten_before = forgotten_before
        self.table = source.raw_table
        self.rows = rows
        self.timezone = timezone
        self.now_utc = now_utc
        self.is_wide = "_minute" in rows.types
        self.energy = ENERGY.get(self.table.name)

    def run(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make ``incoming``."""
        connection.execute(self.sql())
        self._order_repeated_hour(connection)

    def sql(self) -> str:
        """The statement that makes ``incoming``."""
        mapped = [self._mapped(column) for column in self.table.columns]
        flags = [f"has_{m.column.name}" for m in mapped if self._is_checked(m)]
        names = [column.name for column in self.table.columns if column.name != self.energy]
        energy = [f"{self._energy()} as {self.energy}"] if self.energy else []
        kept = ["_received_at", "_earlier_utc", LINE, "_slot"]
        return f"""
            create or replace temp table incoming as
            with typed as (select {", ".join(self._typed(mapped))} from {self._relation()}),
            measured as (
                select {", ".join([*names, *energy, *kept, REFUSED, "_is_skipped", "_says_when", *flags])} from typed
            )
            select {", ".join([*(column.name for column in self.table.columns), *kept])}, case
                when {REFUSED} is not null then {REFUSED}
                when {self._is_bad(mapped)} then concat_ws('; ', {self._reasons(mapped)})
            end as _bad
            from measured
        """

    def _typed(self, mapped: list[Mapped]) -> list[str]:
        """Every canonical column, whether the source has something for it, and what else a row says of itself."""
        received = self._received() or "null::timestamp"
        key_time = next((m.instant for m in mapped if m.instant and m.column.name == self.table.event_time), None)
        earlier = key_time.earlier_utc if key_time and self._is_read else "null::timestamp"
        return [
            *(f"({m.value}) as {m.column.name}" for m in mapped),
            *(f"({m.raw}) is not null as has_{m.column.name}" for m in mapped if self._is_checked(m)),
            f"({received}) as _received_at",
            f"({self._says_when()}) as _says_when",
            f"({earlier}) as _earlier_utc",
            f"({self._skipped(mapped)}) as _is_skipped",
            f"({REFUSED if REFUSED in self.rows.types else 'null::varchar'}) as {REFUSED}",
            LINE,
            f"{self._slot} as _slot",
        ]

    @property
    def _is_read(self) -> bool:
        return self.energy is not None

    @property
    def _slot(self) -> str:
        return "_slot" if "_slot" in self.rows.types else "null::varchar"

    def _relation(self) -> str:
        """The source's rows; in a wide file each cell finds its instant, and filler of the skipped hour is left out."""
        if not self.is_wide:
            return self.rows.relation
        column = quoted(self.source.columns["local_date"])
        amount = f"try_cast({self._decimal_text('_value')} as double)"
        repeated_hour = getattr(self.source, "repeated_hour", "first")
        return cells_in_time(self.rows.relation, self._date("_day"), column, amount, self.timezone, repeated_hour)

    def _mapped(self, column: Column) -> Mapped:
        name = column.name
        if name == "interval_minutes" and name not in self.source.columns:
            minutes = "_interval_minutes" if self.is_wide else str(self.source.interval_minutes or "null")
            minutes = literal(self.source.defaults[name]) if name in self.source.defaults else minutes
            return Mapped(column, minutes, f"try_cast({minutes} as integer)")
        if name == self.table.event_time and self.is_wide:
            return Mapped(column, "_start_utc", "_start_utc")
        if name == "attributes" and self.source.attributes:
            fields = ", ".join(f"{literal(a)}, {quoted(a)}" for a in sorted(self.source.attributes))
            return Mapped(column, "null", f"json_object({fields})::varchar")
        raw, kind = self._raw(name)
        if column.type == "timestamp":
            instant = from_column(raw, kind, self.timezone, self.source.timestamp_format)
            is_key = self._is_read and name == self.table.event_time
            return Mapped(
                column, raw, instant.utc if is_key else f"coalesce({instant.earlier_utc}, {instant.utc})", instant
            )
        return Mapped(column, raw, self._cast(raw, kind, column))

    def _raw(self, name: str) -> tuple[str, str]:
        """SQL and type of what the source has for a canonical column."""
        if name == self.energy and "_value" in self.rows.types:
            raw, kind = "_value", "VARCHAR"
        elif name == "meter_id" and "_slot" in self.rows.types and not self.is_wide:
            raw, kind = "_slot", "VARCHAR"
        elif name in self.source.columns:
            raw, kind = quoted(self.source.columns[name]), self.rows.types[self.source.columns[name]]
        else:
            fallback = "import" if name == "channel" and self.table.name != "crm_campaign_contacts" else None
            constant = self.source.defaults.get(name, fallback)
            return ("null::varchar" if constant is None else literal(constant)), "VARCHAR"
        if kind == "VARCHAR":
            raw = f"nullif(trim({raw}), '')"
        if name in self.source.values:
            pairs = " ".join(f"when {literal(k)} then {literal(v)}" for k, v in self.source.values[name].items())
            raw, kind = f"case {raw}::varchar {pairs} else {raw}::varchar end", "VARCHAR"
        if name in self.source.defaults:
            raw, kind = f"coalesce({raw}::varchar, {literal(self.source.defaults[name])})", "VARCHAR"
        return raw, kind

    def _cast(self, raw: str, kind: str, column: Column) -> str:
        if column.type == "varchar":
            return f"({raw})::varchar"
        if column.type == "date":
            return self._date(raw)
        if kind == "VARCHAR" and column.type.startswith(("decimal", "integer")):
            raw = self._decimal_text(raw)
        if column.name == self.energy and self.source.unit != "kWh":
            return f"try_cast({raw} as double)"
        return f"try_cast({raw} as {column.type})"

    def _decimal_text(self, raw: str) -> str:
        return f"replace(replace({raw}, '.', ''), ',', '.')" if self.source.decimal == "," else raw

    def _date(self, raw: str) -> str:
        if self.source.date_format:
            return f"try_strptime(({raw})::varchar, {literal(self.source.date_format)})::date"
        return f"try_cast({raw} as date)"

    def _energy(self) -> str:
        if self.source.unit == "kWh":
            return str(self.energy)
        return f"try_cast(round({self.energy} * {TO_KWH[self.source.unit]}, 6) as decimal(18,6))"

    def _received(self) -> str | None:
        if not self.source.received_at:
            return None
        column = self.source.received_at
        instant = from_column(quoted(column), self.rows.types[column], self.timezone, self.source.timestamp_format)
        return f"coalesce({instant.earlier_utc}, {instant.utc})"

    def _says_when(self) -> str:
        """Whether the row says when it arrived; one that does not arrived when it landed."""
        column = self.source.received_at
        return f"nullif(trim({quoted(column)}::varchar), '') is not null" if column else "false"

    def _skipped(self, mapped: list[Mapped]) -> str:
        if self.is_wide:
            return "_is_unreal is true"
        times = [m.instant.is_skipped for m in mapped if m.instant and m.column.name == self.table.event_time]
        return f"coalesce({times[0]}, false)" if times and self._is_read else "false"

    def _is_checked(self, mapped: Mapped) -> bool:
        return mapped.raw not in {"null", "null::varchar"} and mapped.column.type != "varchar"

    def _rules(self, mapped: list[Mapped]) -> list[tuple[str, str]]:
        """What makes a row one that cannot be represented: SQL condition and reason."""
        rules = [
            (f"{m.column.name} is null and has_{m.column.name}", f"{m.column.name}: {_word(m.column)}")
            for m in mapped
            if self._is_checked(m)
        ]
        for m in mapped:
            if m.column.required and m.column.name != "quality_code":
                present = f"not has_{m.column.name}" if self._is_checked(m) else "true"
                rules.append((f"{m.column.name} is null and {present}", f"{m.column.name}: missing"))
            if m.column.type in DATES:
                rules += self._date_rules(m.column)
        if self._is_read:
            listed = ", ".join(literal(channel) for channel in CHANNELS)
            rules.append((f"channel not in ({listed})", "channel: not import, export or reactive"))
        if self.table.name == "meter_reads":
            rules.append(("interval_minutes not between 1 and 1440", "interval_minutes: not between 1 and 1440"))
        if self.table.name in PERIODS:
            first, last = PERIODS[self.table.name]
            rules.append((f"{last} < {first} - 1", f"{last}: lies before {first}"))
        if self.source.received_at:
            rules.append(("_received_at is null and _says_when", f"{self.source.received_at}: not a time"))
            latest = self.now_utc + timedelta(days=2)
            rules.append((f"_received_at > timestamp '{latest}'", f"{self.source.received_at}: lies in the future"))
        rules.append(("_is_skipped", "local time does not exist: the clock change skips it"))
        return rules

    def _date_rules(self, column: Column) -> list[tuple[str, str]]:
        earliest = EARLIEST.get(self.table.name, "1900-01-01")
        days = {"meter_reads": 2, "register_reads": 2, "weather": 30}.get(self.table.name)
        latest = f"timestamp '{self.now_utc + timedelta(days=days)}'" if days else "timestamp '2100-12-31'"
        rules = [
            (f"{column.name} < timestamp '{earliest}'", f"{column.name}: impossible date, before {earliest}"),
            (f"{column.name} > {latest}", f"{column.name}: impossible date, after {latest[11:21]}"),
        ]
        if self._is_read and self.forgotten_before:
            # Nobody could say any more whether it corrects a read that was counted long ago.
            told = f"{column.name}: before {self.forgotten_before:%Y-%m-%d}, whose reads were given up (raw_kept_days)"
            rules.append((f"{column.name} < timestamp '{self.forgotten_before}'", told))
        return rules

    def _is_bad(self, mapped: list[Mapped]) -> str:
        return " or ".join(f"({condition})" for condition, _ in self._rules(mapped))

    def _reasons(self, mapped: list[Mapped]) -> str:
        return ", ".join(f"case when {condition} then {literal(text)} end" for condition, text in self._rules(mapped))

    def _order_repeated_hour(self, connection: duckdb.DuckDBPyConnection) -> None:
        """In the hour that the autumn change repeats, the first of two equal local times is the earlier instant.

        Then moves marks of interval ends to the start.
        """
        time = self.table.event_time
        if self._is_read and not self.is_wide:
            connection.execute(
                f"""
                update incoming set {time} = _earlier_utc
                from (
                    select rowid as _row, row_number() over (
                        partition by meter_id, channel, {time} order by {LINE}
                    ) as occurrence
                    from incoming where _earlier_utc is not null
                ) as repeated
                where incoming.rowid = repeated._row and repeated.occurrence = 1
                """
            )
        if self.table.name == "meter_reads" and self.source.timestamp == "end" and not self.is_wide:
            connection.execute(f"update incoming set {time} = {time} - to_minutes(interval_minutes)")


def _word(column: Column) -> str:
    return WORDS.get(column.type, "not a number")
