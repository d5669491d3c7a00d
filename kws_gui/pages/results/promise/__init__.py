"""What a model misses and how often it fires falsely, and where both come from."""
