"""Turns clips into batches: sampling, synthetic words, silence, and the feature cache."""
