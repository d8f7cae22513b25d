"""The server of these tests: its image is built, it is started once and torn down with its volumes."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.server import FIRST, Server, engine_answers, free_ports


@pytest.fixture(scope="session")
def supplied_server() -> Iterator[Server]:
    """A server of which only PostgreSQL and the store are up, with the first day of the utility handed over."""
    if not engine_answers():
        pytest.skip("no Docker engine answers: these tests need one on the PATH")
    folder = Path(tempfile.mkdtemp(prefix="meterwise-compose-"))
    ports = free_ports("AIRFLOW", "MLFLOW", "DATA_DOCS", "POSTGRES", "MQTT")
    server = Server(folder, f"meterwise-test-{os.getpid()}", ports)
    try:
        server.write_settings()
        server.compose("--progress=quiet", "build", "init")
        server.hand_over(FIRST)
        yield server
    finally:
        server.tear_down()


@pytest.fixture(scope="session")
def server(supplied_server: Server) -> Server:
    """A server that is up, with the first day of the utility handed over."""
    assert "Up after" in supplied_server.make("up").stdout
    return supplied_server


@pytest.fixture(scope="session")
def published_server(server: Server) -> Server:
    """A server that is up, with a day published."""
    with server.administrator() as connection:
        found = connection.execute("select to_regclass('published.customer_segments')").fetchone()
    if found == (None,):
        server.run_day(FIRST)
    return server
