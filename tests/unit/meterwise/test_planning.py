"""For which days a stage runs, and when it has nothing to do."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from meterwise import ops, planning
from meterwise.database import connect
from meterwise.outcomes import NothingToDoError
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

DAY = "2026-07-15"
NOON = datetime(2026, 7, 15, 12, tzinfo=UTC)


@pytest.fixture
def berlin(settings: Settings, tmp_path: Path) -> Settings:
    sources = tmp_path / "sources.yml"
    sources.write_text("utility: {timezone: Europe/Berlin}\nsources: {}\n")
    return settings.model_copy(update={"sources_file": sources, "last_date": date(2026, 7, 16)})


def test_the_parameter_wins_over_assets_and_clock(berlin: Settings) -> None:
    assert planning.days_asked_for("2026-07-01", ["2026-07-02"], NOON, berlin) == ["2026-07-01"]


def test_days_travel_with_assets_each_once_and_in_order(berlin: Settings) -> None:
    days = planning.days_asked_for(None, ["2026-07-14", "2026-07-13", "2026-07-14"], NOON, berlin)

    assert days == ["2026-07-13", "2026-07-14"]


def test_a_scheduled_run_is_for_its_local_day(berlin: Settings) -> None:
    late_in_utc = datetime(2026, 7, 15, 22, 30, tzinfo=UTC)

    assert planning.days_asked_for(None, [], late_in_utc, berlin) == ["2026-07-16"]


def test_a_day_that_the_clock_has_not_reached_is_skipped_with_a_word(berlin: Settings) -> None:
    with pytest.raises(NothingToDoError, match="stands at 2026-07-16"):
        planning.days_asked_for(None, [], datetime(2026, 11, 24, 12, tzinfo=UTC), berlin)


def test_schedules_follow_the_utilitys_zone_and_utc_where_there_is_none(berlin: Settings, settings: Settings) -> None:
    assert planning.local_timezone(berlin) == "Europe/Berlin"
    nowhere = settings.model_copy(update={"sources_file": Path("/no/such/sources.yml")})
    assert planning.local_timezone(nowhere) == "UTC"


def test_a_landing_is_awaited_until_it_has_landed_or_failed(database: Settings) -> None:
    day = "2026-07-15"
    with planning.landing("crm", day, settings=database):
        pass
    with planning.landing("weather", day, last_step=True, settings=database):
        pass
    with pytest.raises(OSError, match="disk"), planning.landing("meter_reads", day, settings=database):
        raise OSError("disk is full")

    assert planning.still_landing([day], settings=database) == ["crm"]
    assert planning.stale_domains(day, settings=database) == {"crm": "landing", "meter_reads": "failed. disk is full"}


def test_what_landed_only_in_part_is_called_stale_with_the_reason(database: Settings) -> None:
    for domain in planning.DOMAINS:
        with planning.landing(
            domain, DAY, last_step=True, problems="bills: no answer" * (domain == "crm"), settings=database
        ):
            pass

    assert planning.still_landing([DAY], settings=database) == []
    assert planning.stale_domains(DAY, settings=database) == {"crm": "landed in part. bills: no answer"}


def test_the_deadline_builds_a_day_only_when_something_was_accepted_since(database: Settings) -> None:
    warehouse = Warehouse(database)
    warehouse.create_raw_tables()
    with pytest.raises(NothingToDoError, match="No load"):
        planning.days_to_build([DAY], None, settings=database)

    _accept(warehouse, "000000001-weather", rows=0)
    with pytest.raises(NothingToDoError, match="No load"):
        planning.days_to_build([DAY], None, settings=database)

    _accept(warehouse, "000000002-weather")
    assert planning.days_to_build([DAY], None, by_the_clock=True, settings=database) == [DAY]

    ops.record_build("warehouse", [DAY], accepted_loads=1, begun_at=NOON, settings=database)
    _accept(warehouse, "000000003-weather", rows=0)
    with pytest.raises(NothingToDoError, match="Built already"):
        planning.days_to_build([DAY], None, by_the_clock=True, settings=database)

    _accept(warehouse, "000000004-weather")
    days = planning.days_to_build(["2026-07-14", DAY], None, by_the_clock=True, settings=database)
    assert days == ["2026-07-14", DAY]


def test_one_build_serves_all_that_landed_before_it_began_and_a_person_is_always_served(database: Settings) -> None:
    _accept(Warehouse(database), "000000001-weather")
    ops.record_build("warehouse", [DAY], accepted_loads=1, begun_at=NOON, settings=database)

    with pytest.raises(NothingToDoError, match="Built already"):
        planning.days_to_build([DAY], NOON - timedelta(seconds=1), settings=database)
    assert planning.days_to_build([DAY], NOON + timedelta(seconds=1), settings=database) == [DAY]
    assert planning.days_to_build([DAY], None, settings=database) == [DAY]


def test_what_was_there_when_a_publication_began_does_not_publish_again(database: Settings) -> None:
    ops.record_build("publish", [DAY], begun_at=NOON, settings=database)

    with pytest.raises(NothingToDoError, match="Published already"):
        planning.days_ready_to_publish([DAY], NOON, database)
    with pytest.raises(NothingToDoError, match="Awaited"):
        planning.days_ready_to_publish([DAY], NOON + timedelta(seconds=1), database)


def test_publishing_waits_for_every_input_and_names_what_it_awaits(database: Settings) -> None:
    with pytest.raises(NothingToDoError, match="checked features of segments, scores of demand, scores of churn"):
        planning.days_ready_to_publish([DAY], None, database)

    _score(database)
    with pytest.raises(NothingToDoError, match="Awaited for 2026-07-15: checked features of segments"):
        planning.days_ready_to_publish([DAY], None, database)

    _build(database, checked=planning.TRAINED)
    assert planning.days_ready_to_publish([DAY], None, database) == [DAY]


def test_a_day_that_is_built_anew_is_published_with_the_scores_of_its_new_features_alone(database: Settings) -> None:
    later = NOON + timedelta(hours=1)
    _build(database, checked=planning.TRAINED)
    _score(database)
    assert planning.days_ready_to_publish([DAY], None, database) == [DAY]

    _build(database, checked=["segments"], begun_at=later)
    with pytest.raises(NothingToDoError, match="the check of the new features of churn"):
        planning.days_ready_to_publish([DAY], None, database)

    planning.record_checked("demand", DAY, later, database)
    planning.record_checked("churn", DAY, later, database)
    with pytest.raises(NothingToDoError, match="scores of demand by the new features, scores of churn by the new"):
        planning.days_ready_to_publish([DAY], None, database)

    planning.record_scored("demand", DAY, NOON, database)  # it had read the old features before the build began
    planning.record_scored("churn", DAY, later, database)
    with pytest.raises(NothingToDoError, match="Awaited for 2026-07-15: scores of demand by the new features"):
        planning.days_ready_to_publish([DAY], None, database)

    planning.record_scored("demand", DAY, later, database)
    assert planning.days_ready_to_publish([DAY], None, database) == [DAY]


def test_nobody_waits_for_scores_by_features_that_were_refused(database: Settings) -> None:
    later = NOON + timedelta(hours=1)
    _build(database, checked=planning.TRAINED)
    _score(database)
    _build(database, checked=["churn", "segments"], begun_at=later)
    planning.record_scored("churn", DAY, later, database)

    with pytest.raises(ValueError, match="no weather"), planning.recording_the_check("demand", DAY, later, database):
        raise ValueError("no weather")

    assert not planning.is_checked("demand", DAY, database)
    assert planning.days_ready_to_publish([DAY], None, database) == [DAY]


def test_scores_of_an_installation_that_did_not_record_their_features_are_published(database: Settings) -> None:
    _score(database, by=None)
    _build(database, checked=planning.TRAINED)

    assert planning.days_ready_to_publish([DAY], None, database) == [DAY]


def test_a_model_scores_by_the_features_that_passed_last(database: Settings) -> None:
    with pytest.raises(NothingToDoError, match="check_features_demand"):
        planning.features_began_at("demand", DAY, database)

    with planning.recording_the_check("demand", DAY, NOON, database):
        pass

    assert planning.features_began_at("demand", DAY, database) == NOON


def test_features_that_did_not_pass_their_check_are_neither_trained_nor_scored_nor_published(
    database: Settings,
) -> None:
    _score(database)
    _build(database, checked=planning.TRAINED)
    assert planning.days_to_score("churn", [DAY], by_the_clock=False, settings=database) == [DAY]

    _build(database, checked=[], begun_at=NOON + timedelta(hours=1))  # all checks refuse what is now there

    for model in planning.TRAINED:
        for by_the_clock in (True, False):
            with pytest.raises(NothingToDoError, match=f"No features of {model} have passed their check for {DAY}"):
                planning.day_to_train(model, [DAY], by_the_clock, database)
    for model in planning.SCORED:
        for by_the_clock in (True, False):
            with pytest.raises(NothingToDoError, match=f"check_features_{model}"):
                planning.days_to_score(model, [DAY], by_the_clock, database)
    with pytest.raises(NothingToDoError, match="checked features of segments"):
        planning.days_ready_to_publish([DAY], None, database)


def test_from_the_moment_a_build_begins_the_verdict_of_before_does_not_hold(database: Settings) -> None:
    assert not planning.is_checked("churn", DAY, database)
    _build(database, checked=["churn"])
    assert planning.is_checked("churn", DAY, database)
    assert not planning.is_checked("demand", DAY, database)

    ops.record_build("warehouse", ["2026-07-16"], state="begun", begun_at=NOON + timedelta(hours=1), settings=database)
    assert planning.is_checked("churn", DAY, database)
    ops.record_build("warehouse", [DAY], state="begun", begun_at=NOON + timedelta(hours=1), settings=database)
    assert not planning.is_checked("churn", DAY, database)


def test_a_model_is_trained_by_the_clock_for_the_newest_day_that_is_checked(database: Settings) -> None:
    with pytest.raises(NothingToDoError, match="for any day"):
        planning.day_to_train("demand", ["2026-07-20"], by_the_clock=True, settings=database)

    _build(database, checked=["demand"])
    assert planning.day_to_train("demand", ["2026-07-20"], by_the_clock=True, settings=database) == DAY
    assert planning.day_to_train("demand", ["2026-07-14", DAY], by_the_clock=False, settings=database) == DAY
    with pytest.raises(NothingToDoError, match="for 2026-07-14"):
        planning.day_to_train("demand", ["2026-07-14"], by_the_clock=False, settings=database)


def _build(settings: Settings, checked: Sequence[str], begun_at: datetime = NOON) -> None:
    """Record what build_warehouse does: the beginning, and the checks that pass; the end only when all did."""
    ops.record_build("warehouse", [DAY], state="begun", begun_at=begun_at, settings=settings)
    for model in checked:
        planning.record_checked(model, DAY, begun_at, settings)


def _score(settings: Settings, by: datetime | None = NOON) -> None:
    """Let demand score, and churn say why it does not, by the features of the build that began at a moment."""
    warehouse = Warehouse(settings)
    warehouse.create_score_tables()
    warehouse.execute(f"insert into scores.demand_forecasts (as_of_date, region_code) values (date '{DAY}', 'R1')")
    warehouse.execute(f"insert into scores.model_skips values (date '{DAY}', 'churn', 'no CRM')")
    for model in planning.SCORED if by else ():
        planning.record_scored(model, DAY, by, settings)


def _accept(warehouse: Warehouse, load_id: str, rows: int = 1) -> None:
    warehouse.create_raw_tables()
    warehouse.execute(
        "insert into raw.load_audit by name select $load_id as load_id, 'weather' as source, 'weather' as table_name, "
        "'a file' as origin, 'accepted' as state, date '2026-07-15' as as_of_date, 1 as landed_rows, "
        "$rows::bigint as accepted_rows, 0 as duplicate_rows, 0 as quarantined_rows, 0 as suspect_rows, "
        "0.1 as seconds, timestamp '2026-07-15 20:00' as loaded_at_utc",
        {"load_id": load_id, "rows": rows},
    )


def test_a_clock_that_was_set_back_hides_no_work(database: Settings) -> None:
    now = datetime.now(UTC)
    tomorrow = now + timedelta(days=1)
    ops.record_build("warehouse", [DAY], begun_at=tomorrow, settings=database)
    planning.record_checked("churn", DAY, tomorrow, settings=database)

    assert not planning.is_served("warehouse", DAY, now, settings=database)

    ops.record_build("warehouse", [DAY], begun_at=now, settings=database)
    assert planning.is_served("warehouse", DAY, now, settings=database)
    planning.record_checked("churn", DAY, now, settings=database)
    assert planning.is_checked("churn", DAY, settings=database)


def test_a_landing_that_began_before_the_clock_was_set_back_is_not_waited_for(database: Settings) -> None:
    ops.record_landing("crm", DAY, "landing", settings=database)
    assert planning.still_landing([DAY], settings=database) == ["crm"]

    with connect(database) as connection:
        connection.execute("alter table ops.landings disable trigger all")
        connection.execute("update ops.landings set recorded_at = recorded_at + interval '1 day'")

    assert planning.still_landing([DAY], settings=database) == []
