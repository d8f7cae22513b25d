"""Reads that a person corrected: what is remembered of it, and how it is written down.

How edits reach ``raw.meter_reads`` is the business of ``meterwise.ingest``.
"""
