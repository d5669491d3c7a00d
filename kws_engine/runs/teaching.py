"""The settings with which a word is taught from few takes."""

from __future__ import annotations

from kws_engine.clips.project import Project
from kws_engine.settings import Settings


def teach_settings(project: Project) -> Settings:
    """What the Teach page trains with."""
    return Settings().with_recipe("teach")
