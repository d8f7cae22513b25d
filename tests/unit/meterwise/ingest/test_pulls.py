"""Pulls from a real database: the cursor, deletions, attributes, and what a first pull may know."""

from collections.abc import Iterator
from datetime import datetime

import pytest
import sqlalchemy as sa
from landing_site import Site, on_both_engines

from meterwise.ingest import LandingError, accept, land, refuse

COLUMNS = {"customer_id": "id", "customer_class": "class", "joined_on": "since", "name": "name"}
CURRENT = """
    select customer_id, customer_class, is_deleted from raw.crm_customers
    qualify row_number() over (partition by customer_id order by received_at_utc desc, version_no desc) = 1
    order by customer_id
"""


class Crm:
    """The CRM's database, and its entry in ``sources.yml``."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.engine = sa.create_engine(f"sqlite:///{site.folder}/crm.db")
        self.run("create table customers (id text, class text, since date, name text, rooms int, updated_at timestamp)")
        for number in range(1, 5):
            self.insert(f"C{number}", "2026-07-01 08:00:00")
        self.map()

    def run(self, sql: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(sql))

    def insert(self, customer: str, updated_at: str) -> None:
        self.run(f"insert into customers values ('{customer}', 'HH', '2025-01-01', 'Xq', 3, '{updated_at}.000000')")

    def map(self, **more: object) -> None:
        body = {
            "table": "crm_customers",
            "kind": "sql",
            "url": f"sqlite:///{self.site.folder}/crm.db",
            "query": "customers",
            "cursor": "updated_at",
            "received_at": "updated_at",
            "columns": COLUMNS,
            "values": {"customer_class": {"HH": "household", "SH": "shop"}},
            "attributes": ["rooms"],
            "compare_keys": True,
            "timezone": "UTC",
        }
        self.site.source("customers", **{**body, **more})


@pytest.fixture
def crm(site: Site) -> Iterator[Crm]:
    crm = Crm(site)
    yield crm
    crm.engine.dispose()


def test_first_pull_assumes_when_rows_arrived(crm: Crm) -> None:
    crm.site.land("crm", "2026-07-14")
    rows = crm.site.rows("select distinct received_at_utc, received_at_assumed, attributes from raw.crm_customers")
    # Midnight of 2025-01-01 in Berlin and a day.
    assert rows == [(datetime(2025, 1, 1, 23), True, '{"rooms":3}')]


def test_the_same_state_pulled_again_adds_nothing_though_the_first_times_were_assumed(crm: Crm) -> None:
    crm.run("update customers set since = '2026-07-10' where id in ('C1', 'C2')")  # agreed on before it begins
    crm.map(cursor=None)
    crm.site.land("crm", "2026-07-14")
    crm.run("update customers set class = 'SH', updated_at = '2026-07-02 08:00:00.000000' where id = 'C2'")
    crm.site.land("crm", "2026-07-15")
    last = "select accepted_rows, duplicate_rows from raw.load_audit order by load_id desc limit 1"
    assert crm.site.rows(last) == [(1, 3)], "C1 is known, whatever time was assumed; another class of C2 is not"
    crm.site.land("crm", "2026-07-15")
    assert crm.site.rows(last) == [(0, 4)]


def test_cursor_pulls_only_what_changed(crm: Crm) -> None:
    crm.site.land("crm", "2026-07-14")
    crm.run("update customers set class = 'SH', updated_at = '2026-07-14 08:59:00.000000' where id = 'C2'")
    crm.insert("C5", "2026-07-14 10:00:00")
    crm.run("update customers set class = 'SH' where id = 'C1'")  # without moving the cursor: not seen
    crm.site.land("crm", "2026-07-15")
    assert crm.site.rows(CURRENT) == [
        ("C1", "shop", False),  # the last cursor's own rows are pulled again
        ("C2", "shop", False),
        ("C3", "household", False),
        ("C4", "household", False),
        ("C5", "household", False),
    ]
    crm.site.land("crm", "2026-07-15")
    last = crm.site.rows("select landed_rows, duplicate_rows from raw.load_audit order by load_id desc limit 1")
    assert last == [(1, 1)], "the third pull begins an hour before C5"
    crm.site.account()


@pytest.mark.parametrize(("overlap", "is_seen"), [({}, True), ({"cursor_overlap_minutes": 0}, False)])
def test_a_row_stamped_before_the_cursor_and_committed_after_it_is_seen(
    crm: Crm, overlap: dict[str, object], is_seen: bool
) -> None:
    crm.map(compare_keys=False, **overlap)
    crm.insert("C5", "2026-07-14 10:00:00")
    crm.site.land("crm", "2026-07-14")
    crm.insert("C6", "2026-07-14 09:30:00")
    crm.site.land("crm", "2026-07-15")
    assert (("C6", "household", False) in crm.site.rows(CURRENT)) == is_seen


@on_both_engines
def test_deleted_rows_are_found_by_their_keys_and_may_come_back(crm: Crm) -> None:
    crm.site.land("crm", "2026-07-14")
    crm.run("delete from customers where id = 'C3'")
    crm.site.land("crm", "2026-07-15")
    assert ("C3", "household", True) in crm.site.rows(CURRENT)
    crm.site.land("crm", "2026-07-15")
    assert crm.site.rows("select count(*) from raw.crm_customers") == [(5,)], "deleted once"
    crm.insert("C3", "2026-07-15 12:00:00")
    crm.map(received_at=None)
    crm.site.land("crm", "2026-07-15")
    assert ("C3", "household", False) in crm.site.rows(CURRENT)
    crm.site.account()


def test_a_row_of_the_source_s_future_can_be_deleted(crm: Crm) -> None:
    crm.site.land("crm", "2026-07-14")
    crm.run("update customers set class = 'SH', updated_at = '2026-07-16 09:00:00.000000' where id = 'C3'")
    crm.site.land("crm", "2026-07-15")
    crm.run("update customers set class = 'HH', updated_at = '2026-07-15 09:00:00.000000' where id = 'C3'")
    crm.map(cursor=None)
    crm.site.land("crm", "2026-07-15")  # takes its place in history with the highest version number
    crm.run("delete from customers where id = 'C3'")
    crm.site.land("crm", "2026-07-15")
    assert ("C3", "shop", True) in crm.site.rows(CURRENT)
    crm.site.land("crm", "2026-07-15")
    assert crm.site.rows("select count(*) from raw.crm_customers where is_deleted") == [(1,)]


def test_when_most_keys_are_gone_nothing_is_deleted(crm: Crm) -> None:
    crm.site.land("crm", "2026-07-14")
    crm.run("delete from customers where id <> 'C1'")
    with pytest.raises(LandingError, match="3 of 4 keys are gone at once; none was marked"):
        crm.site.land("crm", "2026-07-15")
    assert all(not is_deleted for _, _, is_deleted in crm.site.rows(CURRENT))


@on_both_engines
def test_refused_pull_is_pulled_again(crm: Crm) -> None:
    site = crm.site
    load_ids = land("crm", "2026-07-14", site.settings)
    assert land("crm", "2026-07-14", site.settings) == load_ids, "what waits for its check is named again"
    refuse(load_ids, "too many shops", site.settings)
    refuse(load_ids, "repeated", site.settings)
    assert site.rows("select count(*) from raw.crm_customers") == [(0,)]
    assert site.account()[3] == 4 == site.rows("select count(*) from raw.quarantine")[0][0]
    crm.run("update customers set class = 'SH'")
    again = land("crm", "2026-07-14", site.settings)
    accept(again, site.settings)
    assert again != load_ids
    assert {customer_class for _, customer_class, _ in site.rows(CURRENT)} == {"shop"}


def test_select_with_a_cursor(crm: Crm) -> None:
    crm.map(query="select id, upper(class) as class, since, name, rooms, updated_at from customers where id <> 'C4'")
    crm.site.land("crm", "2026-07-14")
    crm.insert("C6", "2026-07-14 10:00:00")
    crm.site.land("crm", "2026-07-15")
    assert [customer for customer, _, _ in crm.site.rows(CURRENT)] == ["C1", "C2", "C3", "C6"]


def test_an_attribute_may_be_named_with_an_apostrophe(crm: Crm) -> None:
    crm.run("""alter table customers add column "owner's flats" int default 2""")
    crm.map(attributes=["owner's flats"])
    crm.site.land("crm", "2026-07-14")
    assert crm.site.rows("select distinct attributes from raw.crm_customers") == [('{"owner\'s flats":2}',)]
