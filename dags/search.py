"""Search better parameters of the demand forecast, on the first Sunday of a month or by hand, for the next training.

`METERWISE_SEARCH_MINUTES` is its budget. It looks at nothing of the test window by which versions are compared, and
nothing waits for it. Where Meterwise's clock stands at a day (`METERWISE_LAST_DATE`, as in the demo) no Sunday comes,
and only a person starts it.
"""

from datetime import timedelta

from airflow.sdk import dag
from triggers import days, is_scheduled

from defaults import COMMON, at, step
from meterwise.settings import get_settings

BESIDES = timedelta(hours=1)
"""For what the budget does not count: reading, the trial under way, the check on feeders."""
SETTINGS = get_settings()


@dag(schedule=None if SETTINGS.last_date else at("0 3 * * 0#1"), tags=["search", "demand"], doc_md=__doc__, **COMMON)
def search_demand() -> None:
    @step(pool="warehouse")
    def day() -> str:
        from meterwise.outcomes import NothingToDoError
        from meterwise.planning import day_to_train
        from models.demand.dataset import skip_reason

        as_of_date = day_to_train("demand", days(), is_scheduled())
        if reason := skip_reason(as_of_date):
            raise NothingToDoError(reason)
        return as_of_date

    @step(execution_timeout=timedelta(minutes=SETTINGS.search_minutes) + BESIDES)
    def search(as_of_date: str) -> str:
        from models.demand.search import search

        return search(as_of_date)

    search(day())


search_demand()
