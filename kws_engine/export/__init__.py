"""Exports trained networks to files that run without this program."""
