"""Opens a connection to PostgreSQL, or says in words for people why there is none and what to do."""

import re
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL

from meterwise.outcomes import RefusedError

SECONDS_TO_ANSWER = 15
SHAPE = "postgresql://user:password@host/database"


class DatabaseRefusedError(RefusedError):
    """PostgreSQL answered and does not let us in; someone must act first."""


class DatabaseDownError(RuntimeError):
    """PostgreSQL does not answer, or not yet; trying again may help."""


REFUSALS = {
    r"password authentication failed|no password supplied": (
        "refuses the password of user {user}: it is wrong, or has expired (VALID UNTIL). Correct it where the URL "
        "comes from (METERWISE_..._URL or its _FILE), or give the user a new one and a new date: "
        "`meterwise database prepare` for the service's own user, `meterwise database add-user` for people"
    ),
    r"is not permitted to log in": (
        "does not let {user} log in: it is a group. Make a user in it: `meterwise database add-user NAME --role ...`"
    ),
    r'role ".*" does not exist': (
        "knows no such role ({told}). `meterwise database prepare`, as administrator, makes roles and users"
    ),
    r'database ".*" does not exist': (
        "has no database {database}. Correct the URL, or make it: `meterwise database prepare` does, as administrator"
    ),
    r"permission denied for database": (
        "lets user {user} into other databases but not into {database}. `meterwise database prepare`, as "
        "administrator, grants it; or correct the URL"
    ),
    r"permission denied to set role": (
        "does not let {user} act for this stage ({told}). `meterwise database prepare`, as administrator, grants it"
    ),
    r"no pg_hba.conf entry|no encryption": (
        "admits no connection of this kind ({told}). Add `sslmode=require` to the URL if the server wants TLS, or a "
        "line to its pg_hba.conf"
    ),
    r"certificate|SSL|TLS": (
        "and this side do not agree on TLS ({told}). See sslmode and sslrootcert in the URL, and the certificate of "
        "the server"
    ),
}
NOT_NOW = {
    r"starting up|shutting down|recovery mode": "is not ready ({told}). Try again in a moment",
    r"too many clients|too many connections|connection slots": (
        "has no connection left ({told}). End what holds them, or raise max_connections"
    ),
}
NO_ANSWER = (
    "does not answer ({told}). Start it (`make up`, `meterwise up`), or correct host and port in the URL; "
    "then try again"
)


def open_connection(url: URL, **arguments: Any) -> psycopg.Connection:
    """Open a psycopg connection.

    Raises:
        DatabaseRefusedError: Wrong or expired password, unknown database or role, no right to connect, no TLS.
        DatabaseDownError: Nobody answers, or not now.
    """
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        return psycopg.connect(plain, **{"connect_timeout": SECONDS_TO_ANSWER} | arguments)
    except psycopg.OperationalError as error:
        raise in_words(url, error) from None
    except psycopg.ProgrammingError:
        raise DatabaseRefusedError(f"The URL of {where(url)} cannot be used; it is {SHAPE}.") from None


def checking_the_server(url: URL, authority: Path | None) -> URL:
    """Return a URL that wants the server's certificate checked, where an authority is named and it says nothing itself.

    For programs that are handed the parts of a URL; drivers also take ``PGSSLMODE`` and ``PGSSLROOTCERT``.
    """
    if authority is None or "sslmode" in url.query:
        return url
    return url.update_query_dict({"sslmode": "verify-full", "sslrootcert": str(authority)})


def in_words(url: URL, error: psycopg.Error) -> DatabaseRefusedError | DatabaseDownError:
    """Return what a failed connection means, without the password."""
    told = _told(error)
    for kind, meanings in ((DatabaseRefusedError, REFUSALS), (DatabaseDownError, NOT_NOW)):
        for pattern, meaning in meanings.items():
            if re.search(pattern, told):
                return kind(_sentence(url, meaning, told))
    return DatabaseDownError(_sentence(url, NO_ANSWER, told))


def where(url: URL) -> str:
    """Name the server of a URL, without user and password."""
    return f"{url.host or 'localhost'}:{url.port or 5432}"


def _sentence(url: URL, meaning: str, told: str) -> str:
    filled = meaning.format(user=url.username, database=url.database, told=told)
    return f"PostgreSQL at {where(url)} {filled}."


def _told(error: psycopg.Error) -> str:
    """Return the server's own words: the last line that says FATAL, else the last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    fatal = [line for line in lines if "FATAL" in line]
    return re.sub(r"^.*?(FATAL:\s*|failed: )", "", (fatal or lines)[-1]).rstrip(".")
