"""Projects on disk: words, their clips, and how a recording becomes a clip."""
