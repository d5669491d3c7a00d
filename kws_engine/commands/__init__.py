"""The commands of `kws`, a file for those that belong together; each prints through `Output` and knows no screen."""
