"""Listening with a trained model on numpy and onnxruntime alone; never imports torch."""
