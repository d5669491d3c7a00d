"""Keyword spotting with a trained model, by numpy and onnxruntime alone; never imports torch."""
