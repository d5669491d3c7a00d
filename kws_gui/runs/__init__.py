"""What several pages show of a project's runs."""
