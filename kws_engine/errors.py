"""Errors whose message is a sentence for the user."""

from __future__ import annotations


class KwsError(Exception):
    """One clear sentence that names the cause and the remedy; window and command line show this very text."""


class AudioError(KwsError):
    """An audio file or stream that cannot be used as asked."""


class MicrophoneError(KwsError):
    """A microphone that is missing, busy, or went away."""


class MicrophoneLost(MicrophoneError):
    """An open microphone from which nothing comes any more.

    Attributes:
        fact: What happened, without the remedy: `"Headset" went away`.
    """

    def __init__(self, fact: str, *, remedy: str) -> None:
        super().__init__(f"{fact}: {remedy}, then start anew.")
        self.fact = fact


class SpecError(KwsError):
    """An option's name or value that does not fit its specification.

    Attributes:
        option: The option to blame, whose field shows the sentence: "coefficients", or its whole path.
    """

    def __init__(self, sentence: str, *, option: str = "") -> None:
        super().__init__(sentence)
        self.option = option


class ProjectError(KwsError):
    """A project, word or clip that cannot be opened, read or written."""


class ModelFileError(KwsError):
    """A model file that is damaged, hostile, or of a newer version."""


class TrainingError(KwsError):
    """A run that cannot start or continue."""
