"""Which group a connection acts as: set when it is opened, so that no statement is ever run with more rights."""

from contextlib import closing
from functools import cache

from sqlalchemy import URL, make_url

from meterwise.access.opening import open_connection

MAY_ACT = """
    select target.rolname
    from pg_catalog.pg_roles as me
    join pg_catalog.pg_roles as target on target.rolname = %s
    where me.rolname = session_user and not me.rolsuper and pg_has_role(me.oid, target.oid, 'member')
"""


def acting_as(url: URL, role: str) -> URL:
    """Return a URL whose connections act as a group, for a user who is a member of it; any other URL as it is.

    A single user who owns everything (the embedded server) or a person's own user acts as itself.

    Raises:
        DatabaseRefusedError: See ``open_connection``.
        DatabaseDownError: Likewise.
    """
    found = role_of(url, role)
    if found is None:
        return url
    option = f"-crole={found}"
    given = url.query.get("options")
    given = " ".join(given) if isinstance(given, tuple) else given
    return url.update_query_dict({"options": f"{given} {option}" if given else option})


def role_of(url: URL, role: str) -> str | None:
    """Return the group that connections of this user are to act as, or None: act as yourself.

    Raises:
        DatabaseRefusedError: See ``open_connection``.
        DatabaseDownError: Likewise.
    """
    return _asked(url.set(drivername="postgresql").render_as_string(hide_password=False), role)


@cache
def _asked(url: str, role: str) -> str | None:
    with closing(open_connection(make_url(url))) as connection:
        row = connection.execute(MAY_ACT, [role]).fetchone()
    return row[0] if row else None
