"""A utility small enough to know every number by heart: one region, two service points, hourly reads of 1 kWh."""

from pathlib import Path

from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

SOURCES = """
utility: {name: Tiny Power, timezone: Europe/Berlin, country: DE, currency: EUR}
sources:
  customers:
    table: crm_customers
    kind: files
    path: customers.csv
    format: csv
    columns: {customer_id: id, customer_class: class, joined_on: joined, left_on: gone}
    static: [customer_class]
"""


def tiny_settings(folder: Path) -> Settings:
    """Settings with an empty warehouse and a clock that stands after every row."""
    (folder / "sources.yml").write_text(SOURCES, encoding="utf-8")
    settings = Settings(home=folder / "home", sources_file=folder / "sources.yml")
    Warehouse(settings).create_raw_tables()
    return settings


class TinyUtility:
    """Puts raw rows into a warehouse as ingest would."""

    def __init__(self, settings: Settings) -> None:
        self.warehouse = Warehouse(settings)
        self._loads = 0

    def load(self, table: str, select: str, received: str = "timestamp '2026-01-01'", assumed: bool = True) -> str:
        """Add one accepted load of the rows of a query; ``received`` is an expression over them.

        Returns:
            The load's id.
        """
        self._loads += 1
        load_id = f"{self._loads:09d}-{table}"
        version = "(select count(*) + 1 from raw.{t} as old where {k})"
        keys = {"meter_reads": "old.meter_id = rows.meter_id and old.interval_start_utc = rows.interval_start_utc"}
        number = version.format(t=table, k=keys[table]) if table in keys else "1"
        self.warehouse.execute(
            f"insert into raw.{table} by name select *, {received} as received_at_utc, "
            f"{assumed} as received_at_assumed, timestamp '2026-04-01' as landed_at_utc, "
            f"{number} as version_no, false as is_deleted, "
            f"'{load_id}' as load_id from ({select}) as rows"
        )
        self.warehouse.execute(
            "insert into raw.load_audit by name select $id as load_id, 'tiny' as source, $table as table_name, "
            "'here' as origin, 'accepted' as state, date '2026-04-01' as as_of_date, 1 as landed_rows, "
            "1 as accepted_rows, 0 as duplicate_rows, 0 as quarantined_rows, 0 as suspect_rows, 0.0 as seconds, "
            "timestamp '2026-04-01' as loaded_at_utc",
            {"id": load_id, "table": table},
        )
        return load_id

    def reads(self, meter_id: str, first: str, last: str, kwh: float = 1.0, received: str | None = None) -> str:
        """Add hourly reads of local days first to last; by default each arrives six hours after its local day."""
        by_day = "(((interval_start_utc at time zone 'UTC') at time zone 'Europe/Berlin')::date + interval '30 hours')"
        return self.load(
            "meter_reads",
            f"select '{meter_id}' as meter_id, 'import' as channel, unnest(generate_series("
            f"(timestamp '{first}' at time zone 'Europe/Berlin') at time zone 'UTC', "
            f"((timestamp '{last}' + interval '1 day') at time zone 'Europe/Berlin') at time zone 'UTC' "
            "- interval '1 hour', interval '1 hour')) as interval_start_utc, 60 as interval_minutes, "
            f"{kwh}::decimal(18, 6) as consumption_kwh, 'measured' as quality_code",
            received or by_day,
            assumed=False,
        )

    def crm(self) -> None:
        """Anna lives at S1 until 15 March and Bert from 16 March on; Cleo lives at S2, where M2 gave way to M3."""
        self.load("service_points", "select unnest(['S1', 'S2']) as service_point_id, 'NORTH' as region_code")
        self.load(
            "meters",
            "select * from (values ('M1', 'S1', date '2020-01-01'), ('M2', 'S2', date '2020-01-01'), "
            "('M3', 'S2', date '2026-03-20')) as m (meter_id, service_point_id, installed_on)",
        )
        self.load(
            "crm_customers",
            "select * from (values ('Anna', 'household', date '2020-01-01', date '2026-03-15'), "
            "('Bert', 'household', date '2026-03-16', null), ('Cleo', 'shop', date '2020-01-01', null)) "
            "as c (customer_id, customer_class, joined_on, left_on)",
            "joined_on::timestamp",
        )
        self.load(
            "crm_contracts",
            "select *, case when end_on is not null then end_on - 10 end as notice_on from (values "
            "('K1', 'Anna', 'S1', date '2020-01-01', date '2026-03-15', 'move'), "
            "('K2', 'Bert', 'S1', date '2026-03-16', null, null), ('K3', 'Cleo', 'S2', date '2020-01-01', null, null)) "
            "as k (contract_id, customer_id, service_point_id, start_on, end_on, end_reason)",
            "start_on::timestamp",
        )
