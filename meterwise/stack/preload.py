"""Loads heavy libraries into the processes that fork tasks, so that a task need not load them again.

Imported by Airflow's components through ``airflow_local_settings``; none of these libraries starts a thread on import.
"""

import importlib
import sys

HEAVY = {
    "scheduler": ("cosmos.operators.watcher", "dbt.cli.main", "pandas", "duckdb", "mlflow", "lightgbm",
                  "great_expectations", "matplotlib.figure", "psycopg"),
    "dag-processor": ("cosmos", "cosmos.operators.watcher"),
}  # fmt: skip

for argument, modules in HEAVY.items():
    if argument in sys.argv:
        for module in modules:
            importlib.import_module(module)
