"""What ``sources.yml`` may say: how a utility's own data maps onto the canonical raw tables.

Reading the sources is the business of ``files`` and ``sql``; this module only understands the page of YAML.
"""

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

import yaml
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator, model_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from meterwise.outcomes import RefusedError
from meterwise.raw_tables import RAW_TABLES, RawTable
from meterwise.settings import Settings, get_settings
from meterwise.utility import Utility

SECRET = "secret:"  # noqa: S105  (the word that marks a secret's name, not a secret)
PASSWORD_KEYS = {"password", "passwd", "pwd", "token", "secret"}
EDITS = "edits"
"""Name under which edits of reads land; no source of the file may take it."""
COMPUTED = {"quality_code", "quality_reason", "interval_minutes"}
RECEIVED_AT = "_received_at"
"""Source column of a message: when the listener got it."""
LEVEL = re.compile(r"\{\w+\}")
"""A level of a topic that is a source column."""


class SourcesFileError(RefusedError):
    """``sources.yml`` cannot be used; the text names the file, the source, the key and the cure."""


@cache
def known_zones() -> set[str]:
    """Return the names of all IANA time zones; once, since it reads hundreds of files."""
    return available_timezones()


class _Source(BaseModel, frozen=True, extra="forbid"):
    """What every kind of source can say."""

    name: str = Field(description="Name of the source, unique in the file.")
    table: str = Field(description="Canonical raw table; default: the source's name.")
    columns: dict[str, str] = Field(
        default_factory=dict, description="Canonical column: source column. Only these are read."
    )
    values: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="Canonical column: {value in the source: canonical value}."
    )
    defaults: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Constants for canonical columns."
    )
    attributes: tuple[str, ...] = Field(default=(), description="Further source columns, kept as JSON text.")
    static: tuple[str, ...] = Field(
        default=(), description="Columns and attributes that never change: today's value holds for the past."
    )
    timezone: str | None = Field(default=None, description="IANA zone of times without an offset.")
    received_at: str | None = Field(default=None, description="Source column: when the row (version) arrived.")
    received_at_on_first_load: bool | None = Field(
        default=None, description="Believe received_at on the first load too; default: yes for files, no for sql."
    )
    delay_hours: float = Field(
        default=24, ge=0, description="Assumed hours from event to arrival where a first load does not say."
    )
    max_bad_share: float = Field(default=0.05, ge=0, le=1, description="Share of bad rows that stops a load.")
    decimal: Literal[".", ","] = Field(default=".", description="Decimal mark of numbers in text.")
    timestamp_format: str | None = Field(default=None, description="strptime format of times; default ISO 8601.")
    date_format: str | None = Field(default=None, description="strptime format of dates; default ISO 8601.")
    timestamp: Literal["start", "end"] = Field(default="start", description="What a read's time marks.")
    interval_minutes: int | None = Field(default=None, ge=1, le=1440, description="Length of a read's interval.")
    unit: Literal["kWh", "Wh", "MWh", "kW", "W"] = Field(default="kWh", description="kW x interval gives kWh.")
    cumulative: bool = Field(default=False, description="Values are register readings; reads are their differences.")

    @model_validator(mode="before")
    @classmethod
    def _table_is_name(cls, data: Any) -> Any:
        if isinstance(data, dict) and "table" not in data:
            return {**data, "table": data.get("name")}
        return data

    @field_validator("table")
    @classmethod
    def _known_table(cls, table: str) -> str:
        if table not in RAW_TABLES:
            raise ValueError(f"'{table}' is not a raw table. Set `table` to one of: {', '.join(sorted(RAW_TABLES))}")
        return table

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None and name not in known_zones():
            raise ValueError(f"'{name}' is not an IANA time zone such as Europe/Berlin or UTC")
        return name

    @model_validator(mode="after")
    def _known_columns(self) -> "_Source":
        known = {column.name for column in self.raw_table.columns} | self._layout_columns
        for block in ("columns", "values", "defaults"):
            unknown = sorted(set(getattr(self, block)) - known)
            if unknown:
                raise ValueError(
                    f"`{block}` names {', '.join(unknown)}, which raw.{self.table} does not have. "
                    f"Its columns: {', '.join(sorted(known))}"
                )
        if self.attributes and "attributes" not in known:
            raise ValueError(f"`attributes` cannot be kept: raw.{self.table} has no place for them. Remove the key")
        missing = sorted(self._needed - set(self.columns) - set(self.defaults))
        if missing:
            raise ValueError(
                f"no column or default for {', '.join(missing)}, which raw.{self.table} needs. "
                "Add each under `columns` (canonical name: your column) or `defaults`"
            )
        return self

    @model_validator(mode="after")
    def _reads_know_their_interval(self) -> "_Source":
        known = self.interval_minutes or "interval_minutes" in self.columns or "interval_minutes" in self.defaults
        if self.table == "meter_reads" and not known and self._layout != "wide":
            raise ValueError("`interval_minutes` is missing: say how long one interval is, e.g. `interval_minutes: 30`")
        if self.cumulative and self.table != "meter_reads":
            raise ValueError("`cumulative: true` belongs to a source of table meter_reads")
        if self.unit in {"kW", "W"} and (self.cumulative or self.table == "register_reads"):
            raise ValueError(f"`unit: {self.unit}` is a power; registers count energy: kWh, Wh or MWh")
        return self

    @property
    def raw_table(self) -> RawTable:
        """The canonical table that this source fills."""
        return RAW_TABLES[self.table]

    @property
    def _layout(self) -> str:
        return getattr(self, "layout", "long")

    @property
    def _layout_columns(self) -> set[str]:
        return {"local_date"} if self._layout == "wide" else set()

    @property
    def _needed(self) -> set[str]:
        needed = {column.name for column in self.raw_table.columns if column.required} - COMPUTED - {"channel"}
        if self._layout == "wide":
            return (needed - {"interval_start_utc", "consumption_kwh"}) | {"local_date"}
        if self._layout == "matrix":
            return needed - {"meter_id", "consumption_kwh"}
        return needed

    def as_registers(self) -> Self:
        """The same source as one of register readings; its reads are their differences."""
        names = {"interval_start_utc": "read_at_utc", "consumption_kwh": "register_kwh"}
        kept = {name: names.get(name, name) for name in self.columns if name in {"meter_id", "channel", *names}}
        return self.model_copy(
            update={
                "table": "register_reads",
                "columns": {new: self.columns[old] for old, new in kept.items()},
                "defaults": {key: value for key, value in self.defaults.items() if key in {"meter_id", "channel"}},
                "cumulative": False,
            }
        )

    def resolved(self, text: str, settings: Settings) -> str:
        """Return a text, or the secret that it names; never log it.

        Raises:
            SourcesFileError: The secret is not set.
        """
        if not text.startswith(SECRET):
            return text
        name = text.removeprefix(SECRET)
        if name not in settings.secrets:
            raise SourcesFileError(
                f"source {self.name}: the secret '{name}' is not set. "
                f"Set METERWISE_SECRETS__{name.upper()} in the environment or in .env."
            )
        return settings.secrets[name].get_secret_value()

    @property
    def trusts_received_at(self) -> bool:
        """Whether ``received_at`` is believed on a first load."""
        if self.received_at_on_first_load is None:
            return self.kind != "sql"  # type: ignore[attr-defined]
        return self.received_at_on_first_load

    @property
    def mapped_columns(self) -> tuple[str, ...]:
        """Source columns that are read by name, without repeats."""
        names = [*self.columns.values(), *self.attributes, *([self.received_at] if self.received_at else [])]
        return tuple(dict.fromkeys(names))


class FileSource(_Source, frozen=True):
    """Files through fsspec."""

    kind: Literal["files"]
    path: str = Field(description="Path, glob or fsspec URL; relative to the folder of sources.yml.")
    format: Literal["csv", "parquet", "ndjson"] = Field(default="csv", description="Format of the files.")
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="Delimiter of CSV.")
    encoding: Literal["utf-8", "latin-1", "utf-16"] = Field(default="utf-8", description="Encoding of CSV.")
    layout: Literal["long", "wide", "matrix"] = Field(
        default="long", description="wide: a row per meter and day; matrix: a row per time, a column per meter."
    )
    value_columns: str | None = Field(
        default=None, description="Regular expression of the value columns; wide: names HH:MM, else every unmapped one."
    )
    repeated_hour: Literal["first", "second", "sum"] = Field(
        default="first",
        description="Wide: what the one column of the hour that the autumn clock change repeats holds. "
        "A further column of the same time (02:00 twice, or 02:00B) always is the second.",
    )

    @model_validator(mode="after")
    def _layouts_are_for_reads(self) -> "FileSource":
        if self.layout != "long" and (self.table != "meter_reads" or self.cumulative):
            raise ValueError(
                f"`layout: {self.layout}` is for interval reads; registers and other tables take `layout: long`"
            )
        return self


class SqlSource(_Source, frozen=True):
    """A table or query of any database that SQLAlchemy reaches."""

    kind: Literal["sql"]
    url: str = Field(description="SQLAlchemy URL, or secret:<name>; a password never stands in the file.")
    query: str = Field(description="Table name or select.")
    cursor: str | None = Field(default=None, description="Source column: pull only rows at or after its last value.")
    cursor_overlap_minutes: int = Field(
        default=60,
        ge=0,
        description="A cursor that is a time is set back so far: for rows stamped before it and committed after it.",
    )
    compare_keys: bool | None = Field(
        default=None, description="Find deletions by comparing all keys at every landing; default: no."
    )

    @field_validator("url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        if url.startswith(SECRET):
            return url
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise ValueError("`url` is neither an SQLAlchemy URL nor secret:<name>") from None
        if parsed.password or PASSWORD_KEYS & {key.lower() for key in parsed.query}:
            raise ValueError(
                "`url` carries a password. Write `url: secret:<name>` and set METERWISE_SECRETS__<NAME> instead"
            )
        return url

    def resolved_url(self, settings: Settings) -> str:
        """Return the URL with its secret; never log it.

        Raises:
            SourcesFileError: The secret is not set.
        """
        return self.resolved(self.url, settings)


class MessageFiles(FileSource, frozen=True):
    """Files of messages, as the listener of an MQTT source lands them; no kind of its own in ``sources.yml``."""

    topic: str
    reads_in: str | None = None

    @property
    def topic_levels(self) -> dict[str, int]:
        """Number, from 1, of each level of the topic that is a source column."""
        levels = enumerate(self.topic.split("/"), start=1)
        return {level[1:-1]: number for number, level in levels if LEVEL.fullmatch(level)}


class MqttSource(_Source, frozen=True):
    """Messages of an MQTT broker: JSON objects or lists of them, one read each."""

    kind: Literal["mqtt"]
    host: str = Field(description="Name or address of the broker.")
    port: int | None = Field(default=None, ge=1, le=65535, description="Port; default: 1883, with TLS 8883.")
    topic: str = Field(
        min_length=1,
        description="Topic filter; a level {name} stands for any one level, which becomes the source column `name`.",
    )
    reads_in: str | None = Field(
        default=None, description="Key of the list of reads, where a message is an object around it."
    )
    client_id: str | None = Field(
        default=None,
        description="Names the session that the broker keeps, so unique there; default: meterwise-<source>.",
    )
    mqtt_version: Literal["3.1.1", "5"] = Field(default="3.1.1", description="Version of the protocol.")
    username: str | None = Field(default=None, description="User at the broker, or secret:<name>.")
    password: str | None = Field(default=None, description="secret:<name>; a password never stands in the file.")
    tls: bool = Field(default=False, description="Whether the broker speaks TLS.")
    tls_ca_file: str | None = Field(
        default=None, description="Certificates (PEM) that are trusted, where the authority is not a public one."
    )
    land_seconds: int = Field(default=60, ge=1, description="Seconds after which messages become a file to be landed.")
    land_messages: int = Field(default=100_000, ge=1, description="Messages after which they do so at once.")
    max_bad_share: float = Field(default=1, ge=1, le=1, description="Bad messages never stop the good ones.")

    @field_validator("mqtt_version", mode="before")
    @classmethod
    def _as_text(cls, version: Any) -> Any:
        return str(version)

    @field_validator("topic")
    @classmethod
    def _is_a_filter(cls, topic: str) -> str:
        levels = topic.split("/")
        plain = ["+" if LEVEL.fullmatch(level) else level for level in levels]
        odd = [n for n, level in enumerate(plain) if level not in {"+", "#"} and re.search(r"[+#{}\0]", level)]
        if odd or "#" in plain[:-1]:
            raise ValueError("in a filter `+` or {name} stands for one whole level, and `#` is the last one")
        return topic

    @field_validator("password")
    @classmethod
    def _is_a_secret(cls, password: str | None) -> str | None:
        if password is not None and not password.startswith(SECRET):
            raise ValueError("write `password: secret:<name>` and set METERWISE_SECRETS__<NAME> instead")
        return password

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise ValueError("its messages are kept in a folder of this name: letters, digits, `_`, `-` and `.` only")
        return name

    @model_validator(mode="after")
    def _arrives_when_it_is_heard(self) -> "MqttSource":
        if self.table not in {"meter_reads", "register_reads"}:
            raise ValueError("messages hold reads: `table` is meter_reads or register_reads")
        if self.received_at is not None:
            raise ValueError("`received_at` is the moment at which the listener got a message. Remove the key")
        return self

    @property
    def subscription(self) -> str:
        """The topic filter as the broker takes it."""
        return "/".join("+" if LEVEL.fullmatch(level) else level for level in self.topic.split("/"))

    @property
    def session(self) -> str:
        """The client id under which the broker keeps what was not acknowledged."""
        return self.client_id or f"meterwise-{self.name}"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the broker."""
        return self.host, self.port or (8883 if self.speaks_tls else 1883)

    @property
    def speaks_tls(self) -> bool:
        """Whether the broker is spoken to over TLS."""
        return self.tls or self.tls_ca_file is not None

    def landed_in(self, folder: Path) -> MessageFiles:
        """The files in which the listener lands the messages of this source."""
        shared = self.model_dump(include=set(_Source.model_fields), exclude={"received_at"})
        return MessageFiles(
            kind="files",
            path=str(folder / "*.ndjson"),
            format="ndjson",
            received_at=RECEIVED_AT,
            topic=self.topic,
            reads_in=self.reads_in,
            **shared,
        )


Source = Annotated[FileSource | SqlSource | MqttSource, Field(discriminator="kind")]
_SOURCE: TypeAdapter[FileSource | SqlSource | MqttSource] = TypeAdapter(Source)


class SourcesFile(BaseModel, frozen=True, extra="forbid"):
    """The whole of ``sources.yml``."""

    path: Path = Field(description="The file itself; relative paths of sources start at its folder.")
    utility: Utility = Field(default_factory=Utility)
    sources: dict[str, FileSource | SqlSource] = Field(
        description="What is landed; of an MQTT source the files of its listener."
    )
    listened: dict[str, MqttSource] = Field(default_factory=dict, description="What is listened to.")

    def of_table(self, table: str) -> tuple[FileSource | SqlSource, ...]:
        """Sources that fill a raw table, in the order of the file."""
        return tuple(source for source in self.sources.values() if source.table == table)

    def timezone_of(self, source: FileSource | SqlSource) -> str:
        """Zone of the source's times without an offset."""
        return source.timezone or self.utility.timezone


def load_sources(path: Path | None = None, settings: Settings | None = None) -> SourcesFile:
    """Read and check ``sources.yml``.

    Args:
        path: Defaults to ``Settings.sources_file``.
        settings: Defaults to those of the process.

    Raises:
        SourcesFileError: The file is missing or says something that cannot be; every fault is listed.
    """
    path = Path(path or (settings or get_settings()).sources_file).resolve()
    if not path.is_file():
        raise SourcesFileError(f"{path} does not exist. Write one (see examples/), or set METERWISE_SOURCES_FILE.")
    try:
        page = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise SourcesFileError(f"{path}{where}: not YAML ({getattr(error, 'problem', error)}).") from None
    if not isinstance(page, dict) or not isinstance(page.get("sources"), dict):
        raise SourcesFileError(f"{path}: needs a block `sources:` with one entry for each source. See examples/.")
    faults: list[str] = []
    if unknown := sorted(set(page) - {"utility", "sources"}):
        faults.append(f"unknown block(s) {', '.join(map(str, unknown))}; a file has `utility` and `sources`")
    utility = _checked(lambda: Utility(**(page.get("utility") or {})), "utility", faults)
    if utility and utility.timezone not in known_zones():
        faults.append(f"utility: `timezone`: '{utility.timezone}' is not an IANA time zone such as Europe/Berlin")
    sources = {str(name): _source(str(name), body, faults) for name, body in page["sources"].items()}
    if faults:
        raise SourcesFileError(f"{path}:\n" + "\n".join(f"  - {fault}." for fault in faults))
    listened = {name: source for name, source in sources.items() if isinstance(source, MqttSource)}
    if listened:
        folder = (settings or get_settings()).listening_path
        sources.update({name: source.landed_in(folder / name) for name, source in listened.items()})
    return SourcesFile(path=path, utility=utility, sources=sources, listened=listened)


def static_columns(table: str, settings: Settings | None = None) -> tuple[str, ...]:
    """Columns and attributes of a raw table that ``sources.yml`` declares never to change, sorted."""
    found = {name for source in load_sources(settings=settings).of_table(table) for name in source.static}
    return tuple(sorted(found))


def _source(name: str, body: Any, faults: list[str]) -> Any:
    if name == EDITS:
        faults.append(f"source {name}: edits of reads land under this name; give the source another one")
    if not isinstance(body, dict):
        faults.append(f"source {name}: needs keys, at least `kind: files`, `kind: sql` or `kind: mqtt`")
        return None
    return _checked(lambda: _SOURCE.validate_python({**body, "name": name}), f"source {name}", faults)


def _checked(make: Any, where: str, faults: list[str]) -> Any:
    try:
        return make()
    except ValidationError as error:
        # The value itself stays out of the text: it may be a URL with a password.
        for fault in error.errors(include_input=False, include_url=False):
            key = ".".join(str(part) for part in fault["loc"] if part not in {"files", "sql", "mqtt"})
            text = fault["msg"].removeprefix("Value error, ")
            if fault["type"] == "extra_forbidden":
                text = "is not a key that a source can have; a typo? Compare with examples/"
            faults.append(f"{where}: {f'`{key}`: ' if key else ''}{text.rstrip('.')}")
    except (TypeError, ValueError) as error:
        faults.append(f"{where}: {error}")
    return None
