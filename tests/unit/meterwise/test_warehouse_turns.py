"""Processes take turns at the DuckDB file, also while a library opens it by itself."""

import subprocess
import sys
import time

from meterwise.settings import Settings, as_environment
from meterwise.warehouse import Warehouse

OTHER = "from meterwise.warehouse import Warehouse; Warehouse().execute('create table other as select 1')"


def test_another_process_waits_while_the_turn_is_kept(warehouse: Warehouse, settings: Settings) -> None:
    with warehouse.reserve():
        other = subprocess.Popen([sys.executable, "-c", OTHER], env=as_environment(settings))
        time.sleep(3)
        assert other.poll() is None
        assert warehouse.arrow("select 1 as one")["one"].to_pylist() == [1]

    assert other.wait(60) == 0
    assert warehouse.arrow("select * from other").num_rows == 1


def test_turns_nest_within_a_process(warehouse: Warehouse) -> None:
    with warehouse.reserve(), warehouse.reading([]) as outer:
        warehouse.execute("create table inner_one as select 1 as one")
        assert outer.sql("select one from inner_one").fetchall() == [(1,)]
