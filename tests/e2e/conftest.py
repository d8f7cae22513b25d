"""A small utility that has gone through the real stack for two days; made once, since it takes minutes."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from listeners import http_sink
from pydantic import SecretStr

from e2e.small_utility import FIRST, SECOND, TwoDays, run, stack_for


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A folder that PostgreSQL's own account may enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="meterwise-e2e-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def two_days(home: Path) -> Iterator[TwoDays]:
    """Two days from landing to publication, with a restart between them."""
    with stack_for(home, FIRST) as stack:
        first = run(stack, FIRST)
    with http_sink() as (address, told):
        more = {"alert_webhook": SecretStr(f"{address}/alerts"), "openlineage_url": address}
        with stack_for(home, SECOND, **more) as stack:
            second = run(stack, SECOND)
            yield TwoDays(stack, first, second, told)
