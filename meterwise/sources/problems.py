"""What is wrong with a source, in words that a person can act on.

Never holds values of a row: they may be a person's.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one source.

    Attributes:
        source: Name in ``sources.yml``.
        origin: File, table or query.
        message: What is wrong.
        cure: What to do.
        line_no: First line (or row) concerned, counted from 1 with the header.
        is_transient: Whether the same may work a little later.
    """

    source: str
    origin: str
    message: str
    cure: str
    line_no: int | None = None
    is_transient: bool = False

    def __str__(self) -> str:
        line = f", line {self.line_no}" if self.line_no is not None else ""
        return f"source {self.source}: {self.origin}{line}: {self.message}. {self.cure}."


class SourceError(RuntimeError):
    """One file or pull cannot be used; nothing of it was loaded."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem
