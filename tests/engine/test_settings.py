"""All of a run's options as one thing: every path survives text and file, and an unknown one is refused by name."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from other_value import other_value

from kws_engine import spec
from kws_engine.clips.project import Project
from kws_engine.commands import train
from kws_engine.commands.output import Output
from kws_engine.errors import SpecError
from kws_engine.features import FEATURES
from kws_engine.models import MODELS
from kws_engine.runs.job import Job, make_run_folder, settings_of
from kws_engine.settings import Chosen, Settings


def every_choice() -> list[Settings]:
    """The default settings, and those with each other network and feature."""
    chosen = [Settings(model=Chosen(entry.name, entry.config())) for entry in MODELS]
    return chosen + [Settings(feature=Chosen(entry.name, entry.config())) for entry in FEATURES]


def option_of(settings: Settings, path: str) -> tuple[spec.Option, Any]:
    """The option at a path, and its value."""
    section, *rest = path.split(".")
    part = getattr(settings, section)
    config = part[rest[0]] if len(rest) == 2 else getattr(part, "config", part)
    return spec.find(config, rest[-1]), getattr(config, rest[-1])


PATHS = sorted(
    (number, path)
    for number, one in enumerate(every_choice())
    for path in one.paths()
    if number == 0 or path.startswith(("model.", "feature."))  # the other options are the same with every choice
)


@pytest.mark.parametrize(("number", "path"), [pair for pair in PATHS if not pair[1].endswith(".name")])
def test_every_option_is_set_by_text_and_kept_in_files(number: int, path: str) -> None:
    before = every_choice()[number]
    option, value = option_of(before, path)
    wanted = other_value(option, value)
    after = before.with_options([f"{path}={option.text(wanted)}"])
    assert option_of(after, path)[1] == wanted != value
    assert after != before and after.with_option(path, option.text(value)) == before
    in_toml = tomllib.loads(tomli_w.dumps(after.to_dict()))
    assert Settings.from_dict(in_toml) == after


def test_settings_go_through_a_project_and_a_job(tmp_path: Path) -> None:
    texts = ["model.name=cnn", "feature.name=log_mel", "training.epochs=7", "regularizers.l2.weight=1e-5"]
    settings = Settings().with_options(texts)
    project = Project.create(tmp_path / "p", words=["yes"])
    project.edit.save_settings(settings.to_dict())
    assert Settings.from_dict(Project.open(project.folder).settings) == settings
    folder = make_run_folder(Job(project.folder, settings.to_dict(), seed=3), project.runs_folder)
    assert settings_of(folder) == settings
    assert tomllib.loads((folder / "job.toml").read_text())["seed"] == 3
    assert folder.name.endswith("-cnn")


def test_what_a_file_leaves_out_takes_its_default(tmp_path: Path) -> None:
    assert Settings.from_dict({}) == Settings()
    partly = Settings.from_dict({"regularizers": {"l2": {"weight": 0.5}}, "model": {"name": "fnn"}})
    assert partly.regularizers["l2"].weight == 0.5 and partly.model == Chosen("fnn", MODELS["fnn"].config())
    assert partly.regularizers["l1"] == Settings().regularizers["l1"]
    folder = make_run_folder(Job(tmp_path, {"model": {"name": "fnn"}}), tmp_path / "runs")
    assert settings_of(folder) == Settings().with_model("fnn")


@pytest.mark.parametrize(
    ("path", "near"),
    [("model.widht", "model.width"), ("training.epoch", "training.epochs"), ("trainin.epochs", "training.epochs"),
     ("augment.gian.probability", "augment.gain.probability"), ("regularizers.l2.wieght", "regularizers.l2.weight"),
     ("detector.treshold", "detector.threshold"), ("feature.bnads", "feature.bands"),
     ("model.name.x", "model.name")],
)  # fmt: skip
def test_an_unknown_option_is_refused_with_the_nearest(path: str, near: str) -> None:
    with pytest.raises(SpecError) as refused:
        Settings().with_options(["feature.name=mfcc", f"{path}=1"])
    assert f"'{path}'" in str(refused.value) and f"did you mean '{near}'?" in str(refused.value)


@pytest.mark.parametrize("path", ["", ".", "model", "training", "augment.gain", "..", "=", "model.", "x" * 1000])
def test_what_is_no_path_is_refused_too(path: str) -> None:
    with pytest.raises(SpecError):
        Settings().with_option(path, "1")


def test_an_assignment_needs_a_value() -> None:
    with pytest.raises(SpecError, match="OPTION=VALUE"):
        Settings().with_options(["training.epochs"])
    with pytest.raises(SpecError, match="Epochs"):
        Settings().with_options(["training.epochs="])
    with pytest.raises(SpecError, match=r"Epochs: 0 is outside 1 to 10000"):
        Settings().with_options(["training.epochs=0"])


def test_a_network_by_name_and_preset() -> None:
    assert Settings().with_model("tc_resnet:14").model.config.blocks == "14"
    assert Settings().with_option("model.blocks", "14").with_model("tc_resnet") == Settings()
    for choice, near in (("tc_resnt", "tc_resnet"), ("tc_resnet:1", "14")):
        with pytest.raises(SpecError, match=near):
            Settings().with_model(choice)


def test_another_network_has_its_own_defaults_and_leaves_the_rest() -> None:
    settings = Settings().with_options(["training.epochs=3", "model.name=fnn"])
    assert settings.model == Chosen("fnn", MODELS["fnn"].config()) and settings.training.epochs == 3
    assert "model.width" not in settings.paths()


@pytest.mark.parametrize(
    "values",
    [{"model": 3}, {"model": {}}, {"model": {"name": ["fnn"]}}, {"model": {"name": "fnn", "options": "none"}},
     {"regularizers": []}, {"regularizers": {"l2": 1}}, {"regularizers": {"l3": {}}}, {"training": "fast"},
     {"training": {"epochs": "many"}}, {"training": {"epoch": 3}}, {"traning": {}}],
)  # fmt: skip
def test_a_damaged_file_is_refused_in_words(values: dict[str, Any]) -> None:
    with pytest.raises(SpecError) as refused:
        Settings.from_dict(values)
    assert len(str(refused.value)) > 10 and "\n" not in str(refused.value)


def test_a_recipe_sets_what_it_says_and_leaves_the_network() -> None:
    settings = Settings().with_option("model.width", "0.5").with_recipe("tc_resnet")
    assert (settings.training.optimizer, settings.training.schedule, settings.training.learning_rate) == (
        "sgd",
        "step",
        0.1,
    )
    assert settings.feature.name == "mfcc" and settings.model.config.width == 0.5
    back = settings.with_recipe("studio")
    assert back.feature.name == Settings().feature.name and back.training.optimizer == Settings().training.optimizer
    assert back.training.learning_rate == Settings().training.learning_rate
    with pytest.raises(SpecError, match="recipe"):
        settings.with_recipe("tc_resnt")


def test_a_value_of_any_length_makes_a_short_sentence() -> None:
    stored = Settings().to_dict()
    stored["augment"]["spec_augment"] = "x" * 5000
    with pytest.raises(SpecError, match="is not a table of options") as refused:
        Settings.from_dict(stored)
    assert len(str(refused.value)) < 400


def test_a_feature_brings_the_network_made_for_it_and_takes_it_back() -> None:
    vectors = Settings().with_option("feature.name", "speech_embedding")
    assert vectors.model == Settings(model=Chosen("vector_cnn", MODELS["vector_cnn"].config())).model
    assert vectors.with_option("feature.name", "log_mel") == Settings()
    assert Settings().with_option("feature.name", "mfcc").model == Settings().model


@pytest.mark.parametrize("network", ["model.name=tc_resnet", "model.name=cnn", "model.width=2"])
def test_a_network_that_was_chosen_stays_with_another_feature(network: str) -> None:
    chosen = Settings().with_options([network])
    for both in ([network, "feature.name=speech_embedding"], ["feature.name=speech_embedding", network]):
        settings = Settings().with_options(both)
        assert settings.model == chosen.model and settings.feature.name == "speech_embedding"


def test_a_changed_network_stays_with_another_feature() -> None:
    changed = Settings().with_options(["model.width=2"])
    assert changed.with_option("feature.name", "speech_embedding").model == changed.model
    head = Settings().with_options(["feature.name=speech_embedding"]).with_options(["model.hidden=64"])
    assert head.with_option("feature.name", "log_mel").model == head.model


def test_what_changes_nothing_with_a_feature_is_known() -> None:
    laid = Settings().with_recipe("teach")
    assert {"augment.time_shift", "augment.spec_augment"} <= laid.idle() and "augment.gain" not in laid.idle()
    assert Settings().idle() == {"training.synthetic_takes", "training.synthetic_others"}
    assert all(path in laid.augment for path in (name.removeprefix("augment.") for name in laid.idle()))


def test_a_network_named_on_the_command_line_stays_with_the_feature(tmp_path: Path) -> None:
    Project.create(tmp_path / "p", words=["yes"])
    parser = argparse.ArgumentParser()
    train.add_options(parser)
    found = {}
    for given in ([], ["--model", "tc_resnet"]):
        arguments = parser.parse_args([str(tmp_path / "p"), *given, "--set", "feature.name=speech_embedding"])
        found[len(given)] = Settings.from_dict(train.job_of(arguments, Output(as_json=False)).settings).model.name
    assert found == {0: "vector_cnn", 2: "tc_resnet"}
