"""Settings that cannot work are refused before anything is read, with the option to blame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kws_engine import audio
from kws_engine.clips.project import Project
from kws_engine.errors import SpecError
from kws_engine.runs.checking import check
from kws_engine.runs.job import Job
from kws_engine.runs.run import run
from kws_engine.settings import Settings
from kws_engine.training.events import Failed

SIZE = {"rate": 16_000, "n_samples": 16_000, "n_labels": 4}
REFUSED = [
    (["feature.name=mfcc", "feature.bands=20"], "feature.coefficients", "Coefficients: 40 are more than the 20 mel"),
    (["feature.hop_ms=40", "feature.window_ms=25"], "feature.hop_ms", "Hop: 40 ms is longer than the window"),
    (["feature.high_hz=501", "feature.low_hz=500", "feature.bands=128"], "feature.bands", "Mel bands: 128 bands do"),
    (["model.name=cnn", "model.kernel_time=150", "model.padding=valid"], "model.kernel_time", "Layer 1: its kernel of"),
    (["model.name=cnn", "model.pool_time=8"], "model.pool_time", "Layer 3: its pooling cell of 8 x 2 is larger"),
    (["model.name=crnn", "model.kernel_time=100"], "model.kernel_time", "The convolution: its kernel of 100"),
    (["model.name=ds_cnn", "model.kernel_freq=40", "feature.bands=20"], "model.kernel_freq", "The first layer: its"),
    (["model.name=resnet", "model.pool_freq=16", "feature.bands=12"], "model.pool_freq", "The first layer: its pool"),
    (["model.kernel=8"], "model.kernel", "Kernel: 8 frames have no middle"),
    (["model.name=kwt", "model.heads=3"], "model.heads", "Heads: 3 do not divide the size"),
    (["model.name=custom", "model.layers=relu; dense 3"], "model.layers",
     "Layers: row 2 (dense): its input is 1 map of 98 x"),
    (["augment.quality.probability=1", "augment.quality.low_hz=100..2000", "augment.quality.high_hz=1000..4000"],
     "augment.quality.low_hz", "Lower limit: up to 2000 Hz is not below the upper one"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "blamed", "sentence"), REFUSED, ids=lambda value: str(value)[:30])
def test_what_cannot_work_is_refused_and_says_where(options: list[str], blamed: str, sentence: str) -> None:
    with pytest.raises(SpecError) as refused:
        check(Settings().with_options(options), **SIZE)
    assert str(refused.value).startswith(sentence) and refused.value.option == blamed


def test_a_window_longer_than_the_clip_is_refused() -> None:
    with pytest.raises(SpecError, match=r"Window: 25 ms are longer than a clip of 10 ms; shorten it") as refused:
        check(Settings().with_options(["feature.window_ms=25"]), rate=16_000, n_samples=160, n_labels=4)
    assert refused.value.option == "feature.window_ms"


def test_what_works_is_put_together_without_memory() -> None:
    pipeline, network = check(Settings(), **SIZE)
    assert pipeline.n_frames(16_000) > 90 and all(weights.is_meta for weights in network.parameters())


def test_a_run_says_the_same_before_it_reads_a_clip(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "words", words=("low", "high"))
    for word in project.words:
        (project.folder / word).mkdir(exist_ok=True)
        audio.write(project.folder / word / "unreadable_nohash_0.wav", np.zeros(100, np.float32), rate=16_000)
    settings = Settings().with_options(["model.name=cnn", "model.pool_time=8"])
    told = list(run(Job(project.folder, settings.to_dict(), threads=1)))
    assert len(told) == 1 and isinstance(told[0], Failed)
    assert told[0].message.startswith("Layer 3: its pooling cell of 8 x 2 is larger")
    assert not list(project.runs_folder.glob("*"))
