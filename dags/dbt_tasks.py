"""One `dbt build`, shown as a task a model (Cosmos, watcher mode): the producer runs dbt, the others watch it."""

from typing import Any

from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, LoadMode, TestBehavior

from every_try import EveryTryProducer, watch_every_try
from meterwise import parsed_project
from meterwise.settings import get_settings


def dbt_group(group_id: str, select: list[str] | None, exclude: list[str] | None, variables_from: str) -> Any:
    """Return a group of tasks for a selection of models, and its producer, which is done when dbt is done.

    Args:
        group_id: Name of the group.
        select: dbt selectors; None for everything.
        exclude: dbt selectors to leave out.
        variables_from: Task whose XCom holds dbt's variables under the key ``variables``.
    """
    settings = get_settings()
    project, manifest = settings.dbt_project_path.resolve(), parsed_project.manifest_path(settings)
    group = DbtTaskGroup(
        group_id=group_id,
        project_config=ProjectConfig(project, manifest_path=manifest, install_dbt_deps=False),
        profile_config=ProfileConfig("meterwise", settings.warehouse, profiles_yml_filepath=project / "profiles.yml"),
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.WATCHER,
            setup_operator_args={
                # Data tests run where they belong, right after their model, and stop what follows; unit tests do not.
                "dbt_cmd_flags": ["--resource-type", "test"],
                "pool": "warehouse",
            },
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            test_behavior=TestBehavior.NONE,
            emit_datasets=False,
            select=select or [],
            exclude=exclude or [],
        ),
        operator_args={
            "vars": "{{ ti.xcom_pull(task_ids='" + variables_from + "')['variables'] | tojson }}",
            "install_deps": False,
            "deferrable": False,
            "poke_interval": 2,
            "pool": "watchers",
        },
    )
    for task in group.children.values():
        if hasattr(task, "_fallback_to_non_watcher_run"):
            watch_every_try(task)
    producer = group.children[f"{group_id}.dbt_producer_watcher"]
    producer.__class__ = EveryTryProducer  # Cosmos offers no place to name another class
    return group, producer
