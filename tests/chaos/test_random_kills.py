"""Processes of a running stack are killed at random; every day is published, nothing is lost and nothing doubled.

KILLS says how many, CHAOS_SEED repeats the kills of an earlier run, ENGINE names the engine of the warehouse.
"""

import os
import random
import subprocess
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from chaos.reader import Reader
from chaos.server import Server
from chaos.tables import assert_equal
from chaos.undisturbed import Undisturbed, everything
from chaos.victims import VICTIMS, kill
from meterwise.sources.synthetic import SyntheticUtility

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(5400)]
KILLS = int(os.environ.get("KILLS", "10"))
WORST = {"everything", "PostgreSQL", "the scheduler", "dbt", "a task", "MLflow"}
"""Among the victims however few the kills are."""
QUIET_SECONDS = (2.0, 40.0)
"""Between two kills; a part that has just been started again is a victim like any other."""
FAILURES = 5
"""So often may a day end unpublished, each time with words, while the server stands; a server that was killed whole
leaves nobody to end it."""


def test_kills_at_random_lose_nothing_and_double_nothing(
    server: Server, utility: SyntheticUtility, undisturbed: Undisturbed
) -> None:
    seed = os.environ.get("CHAOS_SEED") or str(time.time_ns())
    tell(f"Repeat the choice of these kills with CHAOS_SEED={seed}")
    chaos = Chaos(server, random.Random(seed))
    day = utility.first_date
    with Reader(server.connect) as reader:
        while not chaos.is_over:
            utility.advance_to(day)
            chaos.take(day)
            assert_equal(everything(server.attached(), [day]), undisturbed.after(day))
            assert not reader.trouble
            day += timedelta(days=1)
    assert reader.polls > 10
    tell(f"{chaos.told}; {reader.told}")


class Chaos:
    """Takes days to publication while it kills."""

    def __init__(self, server: Server, dice: random.Random) -> None:
        self.server = server
        self.dice = dice
        self.kills = self.days = self.beginnings = 0
        self._deck: list[str] = []
        self._begun = time.monotonic()

    @property
    def is_over(self) -> bool:
        return self.kills >= KILLS

    @property
    def told(self) -> str:
        return f"{self.kills} kills in {self.days} days, which were begun {self.beginnings} times"

    def take(self, day: date) -> None:
        """Begin a day as often as needed, and kill meanwhile."""
        self.days += 1
        failures = 0
        while failures <= FAILURES:
            self.beginnings += 1
            if not self.server.is_up:
                self.server.start()
            run = self.server.begin(day.isoformat())
            self._disturb(run)
            if run.wait() == 0:
                return
            self._expect_words(day)
            failures += self.server.is_up
        pytest.fail(f"{day} was not published while the server stood:\n{self._output(day).read_text()}")

    def _disturb(self, run: subprocess.Popen[bytes]) -> None:
        """Kill until the run has ended or the kills are used up."""
        while not self.is_over and self._goes_on(run, self.dice.uniform(*QUIET_SECONDS)):
            if killed := kill(self.server, self._draw(), self.dice):
                self.kills += 1
                tell(f"{time.monotonic() - self._begun:5.0f} s  kill {self.kills}: {killed}")
            if not self.server.is_up:
                run.wait()

    def _draw(self) -> str:
        """Draw a victim, each once before any comes again, so that a few kills meet many of them."""
        if not self._deck:
            names = sorted(self.dice.sample(list(VICTIMS), len(VICTIMS)), key=lambda name: name not in WORST)
            self._deck = [*self.dice.sample(names[:KILLS], len(names[:KILLS])), *names[KILLS:]]
        return self._deck.pop(0)

    def _goes_on(self, run: subprocess.Popen[bytes], seconds: float) -> bool:
        try:
            run.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def _expect_words(self, day: date) -> None:
        """A run that did not reach publication says why, in words."""
        told = self._output(day).read_text()
        tell(f"{time.monotonic() - self._begun:5.0f} s  {day} was not published: {told[-600:]}")
        assert "Traceback" not in told, told
        assert "was not published" in told or "was stopped" in told or "could not run" in told, told

    def _output(self, day: date) -> Path:
        return self.server.output_of(day.isoformat())


def tell(text: str) -> None:
    """Say it at once; pytest shows it with -s and when the test fails."""
    print(text, flush=True)  # noqa: T201
