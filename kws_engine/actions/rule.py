"""A rule: which word does what, and how often at most; from a command line, and to and from a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kws_engine import spec
from kws_engine.actions import ACTIONS
from kws_engine.actions.moment import Act, Moment
from kws_engine.errors import SpecError, quoted
from kws_engine.spec import option

ANY: Final = "*"


@dataclass(frozen=True)
class LimitsConfig:
    """What bounds an action of any kind."""

    pause_s: float = option(
        1.0, "Shortest pause", "Words that follow sooner than this do nothing.", low=0.0, high=86_400.0, unit="s"
    )
    timeout_s: float = option(
        10.0,
        "Time limit",
        "An action that takes longer counts as failed.",
        low=0.1,
        high=600.0,
        unit="s",
        advanced=True,
    )


@dataclass(frozen=True)
class Rule:
    """One action of one word.

    Attributes:
        word: The word, or `ANY`.
        kind: A name in `ACTIONS`.
        config: The options of that kind.
        limits: What bounds it.
        is_on: Whether it was switched on, on this computer.
    """

    word: str
    kind: str
    config: Any
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    is_on: bool = False

    def fits(self, moment: Moment) -> bool:
        """Whether it is for the word that was heard."""
        return self.word in (ANY, moment.word)

    def act(self) -> Act:
        """What does it.

        Raises:
            SpecError: An option is missing or unfit.
            KwsError: A library is missing, or this system cannot do it.
        """
        return ACTIONS[self.kind].build(self.config)  # type: ignore[no-any-return]

    def to_dict(self) -> dict[str, Any]:
        """As plain tables, without whether it is on."""
        return {
            "word": self.word,
            "kind": self.kind,
            **spec.to_dict(self.limits),
            "options": spec.to_dict(self.config),
        }

    def text(self) -> str:
        """For people, as on a command line: `up=http url=http://…`; options at their defaults are left out."""
        changed = [*_changed(self.config), *_changed(self.limits)]
        return " ".join([self.kind if self.word == ANY else f"{self.word}={self.kind}", *changed])


def _changed(config: Any) -> list[str]:
    return [f"{name}={spec.find(config, name).text(value)}" for name, value in spec.differences(config).items()]


def from_dict(values: Mapping[str, Any]) -> Rule:
    """The inverse of `Rule.to_dict`; it is off.

    Raises:
        SpecError: A value does not fit, or the kind is unknown.
    """
    given = dict(values)
    word, kind, options = given.pop("word", ANY), given.pop("kind", ""), given.pop("options", {})
    if not isinstance(word, str) or not isinstance(kind, str) or not isinstance(options, Mapping):
        raise SpecError(f"{quoted(values)} is no action")
    return Rule(word, kind, spec.from_dict(ACTIONS[kind].config, options), spec.from_dict(LimitsConfig, given))


def parse(parts: Sequence[str]) -> Rule:
    """A rule from `WORD=KIND OPTION=VALUE ...`; `KIND` alone is for every word.

    Raises:
        SpecError: The kind or an option is unknown, or a value does not fit.
    """
    word, is_for_one, kind = parts[0].rpartition("=")
    rule = Rule(word if is_for_one else ANY, kind, ACTIONS[kind].config())
    limits = {described.name for described in spec.options(LimitsConfig)}
    for part in parts[1:]:
        name, has_value, text = part.partition("=")
        if not has_value:
            raise SpecError(f"{quoted(part)} is no OPTION=VALUE, as in pause_s=5")
        section = "limits" if name in limits else "config"
        config = getattr(rule, section)
        value = spec.find(config, name).parse(text)
        rule = dataclasses.replace(rule, **{section: spec.changed(config, {name: value})})
    return rule
