"""Errors whose message is a sentence for the user, with a kind for the code that decides by it."""

from __future__ import annotations

import re
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


MOST_QUOTED: Final = 200
"""Characters of a file's own text that one sentence shows at most."""


_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)  # of terminals and of the direction of writing; what joins letters in many scripts is none


def has_controls(text: str) -> bool:
    """Whether text that is to be one line holds characters that a terminal or a page would obey."""
    return "\n" in text or "\t" in text or _CONTROLS.search(text) is not None


def printable(text: str) -> str:
    """The text without control characters; line breaks stay, and bytes that are no Unicode."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def shortened(text: object) -> str:
    """Text that a file may have put there: on one line and not too long."""
    line = printable(str(text)).replace("\n", " ").replace("\t", " ")
    return line if len(line) <= MOST_QUOTED else line[: MOST_QUOTED - 2] + " …"


def quoted(value: object) -> str:
    """A value from a file as Python writes it, shortened."""
    try:
        return shortened(repr(value))
    except (ValueError, RecursionError):  # thousands of digits, thousands of lists in each other
        return "a value that is too long"


class KwsError(Exception):
    """One clear sentence that names the cause and the remedy; window and command line show this very text.

    Attributes:
        kind: What went wrong, as data.
    """

    kind: FailureKind = "other"

    def __init__(self, sentence: str = "", *, kind: FailureKind | None = None) -> None:
        super().__init__(printable(sentence))
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
