"""The embedded stack: PostgreSQL, MLflow, Airflow and the Data Docs as child processes of one command."""

from meterwise.stack.airflow_api import AirflowApi
from meterwise.stack.processes import StackError
from meterwise.stack.stack import Stack

__all__ = ["AirflowApi", "Stack", "StackError"]
