"""Writes the page that shows how the platform does: one file, no script, served beside the Data Docs."""

import os
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from meterwise import planning
from meterwise.settings import Settings, get_settings
from meterwise.watching import charts, report


def path(settings: Settings | None = None) -> Path:
    """Return the file of the page."""
    return (settings or get_settings()).data_docs_path / "watch" / "index.html"


def address(settings: Settings | None = None) -> str:
    """Return where people open the page: beside the Data Docs, or its file where they are not served."""
    settings = settings or get_settings()
    if settings.data_docs_url is None:
        return path(settings).as_uri()
    return f"{settings.data_docs_url.rstrip('/')}/watch/index.html"


def today(settings: Settings | None = None) -> str:
    """Return the local day of Meterwise's clock (ISO)."""
    return planning.utility(settings).today(settings).isoformat()


def render(found: report.Report, settings: Settings | None = None) -> str:
    """Return the page as HTML; everything that is shown is escaped."""
    environment = Environment(
        loader=PackageLoader("meterwise.watching", "."),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(sparkline=charts.sparkline, curve=charts.curve, figure=report.figure, marks=report.MARKS)
    return environment.get_template("page.html").render(report=found, settings=settings or get_settings())


def write(settings: Settings | None = None, out: Path | None = None) -> Path:
    """Write the page whole or not at all, and return its path.

    Args:
        settings: Defaults to those of the process.
        out: Another file than the one beside the Data Docs.

    Raises:
        DatabaseNotConfiguredError: There is no database to read from.
    """
    settings = settings or get_settings()
    target = out or path(settings)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.write_text(render(report.gather(settings), settings), encoding="utf-8")
    draft.replace(target)
    return target
