"""What listening costs beside other programs, in one run: processor time, memory, start, and how soon a word is heard.

`KWS_SHARED_DATA` names the folder with recordings of people, `KWS_PEERS` virtual environments with the other programs
(docs/cost.md), separated as in PATH, `KWS_LISTEN_TAUGHT` a model of the word "computer" that was taught before;
else one is taught (a minute or two).
"""

from __future__ import annotations

import dataclasses
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio, resources
from kws_engine.bench import Row, _peers
from kws_engine.bench._kept import blocks_of, kept
from kws_engine.bench._people import KEYWORDS, folder_of_people, recordings
from kws_engine.bench._process import environment, told_by
from kws_engine.clips.clip import LONGEST_CLIP_S
from kws_engine.errors import KwsError
from kws_engine.operating.laying import Laid, Take
from kws_engine.operating.measuring import SNR_DB
from kws_engine.operating.streams import StreamQuality
from kws_engine.runs.promising import background_of
from kws_engine.spotting.detector import Detector, with_peaks
from kws_engine.spotting.model_file import SECOND, SpottingModel, read_members
from kws_engine.spotting.rewriting import packed

TITLE = (
    "Listening beside other programs: processor time, memory, start, time from a word's end to its event (5 minutes)"
)
_RATE: Final = 16_000
_SECONDS: Final = 60
_ROUNDS: Final = 5
_CHUNK: Final = 160
_HUSH_DB: Final = -60.0
_TAUGHT_BY: Final = 20  # takes of "computer"
_PER_WORD: Final = 50  # takes of each of nine words, to measure how soon it is heard
_NEAREST: Final = "pymicro-wakeword"
_SAME_ENCODER: Final = "pyopen-wakeword"
_SOUNDS: Final = ("conversation", "a quiet room")
NINE, TAUGHT, LOOKED = "nine words (TC-ResNet8)", "a taught word", "nine words with a second look"
Samples = NDArray[np.float32]


def rows() -> Iterator[Row]:
    """Yields the rows.

    Raises:
        KwsError: There are no recordings, or something did not run.
    """
    people = folder_of_people()
    if people is None:
        raise KwsError("There are no recordings of people: name their folder in KWS_SHARED_DATA")
    with tempfile.TemporaryDirectory(prefix="kws-bench-") as temporary:
        folder = Path(temporary)
        models = _models(people, folder)
        measured = _measured(models, _sounds(people, folder))
        yield from _costs(measured)
        yield from _memories(measured, models[NINE])
        yield from _start(people, models[NINE])
        yield from _soon(LOOKED, models[LOOKED], _nine_words(people))  # as it ships: its thresholds are for both
        yield from _soon(TAUGHT, models[TAUGHT], _computer(people)[_TAUGHT_BY:])
        yield from _left_out(NINE, models[NINE], _nine_words(people), people)
        yield from _left_out(TAUGHT, models[TAUGHT], _computer(people)[_TAUGHT_BY:], people)


@dataclass
class Measured:
    """What one listener took.

    Attributes:
        costs: Processor seconds for each second, for each sound, a value a round.
        megabytes: A value a round.
    """

    costs: list[list[float]] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)

    def cost(self, sound: int) -> float:
        """The median of one sound."""
        return statistics.median(one[sound] for one in self.costs)


def _measured(models: Mapping[str, Path], sounds: Sequence[Path]) -> dict[str, Measured]:
    """All listeners in turns, so that a busy machine slows all of them; those that are missing have no values."""
    ours = {name: [sys.executable, "-m", "kws_engine.bench._listening", str(path)] for name, path in models.items()}
    commands = {**ours, **peer_commands()}
    found = {name: Measured() for name in (*ours, *_peers.PEERS)}
    for _ in range(_ROUNDS):
        for name, command in commands.items():
            told = told_by([*command, *map(str, sounds)], failed=f"{name} could not be measured", env=_one_thread())
            found[name].costs.append(told["costs"])
            found[name].megabytes.append(told["mb"])
    return found


def peer_commands() -> dict[str, list[str]]:
    """By name, what runs `_peers.py` for each of the other programs that is installed where KWS_PEERS is."""
    found = {name: peer_python(name.replace("-", "_")) for name in _peers.PEERS}
    return {name: [str(python), _peers.__file__, name] for name, python in found.items() if python is not None}


def peer_python(module: str) -> Path | None:
    """The Python of the first environment in KWS_PEERS that has a module.

    Raises:
        KwsError: An environment has no Python.
    """
    places = [Path(place) for place in os.environ.get("KWS_PEERS", "").split(os.pathsep) if place]
    for place in places:
        python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        if not python.exists():
            raise KwsError(f"There is no Python in {place}: make the environment anew, or name another in KWS_PEERS")
        if subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0:
            return python
    return None


def _one_thread() -> dict[str, str]:
    return environment(OMP_NUM_THREADS="1")


def _costs(measured: Mapping[str, Measured]) -> Iterator[Row]:
    nearest = measured[_NEAREST]
    asked = {NINE: (0.7, 0.2), TAUGHT: (1.5, None)}
    for name, one in measured.items():
        for number, sound in enumerate(_SOUNDS):
            what = f"{name}: processor time a second of {sound}"
            if not one.costs:
                yield Row(what, "missing: install it where KWS_PEERS is, and measure again", "")
                continue
            bound = asked.get(name, (None, None))[number] if nearest.costs else None
            ratio = one.cost(number) / nearest.cost(number) if nearest.costs and one is not nearest else None
            is_asked = None if bound is None else False
            against = None if ratio is None else _NEAREST
            yield Row(what, 1000 * one.cost(number), "ms", ratio, against, asked=bound, at_least=is_asked)
    same = measured[_SAME_ENCODER]
    if same.costs:
        ratio = measured[TAUGHT].cost(0) / same.cost(0)
        what = f"{TAUGHT}: processor time a second of {_SOUNDS[0]}"
        yield Row(what, 1000 * measured[TAUGHT].cost(0), "ms", ratio, _SAME_ENCODER, asked=0.1, at_least=False)


def _memories(measured: Mapping[str, Measured], model: Path) -> Iterator[Row]:
    if sys.platform != "linux":
        return
    for name, one in measured.items():
        if name in _peers.PEERS and one.megabytes:
            yield Row(f"{name}: resident memory", statistics.median(one.megabytes), "MB")
    used = statistics.median(_listen_mb(model) for _ in range(_ROUNDS))
    yield Row("kws listen, nine words from a pipe: resident memory", used, "MB", asked=60.0, at_least=False)


def _listen_mb(model: Path) -> float:
    """While `kws listen` hears a pipe."""
    with _listening(model) as program:
        assert program.stdin is not None and program.stdout is not None
        program.stdin.write(np.zeros(30 * _RATE, np.int16).tobytes())
        program.stdin.flush()
        status = Path(f"/proc/{program.pid}/status")
        time.sleep(2.0)  # it has heard it all by then
        used = next(int(line.split()[1]) / 1024 for line in status.read_text().splitlines() if line[:5] == "VmRSS")
        program.stdin.close()
        program.stdout.read()
    return used


def _listening(model: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "kws_engine.cli", "listen", str(model)]
    return subprocess.Popen(
        [*command, "--json", "--file", "-", "--rate", str(_RATE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_one_thread(),
    )


def _start(people: Path, model: Path) -> Iterator[Row]:
    """From the start of `kws listen` to its first event, of a word that waits in the pipe."""
    laid = Laid(_nine_words(people)[:20], noise=np.zeros(0, np.float32), talk=(), snr_db=None, rate=_RATE, seed=0)
    whole = np.concatenate(list(laid.blocks()))
    steps = SpottingModel(model).detector().feed(whole)
    first = next((step.detection.at_sample for step in steps if step.detection is not None), len(whole))
    sound, taken = audio.pcm16(whole[: first + _RATE // 2]).tobytes(), []
    for _ in range(_ROUNDS):
        began = time.monotonic()
        with _listening(model) as program:
            assert program.stdin is not None and program.stdout is not None
            program.stdin.write(sound)
            program.stdin.flush()
            program.stdout.readline()
            taken.append(time.monotonic() - began)
            program.stdin.close()
            program.stdout.read()
    what = "kws listen: from its start to its first event, of a word that waits in a pipe"
    yield Row(what, statistics.median(taken), "s", asked=0.5, at_least=False)


def _soon(name: str, path: Path, takes: Sequence[Take]) -> Iterator[Row]:
    """From a word's end to its event, at the model's own thresholds; the event counts from when it is given."""
    model = SpottingModel(path)
    background = background_of(model)
    laid = Laid(takes, noise=background.noise, talk=background.talk, snr_db=SNR_DB, rate=_RATE, seed=0)
    sound = np.concatenate(list(laid.blocks()))
    detector, given = model.detector(), []
    for at in range(0, len(sound), _CHUNK):
        for step in detector.feed(sound[at : at + _CHUNK]):
            if step.detection is not None:
                given.append(dataclasses.replace(step.detection, at_sample=at + _CHUNK))
    quality = StreamQuality()
    quality.add(given, laid.spoken, samples=len(sound), rate=_RATE)
    what = f"{name}: from a word's end to its event, {len(takes)} takes {SNR_DB:g} dB above noise"
    for percent, called, asked in ((50, "median", 150.0), (95, "95th percentile", 300.0)):
        latency_s = quality.latency_s(percent)
        if latency_s is not None:
            yield Row(f"{what}, {called}", 1000 * latency_s, "ms", asked=asked, at_least=False)
    yield Row(f"{name}: missed of these", 100 * quality.miss_rate, "%")


def _left_out(name: str, path: Path, takes: Sequence[Take], people: Path) -> Iterator[Row]:
    """Takes that are heard where every look is taken but not where work is saved: in noise as loud, and far away."""
    model = SpottingModel(path)
    with_all, heard, lost = dataclasses.replace(model.detector_config, saving=False), 0, 0
    for noise, snr_db, gain_db in _conditions(people):
        laid = Laid(takes, noise=noise, talk=(), snr_db=snr_db, rate=_RATE, seed=1)
        sound = np.concatenate(list(laid.blocks())) * np.float32(10 ** (gain_db / 20))
        found = [_is_heard(model.detector(config), sound, laid) for config in (with_all, model.detector_config)]
        heard += int(found[0].sum())
        lost += int((found[0] & ~found[1]).sum())
    yield Row(
        f"{name}: lost where work is saved, of {heard} takes heard at 0 dB or 20 to 40 dB too soft", lost, "", asked=0
    )


def _conditions(people: Path) -> Iterator[tuple[Samples, float, float]]:
    """Noise, the takes' level above it, and the gain of all of it, in dB."""
    for path in sorted((people / "speech_commands" / "_background_noise_").glob("*.wav")):
        yield audio.read(path, rate=_RATE, max_seconds=600), 0.0, 0.0
    for gain_db in (-20.0, -40.0):
        yield quiet_room(_SECONDS), 25.0, gain_db


def _is_heard(detector: Detector, sound: Samples, laid: Laid) -> NDArray[np.bool_]:
    found = with_peaks(detector.feed(sound) + detector.flush())
    quality = StreamQuality()
    quality.add(found, laid.spoken, samples=len(sound), rate=_RATE)
    return np.array([one.is_heard for one in quality.spoken])


# -- sounds and models


def _sounds(people: Path, folder: Path) -> list[Path]:
    talk = np.concatenate(list(blocks_of(kept(people)["conversation"][:30])(_RATE)))
    paths = [folder / "talk.raw", folder / "room.raw"]
    for path, sound in zip(paths, (talk, quiet_room(_SECONDS)), strict=True):
        path.write_bytes(audio.pcm16(sound[: _SECONDS * _RATE]).tobytes())
    return paths


def quiet_room(seconds: float) -> Samples:
    """The hiss and hum of a microphone in a room without people, at -60 dBFS."""
    generator = np.random.default_rng(0)
    count = round(seconds * _RATE)
    hiss = generator.normal(0.0, 10 ** (_HUSH_DB / 20), count)
    hum = 10 ** ((_HUSH_DB - 6) / 20) * np.sin(2 * np.pi * 50 / _RATE * np.arange(count))
    return np.asarray(hiss + hum, np.float32)


def _models(people: Path, folder: Path) -> dict[str, Path]:
    looked = resources.path("models", "directions.kws")
    given = os.environ.get("KWS_LISTEN_TAUGHT")
    taught = Path(given) if given else _taught(people, folder)
    return {NINE: _without_second_look(looked, folder), TAUGHT: taught, LOOKED: looked}


def _taught(people: Path, folder: Path) -> Path:
    from kws_engine.bench._running import ran
    from kws_engine.runs.folder import RunFolder
    from kws_engine.runs.job import Job
    from kws_engine.runs.teaching import add_takes, open_or_create, teach_settings

    clips = folder / "takes"
    clips.mkdir()
    for path in _computer_paths(people)[:_TAUGHT_BY]:
        shutil.copy(path, clips / path.name)
    project = open_or_create(folder / "project", "computer")
    add_takes(project, "computer", clips)
    project.refresh()
    model = RunFolder(ran(Job(project.folder, teach_settings().to_dict(), threads=1))).model()
    if model is None:
        raise KwsError("The word was not taught: measure again")
    return model


def _without_second_look(path: Path, folder: Path) -> Path:
    manifest = SpottingModel(path).manifest
    detector = {name: value for name, value in manifest.detector.items() if name not in ("second_look", "first_share")}
    members = {name: content for name, content in read_members(path).items() if name != SECOND}
    members["manifest.json"] = dataclasses.replace(manifest, detector=detector, second=None).to_json().encode()
    alone = folder / f"one-network{path.suffix}"
    alone.write_bytes(packed(members))
    return alone


def _nine_words(people: Path) -> list[Take]:
    of_word: dict[str, list[Path]] = {word: [] for word in KEYWORDS}
    for one in recordings(people):
        if one.source == "speech_commands" and one.word in of_word and one.kept:
            of_word[one.word].append(one.path)
    return [_take(word, path) for word, paths in of_word.items() for path in random.Random(0).sample(paths, _PER_WORD)]


def _computer(people: Path) -> list[Take]:
    return [_take("computer", path) for path in _computer_paths(people)]


def _computer_paths(people: Path) -> list[Path]:
    paths = sorted((people / "wake_word" / "computer").glob("*.wav"))
    random.Random(0).shuffle(paths)
    return paths


def _take(word: str, path: Path) -> Take:
    return Take(word, audio.read(path, rate=_RATE, max_seconds=LONGEST_CLIP_S), path.name)
