"""Names of settings: which there are, and which one was probably meant. Values do not belong here."""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from meterwise.secret_files import SettingsError

EXAMPLE = Path(__file__).resolve().parents[1] / ".env.example"


def others_in_env_file() -> set[str] | None:
    """Return the names in ``.env.example``, those of docker compose included; None where there is no such file."""
    if not EXAMPLE.exists():
        return None
    return set(re.findall(r"^(?:# ?)?([A-Z][A-Z0-9_]*)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))


def refuse_unknown(unknown: Iterable[str], known: Collection[str], place: str) -> None:
    """Stop at names that are no settings.

    Raises:
        SettingsError: Says for each which one was probably meant.
    """
    told = [_meant(name, known) for name in sorted(unknown)]
    if told:
        raise SettingsError(
            f"Unknown setting(s) in {place}: {'; '.join(told)}. See .env.example for every setting; "
            "unset or rename these."
        )


def in_words(error: ValidationError, prefix: str) -> str:
    """Say what is wrong with which setting, without its value, which may be a secret."""
    told = [
        f"{prefix}{'__'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    return f"Settings that cannot be used: {'; '.join(told)}. See .env.example; correct the environment or .env."


def _meant(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name.upper(), known, n=1, cutoff=0.75)
    return f"{name} (did you mean {close[0]}?)" if close else name
