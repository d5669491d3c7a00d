"""What the pages are made of besides forms; each file knows nothing of the others' data or of a project."""
