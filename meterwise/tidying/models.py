"""Registered versions that never became champion: their files are most of what MLflow keeps."""

from datetime import UTC, datetime, timedelta

from meterwise import ops, registry
from meterwise.database import connect
from meterwise.settings import Settings

PUBLISHED = """
select distinct entry.key || ' ' || entry.value
from published.publications cross join jsonb_each_text(model_versions) as entry
"""


def forget(settings: Settings) -> str:
    """Remove old versions and their files; the runs, with parameters and metrics, stay.

    Kept are a model's newest version, whatever holds an alias, ever did as far as ``ops`` remembers, or was published.
    """
    before = datetime.now(UTC) - timedelta(days=settings.models_kept_days)
    needed = _published(settings)
    forgotten = []
    for version in registry.old_versions(before, settings):
        name = f"{version.name} {version.version}"
        if name not in needed and not ops.was_promoted(version.name, str(version.version), settings):
            registry.forget(version, settings)
            forgotten.append(name)
    what = ", ".join(forgotten) or "nothing"
    return f"versions older than {settings.models_kept_days} days that never became champion: {what}"


def _published(settings: Settings) -> set[str]:
    with connect(settings) as connection:
        if connection.execute("select to_regclass('published.publications')").fetchone() == (None,):
            return set()
        return {name for (name,) in connection.execute(PUBLISHED)}
