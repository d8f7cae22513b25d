"""What a person wants to see after a publication: the segments, how good the models are, and where to look."""

import io
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from meterwise.database import connect
from meterwise.settings import Settings
from meterwise.stack.attached import AttachedStack, ServerStack
from meterwise.stack.stack import Stack
from meterwise.transform import docs_page
from meterwise.watching.page import address

SEGMENTS = """
select
    segment_name,
    count(*) as customers,
    sum(annual_kwh) as annual_kwh,
    avg(peak_share) as peak_share,
    avg(churn_probability) as churn_probability,
    count(*) filter (where churn_risk = 'high') as at_high_risk,
    mode() within group (order by recommended_action) as recommended_action
from published.customer_segments
where as_of_date = (select max(as_of_date) from published.customer_segments)
group by segment_name
order by customers desc, segment_name
"""
PEAK = """
select to_char(local_date, 'YYYY-MM-DD'), p50_kw, p10_kw, p90_kw from published.demand_peaks
where level = 'total' and as_of_date = (select max(as_of_date) from published.demand_peaks)
order by p50_kw desc limit 1
"""
WARNINGS = """
select feeder_code, to_char(local_date, 'YYYY-MM-DD'), overload_probability, limit_kw from published.peak_warnings
where as_of_date = (select max(as_of_date) from published.demand_peaks)
order by overload_probability desc, local_date limit 3
"""
PUBLISHED = """
select table_name, rows, version from published.publications where is_current order by table_name
"""


KEPT = "summary.txt"


def show(stack: Stack | AttachedStack, as_of_date: str, console: Console) -> None:
    """Print the summary of a published day and where to look further."""
    console.print()
    _show_result(stack.settings, as_of_date, console)
    console.print()
    for name, place in addresses(stack).items():
        console.print(f"  {name:<11}{place}", highlight=False, soft_wrap=True)


def keep(stack: Stack | AttachedStack, as_of_date: str) -> None:
    """Keep the result of a published day in the home, as text, for the README."""
    page = io.StringIO()
    _show_result(stack.settings, as_of_date, Console(file=page, width=120, color_system=None))
    lines = [line.rstrip() for line in page.getvalue().splitlines()]
    (stack.home / KEPT).write_text("\n".join(lines).strip() + "\n")


def _show_result(settings: Settings, as_of_date: str, console: Console) -> None:
    console.print(_segments(settings, as_of_date))
    for line in (*_quality(settings), *_peaks(settings), *_published(settings)):
        console.print(line, highlight=False)


def addresses(stack: Stack | AttachedStack) -> dict[str, str]:
    """Where each part of a running stack is found, and with which login; passwords are named by their file."""
    home = stack.home
    settings = stack.settings
    if isinstance(stack, ServerStack):
        return {
            "Airflow": f"{settings.airflow_url}   user {settings.airflow_username}",
            "MLflow": f"{settings.mlflow_public_url}",
            "Data Docs": f"{settings.data_docs_url}",
            "Watch": f"{address(settings)}   how it does, after each publication",
        }
    made = "" if docs_page(settings).exists() else "   once `make docs` has run"
    return {
        "Airflow": f"{settings.airflow_url}   user admin, password in {home / 'airflow' / 'passwords.json'}",
        "MLflow": f"{settings.mlflow_public_url}",
        "Data Docs": f"{settings.data_docs_url}",
        "Watch": f"{address(settings)}   how it does, after each publication",
        "dbt docs": f"{settings.data_docs_url}/dbt/{made}",
        "Database": f"postgresql://meterwise_reader@127.0.0.1:{stack.postgres.port}/meterwise   "
        f"schema published, password in {home / 'reader_password'}",
    }


def _segments(settings: Settings, as_of_date: str) -> Table:
    table = Table(title=f"Customer segments of {as_of_date}", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("segment")
    for column in ("customers", "MWh a year", "peak share", "churn in 90 days", "at high risk"):
        table.add_column(column, justify="right")
    table.add_column("recommended action")
    with connect(settings) as connection:
        rows = connection.execute(SEGMENTS).fetchall()
    for name, customers, kwh, peak, churn, high, action in rows:
        table.add_row(
            str(name),
            f"{customers:,}",
            f"{float(kwh or 0) / 1000:,.0f}",
            _percent(peak),
            _percent(churn, 1),
            f"{high:,}",
            str(action),
        )
    return table


def _quality(settings: Settings) -> list[str]:
    from meterwise import registry

    lines = []
    demand, churn = registry.champion("demand", settings), registry.champion("churn", settings)
    if demand:
        own, naive = demand.metrics.get("wape"), demand.metrics.get("wape_naive")
        if own and naive:
            lines.append(
                f"Demand: error (WAPE) {own:.1%} against {naive:.1%} by the naive one, skill {1 - own / naive:.0%}."
            )
    if churn:
        ap, base = churn.metrics.get("average_precision"), churn.metrics.get("average_precision_base_rate")
        lift = churn.metrics.get("lift_at_10pct")
        if ap and base:
            best = f"; the tenth most at risk leave {lift:.1f} times as often as all" if lift else ""
            lines.append(f"Churn: average precision {ap:.3f} against a base rate of {base:.3f}{best}.")
    return lines


def _peaks(settings: Settings) -> list[str]:
    with connect(settings) as connection:
        highest: list[Any] = connection.execute(PEAK).fetchall()
        warned: list[Any] = connection.execute(WARNINGS).fetchall()
    lines = [
        f"Peak of the week to come: {p50:,.0f} kW on {day} (80 %: {p10:,.0f} to {p90:,.0f} kW)."
        for day, p50, p10, p90 in highest
    ]
    if warned:
        told = ", ".join(f"{feeder} on {day} ({chance:.0%} above {kw:,.0f} kW)" for feeder, day, chance, kw in warned)
        lines.append(f"Feeders that may be overloaded: {told}.")
    return lines


def _published(settings: Settings) -> list[str]:
    with connect(settings) as connection:
        rows: list[Any] = connection.execute(PUBLISHED).fetchall()
    if not rows:
        return []
    told = ", ".join(f"{name} ({count:,} rows)" for name, count, _ in rows)
    return [f"Published as version {rows[0][2]}: {told}."]


def _percent(value: Any, digits: int = 0) -> str:
    return "" if value is None else f"{float(value):.{digits}%}"
