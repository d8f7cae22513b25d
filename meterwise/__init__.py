"""How Meterwise touches the world: sources, the warehouse, validation, the model registry and the published tables."""
