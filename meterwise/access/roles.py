"""The groups and what each is for. A group cannot log in; users are members of one."""

LOADER = "loader"
TRANSFORMER = "transformer"
PUBLISHER = "publisher"
READER = "reader"
PII_READER = "pii_reader"

PURPOSES = {
    LOADER: "lands what comes in: owns raw",
    TRANSFORMER: "builds and scores: reads raw but contact data and refused rows, owns staging to publish, and scores",
    PUBLISHER: "delivers: reads publish and scores, owns published and ops",
    READER: "people and systems downstream: read published",
    PII_READER: "the few who may see contact data: a reader who also reads it, and refused rows, in raw",
}
SERVICE_GROUPS = (LOADER, TRANSFORMER, PUBLISHER)
"""What the service's own user acts as, one at a time."""
PEOPLE_GROUPS = (READER, PII_READER)

WAREHOUSE_SCHEMAS = {
    "raw": LOADER,
    **dict.fromkeys(
        ("reference", "seeds", "staging", "intermediate", "features", "marts", "snapshots", "publish", "scores"),
        TRANSFORMER,
    ),
}
"""Schemas of the warehouse and their owners."""
PUBLISHED_SCHEMAS = dict.fromkeys(("published", "published_data", "ops"), PUBLISHER)
"""Schemas of the database that downstream reads, and their owners."""

READ_BY = {"publish": (TRANSFORMER, PUBLISHER), "scores": (TRANSFORMER, PUBLISHER), "published": (PUBLISHER, READER)}
"""Whose tables in a schema are read by whom, tables that are made later included."""
