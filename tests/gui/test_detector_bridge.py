"""The detector's thread between a source and signals: real model, real ring, real reader."""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import tone_model
from pytestqt.qtbot import QtBot
from tone_model import RATE, pause, tone

from kws_engine import audio
from kws_engine.errors import MicrophoneError, SpecError
from kws_engine.microphone import Heard, Reader
from kws_engine.ring import Ring
from kws_engine.spotting.decision import Detection, DetectorConfig
from kws_engine.spotting.detector import Step
from kws_gui.bridges.detector import DetectorBridge, OpenModel
from kws_gui.bridges.file_hearing import FileHeard, FileHearing, FileWord
from kws_gui.bridges.sound_picture import SoundPicture

SOUND = np.concatenate([pause(1.2), tone("low"), pause(1.5), tone("high"), pause(1.5)])


class Speaker:
    """A ring that a test speaks into, in place of the device's callback; counts how often it is read."""

    def __init__(self, *, seconds: float = 60.0, rate: int = RATE) -> None:
        self.ring = Ring(round(seconds * rate))
        self.rate = rate
        self.reads = 0

    def reader(self, rate: int) -> Reader:
        reader = Reader(SimpleNamespace(ring=self.ring, rate=self.rate), rate=rate)  # type: ignore[arg-type]
        read = reader.read

        def counted() -> Heard:
            self.reads += 1
            return read()

        reader.read = counted  # type: ignore[method-assign]
        return reader

    def wait_for_a_read(self, qtbot: QtBot) -> None:
        """Until a read has begun after the commands that were given before this."""
        reads = self.reads
        until(qtbot, lambda: self.reads > reads + 1)

    def say(self, samples: np.ndarray) -> None:
        self.ring.write(samples)


class Witness:
    """Writes down what a bridge announces."""

    def __init__(self, bridge: DetectorBridge) -> None:
        self.frames: list[np.ndarray] = []
        self.steps: list[Step] = []
        self.found: list[Detection] = []
        self.lost: list[int] = []
        self.costs: list[float] = []
        self.failures: list[str] = []
        bridge.heard.connect(self.frames.append)
        bridge.stepped.connect(self.steps.extend)
        bridge.detected.connect(self.found.append)
        bridge.lost.connect(self.lost.append)
        bridge.costChanged.connect(self.costs.append)
        bridge.failed.connect(lambda sentence, details: self.failures.append(sentence))

    @property
    def words(self) -> list[str]:
        return [detection.word for detection in self.found]

    @property
    def n_frames(self) -> int:
        return sum(map(len, self.frames))


@pytest.fixture(scope="module")
def kws(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tone_model.write(tmp_path_factory.mktemp("model") / "tones.kws")


@pytest.fixture
def bridge(qtbot: QtBot) -> Iterator[DetectorBridge]:
    made = DetectorBridge()
    yield made
    made.shutdown()


def loaded(qtbot: QtBot, bridge: DetectorBridge, path: pathlib.Path) -> OpenModel:
    with qtbot.waitSignal(bridge.loaded, timeout=30_000) as caught:
        bridge.load(path)
    opened: OpenModel = caught.args[0]
    return opened


def until(qtbot: QtBot, condition: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=20_000)


def test_a_model_file_is_opened_off_the_windows_thread(qtbot: QtBot, bridge: DetectorBridge, kws: pathlib.Path) -> None:
    opened = loaded(qtbot, bridge, kws)
    assert opened.model.words == ("low", "high") and opened.path == kws
    assert bridge.thresholds == {"low": DetectorConfig().threshold, "high": DetectorConfig().threshold}
    again = loaded(qtbot, bridge, kws)
    assert again.digest == opened.digest


def test_another_content_has_another_digest(
    qtbot: QtBot, bridge: DetectorBridge, kws: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    other = tone_model.write(tmp_path / "tones.kws", manifest={"detector": {"thresholds": {"low": 0.3}}})
    assert loaded(qtbot, bridge, kws).digest != loaded(qtbot, bridge, other).digest
    assert bridge.thresholds == {"low": 0.3, "high": DetectorConfig().threshold}


def test_a_damaged_file_is_said_in_words(qtbot: QtBot, bridge: DetectorBridge, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "letter.kws"
    path.write_text("dear aunt")
    with qtbot.waitSignal(bridge.failed, timeout=30_000) as caught:
        bridge.load(path)
    assert "letter.kws is not a KWS Studio model" in caught.args[0]
    assert bridge.opened is None


def test_of_two_files_asked_for_the_last_one_counts(
    qtbot: QtBot, bridge: DetectorBridge, kws: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    names: list[str] = []
    bridge.loaded.connect(lambda opened: names.append(opened.path.name))
    bridge.load(kws)
    bridge.load(tone_model.write(tmp_path / "second.kws"))
    until(qtbot, lambda: names)
    assert names == ["second.kws"]


def test_words_are_heard_and_times_are_the_sounds(qtbot: QtBot, bridge: DetectorBridge, kws: pathlib.Path) -> None:
    opened, speaker, witness = loaded(qtbot, bridge, kws), Speaker(), Witness(bridge)
    bridge.start(speaker.reader)
    speaker.say(SOUND)
    until(qtbot, lambda: len(witness.found) == 2)
    expected = [step.detection for step in opened.model.detector().feed(SOUND) if step.detection]
    assert witness.found == expected
    until(qtbot, lambda: witness.n_frames == 1 + (len(SOUND) - 480) // 160)
    bridge.stop()
    assert not bridge.is_running and not witness.failures


def test_a_loud_tone_is_drawn_bright_and_silence_dark(qtbot: QtBot) -> None:
    picture = SoundPicture(RATE)
    loud = picture.push(tone("low", peak=1.0))
    assert loud.shape[1] == SoundPicture.BANDS and -6 < loud.max() < 6
    assert SoundPicture(RATE).push(np.zeros(RATE, np.float32)).max() < -80


def test_time_goes_on_over_stop_and_start(qtbot: QtBot, bridge: DetectorBridge, kws: pathlib.Path) -> None:
    loaded(qtbot, bridge, kws)
    speaker, witness = Speaker(), Witness(bridge)
    for turn in (1, 2):
        bridge.start(speaker.reader)
        speaker.say(SOUND)
        until(qtbot, lambda turn=turn: len(witness.found) == 2 * turn)
        until(qtbot, lambda turn=turn: witness.n_frames >= turn * len(SOUND) // 160 - 3)
        bridge.stop()
    first, second = witness.found[0], witness.found[2]
    assert second.at_sample == first.at_sample + len(SOUND)


def test_lost_sound_is_counted_and_takes_its_time(qtbot: QtBot, bridge: DetectorBridge, kws: pathlib.Path) -> None:
    loaded(qtbot, bridge, kws)
    speaker, witness = Speaker(seconds=1.0), Witness(bridge)
    reader = speaker.reader(RATE)
    speaker.say(pause(1.5))
    bridge.start(lambda rate: reader)
    until(qtbot, lambda: witness.lost and witness.steps)
    assert witness.lost == [RATE // 2]
    assert witness.n_frames == 1 + (RATE * 3 // 2 - 480) // 160


def test_a_gap_of_an_hour_does_not_stop_it(qtbot: QtBot, bridge: DetectorBridge, kws: pathlib.Path) -> None:
    loaded(qtbot, bridge, kws)
    speaker, witness = Speaker(seconds=5.0), Witness(bridge)
    reader = speaker.reader(RATE)
    for _ in range(1200):
        speaker.say(np.zeros(3 * RATE, np.float32))
    bridge.start(lambda rate: reader)
    until(qtbot, lambda: witness.lost)
    assert witness.lost == [3600 * RATE - 5 * RATE]
    speaker.say(SOUND[: 3 * RATE])
    until(qtbot, lambda: witness.words == ["low"])


def test_a_threshold_moved_while_listening_holds(qtbot: QtBot, bridge: DetectorBridge, kws: pathlib.Path) -> None:
    loaded(qtbot, bridge, kws)
    speaker, witness = Speaker(), Witness(bridge)
    bridge.start(speaker.reader)
    bridge.setThreshold("low", 1.0)
    assert bridge.thresholds == {"low": 1.0, "high": DetectorConfig().threshold}
    speaker.wait_for_a_read(qtbot)  # so that the command came before the sound
    speaker.say(SOUND)
    until(qtbot, lambda: witness.n_frames >= len(SOUND) // 160 - 3)
    assert witness.words == ["high"]
    with pytest.raises(SpecError, match="no word of this model"):
        bridge.setThreshold("left", 0.5)


def test_other_settings_while_listening_hold(qtbot: QtBot, bridge: DetectorBridge, kws: pathlib.Path) -> None:
    opened = loaded(qtbot, bridge, kws)
    speaker, witness = Speaker(), Witness(bridge)
    bridge.start(speaker.reader)
    speaker.say(pause(2.0))
    until(qtbot, lambda: witness.steps)
    bridge.configure(type(opened.model.detector_config)(refractory_ms=10_000.0), {})
    speaker.wait_for_a_read(qtbot)
    speaker.say(SOUND)
    until(qtbot, lambda: witness.n_frames >= (2 * RATE + len(SOUND)) // 160 - 3)
    assert witness.words == ["low"]
    assert witness.found[0].at_sample > 3 * RATE


def test_it_says_what_it_costs(qtbot: QtBot, bridge: DetectorBridge, kws: pathlib.Path) -> None:
    loaded(qtbot, bridge, kws)
    speaker, witness = Speaker(), Witness(bridge)
    bridge.start(speaker.reader)
    until(qtbot, lambda: witness.costs)
    assert 0.0 <= witness.costs[0] <= 1.0


def test_a_reader_that_fails_ends_it_in_words(qtbot: QtBot, bridge: DetectorBridge, kws: pathlib.Path) -> None:
    loaded(qtbot, bridge, kws)
    witness = Witness(bridge)

    class Broken:
        def read(self) -> None:
            raise MicrophoneError("The microphone went away: plug it in again.")

    bridge.start(lambda rate: Broken())  # type: ignore[arg-type, return-value]
    until(qtbot, lambda: witness.failures)
    assert witness.failures == ["The microphone went away: plug it in again."]
    assert not bridge.is_running


def test_another_model_while_listening_ends_the_thread(qtbot: QtBot, bridge: DetectorBridge, kws: pathlib.Path) -> None:
    loaded(qtbot, bridge, kws)
    threads = threading.active_count()
    bridge.start(Speaker().reader)
    loaded(qtbot, bridge, kws)
    assert not bridge.is_running and threading.active_count() <= threads + 1


def heard_in(qtbot: QtBot, bridge: DetectorBridge, path: pathlib.Path) -> tuple[list[FileWord], FileHeard | str]:
    hearing = FileHearing(path, [bridge.listener("tones")], (1.0, 1.0))
    answers: list[FileHeard | str] = []
    words: list[FileWord] = []
    hearing.found.connect(words.append)
    hearing.finished.connect(answers.append)
    hearing.failed.connect(lambda sentence, details: answers.append(sentence))
    hearing.start()
    until(qtbot, lambda: answers)
    return words, answers[0]


def test_a_file_gives_the_same_words_at_any_rate(
    qtbot: QtBot, bridge: DetectorBridge, kws: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    loaded(qtbot, bridge, kws)
    for rate in (16_000, 44_100):
        audio.write(tmp_path / "said.wav", audio.resample(SOUND, RATE, rate), rate=rate)
        words, heard = heard_in(qtbot, bridge, tmp_path / "said.wav")
        assert isinstance(heard, FileHeard) and heard.complete and heard.count == 2
        assert [found.detection.word for found in words] == ["low", "high"]
        assert heard.seconds == pytest.approx(len(SOUND) / RATE, abs=0.01)


def test_a_file_that_is_no_sound_is_refused_in_words(
    qtbot: QtBot, bridge: DetectorBridge, kws: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    loaded(qtbot, bridge, kws)
    path = tmp_path / "letter.wav"
    path.write_text("dear aunt")
    _, answer = heard_in(qtbot, bridge, path)
    assert answer == "letter.wav is not audio in a known format: use WAV, FLAC, OGG, MP3 or M4A."
