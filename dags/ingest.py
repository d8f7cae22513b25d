"""Take in what arrived from the CRM, the meters and the weather service, and check it before anyone uses it.

One DAG a domain, so that a source that is down delays only itself. A past day is loaded again by Airflow's backfill;
its date travels on with the asset, so that everything behind is rebuilt for that day too.
"""

from typing import Any

from airflow.sdk import dag
from triggers import days, hand_on, is_last_try

from defaults import COMMON, DOMAINS, at, step

TIMES = {"crm": "10 2 * * *", "meter_reads": "30 8 * * *", "weather": "30 17 * * *"}


def ingest(domain: str, cron: str) -> None:
    @dag(f"ingest_{domain}", schedule=at(cron), tags=["ingest", domain], doc_md=__doc__, **COMMON)
    def chain() -> None:
        @step()
        def announce() -> str:
            from meterwise.planning import landing

            (as_of_date,) = days()
            with landing(domain, as_of_date):
                return as_of_date

        @step(pool="warehouse", retries=3, retry_exponential_backoff=5)
        def land(as_of_date: str) -> dict[str, Any]:
            from meterwise.ingest import LandingError
            from meterwise.ingest import land as land_domain
            from meterwise.outcomes import RefusedError
            from meterwise.planning import landing

            with landing(domain, as_of_date):
                try:
                    return {"load_ids": land_domain(domain, as_of_date), "problems": ""}
                except LandingError as error:
                    may_pass = not isinstance(error, RefusedError) and not is_last_try()
                    if may_pass or not error.load_ids:
                        raise  # what did land waits for its check
                    return {"load_ids": error.load_ids, "problems": str(error)}

        @step(pool="warehouse", outlets=[DOMAINS[domain]])
        def check(as_of_date: str, landed: dict[str, Any]) -> None:
            from expectations import check_landing
            from meterwise.planning import landing

            with landing(domain, as_of_date, last_step=True, problems=landed["problems"]):
                check_landing(domain, as_of_date, landed["load_ids"])
            hand_on(DOMAINS[domain], [as_of_date])

        @step()
        def report(landed: dict[str, Any]) -> None:
            from meterwise.outcomes import RefusedError

            if landed["problems"]:
                raise RefusedError(landed["problems"])

        as_of_date = announce()
        landed = land(as_of_date)
        check(as_of_date, landed)
        report(landed)

    chain()


for domain, cron in TIMES.items():
    ingest(domain, cron)
