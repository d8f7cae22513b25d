"""Writes the result of the last demo into the README, so that no figure there is typed by hand."""

from meterwise.commands.document_blocks import write_block
from meterwise.commands.summary import KEPT
from meterwise.settings import get_settings


def write() -> None:
    """Replace the README's result by that of the last demo; leaves it as it is where no demo ran.

    Raises:
        ValueError: The README has no block for the result.
    """
    settings = get_settings()
    kept = settings.home_path / KEPT
    if kept.exists():
        write_block(settings.project / "README.md", "result", f"```\n{kept.read_text()}```\n")


if __name__ == "__main__":
    write()
