"""Writes what was measured into the documents, between two marks, so that no figure there is typed by hand."""

import re
from pathlib import Path


def write_block(page: Path, name: str, content: str) -> None:
    """Replace what stands between ``<!-- NAME: ... -->`` and ``<!-- /NAME -->``, whole lines.

    Raises:
        ValueError: The page has no such block, or several.
    """
    block = re.compile(rf"(<!-- {re.escape(name)}: .*? -->\n).*?(<!-- /{re.escape(name)} -->)", re.DOTALL)
    text, replaced = block.subn(lambda found: found[1] + content + found[2], page.read_text(encoding="utf-8"))
    if replaced != 1:
        raise ValueError(f"{page}: expected one block between '<!-- {name}: ... -->' and '<!-- /{name} -->'.")
    page.write_text(text, encoding="utf-8")
