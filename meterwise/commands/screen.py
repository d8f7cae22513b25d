"""What commands print on."""

from rich.console import Console

PAGE_WIDTH = 140


def wide_console() -> Console:
    """Return a console; into a file or a pipe it writes lines wide enough for the summary's table."""
    console = Console()
    return console if console.is_terminal else Console(width=PAGE_WIDTH)
