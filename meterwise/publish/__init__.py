"""Outbound: whole, versioned deliveries of dbt's publish layer to PostgreSQL, where downstream reads ``published.*``.

What the tables say is decided in ``dbt_project/models/publish``, not here.
"""

from meterwise.publish.delivery import deliver as deliver
from meterwise.publish.layout import BreakingChangeError as BreakingChangeError
from meterwise.publish.tables import FORESEEN as FORESEEN
from meterwise.publish.tables import MONITORED as MONITORED
