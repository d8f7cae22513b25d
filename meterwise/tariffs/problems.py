"""What is wrong with a book of tariffs, or with what is to be rated, in words that a person can act on."""

from meterwise.outcomes import RefusedError


class TariffBookError(RefusedError):
    """A book cannot be used; the text has a line for each problem: where it is, and the cure."""


class RatingInputError(RefusedError):
    """A file that is to be rated cannot be read; the text names the file, the column and the cure."""
