"""Run inside our image: brings the made-up utility to a day, its weather to the object store; prints sources.yml."""

import sys
from datetime import date
from pathlib import Path

import boto3

from meterwise.settings import get_settings
from meterwise.sources.synthetic import SyntheticUtility
from meterwise.stack.server_setup import make_buckets

day, first_date, customers, months = sys.argv[1:]
settings = get_settings()
files = Path("/data")
SyntheticUtility(
    files,
    settings.secrets["crm_url"].get_secret_value(),
    customers=int(customers),
    first_date=date.fromisoformat(first_date),
    months=int(months),
    threads=settings.threads,
).advance_to(date.fromisoformat(day))

make_buckets(settings)
store = boto3.client("s3")
for path in (files / "landing" / "weather").rglob("*.parquet"):
    store.upload_file(str(path), "meterwise", str(path.relative_to(files)))

text = (files / "sources.yml").read_text()
text = text.replace("path: landing/weather/", "path: s3://meterwise/landing/weather/")
sys.stdout.write(text.replace("path: landing/", "path: /data/landing/"))
