"""How a stage may end other than well: with nothing to do, or refused. Orchestrators tell these from plain failures."""


class NothingToDoError(Exception):
    """The stage has nothing to do; the text says why, in words for a log."""


class RefusedError(RuntimeError):
    """Trying again will not help: someone must act first; the text says who and what."""
