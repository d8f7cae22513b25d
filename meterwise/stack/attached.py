"""A stack that another process runs on the same home: enough of it to start a day and to look at the outcome."""

from functools import cached_property

from pydantic import SecretStr

from meterwise.postgres import EmbeddedPostgres
from meterwise.settings import Settings
from meterwise.stack.airflow_api import AirflowApi
from meterwise.stack.processes import StackError
from meterwise.stack.state import StackState, is_running


class AttachedStack:
    """The stack that ``meterwise up`` or the demo keeps up elsewhere. Starts and stops nothing."""

    def __init__(self, settings: Settings) -> None:
        self.home = settings.home_path
        self.state = StackState.load(self.home)
        self.postgres = EmbeddedPostgres(self.home / "postgres")
        database = SecretStr(self.postgres.url("meterwise"))
        self.settings = settings.model_copy(update={"database_url": database, **self.state.addresses()})

    def look_after(self) -> None:
        """Raise StackError if the process that runs the stack, and looks after its parts, is gone."""
        if not is_running(self.home):
            raise StackError(f"The stack on {self.home} was stopped. Start it again: meterwise up.")

    @cached_property
    def airflow(self) -> AirflowApi:
        """A client of the stack's Airflow."""
        return AirflowApi(self.state.url("airflow"), self.state.airflow_password)
