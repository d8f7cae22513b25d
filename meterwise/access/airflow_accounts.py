"""Accounts of people in Airflow, by its own command line: viewer, operator, admin. Nothing here imports airflow.

What Airflow calls ``Viewer`` and ``Admin`` are ours; ``operator`` is its ``User`` (start, clear and mark runs) with a
role of ours beside it that lets him backfill. Connections, variables and settings are the admin's alone.
"""

import json
import re
import subprocess
from collections.abc import Sequence

from meterwise.outcomes import RefusedError
from meterwise.stack.airflow_server import command

BACKFILLER = "Backfiller"
ROLES: dict[str, Sequence[str]] = {"viewer": ("Viewer",), "operator": ("User", BACKFILLER), "admin": ("Admin",)}
"""Airflow's roles by ours."""
FAB = {
    "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    "AIRFLOW__FAB__CUSTOM_ROLES": json.dumps(
        {BACKFILLER: [{"action": f"can_{verb}", "resource": "Backfills"} for verb in ("create", "edit")]}
    ),
    "AIRFLOW__FAB__CACHE_TTL": "1",  # seconds that a right taken away still holds; Airflow's own 30 are long
}
"""What Airflow must be told, by environment, in every component."""
MAIL = "{name}@meterwise.invalid"
"""Airflow wants an address for every account; nothing is ever sent there."""
TELLING = ("already exist", "not a valid", "does not exist", "error", "failed")


class AirflowAccountError(RefusedError):
    """Airflow's command line did not make the account; the text is what it said."""


def ensure_account(name: str, role: str, password: str) -> None:
    """Make an account, or set the password and the role of the one that is there.

    Args:
        name: Of the account.
        role: viewer, operator or admin.
        password: Handed over on standard input, so that it stands on no command line and in no log.

    Raises:
        AirflowAccountError: Airflow's database does not answer, or Airflow refuses.
    """
    wanted = set(ROLES[role])
    first = ROLES[role][0]
    person = ["--firstname", name, "--lastname", role, "--email", MAIL.format(name=name)]
    made = _users("create", "--username", name, "--role", first, *person, password=password)
    if "already exist" in made:
        _users("reset-password", "--username", name, password=password)
        has = _roles_of(name)
    else:
        has = {first}
    for wrong in sorted(has - wanted):
        _users("remove-role", "--username", name, "--role", wrong)
    for missing in sorted(wanted - has):
        _users("add-role", "--username", name, "--role", missing)


def _roles_of(name: str) -> set[str]:
    """Return which of Airflow's roles an account has, as far as they are of ours."""
    told = _users("list", "--output", "json")
    accounts, _ = json.JSONDecoder().raw_decode(told[told.index("[") :])
    words = {word for one in accounts if one["username"] == name for word in re.findall(r"\w+", str(one["roles"]))}
    return words & {role for roles in ROLES.values() for role in roles}


def _users(verb: str, *arguments: str, password: str | None = None) -> str:
    """Run one command of Airflow; a session of its own has no terminal, so the password is read from its input."""
    done = subprocess.run(
        command("users", verb, *arguments),
        input=f"{password}\n{password}\n" if password else None,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    told = done.stdout + done.stderr
    if done.returncode:
        lines = [line for line in told.splitlines() if any(word in line.lower() for word in TELLING)]
        raise AirflowAccountError(
            f"Airflow did not carry out `users {verb}`: {lines[-1] if lines else told.strip()[-300:]}. Its "
            "database must be migrated (`airflow db migrate`), the FAB auth manager be switched on in this environment."
        )
    return told
