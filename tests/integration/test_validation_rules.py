"""Meters with one planted flaw each, among sound ones: every rule finds what was planted, and nothing else."""

import shutil
from pathlib import Path

import pytest
from tiny_utility import TinyUtility, tiny_settings

from meterwise import transform
from meterwise.settings import Settings
from meterwise.warehouse import Warehouse

DAY = "2026-04-06"
STAGING = "stg_meter_reads stg_meters stg_service_points stg_crm_customers stg_crm_contracts stg_register_reads"
SELECTED = f"{STAGING} validation_rules intermediate.validation int_usage_hourly_ledger"
SOUND_METERS = 100
FLAWED = {
    "SPIKE": "when t = timestamp '2026-03-20 18:00' then 60",
    "SHOP": "when t = timestamp '2026-03-20 18:00' then 60",
    "HIGH": "when t::date = date '2026-03-18' then 4 * kwh",
    "LOW": "when t::date = date '2026-03-18' then 0.1 * kwh",
    "NEGATIVE": "when t = timestamp '2026-03-18 03:00' then -kwh",
    "EXPORT": "when t::date = date '2026-03-18' and hour(t) between 10 and 15 then -kwh",
    "DEAD": "when t >= date '2026-03-10' then 0",
    "VACANT": "when t >= date '2026-03-10' then 0",
    "LEAVING": "when t >= date '2026-03-10' then 0 when t >= date '2026-03-07' then 0.3 * kwh",
    "STUCK": "when t >= date '2026-03-10' then 0.777",
    "TENFOLD": "when t >= date '2026-04-01' then 10 * kwh",
    "WATTS": "when t >= date '2026-04-01' then 1000 * kwh",
    "MEGA": "when t >= date '2026-04-01' then kwh / 1000",
    "AWAY": "when t between date '2026-03-02' and timestamp '2026-03-24 17:00' then 0.1 * kwh",
    "SHIFTED": "when t >= date '2026-03-16' then shifted_kwh",
}
"""Meter: what it reports instead, of ``t`` (local time) and ``kwh``."""
REASONS = {"SIZE": "wrong interval", "STRANGER": "unknown meter", "EARLY": "outside installation"}
"""Meter: what the landing said of its reads of 18 March."""
READS = """
with hours as (
    select
        utc,
        (utc at time zone 'UTC') at time zone 'Europe/Berlin' as t
    from (
        select unnest(generate_series(
            timestamp '2026-01-31 23:00', timestamp '2026-04-05 21:00', interval '1 hour'
        )) as utc
    ) as series
),

sound as (
    select
        meter_id,
        utc,
        t,
        0.1 + (0.2 + 0.4 * (hash(meter_id, utc) % 1000) / 1000)
        * (1 + cos(2 * pi() * (hour(t) - 19) / 24)) * (case when isodow(t) > 5 then 1.3 else 1 end) as kwh,
        0.1 + (0.2 + 0.4 * (hash(meter_id, utc) % 1000) / 1000)
        * (1 + cos(2 * pi() * (hour(t) - 13) / 24)) * (case when isodow(t) > 5 then 1.3 else 1 end) as shifted_kwh
    from hours, (values {meters}) as listed (meter_id)
)

select
    meter_id,
    'import' as channel,
    utc as interval_start_utc,
    60 as interval_minutes,
    round(case {flaws} else kwh end, 3)::decimal(18, 6) as consumption_kwh,
    case when t::date = date '2026-03-18' and meter_id in ({reported}) then 'suspect' else 'measured' end
        as quality_code,
    case when t::date = date '2026-03-18' then case meter_id {reasons} end end as quality_reason
from sound
where meter_id not in ('NEW', 'TWICE') or t >= date '2026-04-01'
"""


def reads() -> str:
    meters = [*FLAWED, *REASONS, "NEW", "MIXED", *(f"SOUND{n}" for n in range(SOUND_METERS))]
    flaws = {**FLAWED, "NEW": FLAWED["SPIKE"].replace("03-20", "04-04")}
    return READS.format(
        meters=", ".join(f"('{meter}')" for meter in meters),
        flaws=" ".join(flaw.replace("when ", f"when meter_id = '{meter}' and ") for meter, flaw in flaws.items()),
        reported=", ".join(f"'{meter}'" for meter in REASONS),
        reasons=" ".join(f"when '{meter}' then '{reason}'" for meter, reason in REASONS.items()),
    )


def with_shops(settings: Settings, folder: Path) -> Settings:
    """The same project, where shops may draw 100 kW."""
    project = folder / "dbt_project"
    shutil.copytree(settings.dbt_project_path, project, ignore=shutil.ignore_patterns("target", "logs"))
    with (project / "seeds" / "validation_rules.csv").open("a", encoding="utf-8") as rules:
        rules.write("spike,shop,true,10,,100,,,,\n")
    return settings.model_copy(update={"project": folder})


def crm(utility: TinyUtility) -> None:
    """SHOP is a shop's; the household behind VACANT left on 9 March; EARLY was installed after its reads."""
    meters = [*FLAWED, "SIZE", "EARLY", "NEW", "MIXED", *(f"SOUND{n}" for n in range(SOUND_METERS))]
    listed = f"(select unnest({meters}) as m)"
    utility.load("service_points", f"select m as service_point_id, 'NORTH' as region_code from {listed}")
    utility.load(
        "meters",
        "select m as meter_id, m as service_point_id, case m when 'EARLY' then date '2026-03-19' else date "
        f"'2020-01-01' end as installed_on from {listed}",
    )
    utility.load(
        "crm_customers",
        "select m as customer_id, case m when 'SHOP' then 'shop' else 'household' end as customer_class, "
        f"date '2020-01-01' as joined_on from {listed}",
        "joined_on::timestamp",
    )
    utility.load(
        "crm_contracts",
        "select m as contract_id, m as customer_id, m as service_point_id, date '2020-01-01' as start_on, "
        f"case m when 'VACANT' then date '2026-03-09' end as end_on from {listed}",
        "start_on::timestamp",
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("validation")
    settings = with_shops(tiny_settings(folder), folder)
    utility = TinyUtility(settings)
    crm(utility)
    load_id = utility.load("meter_reads", reads(), "interval_start_utc + interval '30 hours'", assumed=False)
    utility.warehouse.execute(
        "update raw.meter_reads set interval_minutes = 30 where meter_id = 'MIXED' "
        "and interval_start_utc = timestamp '2026-03-18 10:00'"
    )
    utility.warehouse.execute(
        "insert into raw.meter_reads select * replace (2 as version_no, 9 as consumption_kwh) from raw.meter_reads "
        f"where meter_id = 'SOUND0' and interval_start_utc = timestamp '2026-03-18 10:00' and load_id = '{load_id}'"
    )
    transform.build(SELECTED, [DAY], settings)
    return settings


def found(settings: Settings, meter_id: str) -> list[tuple[str, bool, int, str, str]]:
    """Per set of broken rules: whether it rejects, how many reads, first and last local day."""
    rows = Warehouse(settings).arrow(
        "select broken_rules, is_rejected, count(*) as reads, min(local_date)::varchar as first_date, "
        "max(local_date)::varchar as last_date from intermediate.int_read_findings where meter_id = $meter "
        "group by broken_rules, is_rejected order by broken_rules",
        {"meter": meter_id},
    )
    return [tuple(row.values()) for row in rows.to_pylist()]


@pytest.mark.parametrize(
    ("meter_id", "expected"),
    [
        ("SPIKE", [("spike", True, 1, "2026-03-20", "2026-03-20")]),
        ("HIGH", [("high", False, 24, "2026-03-18", "2026-03-18")]),
        ("LOW", [("low", False, 24, "2026-03-18", "2026-03-18")]),
        ("NEGATIVE", [("negative", True, 1, "2026-03-18", "2026-03-18")]),
        ("EXPORT", [("negative,export_on_import", True, 6, "2026-03-18", "2026-03-18")]),
        ("DEAD", [("zero_run", True, 25 * 24 - 1, "2026-03-12", "2026-04-05")]),
        ("VACANT", [("zero_run", False, 25 * 24 - 1, "2026-03-12", "2026-04-05")]),
        ("LEAVING", [("zero_run", False, 25 * 24 - 1, "2026-03-12", "2026-04-05")]),
        ("STUCK", [("stuck", True, 26 * 24 - 1, "2026-03-11", "2026-04-05")]),
        ("TENFOLD", [("unit_slip", False, 5 * 24, "2026-04-01", "2026-04-05")]),
        ("WATTS", [("spike,unit_slip", True, 5 * 24, "2026-04-01", "2026-04-05")]),
        ("MEGA", [("unit_slip", True, 5 * 24, "2026-04-01", "2026-04-05")]),
        ("SIZE", [("interval_size", False, 24, "2026-03-18", "2026-03-18")]),
        ("MIXED", [("interval_size", False, 1, "2026-03-18", "2026-03-18")]),
        ("STRANGER", [("unknown_meter", False, 24, "2026-03-18", "2026-03-18")]),
        ("EARLY", [("before_installation", False, 24, "2026-03-18", "2026-03-18")]),
        ("SOUND0", [("duplicate", False, 2, "2026-03-18", "2026-03-18")]),
        pytest.param("SHOP", [("high", False, 24, "2026-03-20", "2026-03-20")], id="a_class_has_limits_of_its_own"),
        pytest.param("NEW", [], id="three_days_of_history_tell_nothing"),
    ],
)
def test_a_rule_finds_what_was_planted(
    built: Settings, meter_id: str, expected: list[tuple[str, bool, int, str, str]]
) -> None:
    assert found(built, meter_id) == expected


def test_a_shifted_clock_is_seen_once_a_week_of_it_is_there(built: Settings) -> None:
    ((rules, is_rejected, reads, first_date, _),) = found(built, "SHIFTED")

    assert (rules, is_rejected) == ("clock_drift", False)
    assert "2026-03-18" < first_date < "2026-03-23"
    assert reads > 24 * 7


def test_a_home_that_is_back_from_holidays_is_believed(built: Settings) -> None:
    assert not [finding for finding in found(built, "AWAY") if finding[1]]


def test_sound_meters_break_no_rule(built: Settings) -> None:
    (row,) = (
        Warehouse(built)
        .arrow(
            "select count(*) as findings, count(*) filter (is_rejected) as rejected "
            "from intermediate.int_read_findings where meter_id like 'SOUND%' and meter_id <> 'SOUND0'"
        )
        .to_pylist()
    )

    assert row == {"findings": 0, "rejected": 0}


def test_the_ledger_counts_a_rejected_read_as_not_measured(built: Settings) -> None:
    (row,) = (
        Warehouse(built)
        .arrow(
            "select sum(delta_kwh)::double as kwh, sum(delta_minutes)::int as minutes, "
            "sum(delta_suspect_minutes)::int as suspect "
            "from intermediate.int_usage_hourly_ledger where meter_id = 'SPIKE' and local_date = date '2026-03-20'"
        )
        .to_pylist()
    )

    assert row["kwh"] < 24
    assert (row["minutes"], row["suspect"]) == (23 * 60, 60)
