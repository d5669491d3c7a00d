"""Forms made from config dataclasses; knows no particular config."""
