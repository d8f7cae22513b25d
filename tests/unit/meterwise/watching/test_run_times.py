"""Run times are taken over from Airflow once each, page by page; what has no outcome yet is left for later."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from meterwise import ops
from meterwise.outcomes import RefusedError
from meterwise.settings import Settings
from meterwise.watching import run_times

ENDED = "2026-07-15T20:00:05+00:00"


def entry(n: int, **more: Any) -> dict[str, Any]:
    run = {"dag_id": "score_demand", "dag_run_id": f"run-{n}", "state": "success"}
    return {**run, "start_date": "2026-07-15T20:00:00+00:00", "end_date": ENDED, **more}


@contextmanager
def airflow(runs: list[dict[str, Any]], tasks: list[dict[str, Any]]) -> Iterator[str]:
    """Run a server that answers as Airflow's API does, in pages."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key, entries = ("task_instances", tasks) if "taskInstances" in self.path else ("dag_runs", runs)
            query = parse_qs(urlsplit(self.path).query)
            first = int(query["offset"][0])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({key: entries[first : first + int(query["limit"][0])]}).encode())

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_each_run_and_task_is_kept_once(database: Settings) -> None:
    runs = [entry(n) for n in range(150)]
    tasks = [
        entry(0, task_id="score"),
        entry(1, task_id="score", state=None),
        entry(2, task_id="score", end_date=None),
        entry(3, task_id="score", start_date=None, state="skipped"),
        entry(4, dag_id="not_ours", task_id="score"),
    ]
    with airflow(runs, tasks) as url:
        settings = database.model_copy(update={"airflow_url": url, "airflow_password": SecretStr("known")})
        for _ in range(2):
            run_times.collect(settings)

    kept = ops.select_rows("select task_id, state, seconds from ops.run_times order by task_id, state", database)
    assert len(kept) == 152
    assert [(row["state"], row["seconds"]) for row in kept if row["task_id"]] == [("skipped", 0.0), ("success", 5.0)]


def test_without_an_address_it_says_so(database: Settings) -> None:
    with pytest.raises(RefusedError, match="METERWISE_AIRFLOW_URL"):
        run_times.collect(database)
