"""The Results page: evaluation, findings, weights and searches."""
