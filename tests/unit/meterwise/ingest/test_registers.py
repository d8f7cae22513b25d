"""Counter readings become reads: differences, gaps, late readings, and a counter that runs backwards."""

from datetime import datetime

from landing_site import Site

DAY = datetime(2026, 7, 1)


def registers(site: Site) -> None:
    site.reads(cumulative=True, interval_minutes=60, unit="Wh", received_at=None)


def reads(site: Site) -> list[tuple[int, float, str]]:
    return [
        (start.hour, kwh, quality)
        for start, kwh, quality in site.rows(
            "select interval_start_utc, consumption_kwh::double, quality_code from raw.meter_reads "
            "qualify row_number() over (partition by meter_id, interval_start_utc "
            "order by received_at_utc desc, version_no desc) = 1 order by interval_start_utc"
        )
    ]


def line(hour: int, wh: int) -> str:
    return f"M1,import,2026-07-01 {hour:02d}:00,{wh},x"


def test_differences_continue_over_files(site: Site) -> None:
    registers(site)
    site.write("a.csv", [line(0, 1000), line(1, 1300), line(2, 1350)])
    load_ids = site.land(day="2026-07-14")
    assert [load_id[10:] for load_id in load_ids] == ["register_reads", "meter_reads"]
    site.write("b.csv", [line(3, 2350)])
    site.land()
    assert reads(site) == [(0, 0.3, "measured"), (1, 0.05, "measured"), (2, 1.0, "measured")]
    site.account()


def test_a_gap_is_spread_and_replaced_by_the_late_reading(site: Site) -> None:
    registers(site)
    site.write("a.csv", [line(0, 0), line(3, 1000)])
    site.land(day="2026-07-14")
    assert reads(site) == [(0, 0.333333, "estimated"), (1, 0.333334, "estimated"), (2, 0.333333, "estimated")]
    site.write("b.csv", [line(1, 100), line(2, 300)])
    site.land()
    assert reads(site) == [(0, 0.1, "measured"), (1, 0.2, "measured"), (2, 0.7, "measured")]


def test_a_late_reading_beside_the_grid_leaves_no_part_of_the_gap(site: Site) -> None:
    registers(site)
    site.write("a.csv", [line(0, 0), line(5, 1000), line(6, 1100)])
    site.land(day="2026-07-14")
    site.write("b.csv", ["M1,import,2026-07-01 02:30,400,x"])
    site.land()
    current = (
        "select interval_start_utc::varchar, interval_minutes, consumption_kwh::double from raw.meter_reads "
        "qualify row_number() over (partition by meter_id, interval_start_utc "
        "order by received_at_utc desc, version_no desc) = 1 and not is_deleted order by 1"
    )
    assert site.rows(current) == [
        ("2026-07-01 00:00:00", 150, 0.4),
        ("2026-07-01 02:30:00", 150, 0.6),
        ("2026-07-01 05:00:00", 60, 0.1),
    ]
    assert site.rows("select count(*) from raw.meter_reads where is_deleted") == [(4,)]
    site.account()


def test_same_readings_again_change_nothing(site: Site) -> None:
    registers(site)
    site.write("a.csv", [line(0, 0), line(1, 1000)])
    site.land(day="2026-07-14")
    site.write("b.csv", [line(1, 1000), line(0, 0)])
    site.land()
    assert site.rows("select count(*) from raw.meter_reads") == [(1,)]
    site.account()


def test_a_counter_that_runs_backwards_is_suspect(site: Site) -> None:
    registers(site)
    site.write("a.csv", [line(0, 5000), line(1, 10)])
    site.land()
    assert reads(site) == [(0, -4.99, "suspect")]
