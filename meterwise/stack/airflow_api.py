"""Airflow through its public REST API: what the command line and the demo need of it."""

import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from meterwise.outcomes import RefusedError

USER = "admin"


class AirflowRefusedError(RefusedError):
    """Airflow does not let the account in."""


PAGE = 100
"""Entries that the API gives at once, at most."""


@dataclass(frozen=True)
class DagRun:
    """One run of one DAG."""

    dag_id: str
    run_id: str
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    run_after: datetime

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left to run."""
        return self.state in {"success", "failed"}

    @property
    def seconds(self) -> float:
        """Duration so far."""
        if self.started_at is None:
            return 0.0
        return ((self.ended_at or datetime.now(UTC)) - self.started_at).total_seconds()


class AirflowApi:
    """A client of one Airflow API server."""

    def __init__(self, url: str, password: str, username: str = USER, authority: Path | None = None) -> None:
        """Name the server; nothing is asked yet.

        Args:
            url: Address of the API server.
            password: Of the account.
            username: The account; the embedded Airflow and its FAB auth manager take it the same way.
            authority: Certificates to trust, where the server's is of the utility's own authority.
        """
        self.url = url
        self._username, self._password = username, password
        trusted = ssl.create_default_context(cafile=str(authority)) if authority else True
        self._client = httpx.Client(base_url=url, timeout=30, verify=trusted)

    def health(self) -> dict[str, Any]:
        """State of every component; needs no login."""
        return dict(self._client.get("/api/v2/monitor/health").raise_for_status().json())

    def parsed_since(self, moment: datetime) -> set[str]:
        """Ids of the DAGs whose file was parsed after a moment."""
        dags = self._get("/dags", limit=200)["dags"]
        return {d["dag_id"] for d in dags if d["last_parsed_time"] and _time(d["last_parsed_time"]) > moment}

    def import_errors(self) -> list[str]:
        """Files of ``dags/`` that Airflow cannot load, with the reason."""
        found = self._get("/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in found]

    def trigger(self, dag_id: str, as_of_date: str) -> str:
        """Start a run for one day; returns its id."""
        body = {"logical_date": None, "conf": {"as_of_date": as_of_date}}
        return str(self._post(f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def runs_since(self, moment: datetime) -> list[DagRun]:
        """Runs of every DAG that were asked for after a moment, oldest first."""
        found = self._get("/dags/~/dagRuns", run_after_gte=moment.isoformat(), limit=500, order_by="run_after")
        return [_dag_run(run) for run in found["dag_runs"]]

    def run(self, run: DagRun) -> DagRun:
        """The same run as it is now."""
        return _dag_run(self._get(f"/dags/{run.dag_id}/dagRuns/{run.run_id}"))

    def active_runs(self) -> list[DagRun]:
        """Runs of every DAG that are under way or wait to begin."""
        found = self._get("/dags/~/dagRuns", state=["running", "queued"], limit=500, order_by="run_after")
        return [_dag_run(run) for run in found["dag_runs"]]

    def begin_again(self, run: DagRun) -> None:
        """Forget what a run has done and let it start over; stages replace what they made, so nothing is doubled."""
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}"
        # First failed: Airflow would wait for a sign of life from a task that is merely cleared while it "runs".
        self._request("PATCH", path, json={"state": "failed"}).raise_for_status()
        self._post(f"{path}/clear", {"dry_run": False})

    def tasks(self, run: DagRun) -> list[dict[str, Any]]:
        """Task instances of one run, as the API describes them."""
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances"
        return list(self._get(path, limit=500)["task_instances"])

    def ended_since(self, moment: datetime) -> list[dict[str, Any]]:
        """Runs of every DAG that ended after a moment, as the API describes them."""
        return self._pages("/dags/~/dagRuns", "dag_runs", end_date_gte=moment.isoformat(), order_by="end_date")

    def tasks_ended_since(self, moment: datetime) -> list[dict[str, Any]]:
        """Task instances of every DAG that ended after a moment, as the API describes them."""
        path = "/dags/~/dagRuns/~/taskInstances"
        return self._pages(path, "task_instances", end_date_gte=moment.isoformat(), order_by="end_date")

    def log_lines(self, run: DagRun, task: dict[str, Any], count: int = 15) -> list[str]:
        """Last lines of the log of a task's last try."""
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        content = self._get(path, map_index=task["map_index"], full_content="true")["content"]
        lines = [line for entry in content for line in str(entry.get("event", entry)).splitlines()]
        return [line for line in lines if not line.startswith("::")][-count:]  # marks that the UI folds at

    def set_pool(self, name: str, slots: int, description: str) -> None:
        """Make a pool, or leave it as it is."""
        body = {"name": name, "slots": slots, "description": description, "include_deferred": False}
        response = self._request("POST", "/pools", json=body)
        if response.status_code != httpx.codes.CONFLICT:
            response.raise_for_status()

    def _pages(self, path: str, key: str, **parameters: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self._get(path, limit=PAGE, offset=len(found), **parameters)[key]
            found += page
            if len(page) < PAGE:
                return found

    def _get(self, path: str, **parameters: Any) -> dict[str, Any]:
        return dict(self._request("GET", path, params=parameters).raise_for_status().json())

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(self._request("POST", path, json=body).raise_for_status().json())

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        response = self._client.request(method, f"/api/v2{path}", **arguments)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._login()
            response = self._client.request(method, f"/api/v2{path}", **arguments)
        return response

    def _login(self) -> None:
        answer = self._client.post("/auth/token", json={"username": self._username, "password": self._password})
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise AirflowRefusedError(
                f"Airflow at {self.url} does not let {self._username} in: the password is wrong. "
                "`meterwise accounts airflow NAME --role ...` gives a new one."
            )
        token = answer.raise_for_status().json()["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"


def wait_for_dags(api: AirflowApi, dag_ids: set[str], moment: datetime, seconds: float = 120) -> None:
    """Wait until Airflow has read every DAG file after a moment.

    Raises:
        TimeoutError: Some DAG is missing; with the errors of the files that cannot be loaded.
    """
    deadline = time.monotonic() + seconds
    while missing := dag_ids - api.parsed_since(moment):
        errors = api.import_errors()
        if errors or time.monotonic() > deadline:
            reasons = "\n".join(errors) or "no import error; see airflow-dag-processor.log"
            raise TimeoutError(f"Airflow does not load {', '.join(sorted(missing))}:\n{reasons}")
        time.sleep(0.5)


def _dag_run(answer: dict[str, Any]) -> DagRun:
    return DagRun(
        dag_id=answer["dag_id"],
        run_id=answer["dag_run_id"],
        state=answer["state"],
        started_at=_time(answer["start_date"]) if answer["start_date"] else None,
        ended_at=_time(answer["end_date"]) if answer["end_date"] else None,
        run_after=_time(answer["run_after"]),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
