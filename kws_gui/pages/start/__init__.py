"""The start page: what can be opened, and the dialog for a new project."""
