"""Who may what in PostgreSQL: groups with the least rights, one a stage, and how a connection acts as one of them.

Accounts in Airflow and MLflow are in ``airflow_accounts`` and ``mlflow_accounts``.
"""

from meterwise.access.opening import DatabaseDownError as DatabaseDownError
from meterwise.access.opening import DatabaseRefusedError as DatabaseRefusedError
from meterwise.access.opening import checking_the_server as checking_the_server
from meterwise.access.opening import open_connection as open_connection
from meterwise.access.raw_grants import grant_raw as grant_raw
from meterwise.access.roles import LOADER as LOADER
from meterwise.access.roles import PUBLISHER as PUBLISHER
from meterwise.access.roles import TRANSFORMER as TRANSFORMER
from meterwise.access.session import acting_as as acting_as
from meterwise.access.session import role_of as role_of
