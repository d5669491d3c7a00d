"""The commands of `kws`, grouped by topic; each prints through `Output`."""
