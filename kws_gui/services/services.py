"""All state of the application, made once by the window and given to every page."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject

from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.navigation import Navigation
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.runs import Runs
from kws_gui.services.training import Training


@dataclass(frozen=True)
class Services:
    """They live as long as the window, while pages come and go with the open project."""

    project: ProjectModel
    navigation: Navigation
    training: Training
    runs: Runs
    microphones: MicrophoneService

    def shutdown(self) -> None:
        """Ends every process and thread; nothing can be used any more."""
        self.training.shutdown()
        self.runs.shutdown()
        self.microphones.shutdown()


def make_services(
    parent: QObject | None = None,
    *,
    project: ProjectModel | None = None,
    microphones: MicrophoneService | None = None,
) -> Services:
    """Services of their own; with nothing open, unless `project` has something open."""
    project = project or ProjectModel(parent)
    training = Training(project, parent)
    return Services(
        project=project,
        navigation=Navigation(project, parent),
        training=training,
        runs=Runs(project, training, parent),
        microphones=microphones or MicrophoneService(parent),
    )
