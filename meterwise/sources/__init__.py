"""Inbound adapters: one module a kind of source."""
