"""A day is published, saved, and its home is lost: on the restored one the next day goes through the whole chain."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import chain
import pytest
from home_at_work import at_work
from pydantic import SecretStr

from meterwise import registry
from meterwise.backup.making import back_up
from meterwise.backup.restoring import restore
from meterwise.database import connect
from meterwise.settings import Settings
from meterwise.sources.synthetic import SyntheticUtility

FIRST = date(2026, 7, 15)
SECOND = FIRST + timedelta(days=1)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's, which the server's account may not enter."""
    folder = Path(tempfile.mkdtemp(prefix="meterwise-next-day-"))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.chaos
def test_the_next_day_goes_through_the_chain_on_a_restored_home(folder: Path) -> None:
    crm_url = f"sqlite:///{folder}/crm.db"
    utility = SyntheticUtility(folder, crm_url, customers=20, first_date=FIRST, months=5)
    utility.advance_to(FIRST)

    def of_this_utility(settings: Settings, day: date) -> Settings:
        secrets = {"crm_url": SecretStr(crm_url)}
        given = {"sources_file": utility.sources_path, "last_date": day, "secrets": secrets}
        return settings.model_copy(update=given)

    with at_work(folder / "home") as settings:
        settings = of_this_utility(settings, FIRST)
        skipped = chain.run(FIRST.isoformat(), settings)
        assert any(word is None for word in skipped.values()), "something was learnt"
        champions = {model: registry.alias_holder(model, settings) for model in chain.MODELS}
        backup = back_up(settings, folder / "backups")
    shutil.rmtree(folder / "home")
    restore(backup, of_this_utility(Settings(home=folder / "home"), FIRST))
    utility.advance_to(SECOND)
    with at_work(folder / "home") as settings:
        settings = of_this_utility(settings, SECOND)
        assert {model: registry.alias_holder(model, settings) for model in chain.MODELS} == champions
        chain.run(SECOND.isoformat(), settings, learns=False)
        with connect(settings) as connection:
            days = connection.execute(
                "select version, max(as_of_date)::text from published.publications group by version order by version"
            ).fetchall()
    assert days == [(1, FIRST.isoformat()), (2, SECOND.isoformat())]
