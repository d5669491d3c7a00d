"""A run of a project, from its settings to the model file, in this process or in one of its own."""
