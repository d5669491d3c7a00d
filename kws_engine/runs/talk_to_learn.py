"""The talk that a run learns from as other words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kws_engine.clips.layout import ProjectFolder
from kws_engine.clips.own_talk import Unreadable, own_talk
from kws_engine.clips.project import Project
from kws_engine.training.events import Skipped

Samples = NDArray[np.float32]


def talk_to_learn(project: Project) -> Iterator[Samples | Skipped]:
    """Stretches of the user's own talk (N,) at the project's rate, and the recordings that cannot be read."""
    for own in own_talk(ProjectFolder(project.folder).talk, "training", rate=project.rate):
        yield Skipped(str(own.path), str(own.error)) if isinstance(own, Unreadable) else own.samples
