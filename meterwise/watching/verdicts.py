"""What every hand-over was found to be, kept beyond the Data Docs."""

import logging
from datetime import date
from typing import TYPE_CHECKING

from meterwise.settings import Settings
from meterwise.watching import records

if TYPE_CHECKING:
    from meterwise.validation import Verdict

log = logging.getLogger(__name__)


def record_verdict(verdict: "Verdict", as_of_date: str, settings: Settings | None = None) -> None:
    """Append one verdict; watching never stops a hand-over, so what goes wrong here is only logged."""
    severities = [breach.severity for breach in verdict.breaches]
    row = {
        "as_of_date": date.fromisoformat(as_of_date),
        "table_name": verdict.table,
        "checked_rows": verdict.rows,
        "expectations": verdict.checked,
        "broken_critical": severities.count("critical"),
        "broken_warning": len(severities) - severities.count("critical"),
        "is_refused": verdict.refused,
        "breaches": [f"{breach.severity}: {breach.description}" for breach in verdict.breaches],
        "docs_url": verdict.docs_url,
    }
    try:
        records.append(records.VERDICTS, [row], settings)
    except Exception as error:
        log.warning("The verdict on %s is not kept in ops.verdicts: %s", verdict.table, error)
