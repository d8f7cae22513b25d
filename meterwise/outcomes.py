"""How a stage may end other than well: with nothing to do, or refused. Orchestrators tell these from plain failures."""


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


def last_words(error: BaseException | None, task_id: str) -> str:
    """Return in one line why a task failed and what to do; errors of other people's code do not say the latter."""
    if error is None:
        return f"No exception was recorded. {CURE}"
    told = " ".join(str(error).split())
    own = {type(found).__module__.split(".")[0] for found in (error, error.__cause__)} & OURS
    if own:
        return told
    return f"{type(error).__name__}: {told} {DBT_CURE if task_id.startswith('dbt.') else CURE}"
