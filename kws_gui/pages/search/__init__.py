"""The Search page: options and ranges, and the trials as they run."""
