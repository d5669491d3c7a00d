"""From a trained network to files that others run; knows no training loop."""
