"""Alerts by hand: meters with one thing wrong each among sound ones, known at two days in one build."""

import json
from datetime import date
from typing import Any

import pytest
from tiny_utility import TinyUtility

import expectations
from meterwise import alert_states, transform
from meterwise.database import connect
from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings
from meterwise.validation import DataQualityError
from meterwise.warehouse import Warehouse

DAY, LATER = "2026-04-05", "2026-05-04"
SOURCES = """
utility: {name: Tiny Power, timezone: Europe/Berlin, country: DE, currency: EUR}
sources:
  contracts:
    table: crm_contracts
    kind: files
    path: contracts.csv
    format: csv
    columns: {contract_id: id, customer_id: customer, service_point_id: point, start_on: start, tariff_code: tariff}
    static: [tariff_code]
"""
SOUND = [f"N{number:02}" for number in range(1, 13)]
ON_FEEDER = [f"O{number}" for number in range(1, 7)]
FAULTY = ["DEAD", "ZERO", "STILL", "EMPTY", "HIDDEN", "MORE", "LESS", "BACK", "ODD", "NEW"]
KWH_PER_HOUR = """
    round((1 + (hash(meter_id, day) % 100) / 500.0) * case
        when meter_id in ('ZERO', 'STILL') and day >= date '2026-03-28' then 0
        when meter_id = 'EMPTY' and day between date '2026-03-30' and date '2026-04-12' then 0.2
        when meter_id = 'HIDDEN' and day >= date '2026-03-05' then 0.4
        when meter_id = 'MORE' and day >= date '2026-03-27' then 2.5
        when meter_id = 'LESS' and day >= date '2026-03-09' then 0.75
        when meter_id = 'BACK' and day >= date '2026-03-30' and hour = 12 then -1
        when meter_id = 'NEW' then 9
        else 1
    end, 3)
"""
READS = f"""
    with meters as (select unnest([{", ".join(f"'{name}'" for name in SOUND + ON_FEEDER + FAULTY)}]) as meter_id),
    hours as (
        select interval_start_utc, (local_start)::date as day, hour(local_start) as hour
        from (
            select *, (interval_start_utc at time zone 'UTC') at time zone 'Europe/Berlin' as local_start
            from (select unnest(generate_series(
                timestamp '2025-11-30 23:00', timestamp '2026-05-03 21:00', interval '1 hour')) as interval_start_utc)
        )
    )
    select
        meter_id, 'import' as channel, interval_start_utc, 60 as interval_minutes, {KWH_PER_HOUR} as consumption_kwh,
        case when meter_id = 'ODD' and day between date '2026-03-30' and date '2026-04-03' then 'suspect'
            else 'measured' end as quality_code
    from meters cross join hours
    where not (meter_id = 'DEAD' and day >= date '2026-03-26')
        and not (meter_id = 'NEW' and day < date '2026-04-02')
        and not (meter_id[1] = 'O' and meter_id <> 'ODD' and interval_start_utc >= timestamp '2026-04-02 08:00'
            and interval_start_utc < timestamp '2026-04-03 20:00')
"""
ARRIVAL = "(((interval_start_utc at time zone 'UTC') at time zone 'Europe/Berlin')::date + interval '30 hours')"


def plant(settings: Settings) -> None:
    """Sound meters on one feeder, six on another that goes out, and meters with one thing wrong each."""
    utility = TinyUtility(settings)
    names = ", ".join(f"'{name}'" for name in SOUND + ON_FEEDER + FAULTY)
    one_each = f"from (select unnest([{names}]) as name)"
    feeder = "case when name[1] = 'O' and name <> 'ODD' then 'F2' else 'F1' end"
    points = f"select 'P-' || name as service_point_id, 'NORTH' as region_code, {feeder} as feeder_code {one_each}"
    utility.load("service_points", points)
    utility.load(
        "meters",
        f"select name as meter_id, 'P-' || name as service_point_id, date '2020-01-01' as installed_on {one_each}",
    )
    utility.load(
        "crm_contracts",
        "select 'K-' || name as contract_id, 'C-' || name as customer_id, 'P-' || name as service_point_id, "
        f"date '2020-01-01' as start_on, case when name <> 'LESS' then 'FLAT' end as tariff_code {one_each}",
    )
    utility.load(
        "tariffs",
        "select 'FLAT' as tariff_code, date '2020-01-01' as valid_from, 'flat' as kind, 0.3 as price_per_kwh",
    )
    utility.load("meter_reads", READS, ARRIVAL, assumed=False)


def alert_id(meter_id: str, alert_type: str, first_date: str, settings: Settings) -> str:
    """The alert's id, as readers can work it out."""
    query = "select md5($meter || '|' || $type || '|' || $day) as id"
    found = Warehouse(settings).arrow(query, {"meter": meter_id, "type": alert_type, "day": first_date})
    return str(found["id"][0].as_py())


def say(settings: Settings, meter_id: str, alert_type: str, first_date: str, state: str, finding: str | None) -> None:
    """What a crew reported on the day of the first build."""
    with connect(settings) as connection:
        connection.execute(
            "insert into ops.meter_alert_events "
            "(alert_id, meter_id, alert_type, first_date, state, finding, author, recorded_at) "
            "values (%s, %s, %s, %s, %s, %s, 'crew', '2026-04-05 10:00+00')",
            [alert_id(meter_id, alert_type, first_date, settings), meter_id, alert_type, first_date, state, finding],
        )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, postgres_server: EmbeddedPostgres) -> Settings:
    folder = tmp_path_factory.mktemp("alerts")
    (folder / "sources.yml").write_text(SOURCES, encoding="utf-8")
    settings = Settings(
        home=folder / "home",
        sources_file=folder / "sources.yml",
        database_url=postgres_server.create_database("alerts"),
        false_alarms_per_100_meters=40,
        last_date=date.fromisoformat(LATER),
    )
    Warehouse(settings).create_raw_tables()
    plant(settings)
    alert_states.events(settings)  # makes the tables of ops
    say(settings, "DEAD", "dead_meter", "2026-03-26", "acknowledged", None)
    say(settings, "HIDDEN", "tamper_suspected", "2026-03-05", "closed", "nothing_found")
    say(settings, "MORE", "high_use", "2026-03-27", "closed", "high_use")
    days = [DAY, LATER]
    transform.build("path:models/staging +publish_meter_alerts", days, settings, asked_dates=days)
    return settings


@pytest.fixture(scope="module")
def alerts(built: Settings) -> dict[str, dict[tuple[str, str], dict[str, Any]]]:
    """Published alerts of each day by meter and type."""
    rows = Warehouse(built).arrow("select *, as_of_date::varchar as day from publish.meter_alerts").to_pylist()
    found: dict[str, dict[tuple[str, str], dict[str, Any]]] = {DAY: {}, LATER: {}}
    for row in rows:
        found[row["day"]][row["meter_id"], row["alert_type"]] = row
    return found


@pytest.mark.parametrize(
    ("meter_id", "alert_type", "first_date", "last_date"),
    [
        ("DEAD", "dead_meter", date(2026, 3, 26), date(2026, 4, 4)),
        ("ZERO", "dead_meter", date(2026, 3, 28), date(2026, 4, 4)),
        ("EMPTY", "vacancy", date(2026, 3, 30), date(2026, 4, 4)),
        ("HIDDEN", "tamper_suspected", date(2026, 3, 5), date(2026, 4, 4)),
        ("MORE", "high_use", date(2026, 3, 27), date(2026, 4, 4)),
        ("LESS", "low_use", date(2026, 3, 9), date(2026, 4, 4)),
        ("BACK", "reverse_energy", date(2026, 3, 30), date(2026, 4, 4)),
        ("ODD", "fault", date(2026, 3, 30), date(2026, 4, 3)),
        ("F2", "outage", date(2026, 4, 2), date(2026, 4, 3)),
    ],
)
def test_each_type_is_found_with_its_days(
    alerts: dict[str, Any], meter_id: str, alert_type: str, first_date: date, last_date: date
) -> None:
    found = alerts[DAY][meter_id, alert_type]

    assert (found["first_date"], found["last_date"]) == (first_date, last_date)


def test_sound_meters_new_ones_and_the_meters_of_an_outage_get_no_alert(
    built: Settings, alerts: dict[str, Any]
) -> None:
    assert {meter for meter, _ in alerts[DAY]} == {*FAULTY, "F2"} - {"NEW"}
    states = Warehouse(built).arrow(
        f"select watch_state from marts.meter_alert_candidates where as_of_date = date '{DAY}' and meter_id = 'NEW'"
    )
    assert states["watch_state"].to_pylist() == ["not enough history"]


def test_an_outage_is_one_alert_with_its_hours_and_a_clock_change_is_none(built: Settings) -> None:
    found = Warehouse(built).arrow(
        f"select feeder_code, outage_hours, meters from intermediate.int_feeder_outages where as_of_date = date '{DAY}'"
    )
    assert found.to_pylist() == [{"feeder_code": "F2", "outage_hours": 36, "meters": 6}]


def test_evidence_energy_and_money_are_those_of_the_days(alerts: dict[str, Any]) -> None:
    more, less = alerts[DAY]["MORE", "high_use"], alerts[DAY]["LESS", "low_use"]
    evidence = json.loads(more["evidence"])

    assert evidence["days"] == 9
    assert evidence["neighbours"] >= 12
    assert float(more["expected_kwh"]) == pytest.approx(9 * 24 * 1.1, rel=0.05)
    assert float(more["energy_at_stake_kwh"]) == pytest.approx(1.5 * float(more["expected_kwh"]), rel=0.1)
    assert float(more["money_at_stake"]) == pytest.approx(0.3 * float(more["energy_at_stake_kwh"]), abs=0.01)
    assert less["money_at_stake"] is None, "no tariff is known"


def test_a_customer_is_told_the_reason_in_kwh_and_money_and_how_to_save(alerts: dict[str, Any]) -> None:
    more = alerts[DAY]["MORE", "high_use"]

    assert (more["audience"], more["customer_id"]) == ("customer", "C-MORE")
    assert more["advice"] == (
        "Since 2026-03-27 you have used 586 kWh in 9 days, 359 kWh more than your like days and your neighbours let "
        "expect; that costs about 107.81 EUR more. Look at what is new: a heater, a freezer with frost, cooling. One "
        "degree less in heating or cooling saves about 6 %."
    )


def test_states_come_from_what_people_said(alerts: dict[str, Any], built: Settings) -> None:
    hidden, dead = alerts[DAY]["HIDDEN", "tamper_suspected"], alerts[DAY]["DEAD", "dead_meter"]

    assert (dead["state"], dead["finding"]) == ("acknowledged", None)
    assert (hidden["state"], hidden["finding"]) == ("closed", "nothing_found")
    assert dead["alert_id"] == alert_id("DEAD", "dead_meter", "2026-03-26", built)
    assert alerts[DAY]["ZERO", "dead_meter"]["state"] == "open"
    # Four weeks later the thing still goes on: a new alert, from the day after it was closed.
    assert alerts[LATER]["MORE", "high_use"]["state"] == "open"
    assert alerts[LATER]["MORE", "high_use"]["first_date"] == date(2026, 4, 6)
    assert alerts[LATER]["DEAD", "dead_meter"]["alert_id"] == dead["alert_id"]
    assert ("EMPTY", "vacancy") not in alerts[LATER]


@pytest.mark.parametrize("per_100_meters", [0, 3, 10, 40])
def test_the_expected_false_alarms_stay_within_the_budget_and_the_surest_are_told(
    built: Settings, alerts: dict[str, Any], per_100_meters: int
) -> None:
    tight = built.model_copy(update={"false_alarms_per_100_meters": per_100_meters})
    transform.build("publish_meter_alerts", [DAY], tight, asked_dates=[DAY], with_tests=False)
    told = Warehouse(tight).arrow(f"select * from publish.meter_alerts where as_of_date = date '{DAY}'").to_pylist()

    meters = len(SOUND + ON_FEEDER + FAULTY) - 1  # NEW is not watched
    for audience in ("crew", "customer"):
        unsure = [1 - row["confidence"] for row in told if row["audience"] == audience and row["state"] == "open"]
        found_nothing = sum(row["audience"] == audience and row["finding"] == "nothing_found" for row in told)
        all_open = [row for row in alerts[DAY].values() if row["audience"] == audience and row["state"] == "open"]
        surest = sorted(1 - row["confidence"] for row in all_open)
        assert not unsure or sum(unsure) + found_nothing <= per_100_meters * meters / 200 + 1e-6
        assert sorted(unsure) == pytest.approx(surest[: len(unsure)])
        next_one = surest[len(unsure) : len(unsure) + 1]
        assert not next_one or sum(unsure) + found_nothing + next_one[0] > per_100_meters * meters / 200 - 1e-6
    assert {row["meter_id"] for row in told if row["state"] != "open"} == {"DEAD", "HIDDEN", "MORE"}, "known ones stay"


def test_what_the_model_alone_sees_is_told_with_energy_and_money(built: Settings) -> None:
    Warehouse(built).execute(
        "insert into scores.meter_alert_scores by name select date '2026-03-30' + n::integer as as_of_date, "
        "'N01' as meter_id, 0.9 as score, 'tamper_suspected' as alert_type, 0.9 as confidence, '{}' as evidence, "
        "'7' as model_version from range(7) as days(n)"
    )
    transform.build("publish_meter_alerts", [DAY], built, asked_dates=[DAY], with_tests=False)
    (told,) = Warehouse(built).arrow("select * from publish.meter_alerts where meter_id = 'N01'").to_pylist()

    assert (told["alert_type"], told["first_date"]) == ("tamper_suspected", date(2026, 3, 30))
    assert float(told["expected_kwh"]) == pytest.approx(28 * 24 * 1.1, rel=0.1)
    assert float(told["measured_kwh"]) == pytest.approx(28 * 24 * 1.1, rel=0.1)
    stake = float(told["energy_at_stake_kwh"])
    assert stake == pytest.approx(max(0, float(told["expected_kwh"] - told["measured_kwh"])))
    assert float(told["money_at_stake"]) == pytest.approx(0.3 * stake, abs=0.01)
    assert "None" not in told["advice"]


def test_a_flood_stops_the_alerts_alone(built: Settings) -> None:
    tight = built.model_copy(update={"false_alarms_per_100_meters": 0.1})
    transform.build("meter_alert_candidates", [DAY, LATER], tight, asked_dates=[DAY, LATER], with_tests=False)

    with pytest.raises(DataQualityError, match="the data broke, not the meters"):
        expectations.check("meter_alert_candidates", DAY, settings=built)
