"""What lands: every file and pull becomes one load, which waits for its check before anything downstream reads it."""

from meterwise.ingest.landing import DOMAINS, LandingError, accept, land, land_in_passing, refuse

__all__ = ["DOMAINS", "LandingError", "accept", "land", "land_in_passing", "refuse"]
