"""How a model does in continuous sound: what it misses, how often it fires falsely, and the thresholds for that."""
