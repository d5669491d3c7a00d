"""heed-wakeword taught by takes of ours, and what it reports in streams, at its own threshold and at others."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.bench import _heed_hearing
from kws_engine.bench._people import recordings
from kws_engine.bench._process import environment, told_by
from kws_engine.errors import KwsError

Samples = NDArray[np.float32]
OTHERS: Final = 1000
_RATE: Final = 16_000
_CUT_S: Final = 1.5  # as long as `heed record` records
_IN_A_ROW, _HOLD_S = 2, 0.7  # its detector's rule: steps above the threshold, and how long it is silent after a report


class Heed:
    """The program in an environment of its own.

    Attributes:
        scores: What it gave at each step (steps,) of each stream heard, by its name.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        self._python, self._folder = python, folder
        self.scores: dict[str, Samples] = {}

    def teach(self, word: str, takes: Sequence[Path], *, people: Path) -> None:
        """Trains as `heed train` does without its synthetic voices, which it would download.

        The size is the one that its documentation calls the default; the command's own, small, was worse. It brings no
        other words and asks for recordings of them: these are drawn from those in `people` that are not kept.

        Raises:
            KwsError: It did not train.
        """
        self._run("init", "--phrase", word)
        for number, path in enumerate(takes):
            shutil.copy(path, self._folder / "positive" / f"positive_{number:03d}.wav")
        _write_others(self._folder / "negative", people)
        self._run("train", "--model-size", "medium")

    def hear(self, name: str, sound: Samples) -> list[int]:
        """The samples at which it reports its word in a stream of a name, at its own threshold.

        Raises:
            KwsError: It did not run.
        """
        path = self._folder / "sound.raw"
        path.write_bytes(audio.pcm16(sound).tobytes())
        command = [str(self._python), _heed_hearing.__file__, str(self._folder / "model.pt"), str(path)]
        told = told_by(command, failed="heed-wakeword did not listen", env=environment(OMP_NUM_THREADS="1"))
        self.scores[name] = np.array(told["scores"], np.float32)
        return list(told["heard"])

    def threshold_for(self, count: int, names: Iterable[str]) -> float:
        """The lowest threshold with so many reports at most in the streams of these names together."""
        streams = [self.scores[name] for name in names]
        found = 1.0
        for threshold in np.unique(np.concatenate(streams))[::-1]:
            if sum(len(reports(one, float(threshold))) for one in streams) > count:
                break
            found = float(threshold)
        return found

    def _run(self, command: str, *options: str) -> None:
        whole = [str(self._python), "-m", "heed.cli", command, str(self._folder), *options]
        variables = environment(OMP_NUM_THREADS="1")
        done = subprocess.run(whole, capture_output=True, text=True, env=variables, check=False)
        if done.returncode:
            reason = done.stderr.strip().rpartition("\n")[2]
            raise KwsError(f"heed {command} failed ({reason}): make its environment anew.")


def reports(scores: Samples, threshold: float) -> list[int]:
    """The samples at which heed-wakeword 0.1.4 reports its word, from its scores (steps,).

    Two steps in a row are above the threshold, and the last report is more than 0.7 s ago
    (`heed.infer.WakeWordDetector.step`).
    """
    found: list[int] = []
    before, above, last_s = -1, 0, -np.inf
    for step in np.flatnonzero(scores > threshold).tolist():
        above = above + 1 if step == before + 1 else 1
        before, now_s = step, step * _heed_hearing.STEP / _RATE
        if above >= _IN_A_ROW and now_s - last_s > _HOLD_S:
            found.append((step + 1) * _heed_hearing.STEP)
            above, last_s = 0, now_s
    return found


def _write_others(folder: Path, people: Path) -> None:
    """The middles of words and sentences that are not kept."""
    import soundfile

    paths = [one.path for one in recordings(people) if not one.kept and one.kind != "noise"]
    for number, path in enumerate(random.Random(0).sample(paths, min(OTHERS, len(paths)))):
        sound, count = audio.read(path, rate=_RATE, max_seconds=900), round(_CUT_S * _RATE)
        start = max(0, (len(sound) - count) // 2)
        soundfile.write(folder / f"negative_{number:04d}.wav", sound[start : start + count], _RATE)
