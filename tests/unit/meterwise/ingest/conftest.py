"""Fixtures of the landing tests."""

from landing_site import read, site

__all__ = ["read", "site"]
