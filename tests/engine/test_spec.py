"""Options: described once, checked in words, the same through text, file and flag; for every registered part."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from kws_engine import layer_rows, spec
from kws_engine.actions import ACTIONS
from kws_engine.augment import AUGMENTATIONS
from kws_engine.errors import SpecError
from kws_engine.features import FEATURES
from kws_engine.models import MODELS
from kws_engine.regularizers import REGULARIZERS
from kws_engine.spec import option

ENTRIES = [
    pytest.param(entry, id=f"{registry.kind}-{entry.name}")
    for registry in (FEATURES, MODELS, AUGMENTATIONS, REGULARIZERS, ACTIONS)
    for entry in registry
]


@dataclass(frozen=True)
class Example:
    shape: Literal["round", "square"] = option("round", "Shape", "Its outline.")
    width: float = option(1.0, "Width multiplier", "Scales it.", low=0.25, high=4.0)
    level_db: tuple[float, float] = option((0.0, 30.0), "Level", "From and to.", low=-20, high=60, unit="dB")
    layers: tuple[int, ...] = option((128, 64), "Layers", "Units.", low=1, high=512)
    count: int = option(3, "Count", "How many.", low=0)
    fast: bool = option(True, "Fast", "Whether.")
    name: str = option("", "Name", "What it is called.")
    command: tuple[str, ...] = option(("say",), "Command", "What is run.")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("width", 9, "Width multiplier: 9 is outside 0.25 to 4"),
        ("width", float("nan"), "Width multiplier: nan is not a finite number"),
        ("width", "wide", "Width multiplier: 'wide' is not a number"),
        ("width", True, "Width multiplier: True is not a number"),
        ("level_db", (-30, 0), "Level: -30 is outside -20 to 60 dB"),
        ("level_db", (10, 0), "Level: 10 to 0 runs backwards; put the smaller value first"),
        ("level_db", (1, 2, 3), "Level: (1, 2, 3) is not two numbers, low..high"),
        ("layers", (128, 0), "Layers: 0 is outside 1 to 512"),
        ("layers", (1.5,), "Layers: (1.5,) is not a list of whole numbers"),
        ("count", 2.5, "Count: 2.5 is not a whole number"),
        ("count", float("inf"), "Count: inf is not a whole number"),
        ("width", 10**400, "Width multiplier: 1" + 197 * "0" + " … is not a number"),
        ("count", -1, "Count: -1 is outside 0 to anything"),
        ("command", "say", "Command: 'say' is not a list of texts"),
        ("command", (1,), "Command: (1,) is not a list of texts"),
        ("fast", "maybe", "Fast: 'maybe' is not yes or no"),
        ("shape", "squar", "Shape: 'squar' is not one of round, square; did you mean 'square'?"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_one_sentence(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(SpecError) as refused:
        spec.changed(Example(), {name: value})
    assert str(refused.value) == sentence


def test_an_unknown_option_is_refused_with_the_nearest_known() -> None:
    with pytest.raises(SpecError, match=r"There is no option 'widht'; did you mean 'width'\?"):
        spec.changed(Example(), {"widht": 2})
    with pytest.raises(SpecError, match=r"There is no option 'model\.widht'; did you mean 'model\.width'\?"):
        spec.find(Example, "widht", prefix="model.")
    with pytest.raises(SpecError, match="There is no option 'zzz'; known: shape, width,"):
        spec.from_dict(Example, {"zzz": 1})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("level_db", "0..30", (0.0, 30.0)),
        ("level_db", "-5,5", (-5.0, 5.0)),
        ("level_db", "-5:5", (-5.0, 5.0)),
        ("layers", "128, 64", (128, 64)),
        ("layers", "", ()),
        ("command", "", ()),
        ("command", "say 'two words' {word} a\\ b \"\"", ("say", "two words", "{word}", "a b", "")),
        ("fast", "no", False),
        ("fast", "1", True),
        ("count", "1e2", 100),
        ("width", "0.5", 0.5),
    ],
)
def test_text_is_read_as_the_options_own_type(name: str, text: str, value: Any) -> None:
    assert spec.find(Example, name).parse(text) == value


def test_kinds_limits_and_choices_come_from_the_dataclass() -> None:
    described = {o.name: o for o in spec.options(Example)}
    assert [o.kind for o in described.values()] == ["choice", "float", "range", "ints", "int", "bool", "text", "texts"]
    assert described["shape"].choices == ("round", "square")
    assert (described["width"].low, described["width"].high) == (0.25, 4.0)


def test_only_what_was_changed_differs() -> None:
    assert spec.differences(Example()) == {}
    assert spec.differences(dataclasses.replace(Example(), count=7)) == {"count": 7}


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_part_describes_its_options(entry: Any) -> None:
    for described in spec.options(entry.config):
        assert described.title and described.help.endswith("."), described.name
        assert described.check(described.default) == described.default
        if described.shown_when is not None:
            other, value = described.shown_when
            assert spec.find(entry.config, other).check(value) == value


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_parts_options_survive_text_and_file(entry: Any) -> None:
    configs = [entry.config(), *(entry.preset(name) for name in entry.presets), _all_changed(entry.config())]
    for config in configs:
        for described in spec.options(config):
            value = getattr(config, described.name)
            assert described.parse(described.text(value)) == value
        saved = json.loads(json.dumps(spec.to_dict(config)))
        assert spec.from_dict(type(config), saved) == config


def _all_changed(config: Any) -> Any:
    """The config with every option at another value within its limits."""
    return spec.changed(config, {described.name: _another(described) for described in spec.options(config)})


def _another(described: spec.Option) -> Any:
    if described.kind == "bool":
        return not described.default
    if described.kind == "choice":
        return described.choices[-1]
    low = described.low if described.low is not None else 0
    high = described.high if described.high is not None else low + 8
    return {
        "int": int(high),
        "float": low + (high - low) / 3,
        "range": (low + (high - low) / 3, high),
        "ints": (int(low), int(high)),
        "layers": layer_rows.parse("conv1d 8 9 stride 2 l1 1e-05; minpool 2x1 stride 1; gmp"),
        "text": "a text",
        "texts": ("a", 'text with "spaces"', "it's", "", "{word}", "back\\slash"),
    }[described.kind]
