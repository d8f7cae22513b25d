"""Starts again what has died by itself: at once, then after growing pauses, until a part dies again and again.

How a part is started does not belong here.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from meterwise.postgres import EmbeddedPostgresError
from meterwise.stack.processes import StackError

PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before each start of a row of deaths; it begins again once the part has lived for a while."""
STEADY_SECONDS = 60.0
"""A part that has lived for so long has recovered."""
DEATHS_IN_A_ROW = 8
"""So often may a part die without having recovered before the stack gives up."""
HUNG_SECONDS = 180.0
"""So long may a part not answer before it is ended and started again."""
LOOK_SECONDS = 15.0
"""How often a part is asked whether it is well; whether it lives is looked at all the time."""


@dataclass
class Part:
    """One part of a stack, as far as keeping it up goes.

    Attributes:
        name: What people call it.
        ended: How it ended, in words; None while it lives.
        start: Starts it again, together with the removal of what it left behind.
        kill: Ends it by force.
        tail: The last lines that it printed.
        is_well: Tells whether it answers; errors count as no.
    """

    name: str
    ended: Callable[[], str | None]
    start: Callable[[], None]
    kill: Callable[[], None]
    tail: Callable[[], str]
    is_well: Callable[[], bool] = lambda: True
    deaths: int = field(default=0, init=False)
    started_at: float = field(default_factory=time.monotonic, init=False)
    due_at: float | None = field(default=None, init=False)
    well_at: float = field(default_factory=time.monotonic, init=False)
    looked_at: float = field(default_factory=time.monotonic, init=False)


class Supervisor:
    """Keeps the parts of a stack up. Time is the monotonic clock: a clock that is set does not matter."""

    def __init__(
        self, parts: Sequence[Part], report: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take over parts that run.

        Args:
            parts: In the order in which they need each other.
            report: Is told what is started again, and why.
            clock: Seconds that never go back.
        """
        self.parts = parts
        self._report = report
        self._clock = clock

    def look_after(self) -> None:
        """Start again what has ended or does not answer; call it every second or so.

        Raises:
            StackError: A part has died again and again.
        """
        for part in self.parts:
            reason = part.ended()
            if reason is None:
                self._end_if_hung(part)
            else:
                self._start_again(part, reason)

    def _start_again(self, part: Part, reason: str) -> None:
        now = self._clock()
        if part.due_at is None:
            part.deaths = part.deaths + 1 if now - part.started_at < STEADY_SECONDS else 1
            if part.deaths > DEATHS_IN_A_ROW:
                raise StackError(
                    f"{part.name} has died {part.deaths} times in a row ({reason}), each time within "
                    f"{STEADY_SECONDS:.0f} seconds of its start; it is not started again. What to do: the lines below "
                    f"say what is wrong; correct it, then start the stack again.\n{part.tail()}"
                )
            pause = PAUSES[min(part.deaths, len(PAUSES)) - 1]
            part.due_at = now + pause
            self._report(f"{part.name} again{f' in {pause:.0f} s' if pause else ''}: it {reason}")
        if now >= part.due_at:
            self._start(part)

    def _start(self, part: Part) -> None:
        part.due_at = None
        try:
            part.start()
        except EmbeddedPostgresError as error:  # still dead, so the next look counts it
            self._report(f"{part.name} did not start: {error}")
        part.started_at = part.well_at = part.looked_at = self._clock()

    def _end_if_hung(self, part: Part) -> None:
        now = self._clock()
        if now - part.looked_at < LOOK_SECONDS:
            return
        part.looked_at = now
        if _answers(part):
            part.well_at = now
        elif now - part.well_at > HUNG_SECONDS:
            self._report(f"{part.name} has not answered for {now - part.well_at:.0f} s and is ended")
            part.kill()


def _answers(part: Part) -> bool:
    try:
        return part.is_well()
    except Exception:
        return False
