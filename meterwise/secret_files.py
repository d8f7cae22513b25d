"""Secrets by file, as Docker and Kubernetes hand them over: ``METERWISE_<NAME>_FILE`` names the file that holds it.

Which settings are secrets is said in ``settings``, the only reader of the environment.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from meterwise.outcomes import RefusedError

SUFFIX = "_file"


class SettingsError(RefusedError, ValueError):
    """The settings cannot be used; the text names the key and says what to do. It never holds a value."""


def read_secret_files(
    variables: Mapping[str, str | None], is_secret: Callable[[str], bool], place: str
) -> dict[str, str | None]:
    """Return the variables with each secret that is named by file in the file's place.

    Args:
        variables: By name in small letters.
        is_secret: Tells whether a variable (without ``_file``) holds a secret.
        place: Where the variables are from, for messages.

    Raises:
        SettingsError: A secret is given twice, or its file cannot be read or is empty.
    """
    read = dict(variables)
    for name, path in variables.items():
        plain = name.removesuffix(SUFFIX)
        if plain == name or not is_secret(plain):
            continue
        del read[name]
        if not path:
            continue
        if variables.get(plain):
            raise SettingsError(
                f"{plain.upper()} and {name.upper()} are both given in {place}: give the secret once, "
                "as itself or by file."
            )
        read[plain] = _content(name, Path(path))
    return read


def _content(name: str, path: Path) -> str:
    try:
        content = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise SettingsError(
            f"{name.upper()} names {path}, which cannot be read ({reason}). Put the secret there, readable by the user "
            "that runs Meterwise, or correct the path."
        ) from None
    if not content:
        raise SettingsError(f"{name.upper()} names {path}, which is empty. Put the secret there.")
    return content
