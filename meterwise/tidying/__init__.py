"""Throws away what is old and no longer needed, and says what that freed. Old publications go with each delivery.

Invariants:
    Nothing goes that a publication which is kept, a model that ever was champion, or the history of a feature needs.
    While a backup reads, nothing goes at all.
"""

import logging
from collections.abc import Callable
from contextlib import closing

from meterwise.backup.states import KEEP_LOCK
from meterwise.database import connect
from meterwise.settings import Settings, get_settings
from meterwise.tidying import airflow_history, files, messages, models, reads

log = logging.getLogger(__name__)

STEPS: dict[str, Callable[[Settings], str]] = {
    "logs": files.forget_logs,
    "validations": files.forget_validations,
    "airflow": airflow_history.forget,
    "messages": messages.forget,
    "models": models.forget,
    "reads": reads.forget,
}


def tidy(step: str, settings: Settings | None = None) -> str:
    """Throw away what is old of one kind; returns in words what that freed.

    Args:
        step: One of ``STEPS``.
        settings: Defaults to those of the process.
    """
    settings = settings or get_settings()
    with closing(connect(settings)) as connection:
        if connection.execute("select pg_try_advisory_lock(%s)", [KEEP_LOCK]).fetchone() != (True,):
            log.info("A backup is being made; waiting for its end")
            connection.execute("select pg_advisory_lock(%s)", [KEEP_LOCK])
        told = STEPS[step](settings)
    log.info("%s: %s", step, told)
    return told
