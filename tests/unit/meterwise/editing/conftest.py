"""Fixtures of the landing tests, for edits."""

from landing_site import engine, read, site, warehouse_url

__all__ = ["engine", "read", "site", "warehouse_url"]
