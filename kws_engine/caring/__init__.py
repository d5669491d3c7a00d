"""Caring for the clips of a project: what is wrong with them, and what is missing."""
