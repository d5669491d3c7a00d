"""From clips to weights: batches, the loop and its events; knows neither model files nor the screen."""
