"""Several processes that train one network: the curve of one, every clip once, one writer, every end in words."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from kws_engine.clips.project import Project
from kws_engine.errors import SpecError, TrainingError
from kws_engine.features import FEATURES
from kws_engine.features.batch import torch_features
from kws_engine.runs.folder import RunFolder
from kws_engine.runs.job import Job
from kws_engine.runs.run import run
from kws_engine.settings import Settings
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.training.data.batches import Batches
from kws_engine.training.data.clips import LoadedClips
from kws_engine.training.data.feature_cache import Shard
from kws_engine.training.data.sampling import SamplingPlan
from kws_engine.training.events import Epoch, Finished, Progress
from kws_engine.training.scale_out import ONE, DistributedProcesses, Processes, from_environment

ROOT = Path(__file__).parents[2]
EPOCHS = 4
SAME = (
    *(f"augment.{name}.probability=0" for name in Settings().augment),
    "training.batch_size=16", "training.clips_per_epoch=1", "training.unknown_share=0", "training.silence_share=0",
    "training.made_up_share=0", "training.talk_share=0", "training.shipped_unknown=no", "model.dropout=0",
    "regularizers.l2.weight=0.001", "training.optimizer=sgd", "training.learning_rate=0.002",
    f"training.epochs={EPOCHS}",
)  # fmt: skip
"""Options without chance but for the order, under which any number of processes do the same arithmetic."""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for the processes in /proc")


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def torchrun(*command: str) -> list[str]:
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *command]


def kws(command: str, folder: Path, options: Sequence[str] = ()) -> list[str]:
    sets = [word for option in options for word in ("--set", option)]
    return ["-m", "kws_engine.cli", command, str(folder), "--json", *sets]


def done(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=400)


def events_of(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def losses(events: Sequence[dict[str, Any]]) -> list[tuple[float, float]]:
    return [(one["train_loss"], one["validation_loss"]) for one in events if one["event"] == "epoch"]


def times_seen(folder: Path) -> set[str]:
    with open(folder / "learning.csv", newline="") as file:
        return {row["seen"] for row in csv.DictReader(file)}


@pytest.mark.slow
@pytest.mark.parametrize("fresh_share", [1, 0.5])
def test_two_processes_learn_as_one_does(project: Project, fresh_share: float) -> None:
    options = (*SAME, f"training.fresh_share={fresh_share}")
    alone = list(run(Job(project.folder, Settings().with_options(options).to_dict(), threads=1)))
    assert isinstance(alone[-1], Finished)
    together = done(torchrun(*kws("train", project.folder, options)))
    assert together.returncode == 0, together.stderr
    told = events_of(together.stdout)
    assert [one["event"] for one in told] == ["started", *["epoch"] * EPOCHS, "promised", "finished"]
    assert told[0]["device"] == "2 x cpu"
    of_one = [(event.train_loss, event.validation_loss) for event in alone if isinstance(event, Epoch)]
    torch.testing.assert_close(torch.tensor(losses(told)), torch.tensor(of_one), rtol=1e-4, atol=0)
    folder = Path(told[0]["run"])
    assert sorted(project.runs_folder.iterdir()) == sorted([folder, Path(alone[-1].run)])
    names = {path.name for path in folder.iterdir()}
    assert {name.split(".")[0] for name in names} == {path.name.split(".")[0] for path in Path(alone[-1].run).iterdir()}
    assert len([event for event in RunFolder(folder).events.read() if isinstance(event, Epoch)]) == EPOCHS
    assert times_seen(folder) == times_seen(Path(alone[-1].run)) == {str(EPOCHS)}
    one, two = SpottingModel(Path(alone[-1].model)), SpottingModel(Path(told[-1]["model"]))
    assert one.manifest.labels == two.manifest.labels and one.manifest.network == two.manifest.network


class Counting(Processes):
    """One process that counts how often it asked the others."""

    asked = 0

    def gathered(self, items: Sequence[Any]) -> list[Any]:
        self.asked += 1
        return super().gathered(items)


@pytest.mark.slow
def test_processes_ask_each_other_equally_often_however_much_work_each_tells_of(project: Project) -> None:
    options = (*SAME, "training.fresh_share=0.5", "training.epochs=2")
    processes = Counting()
    told = list(run(Job(project.folder, Settings().with_options(options).to_dict(), threads=1), processes=processes))
    assert isinstance(told[-1], Finished)
    assert any(isinstance(event, Progress) and event.what.startswith("Augmenting") for event in told)
    assert processes.asked == 2, "once an epoch"


@pytest.mark.slow
def test_a_killed_process_ends_the_other_and_the_run_goes_on(project: Project) -> None:
    epochs = 20
    command = torchrun(*kws("train", project.folder, (*SAME, f"training.epochs={epochs}")))
    with started(command) as process:
        told = []
        for line in process.stdout:  # type: ignore[union-attr]
            told.append(json.loads(line))
            if told[-1]["event"] == "epoch" and told[-1]["epoch"] == 2:
                os.kill(pid_of_rank(process.pid, 1), signal.SIGKILL)
        said = process.stderr.read()  # type: ignore[union-attr]
        assert process.wait(timeout=120) == 1
    assert told[-1]["event"] == "failed" and "gone without a word" in told[-1]["message"]
    assert said.count(told[-1]["message"]) == 1
    folder = Path(told[0]["run"])
    again = done(torchrun(*kws("resume", folder)))
    assert again.returncode == 0, again.stderr
    assert losses(events_of(again.stdout))[:2] == losses(told)[:2]
    kept = [event.epoch for event in RunFolder(folder).events.read() if isinstance(event, Epoch)]
    assert kept == list(range(1, epochs + 1)) and times_seen(folder) == {str(epochs)}


@pytest.mark.slow
def test_a_polite_signal_ends_all_processes_with_the_best_weights(project: Project) -> None:
    with started(torchrun(*kws("train", project.folder, (*SAME, "training.epochs=2000")))) as process:
        told = []
        for line in process.stdout:  # type: ignore[union-attr]
            told.append(json.loads(line))
            if told[-1]["event"] == "epoch" and told[-1]["epoch"] == 1:
                os.kill(pid_of_rank(process.pid, 1), signal.SIGINT)
        assert process.wait(timeout=120) == 0
    assert told[-1]["event"] == "finished" and told[-1]["stopped_early"]
    assert Path(told[-1]["model"]).exists()


@pytest.mark.slow
def test_processes_that_differ_end_with_one_sentence(project: Project, tmp_path: Path) -> None:
    script = tmp_path / "differing.py"
    script.write_text(
        "import os, sys\nfrom kws_engine.cli import main\n"
        f"sys.exit(main(['train', {str(project.folder)!r}, '--json', '--seed', os.environ['RANK']]))\n"
    )
    ended = done(torchrun(str(script)))
    assert ended.returncode == 1
    assert [one["event"] for one in events_of(ended.stdout)] == ["failed"]
    assert ended.stderr.count("kws train: The processes of this run do not have the same settings and clips") == 1
    assert not project.runs_folder.exists() or not list(project.runs_folder.iterdir())


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment(), stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def pid_of_rank(torchrun_pid: int, rank: int) -> int:
    """The process of that rank among torchrun's children."""
    children = Path(f"/proc/{torchrun_pid}/task/{torchrun_pid}/children").read_text().split()
    return next(
        int(child)
        for child in children
        if f"RANK={rank}".encode() in Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
    )


LOG_MEL = FEATURES["log_mel"].build(FEATURES["log_mel"].config(), rate=16_000)


def batches(shard: Shard, *, fresh_share: float) -> Batches:
    labels = torch.arange(101) % 3
    part = LoadedClips(torch.arange(101, dtype=torch.int16).unsqueeze(1).repeat(1, 1600), labels)
    members = {label: torch.nonzero(labels == label).flatten() for label in range(3)}
    plan = SamplingPlan({label: len(some) for label, some in members.items()}, members)
    return Batches(
        part, plan, noises=torch.zeros(0), sound=[], spectrogram=[], features=torch_features(LOG_MEL),
        batch_size=24, rate=16_000, unknown=2, seed=3, device=torch.device("cpu"), fresh_share=fresh_share, shard=shard,
    )  # fmt: skip


def steps_of(shard: Shard, epoch: int, *, fresh_share: float) -> list[list[int]]:
    source = batches(shard, fresh_share=fresh_share)
    list(source.prepare(epoch))
    return [batch.clips.tolist() for batch in source.epoch(epoch)]


@pytest.mark.parametrize("fresh_share", [1.0, 0.25])
@pytest.mark.parametrize("world", [2, 3, 8])
def test_the_clips_of_an_epoch_are_shared_out_without_loss_or_repetition(world: int, fresh_share: float) -> None:
    for epoch in (1, 2, 5):
        parts = [steps_of(Shard(rank, world), epoch, fresh_share=fresh_share) for rank in range(world)]
        assert sorted(clip for part in parts for step in part for clip in step) == list(range(101))
        assert len({len(part) for part in parts}) == 1
        alone = steps_of(Shard(), epoch, fresh_share=fresh_share)
        if 16 % world == 0:  # then each step learns from the very clips that one process would take
            whole = [sorted(clip for part in parts for clip in part[step]) for step in range(len(parts[0]))]
            assert whole == [sorted(step) for step in alone[: len(whole) - 1]] + [
                sorted(clip for step in alone[len(whole) - 1 :] for clip in step)
            ]


@pytest.fixture
def second_of_two(monkeypatch: pytest.MonkeyPatch) -> DistributedProcesses:
    for name, value in {"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "2", "RANK": "1", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    processes = from_environment()
    assert isinstance(processes, DistributedProcesses)
    return processes


def test_what_several_processes_cannot_do_is_refused_before_they_wait(second_of_two: DistributedProcesses) -> None:
    assert second_of_two.shard == Shard(1, 2) and not second_of_two.is_first
    with pytest.raises(SpecError, match=r"33 clips cannot be shared evenly among 2 processes: .*=32") as refused:
        second_of_two.join(torch.device("cpu"), batch_size=33)
    assert refused.value.option == "training.batch_size"
    if torch.cuda.device_count() < 2:
        with pytest.raises(TrainingError, match="graphics cards for 2 processes"):
            second_of_two.join(torch.device("cuda"), batch_size=32)
    with pytest.raises(TrainingError, match=r"cannot train on mps: choose training\.device=cpu"):
        second_of_two.join(torch.device("mps"), batch_size=32)


def test_a_world_size_of_another_program_means_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert from_environment() is ONE
