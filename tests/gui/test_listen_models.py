"""The Listen page with several models, files at both speeds, sounds to hear again, and thresholds that promise."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import numpy as np
import promised_run
import pytest
import tone_model
from pictures import pixels
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot
from tone_model import RATE, pause, tone
from virtual_microphone import VirtualMicrophone

from kws_engine import audio
from kws_engine.errors import AudioError
from kws_engine.spotting.decision import DetectorConfig
from kws_gui.bridges.file_source import FileSource
from kws_gui.bridges.sound_picture import SoundPicture
from kws_gui.pages.listen.page import ListenPage
from kws_gui.pages.listen.picture_settings import PictureConfig
from kws_gui.pages.listen.sounds import KeptSounds
from kws_gui.services.project_model import ProjectModel

SAID = np.concatenate([pause(1.0), tone("low"), pause(0.9), tone("high"), pause(0.3)])
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def kws(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tone_model.write(tmp_path_factory.mktemp("model") / "tones.kws")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("sound") / "said.wav"
    audio.write(path, SAID, rate=RATE)
    return path


@pytest.fixture
def model() -> ProjectModel:
    return ProjectModel()


@pytest.fixture
def make_page(model: ProjectModel, make_listen_page: Callable[..., ListenPage]) -> Callable[[], ListenPage]:
    return lambda: make_listen_page(model, 1000, 800)


@pytest.fixture
def page(make_page: Callable[[], ListenPage], kws: pathlib.Path, qtbot: QtBot) -> ListenPage:
    made = make_page()
    open_model(qtbot, made, kws)
    return made


def until(qtbot: QtBot, condition: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=PATIENCE_MS)


def open_model(qtbot: QtBot, page: ListenPage, path: pathlib.Path) -> None:
    with qtbot.waitSignal(page.bridge.loaded, timeout=PATIENCE_MS):
        page.choose(path)


def add(qtbot: QtBot, page: ListenPage, path: pathlib.Path) -> None:
    page.add_model(path)
    until(qtbot, lambda: all(ear.opened is not None for ear in page.ears))


def hear(qtbot: QtBot, page: ListenPage, path: pathlib.Path, *, full_speed: bool) -> None:
    """Listens to a file until its end."""
    page.listen_to_file(path, full_speed=full_speed)
    until(qtbot, lambda: not page.file.is_busy)


def heard(page: ListenPage) -> list[tuple[str, str]]:
    return [(one.word, one.model) for one in page.view.log.words()]


# -- several models


def test_another_model_is_added_from_the_list_and_removed(
    qtbot: QtBot, page: ListenPage, tmp_path: pathlib.Path
) -> None:
    other = tone_model.write(tmp_path / "kitchen.kws", manifest={"detector": {"thresholds": {"low": 0.4}}})
    page.picker.setPath(other)
    page.picker.setPath(page.bridge.opened.path if page.bridge.opened else None)
    page.add_button.fill()
    action = next(one for one in page.add_button.choices.actions() if one.text() == "kitchen.kws")
    assert "tones.kws" not in [one.text() for one in page.add_button.choices.actions()]
    action.trigger()
    until(qtbot, lambda: len(page.view.groups) == 2 and page.view.groups[1].words() == ["low", "high"])
    assert [group.name.fullText() for group in page.view.groups] == ["tones", "kitchen"]
    assert page.view.groups[1].strip.row("low").threshold() == 0.4
    page.add_model(other)
    assert len(page.ears) == 2, "a model listens once"
    button = page.view.groups[1].remove
    assert button.accessibleName() == "Stop listening with kitchen"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert len(page.view.groups) == 1 and not page.view.first.name.fullText()


@pytest.mark.parametrize("full_speed", [True, False], ids=["fast", "normal"])
def test_both_models_hear_and_are_named(
    qtbot: QtBot, page: ListenPage, said: pathlib.Path, tmp_path: pathlib.Path, full_speed: bool
) -> None:
    add(qtbot, page, tone_model.write(tmp_path / "kitchen.kws"))
    hear(qtbot, page, said, full_speed=full_speed)
    for group in page.view.groups:
        left, right = group.name.geometry(), group.promise.geometry()
        assert left.width() > 50 and left.right() < right.left(), "the name and the promise lie over each other"
    assert sorted(heard(page)) == [(word, name) for word in ("high", "low") for name in ("kitchen", "tones")]
    places = {(one.model, one.word): one.at_s for one in page.view.log.words()}
    for word in ("low", "high"):
        assert places["kitchen", word] == places["tones", word] is not None
    rows = {column: page.view.log.table.horizontalHeaderItem(column).text() for column in range(5)}
    assert rows[3] == "Model" and not page.view.log.table.isColumnHidden(3)
    assert page.messages.text().startswith("4 words were heard in said.wav")


def test_a_model_that_is_added_while_it_listens_is_in_time(
    qtbot: QtBot, page: ListenPage, virtual_microphone: VirtualMicrophone, tmp_path: pathlib.Path
) -> None:
    qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
    until(qtbot, lambda: page.view.spectrogram.now_s() > 0.7)
    add(qtbot, page, tone_model.write(tmp_path / "kitchen.kws"))
    until(qtbot, lambda: page.ears.others[0].bridge.position > RATE // 2)
    first, other = page.ears
    assert abs(first.time_s(first.bridge.position) - other.time_s(other.bridge.position)) < 0.25
    assert other.offset_s > 0.5


def test_what_cannot_be_added_is_said_and_gone(qtbot: QtBot, page: ListenPage, tmp_path: pathlib.Path) -> None:
    letter = tmp_path / "letter.kws"
    letter.write_text("dear aunt")
    page.add_model(letter)
    until(qtbot, page.messages.isVisible)
    assert "letter.kws is not a KWS Studio model" in page.messages.text()
    assert len(page.view.groups) == 1 and page.button.isEnabled()


def test_the_models_are_there_at_the_next_start(
    qtbot: QtBot, page: ListenPage, make_page: Callable[[], ListenPage], kws: pathlib.Path, model: ProjectModel,
    tmp_path: pathlib.Path,
) -> None:  # fmt: skip
    add(qtbot, page, tone_model.write(tmp_path / "kitchen.kws"))
    page.shutdown()
    model.set_model_path(None)
    second = make_page()
    until(qtbot, lambda: len(second.ears) == 2 and all(ear.opened is not None for ear in second.ears))
    assert model.model_path == kws and second.ears.names() == ["tones", "kitchen"]


def test_each_model_has_its_own_settings(qtbot: QtBot, page: ListenPage, tmp_path: pathlib.Path) -> None:
    add(qtbot, page, tone_model.write(tmp_path / "kitchen.kws", manifest={"source": {"project": "another"}}))
    fold = page.view.fold
    fold.setOpen(True)
    assert fold.models.isVisible() and [fold.models.itemText(at) for at in range(2)] == ["tones", "kitchen"]
    fold.models.setCurrentIndex(1)
    fold.models.activated.emit(1)
    fold.form.editor("threshold").setNumber(0.6)
    assert page.ears.others[0].bridge.thresholds == {"low": 0.6, "high": 0.6}
    assert page.bridge.thresholds == {"low": 0.7, "high": 0.7}
    qtbot.keyClick(page.view.groups[1].strip.row("low"), Qt.Key.Key_Up)
    assert fold.state() == "1 threshold moved" and page.ears.others[0].bridge.thresholds["low"] == 0.61


# -- files


def test_a_file_at_normal_speed_is_shown_like_a_microphone(qtbot: QtBot, page: ListenPage, said: pathlib.Path) -> None:
    page.view.file_speed.setCurrentIndex(1)
    page.listen_to_file(said)
    assert page.button.text() == "Stop" and page.progress.isVisible() and not page.view.file_button.isEnabled()
    page.listen_to_file(said)
    assert "One file at a time" in page.messages.text()
    until(qtbot, lambda: page.view.log.words())
    assert "low at" in page.view.spectrogram.accessibleDescription() and page.view.word.word() == "low"
    assert page.meter.text() == "peak -6 dB"
    until(qtbot, lambda: not page.file.is_busy)
    assert [one.word for one in page.view.log.words()] == ["low", "high"]
    assert page.messages.text() == f"2 words were heard in said.wav ({len(SAID) / RATE:.1f} s)."
    assert page.button.text() == "Listen" and not page.progress.isVisible() and not page.ears.is_running
    first = page.view.log.words()[0]
    assert first.source == "said.wav" and first.at_s is not None and 1.0 < first.at_s < 2.2


def test_a_file_at_normal_speed_can_be_stopped(qtbot: QtBot, page: ListenPage, said: pathlib.Path) -> None:
    page.listen_to_file(said, full_speed=False)
    until(qtbot, lambda: page.view.spectrogram.now_s() > 0.2)
    qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
    until(qtbot, page.messages.isVisible)
    assert "then you stopped" in page.messages.text() and page.button.text() == "Listen"


def test_a_file_takes_the_place_of_the_microphone_and_is_no_use_log(
    qtbot: QtBot, page: ListenPage, virtual_microphone: VirtualMicrophone, said: pathlib.Path
) -> None:
    qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
    until(qtbot, lambda: page.bridge.is_running)
    page.listen_to_file(said, full_speed=False)
    assert not page.is_listening and page.file.is_sounding and page.use_log._log is None
    until(qtbot, lambda: not page.file.is_busy)
    assert [one.source for one in page.view.log.words()] == ["said.wav"] * 2


def test_another_model_ends_a_file_at_normal_speed(
    qtbot: QtBot, page: ListenPage, said: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    page.listen_to_file(said, full_speed=False)
    until(qtbot, lambda: page.view.log.words())
    open_model(qtbot, page, tone_model.write(tmp_path / "other.kws"))
    until(qtbot, lambda: not page.file.is_busy)
    assert page.button.text() == "Listen" and "then you stopped" in page.messages.text()
    kept = page.sounds._kept.of(0)
    assert kept is not None and page.sounds._expected == {}, "what was heard before stays the old model's"
    assert np.abs(kept[0]).max() == pytest.approx(0.5, abs=0.01)


def test_a_bad_file_at_normal_speed_is_said(qtbot: QtBot, page: ListenPage, tmp_path: pathlib.Path) -> None:
    letter = tmp_path / "letter.wav"
    letter.write_text("dear aunt")
    page.listen_to_file(letter, full_speed=False)
    until(qtbot, lambda: "letter.wav is not audio" in page.messages.text())
    until(qtbot, lambda: not page.file.is_busy)
    assert page.messages.kind() == "error" and page.button.text() == "Listen"


def test_a_file_source_gives_what_has_sounded(said: pathlib.Path, tmp_path: pathlib.Path) -> None:
    now_s = [5.0]
    source = FileSource(said, rate=RATE, clock=lambda: now_s[0])
    assert len(source.read().samples) == 0
    parts = []
    for passed_s in (0.01, 0.5, 0.03, 0.7):
        now_s[0] += passed_s
        parts.append(source.read().samples)
    assert [len(part) for part in parts] == pytest.approx([passed * RATE for passed in (0.01, 0.5, 0.03, 0.7)], abs=1)
    now_s[0] += 3600.0  # the computer slept
    parts.append(source.read().samples)
    assert len(parts[-1]) == RATE and not source.ended
    while not source.ended:
        now_s[0] += 0.4
        parts.append(source.read().samples)
    whole = np.concatenate(parts)
    np.testing.assert_allclose(whole[: len(SAID)], SAID, atol=1e-4)
    assert not whole[len(SAID) :].any() and len(whole) > len(SAID) + RATE // 2
    with pytest.raises(AudioError):
        FileSource(tmp_path / "none.wav", rate=RATE).read()


# -- hearing a word again


@pytest.mark.parametrize("full_speed", [True, False], ids=["fast", "normal"])
def test_a_word_of_the_log_is_heard_again(
    qtbot: QtBot, page: ListenPage, virtual_microphone: VirtualMicrophone, said: pathlib.Path, full_speed: bool
) -> None:
    hear(qtbot, page, said, full_speed=full_speed)
    played: list[tuple[np.ndarray, int]] = []
    table = page.view.log.table
    for row in (0, 1):
        with qtbot.waitSignal(page.player.started, timeout=PATIENCE_MS):
            table.setCurrentCell(row, 1)
            qtbot.keyClick(table, Qt.Key.Key_Return)
        kept = page.sounds._kept.of(1 - row)
        assert kept is not None
        played.append(kept)
        assert not table.item(row, 4).icon().isNull()
    for (samples, rate), word in zip(reversed(played), ("low", "high"), strict=True):
        spectrum = np.abs(np.fft.rfft(samples))
        peak_hz = float(spectrum.argmax()) * rate / len(samples)
        assert peak_hz == pytest.approx(tone_model.TONES_HZ[word], rel=0.02) and len(samples) <= 2 * rate


def test_of_the_oldest_words_the_sound_is_gone(qtbot: QtBot, page: ListenPage) -> None:
    kept = KeptSounds(most=2)
    for number in range(3):
        gone = kept.keep(number, np.full(4, 0.25 * number, np.float32), RATE)
    assert gone == [0] and kept.of(0) is None
    samples, rate = kept.of(2) or (np.zeros(0), 0)
    np.testing.assert_allclose(samples, 0.5, atol=1e-4)
    assert rate == RATE
    page.view.log.playRequested.emit(99)
    assert "hundred words heard last" in page.messages.text()


# -- the spectrogram


def test_another_scale_shows_what_was_heard_before_as_well(qtbot: QtBot, page: ListenPage, said: pathlib.Path) -> None:
    hear(qtbot, page, said, full_speed=False)
    before_s = page.view.spectrogram.now_s()
    samples, first = page.bridge.recent()
    assert first == 0
    page.view.picture_fold.setOpen(True)
    page.view.picture_fold.form.editor("scale").setCurrentIndex(1)
    picture = page.bridge.picture
    assert picture is not None and picture.scale == "linear" and picture.frequency_labels() == ("8 kHz", "0 Hz")
    expected = SoundPicture(RATE, scale="linear").push(samples)
    ring, written = page.view.spectrogram._ring, page.view.spectrogram._written
    assert page.view.spectrogram.now_s() == before_s and written == len(expected)
    shown = ring[::-1, :written].T.astype(float) * 140 / 255 - 120
    assert np.abs(shown - np.clip(expected, -120, 20)).max() < 0.6
    loudest = expected[120].argmax()  # in the low tone
    assert loudest * 62.5 == pytest.approx(tone_model.TONES_HZ["low"], abs=63)


def test_the_range_hides_faint_sound_and_is_remembered(
    qtbot: QtBot, page: ListenPage, make_page: Callable[[], ListenPage]
) -> None:
    page.view.spectrogram.append(np.full((1000, SoundPicture.BANDS), -50.0, np.float32))
    middle = QPoint(400, 60)
    before = pixels(page.view.spectrogram)[middle.y(), middle.x()].sum()
    page.view.picture_fold.setOpen(True)
    page.view.picture_fold.form.editor("low_db").setNumber(-40.0)
    after = pixels(page.view.spectrogram)[middle.y(), middle.x()].sum()
    assert after < 20 < before
    assert page.view.picture_fold.state() == "mel, -40 to 0 dB"
    assert make_page().view.picture_fold.config().low_db == -40.0


@pytest.mark.parametrize("rate", [16_000, 22_050, 11_025, 8_000])
@pytest.mark.parametrize("scale", ["mel", "linear"])
def test_frames_keep_time_at_any_rate(rate: int, scale: str) -> None:
    picture = SoundPicture(rate, scale=scale)  # type: ignore[arg-type]
    frames = sum(len(picture.push(np.zeros(rate, np.float32))) for _ in range(120))
    assert frames * picture.hop_ms / 1000 == pytest.approx(120, abs=0.05)


# -- what a threshold promises


def test_a_line_that_is_moved_says_what_it_promises(
    qtbot: QtBot, page: ListenPage, model: ProjectModel, tmp_path: pathlib.Path
) -> None:
    report = promised_run.report()
    project = promised_run.make(tmp_path / "mine", report)
    path = next(project.runs_folder.glob("*/*.kws"))
    open_model(qtbot, page, path)
    group, row = page.view.first, page.view.strip.row("low")
    word = report.words["low"]
    assert row.promise() == f"{word.false_alarms_at(0.9) / report.hours:.2g}/h, misses {word.missed / word.takes:.0%}"
    before = group.promise.fullText()
    assert before.startswith("All words: ") and "false alarms/h, misses" in before
    assert not _tag_is_shown(row)
    for _ in range(10):
        qtbot.keyClick(row, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert row.promise().endswith("misses 100%") and row.promise() in row.accessibleDescription()
    assert _tag_is_shown(row) and group.promise.fullText() != before


def _tag_is_shown(row: QWidget) -> bool:
    """Whether there is the white of a tag on the row."""
    return int((pixels(row)[:, 140:300] == 255).all(-1).sum()) > 100


def test_a_model_that_tells_no_promise_says_so(page: ListenPage) -> None:
    assert page.view.first.promise.fullText() == "This model does not tell what other thresholds promise"
    assert page.view.strip.row("low").promise() == ""


@pytest.mark.parametrize("name", ["fold", "picture_fold"])
def test_an_open_fold_fits_the_side(qtbot: QtBot, page: ListenPage, name: str) -> None:
    fold = getattr(page.view, name)
    fold.setOpen(True)
    fold.form.setValue(PictureConfig("linear", -60.0, -10.0) if name == "picture_fold" else DetectorConfig(60.0, 480.0))
    side = page.view.log.parentWidget()
    assert side is not None
    until(qtbot, lambda: fold.form.isVisible() and side.parentWidget().width() >= side.minimumSizeHint().width())
    assert side.width() <= side.parentWidget().width()


def test_a_second_look_that_the_model_lacks_is_not_offered(qtbot: QtBot, page: ListenPage) -> None:
    fold = page.view.fold
    fold.setOpen(True)
    box = fold.form.editor("second_look")
    assert not box.isEnabled() and "This model has none" in box.accessibleDescription()
    message = next(one for one in fold.findChildren(QWidget) if getattr(one, "text", str)() == _NO_SECOND_LOOK)
    assert message.isVisible() and fold.form.errors() == {}
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton)
    assert not fold.form.value().second_look


_NO_SECOND_LOOK = "This model has none. Train it with Second look on to have one."
