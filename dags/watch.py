"""Look at how the platform does, after each publication and once at the end of a day, and write it down and out.

What was seen of tables, runs, hand-overs and models is appended to `ops`; the page `watch/index.html` beside the Data
Docs shows it. By the clock, so that a day on which nothing was published is seen too: who is named by
`METERWISE_ALERT_EMAIL` or `METERWISE_ALERT_WEBHOOK` is told which data are stale.
"""

from importlib import import_module

from airflow.sdk import AssetOrTimeSchedule, dag, get_current_context
from alerting import send

from defaults import COMMON, MODELS, PUBLISHED, at, step


@dag(
    schedule=AssetOrTimeSchedule(timetable=at("30 0 * * *"), assets=PUBLISHED), tags=["watch"], doc_md=__doc__, **COMMON
)
def watch() -> None:
    @step(pool="warehouse")
    def look() -> list[str]:
        from meterwise.watching import freshness

        return [f"{one.table_name}: {one.words}" for one in freshness.look() if one.state == "stale"]

    @step(pool="warehouse")
    def judge() -> None:
        from meterwise import ops, registry
        from meterwise.watching import drift, quality

        for model in MODELS:
            day, champion = ops.newest_day_built(f"features/{model}"), registry.champion(model)
            if day and champion:
                new = quality.record(import_module(f"models.{model}.evaluate").quality(day.isoformat()))
                said = [(one.model_version, one.metric, one.value, one.as_of_date) for one in new if one.is_realised]
                registry.record_realised(model, said)
                windows = import_module(f"models.{model}.dataset").drift_windows(champion, day.isoformat())
                if windows:
                    drift.export_samples(windows)

    @step()
    def compare() -> None:
        from meterwise.watching import drift

        drift.measure_exported()

    @step()
    def run_times() -> None:
        from meterwise.watching import run_times

        run_times.collect()

    @step(trigger_rule="all_done")
    def page() -> None:
        from meterwise.watching.page import write

        write()

    @step()
    def alert(stale: list[str]) -> None:
        from meterwise.watching.alerts import stale as words_of
        from meterwise.watching.page import address, today

        if words := words_of(stale, today(), address()):
            send(words, get_current_context())

    stale, written = look(), page()
    judge() >> compare() >> written
    [stale, run_times()] >> written
    written >> alert(stale)


watch()
