"""A run of a project, from its settings to the model file, here or in a process of its own; knows no screen."""
