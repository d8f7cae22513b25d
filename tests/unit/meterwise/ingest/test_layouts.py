"""Wide, matrix and long files: the right instant for each value, also on both days of the clock change."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from landing_site import Site

from meterwise.ingest import LandingError

HOURS = [f"{hour:02d}:00" for hour in range(24)]
WIDE = {"layout": "wide", "columns": {"meter_id": "meter", "local_date": "day"}, "timezone": "Europe/Berlin"}
SPRING = "2026-03-29"
AUTUMN = "2025-10-26"


def wide(site: Site, **more: object) -> None:
    site.reads(**{**WIDE, "received_at": None, "interval_minutes": None, **more})


def by_hour(site: Site) -> dict[datetime, float]:
    rows = site.rows("select interval_start_utc, consumption_kwh::double from raw.meter_reads")
    assert len(rows) == len(dict(rows)), "no instant twice"
    return dict(rows)


def test_wide_ordinary_day(site: Site) -> None:
    wide(site)
    site.write("a.csv", ["M1,2026-07-01," + ",".join(str(hour) for hour in range(24))], "meter,day," + ",".join(HOURS))
    site.land()
    first = datetime(2026, 6, 30, 22)
    assert by_hour(site) == {first + timedelta(hours=hour): float(hour) for hour in range(24)}
    assert site.rows("select distinct interval_minutes from raw.meter_reads") == [(60,)]


@pytest.mark.parametrize("filler", ["", "0"])
def test_wide_spring_change_has_23_hours(site: Site, filler: str) -> None:
    wide(site)
    values = [filler if hour == 2 else str(hour) for hour in range(24)]
    site.write("a.csv", [f"M1,{SPRING}," + ",".join(values)], "meter,day," + ",".join(HOURS))
    site.land()
    hours = [hour for hour in range(24) if hour != 2]
    first = datetime(2026, 3, 28, 23)
    assert by_hour(site) == {first + timedelta(hours=place): float(hour) for place, hour in enumerate(hours)}
    assert site.account() == (23, 23, 0, 0)


def test_wide_value_in_the_skipped_hour_is_refused(site: Site) -> None:
    wide(site)
    site.write("a.csv", [f"M1,{SPRING}," + ",".join(map(str, range(24)))], "meter,day," + ",".join(HOURS))
    site.land()
    assert site.account() == (24, 23, 0, 1)
    rows = site.rows("select line_no, row_json ->> '_slot', reason from raw.quarantine")
    assert rows == [(2, "02:00", "local time does not exist: the clock change skips it")]


@pytest.mark.parametrize(
    ("repeated_hour", "expected"),
    [
        pytest.param("first", {0: 2.0}, id="column_is_the_first"),
        pytest.param("second", {1: 2.0}, id="column_is_the_second"),
        pytest.param("sum", {0: 1.0, 1: 1.0}, id="column_is_the_sum_of_both"),
    ],
)
def test_wide_autumn_change_with_24_columns(site: Site, repeated_hour: str, expected: dict[int, float]) -> None:
    wide(site, repeated_hour=repeated_hour)
    site.write("a.csv", [f"M1,{AUTUMN}," + ",".join(map(str, range(24)))], "meter,day," + ",".join(HOURS))
    site.land()
    reads = by_hour(site)
    assert {hour: kwh for hour in (0, 1) if (kwh := reads.get(datetime(2025, 10, 26, hour))) is not None} == expected
    assert reads[datetime(2025, 10, 25, 23)] == 1.0
    assert reads[datetime(2025, 10, 26, 2)] == 3.0
    assert reads[datetime(2025, 10, 26, 22)] == 23.0


@pytest.mark.parametrize("second", ["02:00", "02:00B"])
def test_wide_autumn_change_with_a_column_for_the_second(site: Site, second: str) -> None:
    wide(site)
    columns = [*HOURS[:3], second, *HOURS[3:]]
    days = [f"M1,{AUTUMN},0,1,2,2.5," + ",".join(map(str, range(3, 24)))]
    days.append("M1,2025-10-27,0,1,2,," + ",".join(map(str, range(3, 24))))
    site.write("a.csv", days, "meter,day," + ",".join(columns))
    site.land()
    reads = by_hour(site)
    assert reads[datetime(2025, 10, 26, 0)] == 2.0
    assert reads[datetime(2025, 10, 26, 1)] == 2.5
    assert len(reads) == 25 + 24


def test_wide_columns_by_position_count_elapsed_time(site: Site) -> None:
    wide(site)
    columns = [f"v{place:02d}" for place in range(1, 26)]
    days = [f"M1,{AUTUMN}," + ",".join(map(str, range(25))), f"M1,{SPRING}," + ",".join(map(str, range(23))) + ",,"]
    site.write("a.csv", days, "meter,day," + ",".join(columns))
    site.land()
    reads = by_hour(site)
    assert len(reads) == 25 + 23
    assert reads[datetime(2025, 10, 26, 22)] == 24.0
    assert reads[datetime(2026, 3, 29, 21)] == 22.0


def test_wide_columns_that_mark_the_end(site: Site) -> None:
    wide(site, timestamp="end")
    columns = [f"{hour:02d}:00" for hour in range(1, 25)]
    site.write("a.csv", ["M1,2026-07-01," + ",".join(map(str, range(24)))], "meter,day," + ",".join(columns))
    site.land()
    assert by_hour(site)[datetime(2026, 6, 30, 22)] == 0.0
    assert by_hour(site)[datetime(2026, 7, 1, 21)] == 23.0


def test_wide_file_with_half_a_day_is_refused(site: Site) -> None:
    wide(site)
    site.write("a.csv", ["M1,2026-07-01," + ",".join(["1"] * 12)], "meter,day," + ",".join(HOURS[:12]))
    with pytest.raises(LandingError, match="12 times of day as columns; a day has 24, 48, 96 or 288"):
        site.land()


def test_wide_bad_cell_is_one_refused_read(site: Site) -> None:
    wide(site)
    values = ["x" if hour == 5 else "1" for hour in range(24)]
    site.write("a.csv", ["M1,2026-07-01," + ",".join(values)], "meter,day," + ",".join(HOURS))
    site.land()
    assert site.account() == (24, 23, 0, 1)


def test_matrix_has_a_column_for_each_meter(site: Site) -> None:
    columns = {"interval_start_utc": "time"}
    site.reads(layout="matrix", columns=columns, received_at=None, interval_minutes=15, unit="kW")
    site.write("a.csv", ["2026-07-01 00:00,4,8", "2026-07-01 00:15,,1"], "time,M1,M2")
    site.land()
    rows = site.rows("select meter_id, consumption_kwh::double from raw.meter_reads order by 1, 2")
    assert rows == [("M1", 1.0), ("M2", 0.25), ("M2", 2.0)]


def test_long_local_times_on_both_changes(site: Site) -> None:
    site.reads(timezone="Europe/Berlin", received_at=None, interval_minutes=60)
    lines = [f"M1,import,{AUTUMN} {hour:02d}:00,{kwh},x" for hour, kwh in ((1, 1), (2, 2), (2, 2.5), (3, 3))]
    lines += [f"M1,import,{SPRING} {hour:02d}:00,{hour},x" for hour in (1, 2, 3)]
    site.write("a.csv", lines)
    site.land()
    reads = by_hour(site)
    assert [reads[datetime(2025, 10, 25, 23) + timedelta(hours=hour)] for hour in range(4)] == [1.0, 2.0, 2.5, 3.0]
    assert (reads[datetime(2026, 3, 29, 0)], reads[datetime(2026, 3, 29, 1)]) == (1.0, 3.0)
    assert site.rows("select line_no, reason from raw.quarantine") == [
        (7, "local time does not exist: the clock change skips it")
    ]


@pytest.mark.parametrize("text", ["2026-07-01T02:30:00+02:00", "2026-07-01T00:30:00Z", "2026-07-01 00:30:00+00"])
def test_offsets_are_honoured(site: Site, text: str) -> None:
    site.reads(timezone="America/New_York", received_at=None)
    site.write("a.csv", [f"M1,import,{text},1,x"])
    site.land()
    assert list(by_hour(site)) == [datetime(2026, 7, 1, 0, 30)]


def test_german_numbers_and_dates_in_watt_hours_at_the_end_of_the_interval(site: Site) -> None:
    site.reads(
        delimiter=";",
        decimal=",",
        timestamp_format="%d.%m.%Y %H:%M",
        timestamp="end",
        unit="Wh",
        received_at=None,
        encoding="latin-1",
        columns={"meter_id": "Zähler", "interval_start_utc": "Ende", "consumption_kwh": "Wh"},
    )
    (site.folder / "in").mkdir()
    (site.folder / "in" / "a.csv").write_bytes("Zähler;Ende;Wh\nM1;01.07.2026 00:30;1.234,5\n".encode("latin-1"))
    site.land()
    assert by_hour(site) == {datetime(2026, 7, 1): 1.2345}


def test_ndjson_with_a_broken_line(site: Site) -> None:
    site.reads(format="ndjson", path="in/*.json")
    line = (
        '{{"meter": "M{}", "channel": "import", "start": "2026-07-01T00:00Z", "kwh": 1.5, "received_at": "2026-07-02"}}'
    )
    site.write("a.json", [line.format(1), '{"meter": "M2", ', line.format(3)], line.format(0))
    site.land()
    assert site.account() == (4, 3, 0, 1)
    assert site.rows("select line_no from raw.quarantine") == [(3,)]


def test_parquet_with_zoned_times(site: Site) -> None:
    site.reads(format="parquet", path="in/*.parquet")
    (site.folder / "in").mkdir()
    site.warehouse.export_parquet(
        "select 'M1' as meter, 'export' as channel, timestamptz '2026-07-01 02:00:00+02' as start, 0.5 as kwh, "
        "timestamp '2026-07-02' as received_at",
        str(site.folder / "in" / "a.parquet"),
    )
    site.land()
    assert by_hour(site) == {datetime(2026, 7, 1): 0.5}


@pytest.mark.parametrize(("minutes", "landed"), [(30, [(30,)]), ("30", [(30,)]), ("half an hour", [])])
def test_a_constant_interval_is_a_value_and_no_sql(
    site: Site, read: Callable[..., str], minutes: object, landed: list
) -> None:
    site.reads(interval_minutes=None, defaults={"interval_minutes": minutes})
    site.write("a.csv", [read()])
    if not landed:
        with pytest.raises(LandingError, match="interval_minutes: not a whole number"):
            site.land()
    else:
        site.land()
    assert site.rows("select interval_minutes from raw.meter_reads") == landed
