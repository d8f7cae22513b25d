"""Fixtures of the landing tests."""

from landing_site import engine, read, site, warehouse_url

__all__ = ["engine", "read", "site", "warehouse_url"]
