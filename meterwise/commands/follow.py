"""Follows one day through Airflow, from landing to publication, and shows how it goes. Makes no decision of its own."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import httpx
import psycopg
from rich.console import Console
from rich.live import Live
from rich.table import Table

from meterwise.access.opening import DatabaseDownError
from meterwise.planning import BESIDE_THE_CHAIN, DAG_IDS, DOMAINS
from meterwise.settings import Settings
from meterwise.stack.airflow_api import AirflowApi, DagRun
from meterwise.stack.attached import AttachedStack
from meterwise.stack.stack import Stack

POLL_SECONDS = 1.5
SETTLED_SECONDS = 4.0
"""An asset that has just been made may start one more run."""
QUIET_SECONDS = 25.0
"""So long may nothing run before the chain counts as ended: an asset starts the next DAG within a few seconds."""
AWAY_SECONDS = 180.0
"""So long may Airflow or PostgreSQL not answer, as while one that has died is started again."""
MARKS = {"success": "[green]done[/]", "failed": "[red]failed[/]", "running": "[cyan]running[/]", "queued": "waiting"}


class ChainError(RuntimeError):
    """The chain did not reach publication; the text names the task and holds the last lines of its log."""


@dataclass
class Chain:
    """How far one day has come."""

    runs: list[DagRun] = field(default_factory=list)
    working_on: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def failed(self) -> list[DagRun]:
        """Runs that have failed."""
        return [run for run in self.runs if run.state == "failed"]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing runs and nothing waits to run."""
        return all(run.is_over for run in self.runs)


Answer = TypeVar("Answer")


def ask(stack: Stack | AttachedStack, question: Callable[[], Answer]) -> Answer:
    """Return the answer of a stack whose parts may be away for a moment.

    Raises:
        ChainError: It has not answered for ``AWAY_SECONDS``.
        StackError: A part of the stack has died again and again, or all of it is gone.
    """
    deadline = time.monotonic() + AWAY_SECONDS
    while True:
        stack.look_after()
        try:
            return question()
        except (httpx.HTTPError, psycopg.OperationalError, DatabaseDownError) as error:
            if isinstance(error, httpx.HTTPStatusError) and not error.response.is_server_error:
                raise
            if time.monotonic() > deadline:
                raise ChainError(
                    f"The stack on {stack.home} has not answered for {AWAY_SECONDS:.0f} seconds "
                    f"({type(error).__name__}: {error}). Its parts' logs are in {stack.home / 'logs'}."
                ) from error
        time.sleep(1)


def run_day(stack: Stack | AttachedStack, as_of_date: str, console: Console, limit_seconds: float = 1800) -> Chain:
    """Start the landing of a day in Airflow and follow it until everything behind it has been published.

    Raises:
        ChainError: A task failed, nothing more happens, or it takes longer than the limit.
        StackError: A part of the stack has died again and again, or all of it is gone.
    """
    since = datetime.now(UTC)
    for domain in DOMAINS:
        ask(stack, partial(stack.airflow.trigger, f"ingest_{domain}", as_of_date))
    chain = Chain()
    begun = quiet_since = time.monotonic()
    with _shown(console, as_of_date) as show:
        while True:
            ask(stack, partial(_look, stack.airflow, chain, since))
            chain.seconds = time.monotonic() - begun
            show(chain)
            if not chain.is_quiet:
                quiet_since = time.monotonic()
            published = ask(stack, partial(is_published, stack.settings, as_of_date, since))
            quiet_seconds = time.monotonic() - quiet_since
            if quiet_seconds > (SETTLED_SECONDS if published or chain.failed else QUIET_SECONDS):
                break
            if chain.seconds > limit_seconds:
                break
            time.sleep(POLL_SECONDS)
    if chain.failed or not published:
        raise ChainError(ask(stack, partial(explain, stack.airflow, chain, as_of_date)))
    return chain


def is_published(settings: Settings, as_of_date: str, since: datetime) -> bool:
    """Tell whether a day was delivered, whole, after a moment."""
    from meterwise.database import connect

    # As JSON, since the books of an older version lack the column that marks a part.
    query = (
        "select 1 from published_data.deliveries where as_of_date = %s and delivered_at >= %s "
        "and to_jsonb(deliveries) ->> 'base_version' is null limit 1"
    )
    with connect(settings) as connection:
        if connection.execute("select to_regclass('published_data.deliveries')").fetchone() == (None,):
            return False
        return connection.execute(query, [as_of_date, since]).fetchone() is not None


def explain(airflow: AirflowApi, chain: Chain, as_of_date: str) -> str:
    """Say in words why a day was not published: the failing tasks with the end of their logs, or the last skips."""
    parts = []
    for run in chain.failed:
        for task in airflow.tasks(run):
            if task["state"] == "failed":
                lines = "\n".join(f"    {line}" for line in airflow.log_lines(run, task, 6))
                parts.append(f"{run.dag_id}, task {task['task_id']} failed. The end of its log:\n{lines}")
    if parts:
        return "\n".join(parts)
    ended = [run for run in chain.runs if run.dag_id == "publish_segments"]
    for task in airflow.tasks(ended[-1]) if ended else []:
        if task["state"] == "skipped" and task["task_id"] in {"days", "plan", "decide"}:
            parts += airflow.log_lines(ended[-1], task, 3)
    reason = "\n".join(parts) or "publish_segments has not run; look at the DAGs' runs in Airflow."
    return f"Nothing more happens, and {as_of_date} was not published. {reason}"


def _look(airflow: AirflowApi, chain: Chain, since: datetime) -> None:
    found = [*airflow.active_runs(), *airflow.runs_since(since)]
    seen = {(run.dag_id, run.run_id): run for run in found if run.dag_id in DAG_IDS - BESIDE_THE_CHAIN}
    gone = [airflow.run(run) for run in chain.runs if (run.dag_id, run.run_id) not in seen]
    chain.runs = sorted([*gone, *seen.values()], key=lambda run: run.run_after)
    chain.working_on = {}
    for run in chain.runs:
        if run.state == "running":
            tasks = [task["task_id"] for task in airflow.tasks(run) if task["state"] == "running"]
            chain.working_on[run.run_id] = ", ".join(sorted(tasks, key=lambda name: ("dbt." in name, name))[:2])


@contextmanager
def _shown(console: Console, as_of_date: str) -> Iterator[Callable[[Chain], None]]:
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield lambda chain: live.update(_table(chain, as_of_date))


def _table(chain: Chain, as_of_date: str) -> Table:
    table = Table(title=f"{as_of_date}: from landing to publication, {chain.seconds:.0f} s", title_justify="left")
    for column in ("DAG", "state", "seconds", "at"):
        table.add_column(column, justify="right" if column == "seconds" else "left")
    for run in chain.runs:
        mark = MARKS.get(run.state, run.state)
        table.add_row(run.dag_id, mark, f"{run.seconds:.0f}", chain.working_on.get(run.run_id, ""))
    return table


class _Lines:
    """Where there is no terminal: one line each time the state of a run changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: set[tuple[str, str]] = set()

    def __call__(self, chain: Chain) -> None:
        for run in chain.runs:
            if run.state != "queued" and (run.run_id, run.dag_id + run.state) not in self._told:
                self._told.add((run.run_id, run.dag_id + run.state))
                took = f" after {run.seconds:.0f} s" if run.is_over else ""
                self._console.print(f"  {chain.seconds:4.0f} s  {run.dag_id} {run.state}{took}", highlight=False)
