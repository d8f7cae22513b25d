"""What each published table promises, read from the YAML beside dbt's publish models."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from meterwise.outcomes import RefusedError
from meterwise.settings import Settings, get_settings


class DataContractError(RefusedError):
    """A file of the publish layer does not describe its tables as it must."""


@dataclass(frozen=True)
class ContractColumn:
    """One column of a published table."""

    name: str
    data_type: str
    description: str
    unit: str


@dataclass(frozen=True)
class DataContract:
    """One published table as its readers know it."""

    name: str
    description: str
    grain: str
    freshness: str
    columns: tuple[ContractColumn, ...]


# The unit is the end of a column's name (the naming rule of the warehouse), so it is said once.
UNITS = {
    "_kwh": "kWh",
    "_kw": "kW",
    "_c": "°C",
    "_pct": "%",
    "_utc": "UTC",
    "_minutes": "minutes",
    "_hours": "hours",
    "_days": "days",
    "_share": "0 to 1",
    "_probability": "0 to 1",
    "_date": "local date",
}


# dbt's own words for a description that several columns share: where it is written, and where it is used.
DOC_BLOCK = re.compile(r"{% docs (\w+) %}(.*?){% enddocs %}", re.DOTALL)
DOC_USE = re.compile(r"{{ doc\('(\w+)'\) }}")


def contracts(settings: Settings | None = None) -> dict[str, DataContract]:
    """Return the contract of each model of the publish layer, by name.

    Raises:
        DataContractError: A file is no YAML or a model lacks what a contract needs; names the file and the cure.
    """
    models = (settings or get_settings()).dbt_project_path / "models"
    shared = {name: text for path in models.rglob("*.md") for name, text in DOC_BLOCK.findall(path.read_text())}
    found = {}
    for path in sorted((models / "publish").glob("*.yml")):
        for model in _models(path):
            found[_table(model)] = _contract(model, path, shared)
    return found


def _models(path: Path) -> list[dict[str, Any]]:
    try:
        # The parser in C, where it is there: a delivery reads a thousand lines.
        return (yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}).get("models", [])  # noqa: S506
    except yaml.YAMLError as error:
        raise DataContractError(f"{path} is not valid YAML: {error}") from error


def _table(model: dict[str, Any]) -> str:
    """Return the name that readers know: dbt wants names unique over all layers, so a model may carry its layer's."""
    return str(model["name"]).removeprefix("publish_")


def _contract(model: dict[str, Any], path: Path, shared: Mapping[str, str]) -> DataContract:
    meta = {**model.get("meta", {}), **model.get("config", {}).get("meta", {})}
    description = " ".join(model.get("description", "").split())
    if not description:
        raise DataContractError(f"{path}: model {model['name']} has no description; state its grain there.")
    columns = tuple(_column(column, model["name"], path, shared) for column in model.get("columns", []))
    return DataContract(
        name=_table(model),
        description=description,
        grain=meta.get("grain", description.split(".")[0]),
        freshness=meta.get("freshness", "daily"),
        columns=columns,
    )


def _column(column: dict[str, Any], model: str, path: Path, shared: Mapping[str, str]) -> ContractColumn:
    written = DOC_USE.sub(lambda use: shared.get(use[1], ""), column.get("description", ""))
    description = " ".join(written.split())
    missing = [
        name for name, value in (("description", description), ("data_type", column.get("data_type"))) if not value
    ]
    if missing:
        raise DataContractError(f"{path}: {model}.{column['name']} has no {' and no '.join(missing)}.")
    meta = {**column.get("meta", {}), **column.get("config", {}).get("meta", {})}
    unit = meta.get("unit") or next((unit for end, unit in UNITS.items() if column["name"].endswith(end)), "")
    return ContractColumn(column["name"], str(column["data_type"]), description, unit)
