"""What the page shows, read from ``ops`` alone: a light a stage, and the tables and curves behind the lights."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from meterwise import ops, planning
from meterwise.settings import Settings, get_settings
from meterwise.watching.drift import SHARE_THAT_MATTERS

Light = Literal["good", "look", "act", "none"]
ORDER: tuple[Light, ...] = ("none", "good", "look", "act")
MARKS: dict[Light, str] = {"good": "in order", "look": "have a look", "act": "act now", "none": "nothing yet"}
RUNS_SHOWN, POINTS_SHOWN, ALERTS_SHOWN = 20, 30, 20
FIGURES = {
    ("demand", "wape"): ("Demand forecast: error (WAPE)", "less is better", True),
    ("demand", "coverage_80"): ("Demand forecast: share inside the 80 % band", "near the promise is good", None),
    ("churn", "lift_at_10pct"): ("Churn: lift of the riskiest tenth (times as often as all)", "more is better", False),
    ("churn", "departures"): ("Churn: customers who left within 90 days", "near the announced number is good", None),
    ("churn", "average_precision"): ("Churn: average precision on the test", "more is better", False),
    ("alerts", "average_precision"): ("Alert scores: average precision on planted faults", "more is better", False),
    ("segments", "explained_variance"): ("Load shapes: share of profiles explained", "more is better", False),
}
"""Title, how to read it, and whether less is better (None: neither), by model and metric."""
SHARES = {"wape", "coverage_80", "average_precision", "explained_variance"}

LAST_LOOKS = """
    select distinct on (table_name) * from ops.table_looks order by table_name, look_id desc
"""
VOLUMES = """
    select distinct on (table_name, newest_day) table_name, newest_day, newest_rows from ops.table_looks
    where newest_rows is not null order by table_name, newest_day, look_id desc
"""
LAST_VERDICTS = """
    select distinct on (table_name) * from ops.verdicts order by table_name, verdict_id desc
"""
LAST_LANDINGS = """
    select distinct on (domain) domain, as_of_date, state, message from ops.landings order by domain, landing_id desc
"""
LAST_BUILD = """
    select state, as_of_dates, stale_domains, recorded_at from ops.builds
    where selection = 'warehouse' order by build_id desc limit 1
"""
RUNS = f"""
    with ranked as (
        select *, row_number() over (partition by dag_id order by ended_at desc) as age
        from ops.run_times where task_id = ''
    )

    select * from ranked where age <= {RUNS_SHOWN} order by dag_id, ended_at
"""
SLOWEST_TASKS = """
    with last_runs as (
        select distinct on (dag_id) dag_id, run_id from ops.run_times where task_id = '' order by dag_id, ended_at desc
    )

    select distinct on (dag_id) dag_id, task_id, seconds
    from ops.run_times inner join last_runs using (dag_id, run_id)
    where task_id <> '' order by dag_id, seconds desc
"""
QUALITY = """
    select distinct on (model, metric, as_of_date, is_realised) * from ops.model_quality
    order by model, metric, as_of_date, is_realised, figure_id desc
"""
LAST_DRIFT = """
    with last_days as (
        select model, max(as_of_date) as as_of_date from ops.feature_drift group by model
    )

    select distinct on (model, feature) feature_drift.*
    from ops.feature_drift inner join last_days using (model, as_of_date)
    order by model, feature, drift_id desc
"""
CHAMPIONS = "select * from ops.champions order by champion_from desc"
ALERTS = f"select * from ops.alerts order by alert_id desc limit {ALERTS_SHOWN}"


@dataclass(frozen=True)
class Stage:
    """One line of the overview."""

    name: str
    light: Light
    words: str

    @property
    def mark(self) -> str:
        """The light in words."""
        return MARKS[self.light]


@dataclass(frozen=True)
class Curve:
    """One figure of a model over time, beside its baseline."""

    model: str
    title: str
    reading: str
    baseline_name: str
    points: list[dict[str, Any]]
    is_realised: bool

    def told(self) -> str:
        """The newest figure in words, beside that of the baseline."""
        last = self.points[-1]
        write = _percent if last["metric"] in SHARES else figure
        beside = "" if last["baseline"] is None else f", {self.baseline_name} {write(last['baseline'])}"
        return write(last["value"]) + beside


@dataclass(frozen=True)
class Report:
    """All that the page shows."""

    utility: str
    today: str
    written_at: datetime
    stages: list[Stage]
    tables: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    verdicts: list[dict[str, Any]]
    curves: list[Curve]
    champions: list[dict[str, Any]]
    drift: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def worst(self) -> Light:
        """The worst light of all stages."""
        return max((stage.light for stage in self.stages), key=ORDER.index, default="none")


def gather(settings: Settings | None = None) -> Report:
    """Read what the page shows.

    Raises:
        DatabaseNotConfiguredError: There is no database to read from.
    """
    settings = settings or get_settings()
    utility = planning.utility(settings)
    tables, runs = _tables(settings), _runs(settings)
    verdicts = ops.select_rows(LAST_VERDICTS, settings)
    curves, drift = _curves(settings), _drift(settings)
    stages = [
        *_landings(settings),
        _build(settings),
        _of_tables("Features", tables, {"features"}),
        _hand_overs(verdicts),
        *(_model(model, curves, drift) for model in planning.TRAINED),
        _of_tables("Scores", tables, {"scores"}),
        _of_tables("Publication", tables, {"published"}),
        _airflow(runs),
    ]
    return Report(
        utility=utility.name,
        today=utility.today(settings).isoformat(),
        written_at=datetime.now().astimezone(),
        stages=stages,
        tables=tables,
        runs=runs,
        verdicts=verdicts,
        curves=curves,
        champions=ops.select_rows(CHAMPIONS, settings),
        drift=drift,
        alerts=ops.select_rows(ALERTS, settings),
    )


def _tables(settings: Settings) -> list[dict[str, Any]]:
    volumes: dict[str, list[int]] = defaultdict(list)
    for row in ops.select_rows(VOLUMES, settings):
        volumes[row["table_name"]].append(row["newest_rows"])
    order = ("raw", "features", "scores", "publish", "published", "marts", "intermediate", "reference", "snapshots")
    found = [
        {**row, "volumes": volumes[row["table_name"]][-POINTS_SHOWN:]} for row in ops.select_rows(LAST_LOOKS, settings)
    ]
    return sorted(found, key=lambda row: (order.index(row["stage"]), row["table_name"]))


def _runs(settings: Settings) -> list[dict[str, Any]]:
    slowest = {row["dag_id"]: row for row in ops.select_rows(SLOWEST_TASKS, settings)}
    by_dag: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in ops.select_rows(RUNS, settings):
        by_dag[row["dag_id"]].append(row)
    return [
        {
            **runs[-1],
            "times": [run["seconds"] for run in runs],
            "usual_seconds": statistics.median(run["seconds"] for run in runs),
            "slowest": slowest.get(dag_id),
        }
        for dag_id, runs in by_dag.items()
    ]


def _curves(settings: Settings) -> list[Curve]:
    found: dict[tuple[str, str, bool], list[dict[str, Any]]] = defaultdict(list)
    for row in ops.select_rows(QUALITY, settings):
        found[row["model"], row["metric"], row["is_realised"]].append(row)
    return [
        Curve(model, title, reading, points[-1]["baseline_name"] or "", points[-2 * POINTS_SHOWN :], is_realised)
        for (model, metric), (title, reading, _) in FIGURES.items()
        for is_realised in (True, False)
        if (points := found.get((model, metric, is_realised)))
    ]


def _drift(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in ops.select_rows(LAST_DRIFT, settings):
        found[row["model"]].append(row)
    return {
        model: sorted(rows, key=lambda row: (not row["is_drifted"], row["feature"])) for model, rows in found.items()
    }


def _landings(settings: Settings) -> list[Stage]:
    found = {row["domain"]: row for row in ops.select_rows(LAST_LANDINGS, settings)}
    return [_landing(domain, found.get(domain)) for domain in planning.DOMAINS]


def _landing(domain: str, row: dict[str, Any] | None) -> Stage:
    name = f"Landing: {domain.replace('_', ' ')}"
    if row is None:
        return Stage(name, "none", "Nothing has landed so far.")
    if row["state"] == "failed":
        return Stage(name, "act", f"The last landing, for {row['as_of_date']}, failed: {_short(row['message'])}")
    if row["message"]:
        return Stage(name, "look", f"{row['as_of_date']} landed in part: {_short(row['message'])}")
    return Stage(name, "good", f"{row['as_of_date']} has landed." if row["state"] == "landed" else "Landing now.")


def _build(settings: Settings) -> Stage:
    rows = ops.select_rows(LAST_BUILD, settings)
    if not rows:
        return Stage("Warehouse", "none", "Not built so far.")
    build = rows[0]
    days = ", ".join(str(day) for day in build["as_of_dates"][-3:])
    if build["state"] == "failed":
        return Stage("Warehouse", "act", f"The last build, for {days}, failed; build_warehouse in Airflow says why.")
    if build["stale_domains"]:
        stale = "; ".join(f"{domain}: {_short(why)}" for domain, why in build["stale_domains"].items())
        return Stage("Warehouse", "look", f"Built for {days} without all that should have landed. {stale}")
    return Stage("Warehouse", "good", f"Built for {days}." if build["state"] == "built" else f"Building for {days}.")


def _of_tables(name: str, tables: Iterable[dict[str, Any]], stages: set[str]) -> Stage:
    own = [table for table in tables if table["stage"] in stages]
    stale = [table for table in own if table["state"] == "stale"]
    unusual = [table for table in own if table["state"] == "unusual"]
    if not own:
        return Stage(name, "none", "No table so far.")
    if stale:
        return Stage(name, "act", " ".join(f"{table['table_name']}: {table['words']}" for table in stale[:3]))
    if unusual:
        return Stage(name, "look", " ".join(f"{table['table_name']}: {table['words']}" for table in unusual[:3]))
    newest = max((table["newest_day"] for table in own if table["newest_day"]), default=None)
    empty = sum(table["state"] == "empty" for table in own)
    more = f" {empty} of {len(own)} tables have nothing to say." if empty else ""
    return Stage(name, "good" if newest else "none", f"Newest day is {newest}.{more}" if newest else "Empty so far.")


def _hand_overs(verdicts: Sequence[dict[str, Any]]) -> Stage:
    refused = [verdict for verdict in verdicts if verdict["is_refused"]]
    warned = [verdict for verdict in verdicts if verdict["broken_warning"]]
    if not verdicts:
        return Stage("Hand-overs", "none", "None was checked so far.")
    if refused:
        names = ", ".join(verdict["table_name"] for verdict in refused)
        return Stage("Hand-overs", "act", f"Refused: {names}. What was published before stays.")
    if warned:
        names = ", ".join(verdict["table_name"] for verdict in warned)
        return Stage("Hand-overs", "look", f"Passed with warnings: {names}.")
    return Stage("Hand-overs", "good", f"All {len(verdicts)} tables passed their last check.")


def _model(model: str, curves: Sequence[Curve], drift: dict[str, list[dict[str, Any]]]) -> Stage:
    name = f"Model: {model}"
    own = [curve for curve in curves if curve.model == model]
    if not own:
        return Stage(name, "none", "No champion so far.")
    worse = [curve for curve in own if _is_worse(curve)]
    if worse:
        return Stage(name, "act", f"{worse[0].title} is no better than {worse[0].baseline_name}.")
    features = drift.get(model, [])
    drifted = [row for row in features if row["is_drifted"]]
    told = f"{len(drifted)} of {len(features)} features no longer look as at training."
    # What came is the better judge: while forecasts beat their baseline, moved inputs do no harm yet.
    if features and len(drifted) >= SHARE_THAT_MATTERS * len(features) and not own[0].is_realised:
        return Stage(name, "look", f"{told} What became of its scores is not known yet.")
    return Stage(name, "good", f"{own[0].title} {own[0].told()}. {told if features else ''}".rstrip())


def _is_worse(curve: Curve) -> bool:
    """Whether the newest figure is no better than the baseline's, where less or more is better."""
    last = curve.points[-1]
    less_is_better = FIGURES[last["model"], last["metric"]][2]
    if less_is_better is None or last["baseline"] is None or not curve.is_realised:
        return False
    return bool(last["value"] >= last["baseline"] if less_is_better else last["value"] <= last["baseline"])


def _airflow(runs: Sequence[dict[str, Any]]) -> Stage:
    failed = [run for run in runs if run["state"] == "failed"]
    if not runs:
        return Stage("Runs", "none", "No run was seen so far.")
    if failed:
        names = ", ".join(run["dag_id"] for run in failed)
        return Stage("Runs", "act", f"The last run failed of: {names}. The last log line of the red task says why.")
    return Stage("Runs", "good", f"The last run of all {len(runs)} DAGs ended well.")


def figure(value: float | None) -> str:
    """Return a figure as people read it."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _short(text: str, most: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]} ..."
