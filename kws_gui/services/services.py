"""All state of the application, made once by the window and given to every page."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject

from kws_gui.bridges.warm import WarmBridge
from kws_gui.services.actions import Actions
from kws_gui.services.care import Care
from kws_gui.services.feedback import Feedback
from kws_gui.services.listening import Listening
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.navigation import Navigation
from kws_gui.services.project_model import ProjectModel
from kws_gui.services.projects import Projects
from kws_gui.services.recordings import Recordings
from kws_gui.services.runs import Runs
from kws_gui.services.searching import Searching
from kws_gui.services.talk_recording import TalkRecording
from kws_gui.services.teaching import Teaching
from kws_gui.services.training import Training


@dataclass(frozen=True)
class Services:
    """They live as long as the window, while pages come and go with the open project."""

    project: ProjectModel
    navigation: Navigation
    projects: Projects
    training: Training
    runs: Runs
    searching: Searching
    recordings: Recordings
    care: Care
    teaching: Teaching
    talk: TalkRecording
    feedback: Feedback
    actions: Actions
    listening: Listening
    microphones: MicrophoneService
    warm: WarmBridge

    def shutdown(self) -> None:
        """Ends every process and thread; nothing can be used any more."""
        self.projects.shutdown()
        self.training.shutdown()
        self.runs.shutdown()
        self.searching.shutdown()
        self.care.shutdown()
        self.recordings.shutdown()
        self.talk.shutdown()
        self.actions.shutdown()
        self.microphones.shutdown()
        self.warm.shutdown()


def make_services(parent: QObject | None = None, *, project: ProjectModel | None = None) -> Services:
    """New services around that project, else with nothing open."""
    project = project or ProjectModel(parent)
    navigation = Navigation(project, parent)
    training = Training(project, parent)
    searching = Searching(project, parent)
    runs = Runs(project, training, parent)
    recordings = Recordings(project, parent)
    microphones = MicrophoneService(parent)
    talk = TalkRecording(project, microphones, parent)
    end_work = (training.leave, searching.end, recordings.shutdown, talk.shutdown)
    projects = Projects(project, navigation, end_work=end_work, parent=parent)
    navigation.modelRequested.connect(runs.finish)
    return Services(
        project=project,
        navigation=navigation,
        projects=projects,
        training=training,
        runs=runs,
        searching=searching,
        recordings=recordings,
        care=Care(project, parent),
        teaching=Teaching(project, projects, training, parent),
        talk=talk,
        feedback=Feedback(project, recordings, training, parent),
        actions=Actions(project, parent),
        listening=Listening(parent),
        microphones=microphones,
        warm=WarmBridge(parent),
    )
