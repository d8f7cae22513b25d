"""Loads the DAGs as Airflow does, in a process of its own, and prints what they are as JSON."""

import json
import sys
from pathlib import Path

HEAVY = ("pandas", "mlflow", "great_expectations", "lightgbm", "duckdb", "dlt", "matplotlib", "sklearn")


def main(folder: str, file: str = "") -> None:
    before = set(sys.modules)
    import airflow.sdk  # noqa: F401
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    airflow_itself = set(sys.modules) - before
    sys.path.insert(0, folder)
    bag = DagBag(file or folder)
    heavy = sorted(name for name in HEAVY if name in set(sys.modules) - airflow_itself)
    dags = {
        dag_id: {
            "doc": dag.doc_md or "",
            "file": Path(dag.fileloc).name,
            "tags": sorted(dag.tags),
            "schedule": str(dag.timetable),
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "params": sorted(dag.params),
            # What Airflow keeps in its database and shows to whoever may look.
            "kept": json.dumps(DagSerialization.to_dict(dag), default=str),
            "profile": [task.profile_config.target_name for task in dag.tasks if hasattr(task, "profile_config")],
            "tasks": {
                task.task_id: {
                    "owner": task.owner,
                    "retries": task.retries,
                    "has_timeout": task.execution_timeout is not None,
                    "minutes": task.execution_timeout.total_seconds() / 60 if task.execution_timeout else None,
                    "says_why": bool(task.on_failure_callback),
                    "pool": task.pool,
                    "upstream": sorted(task.upstream_task_ids),
                    "outlets": sorted(asset.name for asset in task.outlets),
                }
                for task in dag.tasks
            },
        }
        for dag_id, dag in bag.dags.items()
    }
    errors = {Path(name).name: text.strip().splitlines()[-1] for name, text in bag.import_errors.items()}
    sys.stdout.write(json.dumps({"errors": errors, "heavy": heavy, "dags": dags}))


if __name__ == "__main__":
    main(*sys.argv[1:])
