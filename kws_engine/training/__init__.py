"""Training, from clips to weights: batches, the loop and its events."""
