"""Benchmarks of the window, run by `kws bench gui`; the window itself never imports them."""
