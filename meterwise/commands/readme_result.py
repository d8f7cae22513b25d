"""Writes the result of the last demo into the README, so that no figure there is typed by hand."""

import re

from meterwise.commands.summary import KEPT
from meterwise.settings import get_settings

BLOCK = re.compile(r"(<!-- result: .*? -->\n).*?(<!-- /result -->)", re.DOTALL)


def write() -> None:
    """Replace the README's result by that of the last demo; leaves it as it is where no demo ran.

    Raises:
        ValueError: The README has no block for the result.
    """
    settings = get_settings()
    kept = settings.home_path / KEPT
    if not kept.exists():
        return
    readme = settings.project / "README.md"
    result = f"```\n{kept.read_text()}```\n"
    text, replaced = BLOCK.subn(lambda block: block[1] + result + block[2], readme.read_text())
    if replaced != 1:
        raise ValueError(f"{readme}: expected one block between '<!-- result: ... -->' and '<!-- /result -->'.")
    readme.write_text(text)


if __name__ == "__main__":
    write()
