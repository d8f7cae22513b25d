"""The ``sources.yml`` of the made-up utility: how its CRM and files map onto the canonical raw tables."""

from typing import Any

import yaml

from meterwise.utility import Utility

Columns = dict[str, str]


def as_yaml(utility: Utility) -> str:
    """Return the text of ``sources.yml``."""
    head = "# Demo Power: a CRM database, a folder of meter files and a folder of weather files.\n"
    body = {"utility": utility.model_dump(), "sources": {**_crm(), **_reads(), **_weather()}}
    return head + yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=120)


def _sql(table: str, query: str, columns: Columns, **more: Any) -> dict[str, Any]:
    return {
        "table": table,
        "kind": "sql",
        "url": "secret:crm_url",
        "query": query,
        "cursor": "updated_at",
        "received_at": "updated_at",
        "timezone": "UTC",
        "columns": columns,
        **more,
    }


def _crm() -> dict[str, Any]:
    return {
        "crm_customers": _sql(
            "crm_customers",
            "customers",
            {
                "customer_id": "id",
                "customer_class": "segment",
                "joined_on": "customer_since",
                "left_on": "left_on",
                "personalisation": "personalisation",
                "consent_marketing": "marketing_consent",
                "consent_analytics": "analytics_consent",
                "name": "full_name",
                "phone": "phone",
                "email": "email",
                "address": "postal_address",
            },
            values={"customer_class": {"HH": "household", "SH": "shop", "FA": "factory"}},
            attributes=["building_type", "payment_method"],
            static=["customer_class", "building_type", "payment_method"],
            compare_keys=True,
        ),
        "crm_contracts": _sql(
            "crm_contracts",
            "contracts",
            {
                "contract_id": "contract_no",
                "customer_id": "customer_id",
                "service_point_id": "supply_point",
                "tariff_code": "tariff",
                "start_on": "starts_on",
                "end_on": "ends_on",
                "notice_on": "notice_on",
                "end_reason": "end_reason",
                "contracted_kw": "agreed_kw",
                "term_months": "term_months",
            },
            static=["tariff_code", "contracted_kw", "term_months"],
            compare_keys=True,
        ),
        "crm_interactions": _sql(
            "crm_interactions",
            "interactions",
            {
                "interaction_id": "id",
                "customer_id": "customer_id",
                "occurred_at_utc": "occurred_at",
                "kind": "kind",
                "outcome": "outcome",
            },
            delay_hours=1,
        ),
        "crm_payments": _sql(
            "crm_payments",
            "payments",
            {
                "payment_id": "id",
                "customer_id": "customer_id",
                "occurred_at_utc": "due_at",
                "kind": "kind",
                "outcome": "outcome",
                "amount": "amount",
                "days_late": "days_late",
            },
            received_at_on_first_load=True,
        ),
        "crm_campaign_contacts": _sql(
            "crm_campaign_contacts",
            "campaign_contacts",
            {
                "contact_id": "id",
                "customer_id": "customer_id",
                "occurred_at_utc": "contacted_at",
                "offer_code": "offer",
                "channel": "channel",
                "wave": "wave",
                "treated": "treated",
                "outcome": "outcome",
            },
            received_at_on_first_load=True,
        ),
        "meters": _sql(
            "meters",
            "meters",
            {
                "meter_id": "serial_no",
                "service_point_id": "supply_point",
                "installed_on": "installed_on",
                "removed_on": "removed_on",
                "capacity_kw": "capacity_kw",
                "multiplier": "multiplier",
            },
            static=["capacity_kw", "multiplier"],
            compare_keys=True,
        ),
        "service_points": _sql(
            "service_points",
            "service_points",
            {
                "service_point_id": "supply_point",
                "region_code": "region",
                "feeder_code": "feeder",
                "station_code": "weather_station",
            },
            received_at_on_first_load=True,
            static=["region_code", "feeder_code", "station_code"],
            compare_keys=True,
        ),
        "tariffs": _sql(
            "tariffs",
            "tariffs",
            {
                "tariff_code": "tariff",
                "valid_from": "valid_from",
                "valid_to": "valid_to",
                "kind": "kind",
                "price_per_kwh": "price",
                "peak_price_per_kwh": "peak_price",
                "standing_charge_per_day": "standing_charge",
                "periods": "periods",
            },
        ),
        "market_prices": _sql(
            "market_prices",
            "market_prices",
            {"region_code": "region", "valid_from": "valid_from", "price_per_kwh": "price"},
            received_at_on_first_load=True,
        ),
        "feeder_limits": _sql(
            "feeder_limits",
            "feeder_limits",
            {"region_code": "region", "feeder_code": "feeder", "valid_from": "valid_from", "limit_kw": "limit_kw"},
            received_at_on_first_load=True,
        ),
        "holidays": _sql(
            "holidays",
            "holidays",
            {"region_code": "region", "holiday_on": "holiday_on", "holiday_name": "name"},
            received_at_on_first_load=True,
        ),
        "school_holidays": _sql(
            "school_holidays",
            "school_holidays",
            {"region_code": "region", "first_on": "first_on", "last_on": "last_on", "holiday_name": "name"},
            received_at_on_first_load=True,
        ),
    }


def _files(table: str, path: str, form: str, columns: Columns, **more: Any) -> dict[str, Any]:
    return {
        "table": table,
        "kind": "files",
        "path": path,
        "format": form,
        "layout": "long",
        "timezone": "UTC",
        "columns": columns,
        "received_at": "received_at",
        **more,
    }


def _reads() -> dict[str, Any]:
    columns = {"meter_id": "meter", "channel": "channel", "interval_start_utc": "start", "consumption_kwh": "kwh"}
    meaning = {"timestamp": "start", "interval_minutes": 30, "unit": "kWh"}
    return {
        "meter_history": _files("meter_reads", "landing/meter_reads/history/*.parquet", "parquet", columns, **meaning),
        "meter_daily": _files("meter_reads", "landing/meter_reads/daily/*.csv.gz", "csv", columns, **meaning),
    }


def _weather() -> dict[str, Any]:
    columns = {
        "station_code": "station",
        "issued_at_utc": "issued_at",
        "valid_at_utc": "valid_at",
        "temperature_c": "temperature",
        "humidity_pct": "humidity",
        "wind_speed_m_s": "wind",
        "cloud_cover_pct": "cloud",
    }
    return {
        f"weather_{kind}": _files("weather", f"landing/weather/{kind}/*.parquet", "parquet", columns)
        for kind in ("observed", "forecast")
    }
