"""KWS Studio, the engine: teaches a computer words and listens for them; knows no screen."""

__version__ = "0.1.0"
