"""What a server holds, in a form that two moments or two servers can be compared in."""

import json
from dataclasses import dataclass

from compose.server import Server
from e2e.small_utility import TABLES

ROWS = "select count(*), md5(string_agg(md5(t::text), '' order by md5(t::text))) from {} as t"
REGISTRY = ("registered_models", "model_versions", "registered_model_aliases", "model_version_tags", "runs", "metrics")
FILES = """
import json, fsspec
store = fsspec.filesystem("s3")
print("FILES" + json.dumps({name: told["size"] for name, told in store.find("mlflow", detail=True).items()}))
"""


@dataclass(frozen=True)
class Content:
    """What readers and data scientists can find on a server."""

    published: dict[str, tuple]
    ops: dict[str, tuple]
    registry: dict[str, tuple]
    files: dict[str, int]


def content(server: Server) -> Content:
    with server.administrator("meterwise") as connection:
        published = {t: connection.execute(ROWS.format(f"published.{t}")).fetchone() for t in [*TABLES, "publications"]}
        ops = {t: connection.execute(ROWS.format(f"ops.{t}")).fetchone() for t in ("promotions", "segment_assignments")}
    with server.administrator("mlflow") as connection:
        registry = {t: connection.execute(ROWS.format(t)).fetchone() for t in REGISTRY}
    is_up = server.succeeds("exec", "-T", "mlflow", "true")
    told = (
        server.compose("exec", "-T", "mlflow", "python", "-c", FILES)
        if is_up
        else server.job("python", "-c", FILES, service="backup")
    )
    return Content(published, ops, registry, json.loads(told.split("FILES")[1].splitlines()[0]))
