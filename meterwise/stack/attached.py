"""A stack that others run, on this home or on a server: enough of it to start a day and to look at the outcome."""

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


class ServerStack(AttachedStack):
    """The team's server that the settings name: its Airflow at ``airflow_url``, its database at ``database_url``."""

    def __init__(self, settings: Settings) -> None:
        self.home = settings.home_path
        self.settings = settings

    def look_after(self) -> None:
        """Do nothing: the server looks after itself."""

    @cached_property
    def airflow(self) -> AirflowApi:
        """A client of the server's Airflow.

        Raises:
            StackError: The settings hold no password for it.
        """
        settings = self.settings
        if settings.airflow_url is None or settings.airflow_password is None:
            raise StackError(
                "METERWISE_AIRFLOW_URL names a server, and METERWISE_AIRFLOW_PASSWORD is missing. Set it, or its _FILE."
            )
        password = settings.airflow_password.get_secret_value()
        return AirflowApi(settings.airflow_url, password, settings.airflow_username, settings.tls_authority_file)


def running(settings: Settings) -> AttachedStack | None:
    """Return the stack that the settings name or that runs on their home, or None."""
    if settings.airflow_url is not None:
        return ServerStack(settings)
    return AttachedStack(settings) if is_running(settings.home_path) else None
