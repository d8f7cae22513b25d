"""What commands print on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

PAGE_WIDTH = 140


def wide_console() -> Console:
    """Return a console; into a file or a pipe it writes lines wide enough for the summary's table."""
    console = Console()
    return console if console.is_terminal else Console(width=PAGE_WIDTH)


@contextmanager
def bars(console: Console) -> Iterator[Callable[[str, int], Callable[[], None]]]:
    """Show a bar for each thing that is done: from its name and its steps to what is called after each step."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:

        def track(what: str, total: int) -> Callable[[], None]:
            task = progress.add_task(what, total=total)
            return lambda: progress.advance(task)

        yield track
