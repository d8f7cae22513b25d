"""The arrows between the parts, and what only one part may touch."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import models

ROOT = Path(__file__).parents[2]
FOLDERS = ("dags", "models", "expectations", "meterwise")
MAY_IMPORT = {
    "dags": {"dags", "models", "expectations", "meterwise"},
    "models": {"models", "meterwise"},
    "expectations": {"expectations", "meterwise"},
    "meterwise": {"meterwise"},
}
# The command line and the stack start what they name; they run above the stages.
ABOVE_THE_STAGES = {"meterwise/cli.py", "meterwise/commands", "meterwise/stack"}
# They name the type of the connection that the warehouse hands them; the made-up utility has a database of its own.
GIVEN_A_CONNECTION = {"meterwise/ingest", "meterwise/sources", "meterwise/quarantine.py", "meterwise/publish"}
ONLY_IN = {
    "mlflow": {"meterwise/registry"},
    "airflow": {"dags"},
    "cosmos": {"dags"},
    "adbc_driver_postgresql": {"meterwise/warehouse"},
    "paho": {"meterwise/listening"},
    "duckdb": {"meterwise/warehouse", *GIVEN_A_CONNECTION},
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def lies_in(path: str, places: set[str]) -> bool:
    return any(path == place or path.startswith(place + "/") for place in places)


MODULES = dict(modules())


def test_there_is_something_to_check() -> None:
    assert len(MODULES) > 40


def test_imports_run_one_way() -> None:
    wrong = [
        f"{path} imports {name}"
        for path, tree in MODULES.items()
        if not lies_in(path, ABOVE_THE_STAGES)
        for name in imports(tree)
        if (top := name.split(".")[0]) in FOLDERS and top not in MAY_IMPORT[path.split("/")[0]]
    ]
    assert wrong == []


def test_models_do_not_import_each_other() -> None:
    wrong = [
        f"{path} imports {name}"
        for path, tree in MODULES.items()
        if path.startswith("models/") and path.count("/") == 2
        for name in imports(tree)
        if name.startswith("models.") and name.split(".")[1] != path.split("/")[1]
    ]
    assert wrong == []


@pytest.mark.parametrize("package", sorted(ONLY_IN))
def test_an_outside_system_has_one_door(package: str) -> None:
    users = {path for path, tree in MODULES.items() if any(n.split(".")[0] == package for n in imports(tree))}

    assert users
    assert {path for path in users if not lies_in(path, ONLY_IN[package])} == set()


def test_only_the_warehouse_opens_its_file() -> None:
    openers = {
        path
        for path, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "duckdb.connect"
    }
    # A sample of a source and the made-up utility are looked at in memory.
    inside = {path for path in openers if not path.startswith("meterwise/sources/")}
    assert inside
    assert {path for path in inside if not path.startswith("meterwise/warehouse/")} == set()


def test_only_settings_read_the_environment() -> None:
    readers = set()
    for path, tree in MODULES.items():
        # Before a library is imported its telemetry is switched off; that sets variables and reads none.
        setting = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == "setdefault"}
        for node in ast.walk(tree):
            is_environ = isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
            if is_environ and id(node) not in setting and isinstance(node.value, ast.Name) and node.value.id == "os":
                readers.add(path)
    assert readers == {"meterwise/settings.py"}


# What is true of the made-up utility, past and future, would make every figure worthless if a model could read it.
TRUE_OF_THE_MADE_UP = "meterwise/sources/synthetic"
MAY_ASK_THE_ORACLE = {"meterwise/commands/churn_quality.py"}


def test_nothing_but_its_maker_names_the_truth_of_the_made_up_utility() -> None:
    kinds = {".py", ".sql", ".yml", ".yaml", ".csv", ".md"}
    names = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8").lower()
        for folder in (*FOLDERS, "dbt_project/models", "dbt_project/macros", "dbt_project/snapshots", "examples")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in kinds
    }
    outside = {path: text for path, text in names.items() if not path.startswith(f"{TRUE_OF_THE_MADE_UP}/")}

    assert len(outside) > 100
    assert [path for path, text in outside.items() if "truth" in text] == []
    assert {path for path, text in outside.items() if "oracle" in text} == MAY_ASK_THE_ORACLE
    assert "truth" not in names[f"{TRUE_OF_THE_MADE_UP}/source_map.py"], "no source of the utility leads to it"


def test_the_models_that_are_imported_are_ours() -> None:
    assert Path(models.__file__ or "").parent == ROOT / "models"


def test_no_file_is_named_after_nothing() -> None:
    empty_names = {"utils", "util", "helpers", "helper", "common", "lib", "misc"}
    assert [path for path in MODULES if Path(path).stem in empty_names] == []
