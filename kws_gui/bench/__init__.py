"""The benchmark `kws bench gui`, which pyproject.toml registers; the window itself never imports it."""
