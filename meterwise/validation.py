"""Runs one Great Expectations suite on one table at a hand-over and fails closed.

What data must look like is said in ``expectations/``; checks inside the warehouse belong to dbt.
"""

import logging
import os
import warnings
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations as gx
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations import Expectation
from sqlalchemy import text

from meterwise.outcomes import RefusedError
from meterwise.settings import Settings, get_settings
from meterwise.validation_cursors import rows_stay_there
from meterwise.warehouse import Warehouse
from meterwise.watching.verdicts import record_verdict

log = logging.getLogger(__name__)

# Only counts travel: values that broke a rule could be a person's.
RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}
ADDRESS = "ADDRESS_OF_THE_WAREHOUSE"
# One kind of data source serves every engine.
warnings.filterwarnings("ignore", message="You are using a generic SQLDatasource")


class DataQualityError(RefusedError):
    """A hand-over was refused: at least one expectation of severity ``critical`` does not hold."""


@dataclass(frozen=True)
class HandOver:
    """What a table must look like when it passes from one stage to the next.

    Attributes:
        table: ``schema.name`` in the warehouse.
        expectations: Great Expectations; severity ``critical`` stops the chain, ``warning`` is only reported.
        columns: SQL select list; never direct identifiers.
        where: SQL condition on the rows that are handed over; ``{as_of_date}`` and ``{load_ids}`` are filled in.
        cure: What a person can do when it is refused.
    """

    table: str
    expectations: Sequence[Expectation]
    columns: str = "*"
    where: str = "true"
    cure: str = "Correct the source and run the stage again."


@dataclass(frozen=True)
class Breach:
    """One expectation that does not hold."""

    severity: Literal["critical", "warning", "info"]
    description: str


@dataclass(frozen=True)
class Verdict:
    """Outcome of one hand-over."""

    table: str
    rows: int
    checked: int
    breaches: tuple[Breach, ...]
    docs_url: str

    @property
    def refused(self) -> bool:
        """Whether the chain must stop here."""
        return any(breach.severity == "critical" for breach in self.breaches)

    def summary(self) -> str:
        """The verdict in words for a log."""
        held = self.checked - len(self.breaches)
        head = f"{self.table}: {held} of {self.checked} expectations hold on {self.rows:,} rows"
        lines = [f"  {breach.severity}: {breach.description}" for breach in self.breaches]
        return "\n".join([head, *lines, f"  Data Docs: {self.docs_url}"])


def validate(
    hand_over: HandOver,
    as_of_date: str,
    load_ids: Sequence[str] = (),
    settings: Settings | None = None,
    in_passing: bool = False,
) -> Verdict:
    """Check one hand-over and add the result to the Data Docs.

    Args:
        hand_over: The table and what it must look like.
        as_of_date: The day that is handed over, ``YYYY-MM-DD``.
        load_ids: For raw tables, the loads that just landed.
        settings: Defaults to those of the process.
        in_passing: Keep the verdict only if it is a refusal: hundreds a day would bury the others.

    Raises:
        DataQualityError: A critical expectation does not hold, or an expectation could not be computed.
        WarehouseUnavailableError: The warehouse's database went away; nothing is decided.
    """
    settings = settings or get_settings()
    quoted_ids = ", ".join(f"'{load_id}'" for load_id in load_ids) or "''"
    where = hand_over.where.format(as_of_date=as_of_date, load_ids=quoted_ids)
    query = f"select {hand_over.columns} from {hand_over.table} where {where}"
    with Warehouse(settings).reserve():  # GX opens the file several times by itself
        Warehouse(settings).execute("select 1")  # waits for dbt, which knows nothing of turns
        with rows_stay_there(query):
            verdict = (_look if in_passing else _run)(hand_over, query, as_of_date, settings)
    if in_passing and verdict.refused:
        return validate(hand_over, as_of_date, load_ids, settings)
    if not in_passing:
        record_verdict(verdict, as_of_date, settings)
    log.info(verdict.summary())
    if verdict.refused:
        raise DataQualityError(
            f"Refused for {as_of_date}; nothing behind this hand-over runs and what was published before stays.\n"
            f"{verdict.summary()}\n  What to do: {hand_over.cure}\n  The rows checked: {query}"
        )
    return verdict


def _run(hand_over: HandOver, query: str, as_of_date: str, settings: Settings) -> Verdict:
    name = hand_over.table
    # GX keeps its project in files: the address, which may hold a password, goes in as the value of a variable.
    context = gx.get_context(
        mode="file",
        project_root_dir=settings.home_path / "gx",
        runtime_environment={ADDRESS: Warehouse(settings).sqlalchemy_url().render_as_string(hide_password=False)},
    )
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_or_update_sql(name="warehouse", connection_string=f"${{{ADDRESS}}}")
    try:
        batch = source.add_query_asset(name, query=query).add_batch_definition_whole_table("hand-over")
        suite = context.suites.add_or_update(
            gx.ExpectationSuite(name=name, expectations=[copy(rule) for rule in hand_over.expectations])
        )
        definition = context.validation_definitions.add_or_update(
            gx.ValidationDefinition(name=name, data=batch, suite=suite)
        )
        checkpoint = context.checkpoints.add_or_update(
            gx.Checkpoint(
                name=name,
                validation_definitions=[definition],
                actions=[gx.checkpoint.UpdateDataDocsAction(name="docs")],
                result_format=RESULT_FORMAT,
            )
        )
        outcome = checkpoint.run(run_id=RunIdentifier(run_name=as_of_date))
        results = [result for run in outcome.run_results.values() for result in run.results]
        page = _page(context, outcome)
        with source.get_engine().connect() as connection:
            rows = int(connection.execute(text(f"select count(*) from ({query}) as handed_over")).scalar_one())
    finally:
        _close(source)
    docs = (settings.data_docs_url or settings.data_docs_path.resolve().as_uri()).rstrip("/")
    return Verdict(
        table=name,
        rows=rows,
        checked=len(results),
        breaches=tuple(_breach(result) for result in results if not result.success),
        docs_url=f"{docs}/{page}",
    )


def _look(hand_over: HandOver, query: str, as_of_date: str, settings: Settings) -> Verdict:
    """Check without a trace: nothing is written, and the address stays in memory."""
    name, address = hand_over.table, Warehouse(settings).sqlalchemy_url().render_as_string(hide_password=False)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_or_update_sql(name="warehouse", connection_string=address)
    try:
        batch = source.add_query_asset(name, query=query).add_batch_definition_whole_table("hand-over").get_batch()
        suite = gx.ExpectationSuite(name=name, expectations=[copy(rule) for rule in hand_over.expectations])
        results = batch.validate(suite, result_format=RESULT_FORMAT).results
        with source.get_engine().connect() as connection:
            rows = int(connection.execute(text(f"select count(*) from ({query}) as handed_over")).scalar_one())
    finally:
        _close(source)
    breaches = tuple(_breach(result) for result in results if not result.success)
    return Verdict(
        name, rows, len(results), breaches, docs_url=f"none of {as_of_date}, since only looked at in passing"
    )


def _close(source: Any) -> None:
    source.get_execution_engine().close()
    source.get_engine().dispose()


def _page(context: Any, outcome: Any) -> str:
    """Path of the page of this very validation in the Data Docs."""
    (identifier,) = outcome.run_results
    (site,) = context.get_docs_sites_urls(resource_identifier=identifier)
    return str(site["site_url"]).partition("/local_site/")[2]


def _breach(result: Any) -> Breach:
    config = result.expectation_config
    if result.exception_info and _exception_of(result.exception_info):
        # An expectation that cannot be computed proves nothing, so it counts as broken whatever its severity.
        return Breach("critical", f"{config.type} could not be computed: {_exception_of(result.exception_info)}")
    bounds = {k: v for k, v in config.kwargs.items() if k not in {"batch_id", "column"} and v is not None}
    found = result.result
    if "unexpected_count" in found:
        observed = f"{found['unexpected_count']:,} of {found['element_count']:,} rows do not"
    else:
        observed = f"found {found.get('observed_value')}"
    column = f"{config.kwargs['column']}: " if "column" in config.kwargs else ""
    severity = str(getattr(config.severity, "value", config.severity))
    reason = f" ({config.notes})" if isinstance(config.notes, str) else ""
    return Breach(severity, f"{column}{config.type} {bounds}: {observed}{reason}")  # type: ignore[arg-type]


def _exception_of(info: Any) -> str | None:
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if entry.get("raised_exception"):
            return str(entry.get("exception_message"))
    return None
