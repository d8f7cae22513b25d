"""The page shows what ops holds, at a glance: lights, tables, curves; escaped, without scripts or other addresses."""

from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from meterwise import ops
from meterwise.settings import Settings
from meterwise.validation import Breach, Verdict
from meterwise.watching import page, quality, records, report
from meterwise.watching.verdicts import record_verdict

TODAY = date(2026, 7, 15)
NOW = datetime(2026, 7, 15, 22, tzinfo=UTC)
SECTIONS = ["stages", "tables", "runs", "hand-overs", "models", "drift", "alerts"]


class Seen(HTMLParser):
    """What a browser would find in the page: tags, ids, links, and each row of a table as its texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.rows: list[list[str]] = []
        self._open = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.ids += [values["id"]] if values.get("id") and tag == "h2" else []
        self.links += [value for name in ("href", "src") if (value := values.get(name))]
        if tag == "tr":
            self.rows.append([])
        self._open = tag in {"td", "th"} or (self._open and tag not in {"tr", "table"})
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self._open:
            self.rows[-1][-1] = (self.rows[-1][-1] + " " + data).strip()

    def row(self, first: str) -> list[str]:
        """The first row whose first cell is this."""
        return next(row for row in self.rows if row and row[0] == first)


def table_look(name: str, day: date, rows: int, state: str = "good", words: str = "In time.") -> dict[str, Any]:
    stage = name.split(".")[0]
    seen = {"as_of_date": TODAY, "stage": stage, "table_name": name, "total_rows": rows, "state": state, "words": words}
    return {**seen, "newest_day": day, "newest_rows": rows, "hours_behind": 30.0 if state == "stale" else 0.0}


def run_time(dag_id: str, task_id: str, state: str, seconds: float, ended: datetime = NOW) -> dict[str, Any]:
    times = {"started_at": ended - timedelta(seconds=seconds), "ended_at": ended, "seconds": seconds}
    return {"dag_id": dag_id, "run_id": f"run-{ended:%d}", "task_id": task_id, "state": state, **times}


def drifted(feature: str, is_drifted: bool, model: str = "demand") -> dict[str, Any]:
    seen = {"as_of_date": TODAY, "model": model, "model_version": "2", "method": "K-S p_value"}
    rows = {"reference_days": "2025-07-01 to 2026-06-01", "reference_rows": 5000, "current_rows": 672}
    return {**seen, **rows, "feature": feature, "score": 0.01, "threshold": 0.05, "is_drifted": is_drifted}


@pytest.fixture
def watched(database: Settings) -> Settings:
    """Ops of a utility after some days: a stale table, a refused hand-over, a failed run, drift, and an alert."""
    settings = database.model_copy(update={"last_date": TODAY, "data_docs_url": "http://127.0.0.1:8081"})
    ops.record_landing("crm", TODAY.isoformat(), "landed", settings=settings)
    ops.record_landing("meter_reads", TODAY.isoformat(), "failed", "a <b>bad</b> file", settings=settings)
    ops.record_build("warehouse", [TODAY.isoformat()], stale_domains={"weather": "late"}, settings=settings)
    ops.record_promotion("demand", "2", "run-2", TODAY.isoformat(), "first version", settings=settings)
    days = [TODAY - timedelta(days=n) for n in range(4, 0, -1)]
    looks = [table_look("features.features_demand", day, 168) for day in days]
    stale = table_look("published.churn_scores", days[0], 50, "stale", "A newer day was due 30 hours ago.")
    records.append(records.TABLE_LOOKS, [*looks, stale], settings)
    runs = [run_time("score_demand", "", "success", 20 + n, NOW - timedelta(days=n)) for n in range(3)]
    tasks = [run_time("score_demand", "score", "success", 15), run_time("score_demand", "day", "success", 1)]
    records.append(records.RUN_TIMES, [*runs, *tasks, run_time("ingest_meter_reads", "", "failed", 5)], settings)
    verdict = Verdict("raw.meter_reads", 48, 5, (Breach("critical", "kwh: 12 of 48 rows do not"),), "http://docs/1")
    record_verdict(verdict, TODAY.isoformat(), settings)
    quality.record(
        [quality.Figure("demand", "2", day, "wape", 0.07, 0.18, "naive", 168 * n) for n, day in enumerate(days, 1)],
        settings,
    )
    quality.record([quality.Figure("churn", "1", TODAY, "lift_at_10pct", 2.5, 1.0, "chance", None, False)], settings)
    features = [drifted(f"temperature_{n}", n < 2) for n in range(3)]
    records.append(records.FEATURE_DRIFT, [*features, drifted("tenure_days", True, "churn")], settings)
    alert = {"stage": "ingest_meter_reads.check", "as_of_date": "2026-07-15", "sent_to": "webhook"}
    records.append(records.ALERTS, [{**alert, "reason": "<script>alert(1)</script>"}], settings)
    return settings


def test_the_page_has_its_parts_and_needs_nothing_else(watched: Settings) -> None:
    seen = Seen(page.write(watched).read_text(encoding="utf-8"))

    assert seen.ids == SECTIONS
    assert not {"script", "link", "img", "iframe"} & set(seen.tags)
    assert {link for link in seen.links if not link.startswith("#")} == {"http://docs/1"}
    assert seen.tags.count("svg") == 4, "volume, seconds, WAPE, lift"
    assert page.address(watched) == "http://127.0.0.1:8081/watch/index.html"


def test_what_is_wrong_is_seen_in_words(watched: Settings) -> None:
    seen = Seen(page.render(report.gather(watched)))

    assert seen.row("Landing: crm")[1:] == ["in order", "2026-07-15 has landed."]
    assert seen.row("Landing: meter reads")[1] == "act now"
    assert seen.row("Landing: weather")[1] == "nothing yet"
    assert seen.row("Warehouse")[1] == "have a look"
    assert seen.row("Publication")[1:] == ["act now", "published.churn_scores: A newer day was due 30 hours ago."]
    assert seen.row("published.churn_scores")[-2] == "stale"
    assert seen.row("features.features_demand")[-2] == "good"
    assert seen.row("Hand-overs")[1] == "act now"
    assert seen.row("raw.meter_reads")[3:] == ["4 of 5", "refused", "critical: kwh: 12 of 48 rows do not"]
    assert seen.row("Model: demand")[1] == "in order", "what came is the better judge"
    assert seen.row("Model: demand")[2] == (
        "Demand forecast: error (WAPE) 7.0%, naive 18.0%. 2 of 3 features no longer look as at training."
    )
    assert seen.row("Model: churn")[1] == "have a look", "nobody knows yet what becomes of its scores"
    assert seen.row("temperature_0")[1] == "drifted"
    assert seen.row("score_demand")[3:5] == ["20", "21"]
    assert seen.row("score_demand")[-1] == "score, 15 s"
    assert "ingest_meter_reads" in seen.row("Runs")[2]
    assert "<script>alert(1)</script>" in seen.rows[-1][3], "as text"


def test_a_model_no_better_than_its_baseline_needs_a_person(watched: Settings) -> None:
    worse = quality.Figure("demand", "2", TODAY, "wape", 0.20, 0.18, "naive", 168)
    quality.record([worse], watched)

    (stage,) = [stage for stage in report.gather(watched).stages if stage.name == "Model: demand"]

    assert (stage.light, stage.words) == ("act", "Demand forecast: error (WAPE) is no better than naive.")


def test_a_figure_is_kept_once_and_again_when_more_is_known(watched: Settings) -> None:
    figure = quality.Figure("demand", "2", TODAY, "wape", 0.2, 0.3, "naive", 24)
    more = quality.Figure("demand", "2", TODAY, "wape", 0.1, 0.3, "naive", 48)

    assert quality.record([figure], watched) == [figure]
    assert quality.record([figure], watched) == []
    assert quality.record([more], watched) == [more]


def test_an_empty_installation_has_a_page_too(database: Settings) -> None:
    found = report.gather(database)

    assert found.worst == "none"
    assert Seen(page.render(found)).ids == SECTIONS
