"""The Train page: the form, the live run and the list of runs."""
