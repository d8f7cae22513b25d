"""The canonical raw tables: the contract that every source is mapped onto.

All times are UTC without a zone marker, all energies kWh. How rows get in is the business of ``meterwise.ingest``.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column of a raw table.

    Attributes:
        name: Name in the warehouse.
        type: SQL type, in the words that DuckDB and PostgreSQL share.
        required: A row without it cannot be represented and goes to quarantine.
    """

    name: str
    type: str
    required: bool = False


@dataclass(frozen=True)
class RawTable:
    """One canonical raw table: an append-only list of versions of rows.

    Attributes:
        name: Table name in the schema ``raw``.
        grain: What one row (of the current version) is.
        key: Columns that identify a row; a later version of a key replaces the earlier one for readers.
        columns: The mapped columns, key included. ``LOAD_COLUMNS`` follow in every table.
        event_time: Column from which the receive time of a first load is assumed; None: the day of the load.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    event_time: str | None = None

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Mapped columns, then the load columns."""
        return self.columns + LOAD_COLUMNS


LOAD_COLUMNS = (
    Column("received_at_utc", "timestamp", required=True),
    Column("received_at_assumed", "boolean", required=True),
    Column("landed_at_utc", "timestamp", required=True),
    Column("version_no", "integer", required=True),
    Column("is_deleted", "boolean", required=True),
    Column("load_id", "varchar", required=True),
)


def _c(spec: str) -> tuple[Column, ...]:
    """Read ``name type`` pairs separated by commas; a ``!`` behind the name marks it required."""
    columns = []
    for item in spec.split(";"):
        name, kind = item.split(maxsplit=1)
        columns.append(Column(name.rstrip("!"), kind.strip(), required=name.endswith("!")))
    return tuple(columns)


RAW_TABLES: dict[str, RawTable] = {
    table.name: table
    for table in (
        RawTable(
            "meter_reads",
            "one interval of one channel of one meter",
            ("meter_id", "channel", "interval_start_utc"),
            _c(
                "meter_id! varchar; channel! varchar; interval_start_utc! timestamp; interval_minutes! integer;"
                "consumption_kwh! decimal(18,6); quality_code! varchar; quality_reason varchar"
            ),
            event_time="interval_start_utc",
        ),
        RawTable(
            "register_reads",
            "one register reading of one channel of one meter",
            ("meter_id", "channel", "read_at_utc"),
            _c("meter_id! varchar; channel! varchar; read_at_utc! timestamp; register_kwh! decimal(18,6)"),
            event_time="read_at_utc",
        ),
        RawTable(
            "meters",
            "one meter at one service point, from to",
            ("meter_id", "service_point_id", "installed_on"),
            _c(
                "meter_id! varchar; service_point_id! varchar; installed_on! date; removed_on date;"
                "capacity_kw decimal(18,6); multiplier decimal(18,6)"
            ),
            event_time="installed_on",
        ),
        RawTable(
            "service_points",
            "one point of supply",
            ("service_point_id",),
            _c("service_point_id! varchar; region_code! varchar; feeder_code varchar; station_code varchar"),
        ),
        RawTable(
            "crm_customers",
            "one customer",
            ("customer_id",),
            _c(
                "customer_id! varchar; customer_class! varchar; joined_on! date; left_on date; personalisation varchar;"
                "consent_marketing boolean; consent_analytics boolean; name varchar; phone varchar; email varchar;"
                "address varchar; attributes varchar"
            ),
            event_time="joined_on",
        ),
        RawTable(
            "crm_contracts",
            "one contract of one customer at one service point",
            ("contract_id",),
            _c(
                "contract_id! varchar; customer_id! varchar; service_point_id! varchar; tariff_code varchar;"
                "start_on! date; end_on date; notice_on date; end_reason varchar; contracted_kw decimal(18,6);"
                "term_months integer; attributes varchar"
            ),
            event_time="start_on",
        ),
        RawTable(
            "crm_interactions",
            "one contact of a customer with the utility",
            ("interaction_id",),
            _c(
                "interaction_id! varchar; customer_id! varchar; occurred_at_utc! timestamp; kind! varchar;"
                "outcome varchar; attributes varchar"
            ),
            event_time="occurred_at_utc",
        ),
        RawTable(
            "crm_payments",
            "one payment due",
            ("payment_id",),
            _c(
                "payment_id! varchar; customer_id! varchar; occurred_at_utc! timestamp; kind! varchar;"
                "outcome varchar; amount decimal(18,2); days_late integer; attributes varchar"
            ),
            event_time="occurred_at_utc",
        ),
        RawTable(
            "crm_campaign_contacts",
            "one contact of one campaign",
            ("contact_id",),
            _c(
                "contact_id! varchar; customer_id! varchar; occurred_at_utc! timestamp; offer_code! varchar;"
                "channel varchar; wave varchar; treated boolean; outcome varchar; attributes varchar"
            ),
            event_time="occurred_at_utc",
        ),
        RawTable(
            "bills",
            "one line of one bill of the utility's own",
            ("bill_id", "line_code"),
            _c(
                "bill_id! varchar; contract_id! varchar; period! date; line_code! varchar;"
                "quantity decimal(18,6); amount! decimal(18,2)"
            ),
            event_time="period",
        ),
        RawTable(
            "market_prices",
            "one competing price of one region, from a date",
            ("region_code", "valid_from"),
            _c("region_code! varchar; valid_from! date; price_per_kwh! decimal(18,6)"),
            event_time="valid_from",
        ),
        RawTable(
            "feeder_limits",
            "the most that one feeder may carry, from a date",
            ("region_code", "feeder_code", "valid_from"),
            _c("region_code! varchar; feeder_code! varchar; valid_from! date; limit_kw! decimal(18,6)"),
            event_time="valid_from",
        ),
        RawTable(
            "tariffs",
            "one version of one tariff",
            ("tariff_code", "valid_from"),
            _c(
                "tariff_code! varchar; valid_from! date; valid_to date; kind! varchar; price_per_kwh decimal(18,6);"
                "peak_price_per_kwh decimal(18,6); standing_charge_per_day decimal(18,6); periods varchar"
            ),
            event_time="valid_from",
        ),
        RawTable(
            "weather",
            "one station, one hour, one issue time; issued at or after its hour means observed",
            ("station_code", "issued_at_utc", "valid_at_utc"),
            _c(
                "station_code! varchar; issued_at_utc! timestamp; valid_at_utc! timestamp;"
                "temperature_c decimal(9,3); humidity_pct decimal(9,3); wind_speed_m_s decimal(9,3);"
                "cloud_cover_pct decimal(9,3)"
            ),
            event_time="issued_at_utc",
        ),
        RawTable(
            "holidays",
            "one public holiday of one region ('*' for all)",
            ("region_code", "holiday_on"),
            _c("region_code! varchar; holiday_on! date; holiday_name! varchar"),
        ),
        RawTable(
            "school_holidays",
            "one stretch of school holidays of one region ('*' for all)",
            ("region_code", "first_on"),
            _c("region_code! varchar; first_on! date; last_on! date; holiday_name varchar"),
        ),
    )
}

CONTACT_COLUMNS = ("name", "phone", "email", "address")
"""Direct identifiers of ``crm_customers``; they never leave ``raw``."""

BOOKKEEPING_DDL = """
create schema if not exists raw;
create table if not exists raw.quarantine (
    source varchar not null, table_name varchar not null, load_id varchar not null, origin varchar not null,
    line_no bigint, row_json varchar not null, reason varchar not null, quarantined_at_utc timestamp not null,
    replayed_load_id varchar
);
create table if not exists raw.load_audit (
    load_id varchar not null, source varchar not null, table_name varchar not null, origin varchar not null,
    state varchar not null, as_of_date date not null, content_digest varchar,
    landed_rows bigint not null, accepted_rows bigint not null, duplicate_rows bigint not null,
    quarantined_rows bigint not null, suspect_rows bigint not null,
    bytes bigint, seconds double precision not null, loaded_at_utc timestamp not null,
    first_event_utc timestamp, last_event_utc timestamp
);
alter table raw.load_audit add column if not exists origin_version varchar;
alter table if exists raw.feeder_limits add column if not exists region_code varchar;
create table if not exists raw.pull_cursors (
    source varchar not null, load_id varchar not null, cursor_column varchar not null, cursor_type varchar not null,
    cursor_value varchar not null
);
"""


def create_statements() -> list[str]:
    """SQL that makes every raw table where it is missing."""
    tables = [
        f"create table if not exists raw.{table.name} ("
        + ", ".join(f"{c.name} {c.type}{' not null' if c.required else ''}" for c in table.all_columns)
        + ")"
        for table in RAW_TABLES.values()
    ]
    return [statement for statement in BOOKKEEPING_DDL.split(";") if statement.strip()] + tables
