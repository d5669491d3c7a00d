"""Registries find every module of their package by themselves and name what they do not know."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from kws_engine.actions import ACTIONS
from kws_engine.augment import AUGMENTATIONS
from kws_engine.errors import SpecError
from kws_engine.features import FEATURES
from kws_engine.models import MODELS
from kws_engine.registry import Registry
from kws_engine.regularizers import REGULARIZERS

REGISTRIES = (FEATURES, MODELS, AUGMENTATIONS, REGULARIZERS, ACTIONS)
PARTS = {
    "feature": {"log_mel", "mfcc", "pcen"},
    "model": {"cnn", "custom", "fnn", "tc_resnet"},
    "augmentation": {
        "background_noise",
        "gain",
        "pitch",
        "polarity",
        "quality",
        "reverb",
        "shift_frequency",
        "shift_time",
        "spec_augment",
        "speed",
        "time_shift",
        "warp",
    },
    "regularizer": {"l1", "l2"},
    "action": {"file", "http", "keys", "mqtt", "notification", "program", "sound"},
}


@pytest.mark.all_parts
@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_every_part_is_found_and_introduces_itself(registry: Registry) -> None:
    assert PARTS[registry.kind] <= set(registry.names())
    for entry in registry:
        assert entry.title
        assert entry.summary.endswith("."), f"{entry.name}: the first line of build's docstring is a sentence"


def test_an_unknown_part_is_refused_with_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"There is no model 'tcresnet'; did you mean 'tc_resnet'\?"):
        MODELS["tcresnet"]
    with pytest.raises(SpecError, match=r"There is no preset of tc_resnet '14 x2'; did you mean '14 x1\.5'\?"):
        MODELS["tc_resnet"].preset("14 x2")
    assert "tcresnet" not in MODELS


@pytest.mark.all_parts
@pytest.mark.parametrize(
    "package", ["features", "models", "augment", "regularizers", "actions"], ids=lambda package: f"kws_engine.{package}"
)
def test_looking_up_parts_does_not_load_torch(package: str) -> None:
    name = {"features": "FEATURES", "models": "MODELS", "augment": "AUGMENTATIONS", "regularizers": "REGULARIZERS"}
    name["actions"] = "ACTIONS"
    code = (
        f"import sys; from kws_engine.{package} import {name[package]} as parts\n"
        "assert parts.names(); [entry.config() for entry in parts]\n"
        "assert not {'torch', 'torchaudio'} & set(sys.modules), 'torch was loaded'"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert ran.returncode == 0, ran.stderr


def test_a_new_file_is_a_new_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "parts_of_a_test"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from kws_engine.registry import Registry\nPARTS = Registry('part', __name__)\n", encoding="utf-8"
    )
    (package / "one.py").write_text(
        "from dataclasses import dataclass\nfrom parts_of_a_test import PARTS\n"
        "@dataclass(frozen=True)\nclass Config: pass\n"
        "@PARTS.register('one', 'One', Config)\ndef build(config): 'It is one.'; return 1\n",
        encoding="utf-8",
    )
    (package / "_heavy.py").write_text("raise RuntimeError('not for discovery')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    from parts_of_a_test import PARTS  # type: ignore[import-not-found]

    assert PARTS.names() == ("one",)
    assert PARTS["one"].build(PARTS["one"].config()) == 1


def test_two_modules_cannot_claim_one_name() -> None:
    @dataclass(frozen=True)
    class Config:
        pass

    registry = Registry("part", "kws_engine.regularizers")
    registry.register("same", "Same", Config)(_named_in("first"))
    with pytest.raises(ValueError, match="part 'same' is registered twice"):
        registry.register("same", "Same", Config)(_named_in("second"))


def _named_in(module: str):  # type: ignore[no-untyped-def]
    def build() -> None:
        """Nothing."""

    build.__module__ = module
    return build
