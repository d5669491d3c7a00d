"""The words on disk and how a recording becomes a clip; knows nothing of features, models or the screen."""
