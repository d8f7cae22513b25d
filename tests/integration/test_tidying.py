"""What is old goes, and nothing that a publication, a champion or the history of a feature needs."""

import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from tiny_utility import TinyUtility, tiny_settings

from meterwise import ingest, ops, registry, transform
from meterwise.database import connect
from meterwise.settings import Settings
from meterwise.tidying import tidy
from meterwise.tidying.files import PART_LOG_BYTES, PART_LOG_KEPT_BYTES
from meterwise.warehouse import Warehouse

EXAMPLE = pd.DataFrame({"use_kwh": [1.0, 2.0]})


class Doubler:
    """A model."""

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"twice": frame["use_kwh"] * 2})


@pytest.fixture
def old_file(settings: Settings) -> Callable[[str, int], Path]:
    """Return what makes a file of the home, so many days old."""

    def make(name: str, days: int) -> Path:
        path = settings.home_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x" * 1000)
        moment = time.time() - days * 86_400
        for touched in (path, path.parent):
            os.utime(touched, (moment, moment))
        return path

    return make


def test_old_logs_go_and_young_ones_stay(database: Settings, old_file: Callable[[str, int], Path]) -> None:
    gone = [old_file("airflow/logs/dag_id=a/run_id=1/attempt=1.log", 31), old_file("dbt/logs/dbt.log.1", 40)]
    kept = [old_file("airflow/logs/dag_id=a/run_id=2/attempt=1.log", 29), old_file("stack.json", 400)]

    told = tidy("logs", database)

    assert told == "logs older than 30 days: 2 files, 0.0 MB"
    assert [path.exists() for path in gone] == [False, False]
    assert all(path.exists() for path in kept)


def test_a_long_log_that_is_still_written_keeps_its_end(database: Settings) -> None:
    path = database.home_path / "logs" / "mlflow.log"
    path.parent.mkdir(parents=True)
    with path.open("ab") as writer:
        writer.write(b"." * (PART_LOG_BYTES + 1) + b"the end")
        writer.flush()
        tidy("logs", database)
        writer.write(b"goes on")

    assert path.read_bytes() == b"goes on"
    kept = path.with_name("mlflow.log.1").read_bytes()
    assert len(kept) == PART_LOG_KEPT_BYTES
    assert kept.endswith(b"the end")


def test_old_validations_go(database: Settings, old_file: Callable[[str, int], Path]) -> None:
    pages = "gx/gx/uncommitted/data_docs/local_site"
    gone = old_file(f"{pages}/validations/publish/churn_scores/1/page.html", 91)
    kept = [old_file(f"{pages}/validations/publish/churn_scores/2/page.html", 89), old_file(f"{pages}/index.html", 91)]

    tidy("validations", database)

    assert not gone.exists()
    assert all(path.exists() for path in kept)


def test_models_that_never_were_champion_go_and_all_others_stay(
    database: Settings, mlflow_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = database
    runs = {}
    for day in range(1, 6):
        with registry.run("doubler", "all", f"2026-07-0{day}", settings=settings) as run:
            version = run.log_model(Doubler(), EXAMPLE)
            runs[version] = run.run_id
    registry.move_alias("doubler", "3", "2026-07-03", "holds the alias", settings)
    ops.record_promotion("doubler", "2", runs["2"], "2026-07-02", "was champion once", settings=settings)

    assert tidy("models", settings).endswith("nothing"), "none is old enough"
    # As if half a year had passed.
    now = datetime.now(UTC) + timedelta(days=200)
    monkeypatch.setattr("meterwise.tidying.models.datetime", type("Later", (), {"now": staticmethod(lambda zone: now)}))
    told = tidy("models", settings)

    assert told.endswith("doubler 1, doubler 4"), "5 is the newest"
    client = registry.client(settings)
    assert {str(version.version) for version in client.search_model_versions("name = 'doubler'")} == {"2", "3", "5"}
    for version in ("2", "3", "5"):
        assert registry.load("doubler", version, settings).predictor.predict(EXAMPLE)["twice"].tolist() == [2.0, 4.0]
    folders = [path for path in (settings.home_path / "mlflow_artifacts").rglob("MLmodel") if path.is_file()]
    assert len(folders) == 3
    assert client.get_run(runs["1"]).info.run_name, "the run stays"
    assert tidy("models", settings).endswith("nothing")


READS = "select count(*) as n, sum(consumption_kwh)::varchar as kwh from {}"


def test_reads_are_all_kept_unless_a_setting_says_otherwise(database: Settings) -> None:
    assert tidy("reads", database) == "reads: all are kept (METERWISE_RAW_KEPT_DAYS is not set)"


FILE = (
    "reads: {table: meter_reads, kind: files, path: reads.csv, format: csv, layout: long, interval_minutes: 60, "
    "unit: kWh, columns: {meter_id: meter, interval_start_utc: at, consumption_kwh: kwh}}"
)


@pytest.mark.parametrize("step", [60, 15])
def test_old_reads_that_are_booked_go_no_figure_changes_and_their_days_are_closed(
    tmp_path: Path, database: Settings, step: int
) -> None:
    update = {"database_url": database.database_url, "last_date": date(2026, 4, 4), "forecast_step_minutes": step}
    settings = tiny_settings(tmp_path).model_copy(update=update)
    utility = TinyUtility(settings)
    utility.crm()
    utility.reads("M1", "2025-01-01", "2026-04-04")
    transform.build("", ["2026-04-03"], settings)
    utility.reads("M2", "2025-01-01", "2025-01-02")  # landed; no build has booked it yet
    warehouse = Warehouse(settings)
    tables = ("marts.customer_usage_daily", "marts.customer_usage_hourly", "features.features_churn")
    of_others = "select * from {} where customer_id <> 'Cleo' order by all"  # whose reads are booked later on
    if step == 60:
        other_step = settings.model_copy(update={"raw_kept_days": 400, "forecast_step_minutes": 15})
        assert tidy("reads", other_step) == "reads: nothing was booked yet, so all are kept", (
            "nor can it be without them"
        )
    before = {table: warehouse.arrow(of_others.format(table)) for table in tables}
    total = warehouse.arrow(READS.format("raw.meter_reads")).to_pylist()[0]["n"]

    told = tidy("reads", settings.model_copy(update={"raw_kept_days": 400}))

    old = "raw.meter_reads where interval_start_utc < timestamp '2025-02-28'"
    assert told == f"reads before 2025-02-28: {(total - 48) - _hours(settings, 'M1', '2025-02-28'):,} rows"
    assert warehouse.arrow(READS.format(old)).to_pylist()[0]["n"] == 48, "those that no build has booked"
    transform.build("", ["2026-04-03"], settings)
    for table in tables:
        assert warehouse.arrow(of_others.format(table)).equals(before[table]), table
        assert len(before[table]), table

    (tmp_path / "reads.csv").write_text(
        "meter,at,kwh\nM1,2025-01-05 00:00,7\n" + "".join(f"M1,2026-04-04 {hour:02}:00,2\n" for hour in range(20))
    )
    settings.sources_file.write_text(f"{settings.sources_file.read_text()}  {FILE}\n")
    ingest.land("meter_reads", "2026-04-04", settings)
    refused = warehouse.arrow("select reason from raw.quarantine").to_pylist()
    assert len(refused) == 1
    assert "before 2025-02-28, whose reads were given up" in refused[0]["reason"]


def _hours(settings: Settings, meter: str, since: str) -> int:
    query = f"raw.meter_reads where meter_id = '{meter}' and interval_start_utc >= timestamp '{since}'"
    return Warehouse(settings).arrow(READS.format(query)).to_pylist()[0]["n"]


def test_nothing_goes_while_a_backup_reads(database: Settings) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from meterwise.backup.states import KEEP_LOCK

    with ThreadPoolExecutor(1) as pool:
        with connect(database) as backup:
            backup.execute("select pg_advisory_lock(%s)", [KEEP_LOCK])
            waiting = pool.submit(tidy, "logs", database)
            time.sleep(0.3)
            assert not waiting.done()
        assert "logs" in waiting.result(10)
