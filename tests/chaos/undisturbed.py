"""What every day leaves in a home where nothing is killed: the measure for the homes where something is."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib import import_module

import chain

from chaos.tables import Tables, published_tables, warehouse_tables
from meterwise.settings import Settings
from meterwise.sources.synthetic import SyntheticUtility


@dataclass
class Undisturbed:
    """Takes days by the stages alone, without Airflow, one after the other, and remembers what each left."""

    settings: Settings
    utility: SyntheticUtility
    known: dict[date, Tables] = field(default_factory=dict)

    def after(self, day: date) -> Tables:
        """Everything that is there after a day; the days before it are taken first."""
        while day not in self.known:
            following = self.utility.first_date + timedelta(days=len(self.known))
            self.utility.advance_to(following)
            self._take(following.isoformat())
            self.known[following] = everything(self.settings, [following])
        return self.known[day]

    def _take(self, day: str) -> None:
        if not self.known:
            chain.run(day, self.settings)
            return
        chain.land(day, self.settings)
        chain.build(day, self.settings)
        for model in chain.MODELS:
            if import_module(f"models.{model}.evaluate").quality_dropped(day, settings=self.settings):
                run_id = import_module(f"models.{model}.train").train_model(day, settings=self.settings)
                import_module(f"models.{model}.evaluate").promote_if_better(run_id, day, settings=self.settings)
            import_module(f"models.{model}.score").score(day, settings=self.settings)
        chain.publish(day, self.settings)


def everything(settings: Settings, days: list[date]) -> Tables:
    """Every table of the warehouse and of what is published, as of these days and now."""
    return warehouse_tables(settings) | published_tables(settings, days)
