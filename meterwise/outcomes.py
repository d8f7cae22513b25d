"""How a stage may end other than well: with nothing to do, or refused. Orchestrators tell these from plain failures."""

import re


class NothingToDoError(Exception):
    """The stage has nothing to do; the text says why, in words for a log."""


class RefusedError(RuntimeError):
    """Trying again will not help: someone must act first; the text says who and what."""


OURS = {"meterwise", "models", "expectations"}
CURE = (
    "What to do: the lines above say where it happened. Correct what they name; if it was a passing fault, "
    "clear this task in Airflow and it runs again."
)
DBT_CURE = (
    "What to do: the log of dbt_producer_watcher names the model and the error. Correct the SQL of that model or the "
    "source behind it, then run the DAG again for the day."
)

FULL_DISK = (
    r"no space left|disk (is )?full|diskfull|file too large|could not (write|extend|write to) file|failed to offload"
)
"""What the operating system, DuckDB, PostgreSQL and its driver say of a full disk; in any case of letters."""

AGAIN = "Airflow tries again by itself; after its last try, clear this task and it runs again."
PASSING = (
    (
        FULL_DISK,
        "What to do: Free space on the disk (METERWISE_HOME, or where PostgreSQL or the object store keep their data). "
        f"What was there before is intact. {AGAIN}",
    ),
    (
        r"mlflow.*(failed with exception|connection|max retries|timed out|server error|error 50\d)",
        "What to do: MLflow, or the store of its artifacts, did not answer in the middle of this. See that both run. "
        f"The champion and what is published are as they were. {AGAIN}",
    ),
    (
        r"OperationalError|AdminShutdown|server closed the connection|terminating connection",
        "What to do: PostgreSQL went away in the middle of this. See that it runs. Nothing was left half done. "
        f"{AGAIN}",
    ),
)
"""Faults of what is around us, by a pattern of the error's type and text, with their cure; the first that fits."""


def is_disk_full(told: object) -> bool:
    """Tell whether an error, or what a program said, is about a disk that is full."""
    return re.search(FULL_DISK, str(told), re.IGNORECASE) is not None


def last_words(error: BaseException | None, task_id: str) -> str:
    """Return in one line why a task failed and what to do; errors of other people's code do not say the latter."""
    if error is None:
        return f"No exception was recorded. {CURE}"
    told = " ".join(str(error).split())
    own = {type(found).__module__.split(".")[0] for found in (error, error.__cause__)} & OURS
    cure = _cure_of_passing(error)
    if own:
        return f"{told} {cure}" if cure == PASSING[0][1] and "Free space" not in told else told
    return f"{type(error).__name__}: {told} {cure or (DBT_CURE if task_id.startswith('dbt.') else CURE)}"


def _cure_of_passing(error: BaseException) -> str | None:
    """Return what to do about a fault of what is around us, or None where it is none that we know."""
    chain: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in chain:
        chain.append(found)
        found = found.__cause__ or found.__context__
    text = "\n".join(f"{type(link).__module__}.{type(link).__name__}: {link}" for link in chain)
    return next((cure for pattern, cure in PASSING if re.search(pattern, text, re.IGNORECASE | re.DOTALL)), None)
