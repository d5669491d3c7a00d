"""The Words page: words, takes, clips and imports."""
