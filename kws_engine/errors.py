"""Errors whose message is a sentence for the user, with a kind for the code that decides by it."""

from __future__ import annotations

from typing import Final, Literal, get_args

FailureKind = Literal[
    "stopped", "not_a_number", "out_of_memory", "disk_full", "read_only", "clips_changed", "too_few_clips", "in_use",
    "no_device", "unfit_settings", "killed", "other",
]  # fmt: skip
"""How something failed. Code decides by this and never by the sentence, which may be reworded or translated.

stopped: by a person, before there was anything to keep. not_a_number: the loss diverged. read_only: a file or folder
cannot be written. clips_changed: since the run began. in_use: by another program. no_device: missing or failed.
killed: the process vanished. Stored in events.jsonl: a kind may be added, none renamed.
"""
FAILURE_KINDS: Final[tuple[FailureKind, ...]] = get_args(FailureKind)


class KwsError(Exception):
    """One clear sentence that names the cause and the remedy; window and command line show this very text.

    Attributes:
        kind: What went wrong, as data.
    """

    kind: FailureKind = "other"

    def __init__(self, sentence: str = "", *, kind: FailureKind | None = None) -> None:
        super().__init__(sentence)
        if kind is not None:
            self.kind = kind


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

    kind: FailureKind = "unfit_settings"

    def __init__(self, sentence: str, *, option: str = "") -> None:
        super().__init__(sentence)
        self.option = option


class ProjectError(KwsError):
    """A project, word or clip that cannot be opened, read or written."""


class ModelFileError(KwsError):
    """A model file that is damaged, hostile, or of a newer version."""


class TrainingError(KwsError):
    """A run that cannot start or continue."""
