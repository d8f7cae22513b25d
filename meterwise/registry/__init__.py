"""Training runs and registered models in MLflow. The only importer of mlflow.

What a model computes, and whether a challenger is better, is said in ``models/``; who was champion from when to when is
kept by ``promotions``, since MLflow keeps no such history.
"""

from meterwise.registry.fingerprints import fingerprint, frame_digest
from meterwise.registry.runs import (
    AS_OF_DATE,
    FINGERPRINT,
    VERDICT,
    EndedRun,
    Run,
    newest_run,
    record_realised,
    record_verdict,
    run,
)
from meterwise.registry.served import Predictor
from meterwise.registry.store import RegistryDownError, RegistryRefusedError, client, connect, run_url, tracking_uri
from meterwise.registry.versions import (
    CHAMPION,
    PROMOTED_ON,
    PROMOTED_WHY,
    AliasHolder,
    Champion,
    NoChampionError,
    RegisteredModel,
    UnusableModelError,
    alias_holder,
    champion,
    forget,
    has_champion,
    last_trained,
    load,
    load_run,
    move_alias,
    old_versions,
    require_champion,
    trained,
    version_of_run,
)

__all__ = [
    "AS_OF_DATE",
    "CHAMPION",
    "FINGERPRINT",
    "PROMOTED_ON",
    "PROMOTED_WHY",
    "VERDICT",
    "AliasHolder",
    "Champion",
    "EndedRun",
    "NoChampionError",
    "Predictor",
    "RegisteredModel",
    "RegistryDownError",
    "RegistryRefusedError",
    "Run",
    "UnusableModelError",
    "alias_holder",
    "champion",
    "client",
    "connect",
    "fingerprint",
    "forget",
    "frame_digest",
    "has_champion",
    "last_trained",
    "load",
    "load_run",
    "move_alias",
    "newest_run",
    "old_versions",
    "record_realised",
    "record_verdict",
    "require_champion",
    "run",
    "run_url",
    "tracking_uri",
    "trained",
    "version_of_run",
]
