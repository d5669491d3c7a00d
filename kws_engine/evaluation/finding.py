"""What goes into a diagnosis and what comes out: facts about a run, findings and their remedies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from kws_engine.settings import Settings

Kind = Literal[
    "fires_at_speech", "leakage", "silence_learned", "few_clips", "few_speakers", "confused_words", "label_errors",
    "diverging", "noisy_validation", "overfitting", "underfitting", "not_converged",
]  # fmt: skip
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
"""In the order of cause before effect: an earlier kind explains a later one, so it is named first.

A learning rate that is too high is "diverging".
"""

Action = Literal["", "exclude", "relabel", "record", "import", "open_words", "thresholds"]


@dataclass(frozen=True, slots=True)
class UsedClip:
    """A clip that the run trained on or was validated on.

    Attributes:
        path: As in clips.csv: relative to the project's folder, absolute where it ships with the program.
        split: "training" or "validation".
        speaker: Whose name the file bears; empty where it bears none.
        sha256: Of the file's content; empty where it is not known.
        has_speech: Whether anything in it rises above its noise as speech does; None where that was not checked.
    """

    path: str
    label: str
    split: str
    speaker: str = ""
    sha256: str = ""
    has_speech: bool | None = None


@dataclass(frozen=True, slots=True)
class LearnedClip:
    """A recorded training clip as the network met it, a row of learning.csv.

    Attributes:
        seen: How often it was trained on.
        margin: Mean over all of its steps of the logit of its label less the largest other one.
        own_probability: Mean probability of its label over those steps.
        predicted: The label most often given to it over the last half of the epochs; empty where none was reached.
    """

    path: str
    label: str
    seen: int
    margin: float
    own_probability: float
    predicted: str


@dataclass(frozen=True, slots=True)
class ValidatedClip:
    """A validation clip with the answer of the best weights, a row of validation.csv; silence has an empty path."""

    path: str
    label: str
    predicted: str
    probability: float
    own_probability: float


@dataclass(frozen=True)
class InTalk:
    """What a run's model did in talk that set nothing, at its thresholds.

    Attributes:
        promised: False alarms an hour that were asked for.
        expected: The rate that the thresholds are expected to give.
        would_miss: Share of the takes that thresholds for `promised` would miss, where that was too much to bear.
        missed: Of `takes`, at the thresholds.
        false_alarms: In `hours`.
    """

    promised: float
    expected: float
    would_miss: float | None
    missed: int
    takes: int
    false_alarms: int
    hours: float


@dataclass(frozen=True)
class Facts:
    """What is known of a run besides its epochs; what is not known is empty, and nothing is found in it.

    Attributes:
        labels: The network's, in the order of its outputs.
        one_voice: Speakers whose clips are split by take, and so are in all parts with good reason.
        lost_number: Whether the run ended because its loss was no longer a number.
        in_talk: What its model did in talk; None where that was not measured.
        training, validation: Clips of each label in the parts.
    """

    settings: Settings
    labels: tuple[str, ...] = ()
    training: Mapping[str, int] = field(default_factory=dict)
    validation: Mapping[str, int] = field(default_factory=dict)
    clips: Sequence[UsedClip] = ()
    learned: Sequence[LearnedClip] = ()
    validated: Sequence[ValidatedClip] = ()
    one_voice: frozenset[str] = frozenset()
    lost_number: bool = False
    in_talk: InTalk | None = None


@dataclass(frozen=True)
class SuspectClip:
    """A clip to listen to.

    Attributes:
        likely: What it sounds like to the network, `_silence_` where there is no speech in it; "" if not known.
        score: 0..1, how sure that is: for the ranking.
        reason: Half a sentence.
    """

    path: str
    label: str
    likely: str
    score: float
    reason: str
    split: str = "training"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"score": round(self.score, 4)}


@dataclass(frozen=True)
class Remedy:
    """One thing to do about a finding: options of the next run, or something to do with clips.

    Attributes:
        changes: Text of options by their paths, as `Settings.with_option` takes them; empty where it is an action.
        key: Which one it is, in the table of what the benchmark measured (`remedies.MEASURED`).
        word: For record, import and open_words.
        clips: For exclude and relabel; each goes to its `likely` label.
    """

    title: str
    changes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    action: Action = ""
    word: str = ""
    clips: tuple[SuspectClip, ...] = ()
    key: str = ""

    @property
    def on_button(self) -> str:
        """What a button says that does it."""
        return f"{self.title} for the next run" if self.changes else self.title

    def to_dict(self) -> dict[str, Any]:
        """Plain values; what does not apply is left out, and clips are their paths."""
        values: dict[str, Any] = {"title": self.title}
        values |= {"changes": dict(self.changes)} if self.changes else {}
        values |= {"action": self.action} if self.action else {}
        values |= {"word": self.word} if self.word else {}
        return values | ({"clips": [clip.path for clip in self.clips]} if self.clips else {})


@dataclass(frozen=True)
class Finding:
    """One fault of a run.

    Attributes:
        meaning: One sentence for a person.
        evidence: The numbers, in one sentence.
        epoch: Where it began to show, None where it belongs to no epoch.
        severity: 0..1 for the ranking: the first is to be cured first.
        brief: The main figure in half a sentence, for a line that is shown while a run trains.
    """

    kind: Kind
    title: str
    meaning: str
    evidence: str
    epoch: int | None
    severity: float
    remedies: tuple[Remedy, ...]
    clips: tuple[SuspectClip, ...] = ()
    brief: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As in `kws diagnose --json`."""
        return {
            "kind": self.kind,
            "title": self.title,
            "meaning": self.meaning,
            "epoch": self.epoch,
            "evidence": self.evidence,
            "severity": round(self.severity, 3),
            "remedies": [remedy.to_dict() for remedy in self.remedies],
            "clips": [clip.to_dict() for clip in self.clips],
        }
