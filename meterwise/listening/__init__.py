"""Messages of MQTT brokers, kept on disk before they are acknowledged, then landed as files that ingest reads.

Invariants:
    Nothing here opens the warehouse. A message is acknowledged only once it is safe on disk; so one that was not is
    sent again, and one that comes twice is a duplicate to ingest, which equal reads are.
"""
