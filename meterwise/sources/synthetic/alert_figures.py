"""How many of the alerts told of what really befell the meters. For reports; never for the pipeline."""

from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

SQL = Path(__file__).with_suffix(".sql")


def alert_figures(utility: Path, candidates: pa.Table, published: pa.Table, first: date, last: date) -> pa.Table:
    """Hold suspicions and published alerts against the truth of a made-up utility.

    Args:
        utility: Folder of the utility, advanced to ``last`` or later.
        candidates: Rows of ``marts.meter_alert_candidates`` of every day looked at.
        published: Rows of ``published.meter_alerts`` of these days.
        first: Oldest day looked at.
        last: Newest day looked at.

    Returns:
        A row a type of alert: alert_type, and as counts episodes, found, signs, signs_right, published,
        published_right. Each alert counts once, on however many days it stood.
    """
    engine = duckdb.connect(config={"threads": 1})
    try:
        engine.register("candidates", candidates)
        engine.register("published", published)
        query = SQL.read_text(encoding="utf-8").format(folder=utility / "truth", first=first, last=last)
        return engine.sql(query).to_arrow_table()
    finally:
        engine.close()
