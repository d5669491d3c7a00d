"""Words taught by few takes: what they miss and what fires them, on people's sound that nothing was made from.

`KWS_SHARED_DATA` names the folder with the recordings (`_people.py` says which are kept), `KWS_TEACH_DRAWS` how many
random draws of takes (5), and `KWS_TEACH_PARTS` which parts: computer, promises, further, few, synthetic, voice, nine,
look, live, peers (all). `further` needs a folder of other sound in `KWS_TEACH_FURTHER`; `peers` environments with
Porcupine, which knows the word "computer", and with heed-wakeword, which is taught it by the same takes, in `KWS_PEERS`
(docs/teach.md).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio
from kws_engine.bench import Row
from kws_engine.bench._heed import Heed, reports
from kws_engine.bench._kept import CATEGORIES, blocks_of, kept
from kws_engine.bench._people import KEPT_WORDS, KEYWORDS, Recording, folder_of_people, recordings
from kws_engine.bench.listen import peer_commands, peer_python
from kws_engine.clips.clip import LONGEST_CLIP_S
from kws_engine.clips.project import Project
from kws_engine.clips.synthetic import SynthesisConfig, synthesize
from kws_engine.errors import KwsError
from kws_engine.evaluation.interval import poisson_interval
from kws_engine.operating.hearing import Heard, hear, hear_frames
from kws_engine.operating.laying import CLEAN, Laid, Take
from kws_engine.operating.measuring import misses_in
from kws_engine.operating.streams import StreamQuality
from kws_engine.runs.job import Job
from kws_engine.runs.promising import background_of, calibration_of
from kws_engine.runs.run import run
from kws_engine.runs.teaching import add_takes, copy_talk, open_or_create, teach_settings
from kws_engine.spotting.decision import Detection
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.training.events import Failed, Finished, Promised

TITLE = "Teach: words taught by few takes, on voices, words and sound that nothing was made from"
PARTS: Final = ("computer", "promises", "further", "few", "synthetic", "voice", "nine", "look", "live", "peers")
Samples = NDArray[np.float32]
_RATE: Final = 16_000
_FIRE_SHARE: Final = 0.07
_PAD_S: Final = 1.2
_FEW: Final = (5, 10, 20)
_SYNTHETIC: Final = (0, 50, 200)
_PROMISES: Final = (0.25, 0.35, 0.5, 0.7, 1.0, 2.0)
_WORST: Final = 0.05  # of the takes that the worst draw may miss, clean


@dataclass(frozen=True)
class Taught:
    """A model, and what making it took."""

    model: SpottingModel
    seconds: float
    promised: Promised | None


def rows() -> Iterator[Row]:
    """Yields the rows of each part asked for."""
    folder = folder_of_people()
    if folder is None:
        raise KwsError("There are no recordings of people: name their folder in KWS_SHARED_DATA")
    asked = os.environ.get("KWS_TEACH_PARTS", ",".join(PARTS)).split(",")
    with tempfile.TemporaryDirectory(prefix="kws-teach-") as temporary:
        bench = Bench(folder, Path(temporary), draws=int(os.environ.get("KWS_TEACH_DRAWS", "5")))
        for part in (name for name in PARTS if name in asked):
            yield from getattr(bench, part)()


class Bench:
    """The parts of the benchmark, which share the sound that is kept."""

    def __init__(self, people: Path, folder: Path, *, draws: int) -> None:
        self._people, self._folder, self._draws = people, folder, draws
        self._vectors: dict[tuple[str, ...], dict[str, Samples]] = {}
        self._of_computer: dict[tuple[int, int], Taught] = {}
        self._made = 0

    # -- many voices

    def computer(self) -> Iterator[Row]:
        """20 of 200 recordings of a word by many people."""
        yield from self._by_many(20, self._draws, asked=True)

    def promises(self) -> Iterator[Row]:
        """The same models at other promises: what each costs in misses."""
        missed: dict[tuple[float, float | None], list[float]] = {}
        fired: Counter[tuple[float, str]] = Counter()
        hours = dict.fromkeys(CATEGORIES, 0.0)
        for draw in range(self._draws):
            model = self._by_computers(20, draw).model
            others = [_take("computer", path) for path in self._computer(draw)[20:]]
            peaks = {snr_db: _hit_peaks(model, others, snr_db) for snr_db in (CLEAN, 10.0)}
            heard, calibration = self._heard_kept(model), calibration_of(model)
            for name, one in heard.items():
                hours[name] += one.samples / model.rate / 3600
            for rate in _PROMISES:
                level = calibration.promise(rate).thresholds["computer"]
                for snr_db, scores in peaks.items():
                    missed.setdefault((rate, snr_db), []).append(float(np.mean(scores < level)))
                for name, one in heard.items():
                    fired[rate, name] += sum(peak.score >= level for peak in one.peaks)
        for rate in _PROMISES:
            what = f"computer from 20 takes, {self._draws} draws, at a promise of {rate:g} an hour"
            clean = np.array(missed[rate, CLEAN])
            yield _percent(f"{what}: missed clean, mean", clean.mean(), None)
            yield _percent(f"{what}: missed clean, worst draw", clean.max(), None)
            yield Row(f"{what}: draws that miss more than {_WORST:.0%} clean", int((clean > _WORST).sum()), "")
            yield _percent(f"{what}: missed at 10 dB, mean", np.mean(missed[rate, 10.0]), None)
            for name in hours:
                yield Row(f"{what}: false alarms, {name} ({hours[name]:.1f} h)", fired[rate, name], "")

    def further(self) -> Iterator[Row]:
        """The false alarms of the same models in other sound, which has a folder for each kind."""
        folder = Path(os.environ.get("KWS_TEACH_FURTHER", ""))
        kinds = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.name else []
        if not kinds:
            yield Row("computer in other sound", "missing: name a folder with folders of it in KWS_TEACH_FURTHER", "")
            return
        models = [self._by_computers(20, draw).model for draw in range(self._draws)]
        count, hours = 0, 0.0
        for kind in kinds:
            vectors = _vectors_of(models[0], sorted(kind.iterdir()))
            heard = [hear_frames(model, [vectors]) for model in models]
            fired = [_fired(one, model) for one, model in zip(heard, models, strict=True)]
            of_kind = sum(one.samples for one in heard) / _RATE / 3600
            what = f"computer from 20 takes, {self._draws} draws: false alarms in {of_kind:.1f} h of {kind.name}"
            yield Row(what, sum(fired), "")
            count, hours = count + sum(fired), hours + of_kind
        low, high = (bound / hours for bound in poisson_interval(count))
        what = f"computer from 20 takes, {self._draws} draws: false alarms an hour in {hours:.1f} h of other sound"
        yield Row(f"{what} ({low:.2g} to {high:.2g} at 95%)", count / hours, "an hour", asked=0.5, at_least=False)

    def few(self) -> Iterator[Row]:
        """The same from 5 and from 50."""
        for takes in (5, 50):
            yield from self._by_many(takes, min(2, self._draws), asked=False)

    def synthetic(self) -> Iterator[Row]:
        """What clips by synthetic voices add to few takes (`kws synthesize`)."""
        paths = self._computer(0)
        others = [_take("computer", path) for path in paths[max(_FEW) :]]
        for takes in _FEW:
            for clips in _SYNTHETIC:
                model = self._taught("computer", paths[:takes], synthetic=clips).model
                what = f"computer from {takes} takes and {clips} synthetic clips"
                yield _percent(
                    f"{what}: missed of {len(others)} other takes, clean", _missed(model, others, CLEAN), None
                )
                yield _percent(f"{what}: missed at 10 dB", _missed(model, others, 10.0), None)
                found = self._alarms(model).values()
                hours = sum(heard for _, heard in found)
                rate = sum(rate * heard for rate, heard in found) / hours
                yield Row(f"{what}: false alarms at the promise of 0.5, {hours:.1f} h", rate, "an hour")

    def _by_many(self, takes: int, draws: int, *, asked: bool) -> Iterator[Row]:
        clean, noisy, seconds = [], [], []
        alarms: dict[str, list[float]] = {name: [] for name in CATEGORIES}
        hours: dict[str, float] = {}
        for draw in range(draws):
            taught = self._by_computers(takes, draw)
            others = [_take("computer", path) for path in self._computer(draw)[takes:]]
            clean.append(_missed(taught.model, others, CLEAN))
            noisy.append(_missed(taught.model, others, 10.0))
            seconds.append(taught.seconds)
            for name, (rate, heard) in self._alarms(taught.model).items():
                alarms[name].append(rate)
                hours[name] = heard
        what = f"computer from {takes} takes, {draws} draws"
        rest = f"of {200 - takes} other takes"
        yield _percent(f"{what}: missed {rest}, clean, mean", np.mean(clean), 3.0 if asked else None)
        yield _percent(f"{what}: missed {rest}, clean, worst draw", np.max(clean), 100 * _WORST if asked else None)
        yield _percent(f"{what}: missed {rest} at 10 dB, mean", np.mean(noisy), 7.0 if asked else None)
        for name, rates in alarms.items():
            row = f"{what}: false alarms an hour at the promise of 0.5, {name} ({hours[name]:.1f} h), mean"
            yield Row(row, float(np.mean(rates)), "an hour", asked=0.5 if asked else None, at_least=False)
            yield Row(row.replace("mean", "worst draw"), float(np.max(rates)), "an hour")
        yield Row(f"{what}: from the takes to a model with its promise", float(np.median(seconds)), "s", asked=45.0)

    def _computer(self, draw: int) -> list[Path]:
        """All recordings of "computer", shuffled: the first of them teach."""
        paths = sorted((self._people / "wake_word" / "computer").glob("*.wav"))
        random.Random(draw).shuffle(paths)
        return paths

    def _by_computers(self, takes: int, draw: int) -> Taught:
        """The model of the first so many of them, made once."""
        if (takes, draw) not in self._of_computer:
            made = self._taught("computer", self._computer(draw)[:takes], seed=draw)
            self._of_computer[takes, draw] = made
        return self._of_computer[takes, draw]

    def _alarms(self, model: SpottingModel) -> dict[str, tuple[float, float]]:
        """False alarms an hour at the model's thresholds by kind of sound, and the hours."""
        found = {}
        for name, heard in self._heard_kept(model).items():
            hours = heard.samples / model.rate / 3600
            found[name] = _fired(heard, model) / hours, hours
        return found

    def _heard_kept(self, model: SpottingModel) -> dict[str, Heard]:
        """What a model hears in all that is kept, by kind of sound."""
        return {name: hear_frames(model, [vectors]) for name, vectors in self._kept_vectors(model).items()}

    def _kept_vectors(self, model: SpottingModel) -> dict[str, Samples]:
        """Vectors of all that is kept and does not say the model's words; only for models on the speech embedding."""
        words = tuple(model.words)
        if words not in self._vectors:
            self._vectors[words] = {}
            for name, paths in kept(self._people, without=words).items():
                self._vectors[words][name] = _vectors_of(model, paths)
        return self._vectors[words]

    # -- one voice at one microphone

    def voice(self) -> Iterator[Row]:
        """Takes of one word by one voice; its other words, without and with two minutes of its talk."""
        for talk_minutes in (0.0, 2.0):
            missed, fired, elsewhere = _Share(), _Share(), _Share()
            for case in list(self._voices())[: max(2, self._draws)]:
                talk = case.talk(talk_minutes, self._folder) if talk_minutes else []
                taught = self._taught(case.word, case.takes, talk=talk)
                missed.add(_count_missed(taught.model, [_take(case.word, path) for path in case.further]))
                fired.add(_count_fired(taught.model, case.others[:: 1 if not talk_minutes else 2]))
                elsewhere.add(_count_missed(taught.model, [_take(case.word, path) for path in case.elsewhere]))
            how = f"with {talk_minutes:g} minutes of its talk" if talk_minutes else "without its talk"
            yield missed.row(f"one voice, {how}: further takes missed", 5.0)
            yield fired.row(f"one voice, {how}: its other words that fire", 1.0 if talk_minutes else 5.0)
            yield elsewhere.row(f"one voice, {how}: the word by other voices missed", None)

    def _voices(self) -> Iterator[OneVoice]:
        """Kept voices of DSPSpeech-20, each with a kept word: four takes teach, one is left, and its 65 others."""
        of_voice: dict[str, list[Recording]] = {}
        for one in recordings(self._people):
            if one.source == "dspspeech20" and one.kept:
                of_voice.setdefault(one.speaker, []).append(one)
        voices = sorted(voice for voice, own in of_voice.items() if len({one.word for one in own}) > 4)
        for number, voice in enumerate(voices):
            word = sorted(KEPT_WORDS)[number % len(KEPT_WORDS)]
            own = of_voice[voice]
            said = [one.path for one in own if one.word == word]
            yield OneVoice(
                word.partition("-")[2],
                said[:4],
                said[4:],
                [one.path for one in own if one.word != word],
                [one.path for other in voices if other != voice for one in of_voice[other] if one.word == word],
            )

    # -- nine words

    def nine(self) -> Iterator[Row]:
        """Recall of validation keywords where 7% of other words fire; one half of the other words judges at a time."""
        for clips, asked in ((None, 88.0), (20, 80.0)):
            recalls = [self._nine(clips, fold) for fold in (0, 1)]
            what = "all clips" if clips is None else f"{clips} clips a word"
            row = f"nine words, {what}: recall of validation voices where 7% of other words fire, 2 folds"
            yield Row(row, 100 * float(np.mean(recalls)), "%", asked=asked, at_least=True)

    def _nine(self, clips: int | None, fold: int) -> float:
        everything = [one for one in recordings(self._people) if one.source == "speech_commands" and one.kind == "word"]
        others = sorted({one.word for one in everything} - set(KEYWORDS))
        judged_by = set(others[fold::2])
        project = self._project()
        generator = random.Random(fold)
        for word in KEYWORDS:
            own = [one.path for one in everything if one.word == word and not one.kept]
            self._import(project, word, generator.sample(own, min(clips or len(own), len(own))))
        rest = [one.path for one in everything if one.word in set(others) - judged_by]
        self._import(project, "_unknown_", rest)
        model = self._trained(project).model
        spoken = [one for one in everything if one.word in KEYWORDS and one.kept]
        right = np.array([_scores(model, one.path)[model.words.index(one.word)] for one in spoken])
        best = np.array([_scores(model, one.path).max() for one in spoken])
        wrong = np.array([_scores(model, one.path).max() for one in everything if one.word in judged_by])
        threshold = float(np.quantile(wrong, 1 - _FIRE_SHARE))
        return float(((right >= threshold) & (right >= best)).mean())

    # -- cost

    def look(self) -> Iterator[Row]:
        """A network of the lecture with the second look, and without."""
        from kws_engine.bench._second_look import second_look_rows

        yield from second_look_rows(self._people, self._folder)

    def live(self) -> Iterator[Row]:
        """A taught word listening to conversation, as `kws listen --file` does, in a process of its own."""
        paths = sorted((self._people / "wake_word" / "computer").glob("*.wav"))[:20]
        model = self._taught("computer", paths).model
        sound = np.concatenate(list(blocks_of(kept(self._people)["conversation"][:150])(_RATE)))[: 300 * _RATE]
        detector = model.detector()
        began = time.thread_time()
        for at in range(0, len(sound), 480):
            detector.feed(sound[at : at + 480])
        yield Row(
            "a taught word: processor time a second of conversation",
            (time.thread_time() - began) / 300,
            "s",
            asked=0.010,
        )
        code = (
            "import sys, resource, numpy, kws_engine.spotting.model_file as m\n"
            "d = m.SpottingModel(__import__('pathlib').Path(sys.argv[1])).detector()\n"
            "for _ in range(2000): d.feed(numpy.zeros(480, numpy.float32))\n"
            "print(int(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmRSS'))) / 1024)"
        )
        if sys.platform == "linux":
            told = subprocess.run(
                [sys.executable, "-c", code, str(model.path)], capture_output=True, text=True, check=True
            )
            yield Row("a taught word listening: resident memory", float(told.stdout), "MB", asked=90.0)

    # -- beside another program

    def peers(self) -> Iterator[Row]:
        """A taught word, Porcupine's and heed-wakeword's on the same streams; the draw is the first of `computer`."""
        paths = self._computer(0)
        heed = self._heed(paths[:20])
        others = self._others(heed)
        for peer in sorted({"Porcupine", "heed-wakeword"} - set(others)):
            yield Row(f"computer by {peer}", "missing: name an environment with it in KWS_PEERS", "")
        if not others:
            return
        model = self._taught("computer", paths[:20]).model
        takes, background = [_take("computer", path) for path in paths[20:]], background_of(model)
        laid = {}
        for name, snr_db in (("clean", CLEAN), ("at 10 dB", 10.0)):
            laid[name] = Laid(takes, noise=background.noise, talk=background.talk, snr_db=snr_db, rate=_RATE, seed=0)
            stream = np.concatenate([*laid[name].blocks(), np.zeros(_RATE, np.float32)])
            what = f"computer, missed of 180 takes, {name}"
            for peer, hear_it in others.items():
                yield _percent(f"{what}: {peer}", _missed_in(laid[name], hear_it(name, stream)), None)
            yield _percent(f"{what}: 20 takes", _missed(model, takes, snr_db), None)
        ours = self._alarms(model)
        for name, files in kept(self._people, without=("computer",)).items():
            stream = np.concatenate(list(blocks_of(files)(_RATE)))
            hours = len(stream) / _RATE / 3600
            what = f"computer, false alarms in {hours:.1f} h of {name}"
            for peer, hear_it in others.items():
                yield Row(f"{what}: {peer}", len(hear_it(name, stream)) / hours, "an hour")
            yield Row(f"{what}: 20 takes", ours[name][0], "an hour")
        if heed is not None:
            count = round(sum(rate * hours for rate, hours in ours.values()))
            threshold = heed.threshold_for(count, CATEGORIES)
            for name, one in laid.items():
                how = f"heed-wakeword with {count} false alarms in all, in hindsight"
                what = f"computer, missed of 180 takes, {name}: {how}"
                yield _percent(what, _missed_in(one, reports(heed.scores[name], threshold)), None)

    def _others(self, heed: Heed | None) -> dict[str, Callable[[str, Samples], list[int]]]:
        """What says where another program reports the word in a stream of a name, by program."""
        found: dict[str, Callable[[str, Samples], list[int]]] = {}
        command = peer_commands().get("pvporcupine")
        if command is not None:
            found["Porcupine"] = lambda _, stream: self._heard(command, stream)
        if heed is not None:
            found["heed-wakeword"] = heed.hear
        return found

    def _heed(self, takes: Sequence[Path]) -> Heed | None:
        python = peer_python("heed")
        if python is None:
            return None
        heed = Heed(python, self._folder / "heed")
        heed.teach("computer", takes, people=self._people)
        return heed

    def _heard(self, command: Sequence[str], sound: Samples) -> list[int]:
        """Where another program reports its word, in samples; reports within 0.7 s are one."""
        path = self._folder / "sound.raw"
        path.write_bytes(audio.pcm16(sound).tobytes())
        *python, name = command
        told = subprocess.run([*python, "--heard", name, str(path)], capture_output=True, text=True, check=True)
        found: list[int] = []
        for at in json.loads(told.stdout)["heard"][0]:
            if not found or at - found[-1] > 0.7 * _RATE:
                found.append(at)
        return found

    # -- making models

    def _taught(
        self, word: str, paths: Sequence[Path], *, talk: Sequence[Path] = (), synthetic: int = 0, seed: int = 0
    ) -> Taught:
        began = time.monotonic()
        project = self._project()
        self._import(project, word, paths)
        if synthetic:
            synthesize(project, [word], SynthesisConfig(clips=synthetic, seed=seed))
        copy_talk(project, talk)
        made = self._trained(project, seed=seed)
        return Taught(made.model, time.monotonic() - began, made.promised)

    def _project(self) -> Project:
        self._made += 1
        return Project.create(self._folder / f"project-{self._made}")

    def _import(self, project: Project, word: str, paths: Sequence[Path]) -> None:
        source = self._folder / f"source-{self._made}-{word}"
        source.mkdir()
        for number, path in enumerate(paths):
            name = path.name if "_nohash_" in path.name else f"v{number:03d}_nohash_0{path.suffix}"
            if (source / name).exists():  # a voice's takes of several words, together as other words
                name = f"{path.stem.partition('_')[0]}_nohash_{100 + number}{path.suffix}"
            shutil.copy(path, source / name)
        add_takes(open_or_create(project.folder, word) if word != "_unknown_" else project, word, source)

    def _trained(self, project: Project, *, seed: int = 0) -> Taught:
        project.refresh()
        promised = None
        threads = int(os.environ.get("OMP_NUM_THREADS", "0")) or None
        for event in run(Job(project.folder, teach_settings().to_dict(), seed=seed, threads=threads)):
            if isinstance(event, Promised):
                promised = event
            if isinstance(event, Failed):
                raise KwsError(f"The model to measure was not trained: {event.message}")
            if isinstance(event, Finished):
                return Taught(SpottingModel(Path(event.model)), 0.0, promised)
        raise KwsError("The model to measure was not trained: it has no ending")


@dataclass(frozen=True)
class OneVoice:
    """A voice at its microphone.

    Attributes:
        word: What is taught,
        takes: by these.
        further: More takes of it by the voice.
        others: The voice's other words there.
        elsewhere: The word by other voices.
    """

    word: str
    takes: list[Path]
    further: list[Path]
    others: list[Path]
    elsewhere: list[Path]

    def talk(self, minutes: float, folder: Path) -> list[Path]:
        """A recording of every second of its other words, repeated to so many minutes."""
        import soundfile

        pieces = [audio.read(path, rate=_RATE, max_seconds=LONGEST_CLIP_S) for path in self.others[1::2]]
        sound = np.resize(np.concatenate(pieces), round(minutes * 60 * _RATE))
        path = folder / f"talk-{self.word}-{len(list(folder.iterdir()))}.wav"
        soundfile.write(path, sound, _RATE)
        return [path]


@dataclass
class _Share:
    """Counts of several cases together, and the worst of them."""

    count: int = 0
    of: int = 0
    worst: float = 0.0

    def add(self, counted: tuple[int, int]) -> None:
        self.count, self.of = self.count + counted[0], self.of + counted[1]
        self.worst = max(self.worst, counted[0] / max(1, counted[1]))

    def row(self, what: str, asked: float | None) -> Row:
        whole = f"{what} ({self.count} of {self.of}, worst case {self.worst:.0%})"
        return _percent(whole, self.count / max(1, self.of), asked)


def _percent(what: str, share: float | np.floating, asked: float | None) -> Row:
    return Row(what, 100 * float(share), "%", asked=asked, at_least=None if asked is None else False)


def _take(word: str, path: Path) -> Take:
    return Take(word, audio.read(path, rate=_RATE, max_seconds=LONGEST_CLIP_S), path.name)


def _missed(model: SpottingModel, takes: Sequence[Take], snr_db: float | None) -> float:
    return misses_in(model, takes, background_of(model), snr_db=snr_db).quality.miss_rate


def _hit_peaks(model: SpottingModel, takes: Sequence[Take], snr_db: float | None) -> Samples:
    """The highest score of each take (N,)."""
    peaks = misses_in(model, takes, background_of(model), snr_db=snr_db).quality.hit_peaks
    return np.array([score for scores in peaks.values() for score in scores], np.float32)


def _missed_in(laid: Laid, reported: Sequence[int]) -> float:
    """Share of laid takes where another program does not report its word."""
    quality = StreamQuality()
    found = [Detection("computer", at, 1.0) for at in reported]
    quality.add(found, laid.spoken, samples=laid.spoken[-1].stop + _RATE, rate=_RATE)
    return quality.miss_rate


def _count_missed(model: SpottingModel, takes: Sequence[Take]) -> tuple[int, int]:
    if not takes:
        return 0, 0
    return misses_in(model, takes, background_of(model), snr_db=CLEAN).quality.miss_count, len(takes)


def _count_fired(model: SpottingModel, paths: Sequence[Path]) -> tuple[int, int]:
    """How many recordings fire the model, each alone after quiet."""
    scores = [_scores(model, path) for path in paths]
    thresholds = np.array([_threshold(model, word) for word in model.words])
    return sum(bool((one >= thresholds).any()) for one in scores), len(paths)


def _vectors_of(model: SpottingModel, paths: Sequence[Path]) -> Samples:
    """Recordings one after another as a model on the speech embedding sees them (N, F)."""
    stream = model.pipeline.stream()
    return np.concatenate([stream.push(block) for block in blocks_of(paths)(model.rate)])


def _fired(heard: Heard, model: SpottingModel) -> int:
    return sum(peak.score >= model.thresholds[peak.word] for peak in heard.peaks)


def _threshold(model: SpottingModel, word: str) -> float:
    return model.thresholds.get(word, model.detector_config.threshold)


def _scores(model: SpottingModel, path: Path) -> Samples:
    """The highest score of each word (words,) in a recording with quiet around it."""
    sound = audio.read(path, rate=model.rate, max_seconds=LONGEST_CLIP_S)
    quiet = np.zeros(round(_PAD_S * model.rate), np.float32)
    best: Mapping[str, float] = {}
    for peak in hear(model, [np.concatenate((quiet, sound, quiet[: len(quiet) // 2]))]).peaks:
        best = {**best, peak.word: max(peak.score, best.get(peak.word, 0.0))}
    return np.array([best.get(word, 0.0) for word in model.words], np.float32)
