"""Corrections, repeats and late rows: which version is current, and that the account is exact."""

from collections.abc import Callable
from datetime import datetime
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from landing_site import Site, on_both_engines

from meterwise.ingest import accept, land, refuse

START = datetime(2026, 7, 1)
Read = Callable[..., str]


def test_same_bytes_are_skipped_and_same_rows_are_duplicates(site: Site, read: Read) -> None:
    site.write("a.csv", [read(), read(meter="M2")])
    site.land()
    site.write("b.csv", [read(meter="M2"), read()])
    (site.folder / "in" / "c.csv").write_bytes((site.folder / "in" / "a.csv").read_bytes())
    site.land()
    assert site.account() == (4, 2, 2, 0)
    assert len(site.rows("select load_id from raw.load_audit")) == 2


@on_both_engines
def test_a_b_a_without_receive_time_ends_at_a(site: Site) -> None:
    site.reads(received_at=None)
    for name, kwh in (("1", 1.0), ("2", 2.0), ("3", 1.0)):
        site.write(f"{name}.csv", [f"M1,import,2026-07-01 00:00,{kwh},x", f"M{name}9,import,2026-07-01 00:00,1,x"])
        site.land()
    assert site.current()["M1", START] == 1.0
    assert site.rows("select version_no from raw.meter_reads where meter_id = 'M1' order by 1") == [(1,), (2,), (3,)]


def test_a_b_a_in_one_file_ends_at_a(site: Site, read: Read) -> None:
    site.write("a.csv", [read(kwh=1.0), read(kwh=2.0), read(kwh=1.0), read(kwh=1.0)])
    site.land()
    assert site.current() == {("M1", START): 1.0}
    assert site.account() == (4, 3, 1, 0)


@pytest.mark.parametrize("order", permutations(["1", "2", "3"]))
def test_the_later_receive_time_wins_in_any_order_of_files(site: Site, read: Read, order: tuple[str, ...]) -> None:
    for name in order:
        site.write(f"{name}.csv", [read(kwh=name, received=f"2026-07-0{int(name) + 1} 03:00")])
        site.land()
    assert site.current() == {("M1", START): 3.0}


def test_an_old_file_delivered_again_does_not_undo_a_correction(site: Site, read: Read) -> None:
    site.write("a.csv", [read(kwh=1.0, received="2026-07-02")])
    site.write("b.csv", [read(kwh=2.0, received="2026-07-03")])
    site.land()
    site.write("c.csv", [read(kwh=1.0, received="2026-07-02"), read(meter="M2")])
    site.land()
    assert site.current()["M1", START] == 2.0
    assert site.account() == (4, 3, 1, 0)


@on_both_engines
def test_refusing_a_load_does_not_lose_what_a_later_file_repeated(site: Site, read: Read) -> None:
    site.write("a.csv", [read(), read(meter="M2", kwh=-5)])
    site.write("b.csv", [read(), read(meter="M3")])
    first, second = land("meter_reads", "2026-07-15", site.settings)
    refuse([first], "a check said no", site.settings)
    accept([second], site.settings)
    (site.folder / "in" / "a.csv").unlink()
    site.land()
    assert site.current() == {("M1", START): 1.0, ("M3", START): 1.0}
    site.account()


def test_first_load_assumes_the_receive_time_and_later_loads_do_not(site: Site) -> None:
    site.reads(received_at=None, delay_hours=2)
    site.write("a.csv", ["M1,import,2026-07-01 00:00,1,x"])
    site.land(day="2026-07-14")
    site.write("b.csv", ["M1,import,2026-07-01 00:30,1,x"])
    site.land(day="2026-07-15")
    rows = site.rows("select received_at_utc, received_at_assumed from raw.meter_reads order by interval_start_utc")
    assert rows[0] == (datetime(2026, 7, 1, 2, 30), True)
    assert rows[1] == (datetime(2026, 7, 15, 21, 59, 59, 999999), False)


READS = st.lists(
    st.tuples(
        st.sampled_from(["M1", "M2", ""]),
        st.sampled_from(["2026-07-01 00:00", "2026-07-01 00:30", "never"]),
        st.sampled_from([0, 1, 2, "x"]),
        st.sampled_from(["2026-07-02", "2026-07-03", "2026-07-04"]),
    ),
    min_size=1,
    max_size=8,
)


class Reference:
    """The rule in plain words, row by row: a row that equals the version in force when it was received adds nothing."""

    def __init__(self) -> None:
        self.versions: dict[tuple[str, str], list[tuple[str, int, float]]] = {}
        self.duplicates = 0

    def add(self, key: tuple[str, str], received: str, kwh: float) -> None:
        versions = self.versions.setdefault(key, [])
        in_force = max((version for version in versions if version[0] <= received), default=None)
        if in_force and in_force[2] == kwh:
            self.duplicates += 1
        else:
            versions.append((received, len(versions), kwh))

    def current(self) -> dict[tuple[str, str], float]:
        return {key: max(versions)[2] for key, versions in self.versions.items()}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches=st.lists(READS, min_size=1, max_size=3, unique_by=repr))
def test_every_row_is_accounted_for_and_the_last_received_version_is_current(
    batches: list[list[tuple[str, str, object, str]]],
) -> None:
    reference = Reference()
    bad = 0
    with TemporaryDirectory() as folder:
        site = Site(Path(folder))
        site.reads(max_bad_share=1.0)
        for number, batch in enumerate(batches):
            site.write(f"{number}.csv", [f"{m},import,{start},{kwh},{at}" for m, start, kwh, at in batch])
            site.land()
            for meter, start, kwh, received in sorted(batch, key=lambda row: row[3]):
                if meter and start != "never" and kwh != "x":
                    reference.add((meter, start), received, float(str(kwh)))
                else:
                    bad += 1
        landed = sum(len(batch) for batch in batches)
        accepted = sum(len(versions) for versions in reference.versions.values())
        assert site.account() == (landed, accepted, reference.duplicates, bad)
        assert site.rows("select count(*) from raw.quarantine") == [(bad,)]
        current = {(meter, f"{at:%Y-%m-%d %H:%M}"): kwh for (meter, at), kwh in site.current().items()}
        assert current == reference.current()
