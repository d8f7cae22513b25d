"""What one who knows every cause, but not the dice, would predict. For tests and reports; never for the pipeline."""

from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

SQL = Path(__file__).parent


def churn_oracle(truth: Path, as_of_date: date) -> pa.Table:
    """Return the true chance to leave within 90 days, for every customer without notice at the end of a local day.

    Args:
        truth: Folder ``truth`` of a made-up utility that was advanced to ``as_of_date`` or later.
        as_of_date: Causes count up to this day.

    Returns:
        customer_id, churn_probability, has_left (what the dice then said), reason; ordered by customer_id. A customer
        in the month of joining has probability 0: nobody leaves then.
    """
    query = (SQL / "oracle.sql").read_text(encoding="utf-8")
    engine = duckdb.connect(config={"threads": 1})  # one thread: the same sums, to the bit
    try:
        engine.execute((SQL / "leaving.sql").read_text(encoding="utf-8"))
        return engine.sql(query.format(folder=truth, as_of_date=as_of_date)).to_arrow_table()
    finally:
        engine.close()
