"""The widgets that the pages are built from, besides forms; none of them knows a project."""
