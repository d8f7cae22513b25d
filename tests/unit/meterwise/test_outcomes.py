"""The last words of a task say what to do, whoever raised the error."""

import psycopg
import pytest

from meterwise.outcomes import RefusedError, is_disk_full, last_words


class ForeignError(Exception):
    """What a library raises."""


def test_our_own_errors_say_already_what_to_do() -> None:
    assert last_words(RefusedError("file x, line 3:\n  correct it"), "land") == "file x, line 3: correct it"


def test_what_an_orchestrator_raises_from_ours_is_ours() -> None:
    error = ForeignError("correct file x")
    error.__cause__ = RefusedError("correct file x")

    assert last_words(error, "land") == "correct file x"


def test_other_peoples_errors_get_their_kind_and_a_cure() -> None:
    told = last_words(ForeignError("it\nis broken"), "train")

    assert told.startswith("ForeignError: it is broken What to do: the lines above")
    assert "\n" not in told


def test_an_error_of_dbt_leads_to_the_producers_log() -> None:
    told = last_words(ForeignError("features_churn failed"), "dbt.features_churn.run")

    assert "features_churn failed What to do: the log of dbt_producer_watcher names the model" in told


def test_no_exception_at_all_still_leaves_a_cure() -> None:
    assert "What to do" in last_words(None, "land")


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (OSError(28, "No space left on device"), "Free space"),
        (RefusedError("dbt failed at model x: IO Error: No space left on device"), "Free space"),
        (psycopg.errors.DiskFull("could not extend file"), "Free space"),
        (psycopg.errors.AdminShutdown("terminating connection due to administrator command"), "PostgreSQL went away"),
        (ForeignError("API request to http://x/api/2.0/mlflow/runs/update failed with exception y"), "MLflow"),
    ],
)
def test_what_went_away_around_us_is_named_with_its_cure(error: Exception, cure: str) -> None:
    assert cure in last_words(error, "dbt.features_churn.run")


def test_a_fault_below_another_is_found() -> None:
    error = ForeignError("could not pickle")
    error.__context__ = OSError(28, "No space left on device")

    assert "Free space" in last_words(error, "train")


@pytest.mark.parametrize(
    "told",
    [
        OSError(28, "No space left on device"),
        OSError(27, "File too large"),
        "IO Error: Could not write file 'x': No space left on device",
        "ERROR:  could not extend file: check free disk space",
        'ERROR:  could not write to file "base/pgsql_tmp/1": No space left on device',
        "Out of Memory Error: failed to offload data block of size 256.0 KiB",
        "the disk is full",
        "psycopg.errors.DiskFull",
    ],
)
def test_a_full_disk_is_known_in_everyones_words(told: object) -> None:
    assert is_disk_full(told)
    assert not is_disk_full("the disk answered")
