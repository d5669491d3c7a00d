"""Searches for good options: many runs of one project, one study of their results."""
