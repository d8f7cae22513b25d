"""A made-up utility to work on: a CRM database, meter files and weather files, from a seed and a date.

It stands on the far side of ``sources.yml``: Meterwise sees the database and the files, never this package.
"""

from meterwise.sources.synthetic.generator import SyntheticUtility
from meterwise.sources.synthetic.oracle import churn_oracle

__all__ = ["SyntheticUtility", "churn_oracle"]
