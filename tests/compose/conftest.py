"""The server of these tests: its image is built, it is started once and torn down with its volumes."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.server import FIRST, Server, engine_answers, free_ports


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server that is up, with the first day of the utility handed over and nothing run yet."""
    if not engine_answers():
        pytest.skip("no Docker engine answers: these tests need one on the PATH")
    folder = Path(tempfile.mkdtemp(prefix="meterwise-compose-"))
    ports = free_ports("AIRFLOW", "MLFLOW", "DATA_DOCS", "POSTGRES", "MQTT")
    server = Server(folder, f"meterwise-test-{os.getpid()}", ports)
    try:
        server.write_settings()
        server.compose("--progress=quiet", "build", "init")
        server.hand_over(FIRST)
        told = server.make("up").stdout
        assert "Up after" in told
        yield server
    finally:
        server.tear_down()
