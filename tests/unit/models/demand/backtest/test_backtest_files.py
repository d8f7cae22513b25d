"""Files as people have them: every way to write time, and what is repaired or refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_load import ZONE, frame, load_of, local_texts, utc, written

from models.demand.backtest.columns import Columns
from models.demand.backtest.files import FileOfLoad, read_grid
from models.demand.backtest.problems import BacktestError

TIME_AND_LOAD = Columns("time", "load")


def read(rows: pd.DataFrame, folder: Path, minutes: int = 60, zone: str | None = ZONE, **named: object) -> FileOfLoad:
    columns = Columns("time", "load", **named)  # type: ignore[arg-type]
    return read_grid(written(rows, folder), columns, zone, minutes)


def refusal(rows: pd.DataFrame, folder: Path, minutes: int = 60, zone: str | None = ZONE, **named: object) -> str:
    with pytest.raises(BacktestError) as problem:
        read(rows, folder, minutes, zone, **named)
    return str(problem.value)


@pytest.mark.parametrize(
    "how", ["Z", "offset", "naive", "standard", "slashes", "day first", "parquet", "aware parquet"]
)
def test_every_way_to_write_a_year_gives_the_same_grid(tmp_path: Path, how: str) -> None:
    index = utc("2024-01-01", 365, 30)
    local, load = index.tz_convert(ZONE), load_of(index)
    texts = {
        "Z": index.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "offset": [time.isoformat() for time in local],
        "naive": local_texts(index),
        "standard": (index.tz_localize(None) + pd.Timedelta("1h")).strftime("%Y-%m-%d %H:%M"),
        "slashes": local.strftime("%Y/%m/%d %H:%M:%S"),
        "day first": local.strftime("%d/%m/%Y %H:%M"),
        "parquet": local.tz_localize(None),
        "aware parquet": local,
    }[how]
    rows = pd.DataFrame({"time": texts, "load": load})
    path = tmp_path / ("town.parquet" if "parquet" in how else "town.csv.gz")
    rows.to_parquet(path) if "parquet" in how else rows.to_csv(path, index=False)

    file = read_grid(path, TIME_AND_LOAD, ZONE, 30)

    np.testing.assert_array_equal(file.grid.load[0], load)
    np.testing.assert_array_equal(file.grid.times_utc, index.tz_localize(None).to_numpy().astype("datetime64[m]"))
    assert file.grid.unique_ids.tolist() == ["town"]
    assert [("standard time" in note) for note in file.notes] == ([True] if how == "standard" else [])
    begins = "2024-01-01T00:00" if how in {"Z", "offset", "aware parquet"} else "2024-01-01T01:00"
    assert file.clock.written(file.grid)[0] == np.datetime64(begins)


def test_the_hour_that_comes_twice_is_summer_time_first_also_when_newest_rows_come_first(tmp_path: Path) -> None:
    index = utc("2024-10-20", 14)
    rows = pd.DataFrame({"time": local_texts(index), "load": load_of(index)})

    forward, backward = read(rows, tmp_path), read(rows[::-1], tmp_path)

    np.testing.assert_array_equal(forward.grid.load[0], rows["load"])
    np.testing.assert_array_equal(backward.grid.load[0], rows["load"])
    shown = forward.clock.written(forward.grid)
    assert (shown == np.datetime64("2024-10-27T02:00")).sum() == 2


def test_one_row_in_the_hour_that_comes_twice_leaves_the_other_unknown(tmp_path: Path) -> None:
    index = utc("2024-10-20", 14)
    rows = pd.DataFrame({"time": local_texts(index), "load": load_of(index)}).drop_duplicates("time")

    file = read(rows, tmp_path)

    unknown = file.grid.times_utc[np.isnan(file.grid.load[0])]
    assert unknown.tolist() == [pd.Timestamp("2024-10-27 01:00").to_pydatetime()]
    assert file.notes == ("1 interval(s) in 1 gap(s) have no load, the longest 1h (town).",)


def test_an_empty_row_in_the_hour_that_spring_skips_does_not_make_it_standard_time(tmp_path: Path) -> None:
    index = utc("2024-03-20", 20)
    rows = pd.DataFrame({"time": local_texts(index), "load": load_of(index)})
    skipped = pd.DataFrame({"time": ["2024-03-31 02:00"], "load": [np.nan]})

    file = read(pd.concat([rows, skipped]), tmp_path)

    assert file.clock.is_local
    np.testing.assert_array_equal(file.grid.load[0], rows["load"])


def test_a_filled_hour_of_spring_is_dropped_where_autumn_shows_the_local_clock(tmp_path: Path) -> None:
    index = utc("2024-03-20", 250)
    rows = pd.DataFrame({"time": local_texts(index), "load": load_of(index)})
    skipped = pd.DataFrame({"time": ["2024-03-31 02:00"], "load": [5.0]})

    file = read(pd.concat([rows, skipped]), tmp_path)

    assert file.notes == ("1 row(s) lie in the hour that the clock skips in spring: dropped.",)
    np.testing.assert_array_equal(file.grid.load[0], rows["load"])


def test_doubles_are_dropped_or_become_their_mean(tmp_path: Path) -> None:
    rows = frame()
    same, other = rows.iloc[[5, 6]], rows.iloc[[9]].assign(load=rows["load"][9] + 1)

    file = read(pd.concat([rows, same, other]), tmp_path)

    assert file.notes == (
        "2 row(s) repeat a series and time with the same value: dropped.",
        "1 time(s) have several values: their mean is taken (series town).",
    )
    assert file.grid.load[0, 9] == pytest.approx(rows["load"][9] + 0.5)


def test_gaps_are_unknown_and_counted(tmp_path: Path) -> None:
    rows = frame()
    rows.loc[20, "load"] = np.nan

    file = read(rows.drop(index=[40, 41, 42]), tmp_path)

    assert np.flatnonzero(np.isnan(file.grid.load[0])).tolist() == [20, 40, 41, 42]
    assert file.notes == ("4 interval(s) in 2 gap(s) have no load, the longest 3h (town).",)


def test_a_feed_that_hangs_is_unknown_but_not_zero_nor_what_never_changes(tmp_path: Path) -> None:
    rows = pd.concat([frame().assign(name=name) for name in ("flat", "hangs", "off")], ignore_index=True)
    rows.loc[rows["name"] == "flat", "load"] = 7.0
    for name, value in (("hangs", 3.25), ("off", 0.0)):
        rows.loc[rows.index[rows["name"] == name][100:124], "load"] = value

    file = read(rows, tmp_path, series="name")

    assert np.isnan(file.grid.load).sum(axis=1).tolist() == [0, 24, 0]
    assert file.notes[0].startswith("1 stretch(es) of a day or more show one and the same value, the longest 1d")


def test_several_series_share_one_grid_whenever_they_begin(tmp_path: Path) -> None:
    late = frame("2024-01-11", 50).assign(name="late")

    grid = read(pd.concat([late, frame().assign(name="early")]), tmp_path, series="name").grid

    assert grid.unique_ids.tolist() == ["early", "late"]
    assert np.isnan(grid.load).sum(axis=1).tolist() == [0, 240]


def test_temperatures_are_named_one_by_one_or_parted_by_commas(tmp_path: Path) -> None:
    rows = frame().assign(north=1.0, south=2.0)
    rows.loc[:4, "south"] = np.nan

    apart = read(rows, tmp_path, temperatures=("north", "south")).grid.temperature_c
    together = read(rows, tmp_path, temperatures=("north,south",)).grid.temperature_c

    assert apart.shape == (2, 1, 1440)
    np.testing.assert_array_equal(apart, together)
    assert np.isnan(apart[1, 0]).sum() == 5


@pytest.mark.parametrize(
    ("flag", "other"), [("True", "False"), ("1", "0"), ("Epiphany", ""), ("yes", "no"), ("1.0", "0.0")]
)
def test_a_day_is_a_holiday_if_one_of_its_rows_is(tmp_path: Path, flag: str, other: str) -> None:
    rows = frame().assign(holiday=other)
    rows.loc[rows["time"] == "2024-01-06T10:00:00Z", "holiday"] = flag

    grid = read(rows, tmp_path, holidays="holiday").grid

    assert set(grid.local_times[grid.is_holiday[0]].astype("datetime64[D]")) == {np.datetime64("2024-01-06")}
    assert grid.is_holiday.sum() == 24


def test_a_file_in_standard_time_means_its_own_date_by_a_holiday(tmp_path: Path) -> None:
    index = utc("2024-03-20", 30).tz_localize(None)
    rows = pd.DataFrame({"time": index.strftime("%Y-%m-%d %H:%M"), "load": load_of(index)})
    rows["holiday"] = (index.date == pd.Timestamp("2024-04-01").date()).astype(int)

    grid = read(rows, tmp_path, zone="Europe/London", holidays="holiday").grid

    assert set(grid.local_times[grid.is_holiday[0]].astype("datetime64[D]")) == {np.datetime64("2024-04-01")}


def test_public_holidays_of_a_part_of_a_country(tmp_path: Path) -> None:
    path = written(frame("2024-01-01", 120), tmp_path)

    grid = read_grid(path, TIME_AND_LOAD, "Australia/Melbourne", 60, "AU-VIC").grid

    days = set(grid.local_times[grid.is_holiday[0]].astype("datetime64[D]").astype(str))
    assert {"2024-01-26", "2024-03-11"} <= days  # Labour Day is in March in Victoria alone


@pytest.mark.parametrize(
    ("change", "minutes", "words"),
    [
        ({"rows": frame(minutes=30)}, 60, "has a row every 30min, not every 1h: say --freq 30min."),
        ({"rows": frame(minutes=60)}, 15, "has a row every 1h, not every 15min: say --freq 1h."),
        ({"at": (30, "time", "2024-01-02T06:07:00Z")}, 60, "row 31 (2024-01-02 06:07:00) lies beside the grid of 1h"),
        ({"at": (30, "time", "2024-01-02 06:00")}, 60, "row 31: 2024-01-02 06:00 has no zone, as others have."),
        ({"at": (30, "time", "yesterday")}, 60, "row 31: yesterday has no zone"),
        ({"at": (30, "time", None)}, 60, "row 31: the row has no time"),
        ({"at": (30, "load", "1,5")}, 60, "column load, row 31: '1,5' is not a number"),
        ({"rows": frame().rename(columns={"load": "mw"})}, 60, "has no column load; it has time, mw."),
        ({"rows": frame().iloc[:0]}, 60, "has no rows below its header."),
        ({"rows": frame().iloc[:1]}, 60, "has no two rows of one series"),
        ({"rows": frame().assign(load=np.nan)}, 60, "column load: no row has a value."),
    ],
)
def test_what_cannot_be_read_is_said_with_its_cure(
    tmp_path: Path, change: dict[str, object], minutes: int, words: str
) -> None:
    rows = change.get("rows", frame())
    assert isinstance(rows, pd.DataFrame)
    if "at" in change:
        row, column, value = change["at"]  # type: ignore[misc]
        rows[column] = rows[column].astype(object)
        rows.loc[row, column] = value

    assert words in refusal(rows, tmp_path, minutes)


def test_times_without_a_zone_need_one(tmp_path: Path) -> None:
    rows = frame().assign(time=lambda rows: rows["time"].str.rstrip("Z"))

    assert "times have no zone; say whose clock with --timezone" in refusal(rows, tmp_path, zone=None)
    assert "--timezone Europe/Berlim is unknown" in refusal(rows, tmp_path, zone="Europe/Berlim")


def test_day_and_month_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    rows = frame(days=8).assign(time=lambda rows: pd.to_datetime(rows["time"]).dt.strftime("%d/%m/%Y %H:%M"))

    assert "day or month first?" in refusal(rows, tmp_path)


def test_files_that_are_none(tmp_path: Path) -> None:
    empty, broken = tmp_path / "empty.csv", tmp_path / "broken.parquet"
    empty.touch()
    broken.write_bytes(b"no parquet")
    for path, words in ((tmp_path / "no.csv", "does not exist"), (empty, "is empty"), (broken, "cannot be read")):
        with pytest.raises(BacktestError, match=words):
            read_grid(path, TIME_AND_LOAD, ZONE, 60)
    with pytest.raises(BacktestError, match="--country XX-Y is unknown"):
        read_grid(written(frame(), tmp_path), TIME_AND_LOAD, ZONE, 60, "XX-Y")


def test_semicolons_and_a_byte_order_mark_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "town.csv"
    frame().to_csv(path, index=False, sep=";", encoding="utf-8-sig")

    assert np.isfinite(read_grid(path, TIME_AND_LOAD, ZONE, 60).grid.load).all()


ZONES = ["UTC", "Europe/Berlin", "Australia/Melbourne", "America/New_York", "Asia/Kolkata", "America/Sao_Paulo"]


@settings(deadline=None, max_examples=40)
@given(
    zone=st.sampled_from(ZONES),
    minutes=st.sampled_from([15, 30, 60]),
    first=st.integers(0, 8000),
    gaps=st.sets(st.integers(1, 900), max_size=200),
    is_naive=st.booleans(),
)
def test_what_was_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, zone: str, minutes: int, first: int, gaps: set[int], is_naive: bool
) -> None:
    index = pd.date_range(pd.Timestamp("2023-01-01", tz="UTC") + pd.Timedelta(hours=first), periods=1000, freq="h")
    index = pd.date_range(index[0], periods=1000, freq=f"{minutes}min")
    load = np.where(np.isin(np.arange(1000), list(gaps)), np.nan, np.random.default_rng(first).normal(0, 9, 1000))
    texts = index.tz_convert(zone).tz_localize(None) if is_naive else index
    rows = pd.DataFrame({"time": texts.astype(str), "load": load})
    # A gap right at the change may hide that an hour comes twice; rows that are there, though empty, do not.
    path = written(rows, tmp_path_factory.mktemp("files"))

    file = read_grid(path, TIME_AND_LOAD, zone, minutes)

    np.testing.assert_array_equal(file.grid.load[0], load)
    np.testing.assert_array_equal(file.grid.times_utc, index.tz_localize(None).to_numpy().astype("datetime64[m]"))
    assert (pd.DatetimeIndex(file.clock.written(file.grid)) == texts.tz_localize(None)).all()
