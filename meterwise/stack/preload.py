"""Loads heavy libraries into the processes that fork tasks, so that a task need not load them again.

Imported by Airflow's components through ``airflow_local_settings``; none of these libraries starts a thread on import.
"""

import ctypes
import importlib
import os
import signal
import sys
import threading

PARSING = ("cosmos.converter", "cosmos.operators.watcher", "meterwise.planning", "meterwise.parsed_project",
           "meterwise.sources.config")  # fmt: skip
"""Every task reads its DAG's file anew."""
HEAVY = {
    "scheduler": ("dbt.cli.main", "pandas", "duckdb", "mlflow", "lightgbm", "great_expectations", "matplotlib.figure",
                  "psycopg", *PARSING),
    "dag-processor": PARSING,
}  # fmt: skip
SET_PARENT_DEATH_SIGNAL = 1


class EndsWithParent:
    """Lets what the scheduler forks die with it at once, and a task with its worker.

    Else a task whose worker was killed works on, unwatched, beside the try that takes its place.
    """

    def __init__(self) -> None:
        self._prctl = ctypes.CDLL(None).prctl
        self._by_main_thread = False

    def before(self) -> None:
        """Look who forks: the kernel watches the forking thread, and only the main one lasts as long as its process."""
        self._by_main_thread = threading.current_thread() is threading.main_thread()

    def in_child(self) -> None:
        """Ask the kernel for the end."""
        if self._by_main_thread:
            self._prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


for argument, modules in HEAVY.items():
    if argument in sys.argv:
        for module in modules:
            importlib.import_module(module)

if "scheduler" in sys.argv and sys.platform == "linux":
    mark = EndsWithParent()
    os.register_at_fork(before=mark.before, after_in_child=mark.in_child)
