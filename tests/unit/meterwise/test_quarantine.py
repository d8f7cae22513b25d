"""Refused rows come back once the reason is gone: once, as a load of their own, with an exact account."""

import pytest
from landing_site import Site, engine, on_both_engines, site, warehouse_url
from typer.testing import CliRunner

from meterwise.commands.quarantine import app
from meterwise.ingest import land, refuse
from meterwise.quarantine import overview, replay

__all__ = ["engine", "site", "warehouse_url"]

GOOD = [f"M{number},import,2026-07-01 00:00,1,2026-07-02" for number in range(100)]


@on_both_engines
def test_rows_come_back_after_the_mapping_was_put_right(site: Site) -> None:
    site.write("a.csv", [*GOOD, "BAD,Bezug,2026-07-01 00:00,1,2026-07-02", "BAD,import,2026-07-01 00:30,x,2026-07-02"])
    site.land()
    assert site.account() == (102, 100, 0, 2)
    assert replay(settings=site.settings) == []
    site.reads(values={"channel": {"Bezug": "import"}})
    (load,) = replay(settings=site.settings)
    assert (load.landed, load.accepted, load.duplicate, load.quarantined) == (1, 1, 0, 0)
    assert replay(settings=site.settings) == [], "admitted once"
    assert site.rows("select replayed_load_id from raw.quarantine order by line_no") == [(load.load_id,), (None,)]
    assert site.rows("select received_at_utc::varchar from raw.meter_reads where meter_id = 'BAD'") == [
        ("2026-07-02 00:00:00",)
    ]
    site.account()
    assert site.land() == [load.load_id], "it waits for its check like any load"


def test_cells_of_a_wide_file_keep_their_place_in_the_day(site: Site) -> None:
    columns = {"meter_id": "meter", "local_date": "day"}
    body = {"layout": "wide", "columns": columns, "received_at": None, "interval_minutes": None, "timezone": "UTC"}
    site.reads(**body)
    header = "meter,day," + ",".join(f"{hour:02d}:00" for hour in range(24))
    site.write("a.csv", ["M1,2026-07-01," + ",".join('"1,5"' if hour == 7 else "1" for hour in range(24))], header)
    site.land()
    assert site.account()[3] == 1
    site.reads(**body, decimal=",")
    (load,) = replay(settings=site.settings)
    rows = site.rows(
        "select interval_start_utc::varchar, consumption_kwh::double from raw.meter_reads "
        f"where load_id = '{load.load_id}'"
    )
    assert rows == [("2026-07-01 07:00:00", 1.5)]


@on_both_engines
def test_rows_of_a_refused_load_come_back_as_they_were(site: Site) -> None:
    site.write("a.csv", GOOD)
    load_ids = land("meter_reads", "2026-07-15", site.settings)
    before = site.rows("select * exclude (load_id) from raw.meter_reads order by meter_id")
    refuse(load_ids, "a check said no", site.settings)
    assert site.rows("select count(*) from raw.meter_reads") == [(0,)]
    (load,) = replay(load_id=load_ids[0], settings=site.settings)
    assert load.accepted == 100
    assert site.rows("select * exclude (load_id) from raw.meter_reads order by meter_id") == before
    site.account()


def test_a_first_load_that_was_refused_comes_back_with_times_that_are_assumed(site: Site) -> None:
    columns = {"customer_id": "id", "customer_class": "class", "joined_on": "since"}
    site.source("customers", table="crm_customers", kind="files", path="in/c.csv", columns=columns)
    site.write("c.csv", ["C1,HH,2020-01-01"], "id,class,since")
    load_ids = land("crm", "2026-07-15", site.settings)
    before = site.rows("select * exclude (load_id) from raw.crm_customers")
    refuse(load_ids, "a check said no", site.settings)
    replay(settings=site.settings)
    assert site.rows("select * exclude (load_id) from raw.crm_customers") == before
    assert site.rows("select received_at_assumed from raw.crm_customers") == [(True,)]


def test_overview_and_commands_never_show_the_rows(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {"customer_id": "id", "customer_class": "class", "joined_on": "since", "name": "name", "phone": "phone"}
    site.source("customers", table="crm_customers", kind="files", path="in/c.csv", columns=columns)
    site.write(
        "c.csv", ["C1,HH,2020-01-01,Erika Xq,+49 5550 1", "C2,HH,soon,Erika Xq,+49 5550 1"], "id,class,since,name,phone"
    )
    site.land("crm")
    monkeypatch.setattr("meterwise.settings.get_settings", lambda: site.settings)
    monkeypatch.setattr("meterwise.warehouse.get_settings", lambda: site.settings)
    monkeypatch.setattr("meterwise.quarantine.get_settings", lambda: site.settings)
    listed = CliRunner().invoke(app, ["list"], env={"COLUMNS": "200"})
    assert listed.exit_code == 0, listed.output
    assert "joined_on: not a date" in listed.output
    assert "No row could be admitted" in CliRunner().invoke(app, ["replay"]).output
    assert "Xq" not in listed.output + str(overview(site.settings).to_pylist())
