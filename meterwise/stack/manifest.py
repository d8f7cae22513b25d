"""Keeps ``manifest.json`` fresh: what Airflow's DAG files read to show a task a dbt model. A program of its own.

It is a copy beside dbt's own, which every dbt run writes anew while others read it.
"""

import hashlib
from pathlib import Path

from meterwise.settings import Settings, get_settings

IGNORED = {"target", "logs", "dbt_packages", ".user.yml"}


def path(settings: Settings) -> Path:
    """Where the copy lies."""
    return settings.home_path / "dbt" / "manifest.json"


def refresh(settings: Settings) -> bool:
    """Parse the dbt project if it has changed since the copy was made; tells whether it had."""
    mark = _fingerprint(settings)
    mark_file = path(settings).with_suffix(".fingerprint")
    if path(settings).exists() and mark_file.exists() and mark_file.read_text() == mark:
        return False
    from meterwise.transform import parse

    content = parse(settings).read_bytes()
    draft = path(settings).with_suffix(".new")
    draft.write_bytes(content)
    draft.replace(path(settings))
    mark_file.write_text(mark)
    return True


def _fingerprint(settings: Settings) -> str:
    digest = hashlib.sha256()
    root = settings.dbt_project_path.resolve()
    for file in sorted(root.rglob("*")):
        relative = file.relative_to(root)
        if file.is_file() and not IGNORED & set(relative.parts):
            digest.update(str(relative).encode() + b"\0" + file.read_bytes())
    digest.update(str(root).encode())
    return digest.hexdigest()


if __name__ == "__main__":
    refresh(get_settings())
