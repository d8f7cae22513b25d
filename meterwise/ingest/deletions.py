"""Adds deleting versions of rows that are gone, as a load of its own; the rows themselves stay as history."""

from meterwise.ingest.account import Landing, Load, next_load_id, write_audit
from meterwise.sources.config import FileSource, SqlSource
from meterwise.sources.rows import number
from meterwise.warehouse import LoadingArea


def book_deletions(area: LoadingArea, source: FileSource | SqlSource, landing: Landing, origin: str) -> Load | None:
    """Add a deleting version for every row of ``gone``; in a transaction.

    Args:
        area: Holds ``gone``: current rows of the raw table, and ``_gone_at``, when it was known that they went.
        source: Where the rows came from.
        landing: What all loads of this landing share.
        origin: What told that they are gone, for the account.

    Returns:
        The load; None when nothing is gone.
    """
    connection, table = area.connection, source.raw_table
    gone = number(connection, "select count(*) from gone")
    if not gone:
        return None
    load_id = next_load_id(connection, table.name)
    same_key = " and ".join(f"known.{key} = gone.{key}" for key in table.key)
    # A row may have been received in the future, by the source's clock or by a correction that took its place in
    # history: the deleting version comes behind all of them, else it would not be the current one.
    connection.execute(
        f"""
        insert into raw.{table.name} by name
        select gone.* exclude (_gone_at) replace (
            greatest(gone.received_at_utc, gone._gone_at) as received_at_utc, false as received_at_assumed,
            timestamp '{landing.now_utc}' as landed_at_utc,
            (select max(known.version_no) from raw.{table.name} as known where {same_key}) + 1 as version_no,
            true as is_deleted, '{load_id}' as load_id
        )
        from gone
        """
    )
    audit: dict[str, object] = {
        "load_id": load_id,
        "source": source.name,
        "table_name": table.name,
        "origin": origin,
        "state": "landed",
        "as_of_date": landing.as_of_date,
        "landed_rows": gone,
        "accepted_rows": gone,
        "duplicate_rows": 0,
        "quarantined_rows": 0,
        "suspect_rows": 0,
        "seconds": 0.0,
        "loaded_at_utc": landing.now_utc,
    }
    write_audit(connection, audit)
    return Load(load_id, gone, gone, 0, 0)
