"""Takes pictures of every page of the running program, on the starter project, trained and listening.

Run it from the repository root, with Xvfb and PulseAudio installed:

    xvfb-run -a -s "-screen 0 1920x1200x24" .venv/bin/python packaging/screenshots.py [--output FOLDER] [--only learn]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
LEARN_TEXT = ROOT / "docs" / "learn.md"
EPOCHS = 20
PAGES = ("start", "words", "session", "feature", "train", "results", "listen", "learn", "teach")
CLOSER = ("views", "dialogs")  # of Words, to be looked at; no page of the documentation shows them
TAUGHT = "computer"
_TAUGHT_TAKES = [at for at in range(36) if at % 3 < 2]  # of the starter project's three takes a voice
_OTHER_TAKES = range(2, 36, 3)
PATIENCE_S = 900.0
FULL_AT = 5  # words in the log
MOST_BYTES = 120_000
LEARN_HEIGHT = 1200  # px at most; a chapter is shown as a whole where it is no taller
LEARN_IN_DARK = "convolution"


def main() -> int:
    arguments = _arguments()
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    os.environ.setdefault("QT_QPA_PLATFORM", "xcb")
    with tempfile.TemporaryDirectory(prefix="kws-pictures-") as home:
        os.environ["KWS_STUDIO_HOME"] = home
        from virtual_microphone import VirtualMicrophone

        with VirtualMicrophone() as microphone:
            Photographer(arguments, microphone, Path(home)).run()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=PICTURES)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument(
        "--only", choices=(*PAGES, *CLOSER), nargs="+", default=PAGES, help="these pages, and what they need"
    )
    parser.add_argument("--size", default="1280x800", help="of the window, WIDTHxHEIGHT")
    return parser.parse_args()


class Photographer:
    """Walks through the pages as a person would and takes each twice, light and dark."""

    def __init__(self, arguments: argparse.Namespace, microphone: Any, home: Path) -> None:
        from kws_gui import app as application

        self._output: Path = arguments.output
        self._epochs: int = arguments.epochs
        self._only = tuple(arguments.only)
        self._microphone = microphone
        self._home = home
        self._output.mkdir(parents=True, exist_ok=True)
        self._app = application.make_application(["kws-studio"])
        self._window = application.make_window(self._app, None)
        self._window.resize(*map(int, arguments.size.split("x")))

    def run(self) -> None:
        """All pages; the window is closed whatever happens."""
        try:
            for page in ("start", "words", *CLOSER, *PAGES[2:]):
                if page in self._needed():
                    getattr(self, f"_{page}")()
        finally:
            self._window.close()

    def _needed(self) -> set[str]:
        """The requested pages, and those that lead to them: Results and Listen show what Train trained."""
        needed = {"start", *self._only} | ({"words"} if set(self._only) & set(CLOSER) else set())
        return needed | {"train"} if needed & {"results", "listen"} else needed

    def _start(self) -> None:
        window = self._window
        self._settle(0.5)
        self._take("start")
        window.page("start").starter.click()
        self._wait("the starter project", lambda: window.page_name == "words")

    def _words(self) -> None:
        page = self._window.page("words")
        page.words.choose(page.words.tree.topLevelItem(3).text(0))
        page.table.selectRow(1)
        self._play(self._speech(seconds=4.0))
        self._wait("a level", lambda: page.recorder.meter.text() not in ("no signal", "quiet"))
        self._wait("the peaks", lambda: page.table.model().index(0, 4).data())
        self._settle(0.6)
        self._take("words")

    def _views(self) -> None:
        """The clips of a word after a check: table, filtered, alone on the page, as grid and on the map."""
        page = self._window.page("words")
        page.caring.check.click()
        self._wait("the check", lambda: self._window.services.care.found is not None)
        self._settle(0.4)
        self._take("views-table")
        page.clips.alone.click()
        page.table.choose_order("snr")
        self._settle(0.4)
        self._take("views-alone")
        page.clips.field.setText("adam")
        page.clips.field.setFocus()
        self._settle(0.3)
        self._take("views-filter")
        page.clips.field.setText("nobody")
        self._settle(0.3)
        self._take("views-nothing", ("light",))
        page.clips.field.clear()
        page.clips.view_grid.click()
        self._wait("spectrograms", lambda: all(page.grid.picture(path) is not None for path in page.grid.shown()))
        self._settle(0.3)
        self._take("views-grid")
        page.clips.view_map.click()
        self._wait("the map", lambda: page.map.plot.isVisible())
        self._settle(0.5)
        self._take("views-map")
        page.clips.view_map.click()
        page.clips.alone.click()

    def _dialogs(self) -> None:
        """What Words asks and tells in windows of its own."""
        page = self._window.page("words")
        if self._window.services.care.found is None:
            self._window.services.care.look()
            self._wait("the check", lambda: self._window.services.care.found is not None)
        self._dialogs_of_session(page)
        self._dialogs_of_clips(page)
        for name, paths in self._sources().items():
            page.transfers.dialog = page.transfers.review = None
            page.take_dropped(paths)
            self._wait(name, lambda: page.transfers.dialog or page.transfers.review)
            if (dialog := page.transfers.dialog) is not None:
                self._settle(0.4)
                self._take(f"dialogs-import-{name}", of=dialog)
                dialog.go.click()
                self._wait(name, lambda: page.transfers.review)
            self._settle(0.4)
            self._take(f"dialogs-review-{name}", of=page.transfers.review)
            page.transfers.review.reject()
            self._settle(0.2)

    def _dialogs_of_session(self, page: Any) -> None:
        self._microphone.hush()
        page.record_session()
        dialog = page.sessions
        dialog.setup.speakers.setText("ann, ben")
        dialog.setup.takes.setValue(2)
        dialog.setup.words.setPlainText("lights\nmusic")
        self._settle(0.3)
        self._take("dialogs-session-setup", of=dialog)
        dialog.setup.go.click()
        self._wait("the microphone", lambda: page.many.hands_free.state == "listening")
        project = self._window.services.project.project
        self._settle(0.5)
        self._take("dialogs-session-running", of=dialog)
        while page.many.state != "done":
            if page.many.state == "turn":
                self._take("dialogs-session-turn", of=dialog)
                page.many.start()
                self._wait("the microphone", lambda: page.many.hands_free.state == "listening")
            done, current = page.many.done, page.many.current
            self._play(project.clips(word=current.word, split="testing")[0].path)
            self._wait("a take", lambda before=done: page.many.done > before)
            if page.many.done == 1:
                page.many.pause()
                self._settle(0.3)
                self._take("dialogs-session-paused", of=dialog)
                page.many.start()
                self._wait("the microphone", lambda: page.many.hands_free.state == "listening")
        self._settle(1.0)
        self._take("dialogs-session-done", of=dialog)
        dialog.reject()
        for _ in range(4):
            self._window.services.project.undo_stack.undo()

    def _dialogs_of_clips(self, page: Any) -> None:
        page.table.trimRequested.emit(page.table.rows.clips[1])
        self._settle(0.4)
        page._trimming.dialog.wave.setStretch(2_000, 12_000)
        self._take("dialogs-trim", of=page._trimming.dialog)
        page._trimming.dialog.reject()
        self._wait("the check", lambda: page.caring.more.isVisible() and not page.caring.progress.isVisible())
        page.caring.more.click()
        self._wait("what more takes give", lambda: page.caring.dialog is not None)
        self._settle(0.4)
        self._take("dialogs-more", of=page.caring.dialog)
        page.caring.dialog.reject()
        page.words.choose("_unknown_")
        page.free.click()
        self._play(self._speech(seconds=6.0))
        self._wait("talk", lambda: page.free.recording.seconds > 4)
        self._take("dialogs-talk")
        page.free.click()
        self._settle(0.5)
        self._take("dialogs-talked", ("light",))
        self._microphone.hush()

    def _sources(self) -> dict[str, list[Path]]:
        """A folder of many recordings, a list of some, a zip, and a folder of which nothing is new."""
        import shutil
        import zipfile

        import numpy as np

        from kws_engine import audio, resources

        clips = [
            path
            for path in sorted((resources.path("starter") / "clips").glob("*/*.flac"))
            if path.parent.name[0] != "_"
        ]
        many = self._home / "recordings"
        for number, path in enumerate(clips[::2]):
            folder = many / path.parent.name
            folder.mkdir(parents=True, exist_ok=True)
            sound = np.roll(audio.read(path, rate=16_000), 50)
            audio.write(
                folder / f"{'anna' if number % 3 else 'a very long name of somebody'} {number}.wav", sound, rate=16_000
            )
        files = sorted(many.glob("*/*.wav"))
        rows = [
            f"{path.relative_to(many)},{path.parent.name},{'ann' if at % 2 else 'ben'}"
            for at, path in enumerate(files[:60])
        ]
        listed = Path(shutil.copytree(many, self._home / "listed"))
        (listed / "list.csv").write_text(
            "\n".join(["path,word,speaker", *rows, "missing.wav,stop,ann"]), encoding="utf-8"
        )
        with zipfile.ZipFile(self._home / "words.zip", "w") as archive:
            for path in files[::7]:
                archive.write(path, f"set/{path.relative_to(many)}")
        broken = self._home / "broken" / "stop"
        broken.mkdir(parents=True)
        for number in range(3):
            (broken / f"ann {number}.wav").write_text("no sound", encoding="utf-8")
        for number in range(3):
            (many / "stop").mkdir(exist_ok=True)
            (many / "stop" / f"the same {number}.wav").write_bytes(files[0].read_bytes())
        return {
            "folder": [many],
            "list": [listed / "list.csv"],
            "zip": [self._home / "words.zip"],
            "nothing": [broken.parent],
        }

    def _session(self) -> None:
        """A session over many words, after its first take, which is taken back."""
        window = self._window
        page = window.page("words")
        self._microphone.hush()  # what was played for Words would be taken for takes
        page.record_session()
        dialog = page.sessions
        dialog.setup.speakers.setText("ann")
        dialog.setup.go.click()
        self._wait("the microphone", lambda: page.many.hands_free.state == "listening")
        word = page.many.current.word
        clips = window.services.project.project.clips(word=word, split="testing")
        self._play(clips[0].path)
        self._wait("a take", lambda: page.many.done == 1)
        self._settle(0.6)
        self._take("session", ("light",), of=dialog)
        page.many.repeat_last()
        dialog.reject()

    def _feature(self) -> None:
        """Train with the speech embedding on its form and in its preview, before anything is trained."""
        window = self._window
        window.rail.button("train").click()
        page = window.page("train")
        before = page.form.value()
        page.form.folds["feature"].setOpen(True)
        box = page.form.feature.entryBox()
        box.setCurrentIndex(box.findData("speech_embedding"))
        page.preview.setOpen(True)
        self._settle(0.5)
        self._wait("the preview", lambda: not page.preview.is_working() and not page.costs.is_busy)
        self._settle(0.5)
        self._take("feature")
        page.preview.setOpen(False)
        page.form.folds["feature"].setOpen(False)
        page.form.setValue(before)

    def _train(self) -> None:
        window = self._window
        window.rail.button("train").click()
        page = window.page("train")
        settings = page.form.value().with_options([f"training.epochs={self._epochs}"])
        page.form.setValue(settings)
        page.train.click()
        self._wait("training", lambda: page.train.text() == "Train" and page.messages.isVisible())
        self._wait("the list of runs", lambda: page.runs.rows() and not page._runs.is_reading())
        self._settle(0.5)
        self._take("train")

    def _results(self) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        self._window.rail.button("results").click()
        page = self._window.page("results")
        self._wait("misses and false alarms", lambda: page.promise.view.isVisible() and not page.is_working())
        page.promise.view.thresholds.plot.setFocus()
        self._settle(0.5)
        self._take("results")
        page.show_view("clips")
        self._wait("an evaluation", lambda: page.evaluation is not None and not page.is_working())
        cell = page.matrix.cellRect(*_worst_cell(page.evaluation)).center().toPoint()
        QTest.mouseClick(page.matrix, Qt.MouseButton.LeftButton, pos=cell)
        self._settle(0.5)
        self._take("results-confusion")

    def _listen(self) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        self._window.rail.button("listen").click()
        page = self._window.page("listen")
        self._wait("the model", page.button.isEnabled)
        page.button.click()
        self._wait("the microphone", lambda: page.view.spectrogram.now_s() > 0.5)
        player = self._play(self._speech(seconds=16.0))
        self._wait("words", lambda: player.poll() is not None or _is_full(page))
        for key in (Qt.Key.Key_Up, Qt.Key.Key_Down):  # a moved threshold says what it promises
            QTest.keyClick(page.view.strip.row(page.view.first.words()[1]), key)
        self._take("listen")
        page.button.click()

    def _learn(self) -> None:
        from kws_gui.pages.learn.chapters import CHAPTERS

        self._window.rail.button("learn").click()
        page = self._window.page("learn")
        width, height = self._window.width(), self._window.height()
        for chapter in CHAPTERS:
            page.show_chapter(chapter.name)
            self._settle(2.5)  # a chapter may compute its first picture in a process of its own
            shown = page.chapter(chapter.name)
            self._wait(chapter.title, partial(_is_idle, shown))
            more = shown.height() - page.list.height()
            self._window.resize(width, min(height + max(more, 0), LEARN_HEIGHT))
            self._settle(0.5)
            themes = ("light", "dark") if chapter.name == LEARN_IN_DARK else ("light",)
            self._take(picture_name(chapter.name), themes)
            self._window.resize(width, height)
        if "learn" in self._only and self._output == PICTURES:
            text = LEARN_TEXT.read_text(encoding="utf-8")
            LEARN_TEXT.write_text(with_sections(text, CHAPTERS), encoding="utf-8")

    def _teach(self) -> None:
        """A word from nothing: a project of its own, takes hands free, some talk, teaching, trying."""
        window = self._window
        window.services.projects.close()
        window.page("start").teach.click()
        page = window.page("teach")
        page.type.field.setText(TAUGHT)
        self._settle(0.3)
        self._take("teach-type")
        page.type.next.click()
        self._wait("the new project", lambda: window.services.project.project is not None)
        page = window.page("teach")
        self._wait("the microphone", lambda: page.speak.hands_free.state == "listening")
        player = self._play(self._takes(_TAUGHT_TAKES))
        self._wait("some takes", lambda: page.speak.count_takes() == 13)
        self._take("teach-speak")
        self._wait("all takes", lambda: not page.speak.hands_free.state == "listening" or player.poll() is not None)
        page.speak.next.click()
        page.talk.toggle.click()
        self._play(self._takes(range(24, 34), word="window"))
        self._wait("some talk", lambda: window.services.talk.seconds >= 12)
        self._take("teach-talk")
        page.talk.next.click()
        self._wait("curves", lambda: len(page.wait.curves.points()) >= 8 or page.step == "try")
        self._take("teach-wait")
        self._wait("the model", lambda: page.step == "try" and page.try_it.bridge.is_running)
        player = self._play(self._takes(_OTHER_TAKES[:8]))
        self._wait("words", lambda: player.poll() is not None or (page.try_it.heard >= 3 and page.try_it.word.isLit()))
        self._take("teach-try")
        page.try_it.farther.click()
        player = self._play(self._takes(_OTHER_TAKES[6:12], level=0.7, noise=0.002))
        self._wait("tries from farther away", lambda: player.poll() is not None and page.try_it.distance.attempts())
        self._settle(1.5)
        self._take("teach-farther")

    # -- sound

    def _takes(self, which: Iterable[int], *, word: str = TAUGHT, level: float = 1.0, noise: float = 0.0005) -> Path:
        """Takes of a word that ship with the program, each at `level` times that before, with pauses and room noise."""
        import numpy as np

        from kws_engine import audio, resources

        rate = 16_000
        clips = sorted((resources.path("starter") / "clips" / word).iterdir())
        pause = np.zeros(round(0.8 * rate), np.float32)
        takes = [level**number * audio.read(clips[at], rate=rate) for number, at in enumerate(which)]
        sounds = [part for take in takes for part in (pause, take)]
        whole = np.concatenate([*sounds, pause])
        whole = whole + noise * np.random.default_rng(0).standard_normal(len(whole))
        file = self._home / "takes.wav"
        audio.write(file, whole.astype(np.float32), rate=rate)
        return file

    def _speech(self, *, seconds: float) -> Path:
        """Words of speakers that no training saw, with pauses, in a room with a fan."""
        import numpy as np

        from kws_engine import audio
        from kws_engine.operating.streams import make_stream

        project = self._window.services.project.project
        rate = project.rate
        clips = [clip for clip in project.clips(split="testing") if clip.word in project.words]
        order = np.random.default_rng(4).permutation(len(clips))[: round(seconds / 1.8) + 1]
        sounds = [(clips[at].word, audio.read(clips[at].path, rate=rate)) for at in order]
        noise = audio.read(project.folder / "clips/_background_noise_/fan.flac", rate=rate)
        stream, _ = make_stream(sounds, noise, rate=rate, gap_s=(0.6, 0.9), snr_db=22.0, seed=0)
        file = self._home / "spoken.wav"
        audio.write(file, stream, rate=rate)
        return file

    def _play(self, file: Path) -> Any:
        self._microphone.hush()
        return self._microphone.play(file)

    # -- the window

    def _take(self, name: str, themes: tuple[str, ...] = ("light", "dark"), *, of: Any = None) -> None:
        """Takes the page, or a dialog, as it is now in each theme."""
        if name.partition("-")[0] not in self._only:
            return
        for choice in themes:
            self._window.set_theme(choice)
            self._settle(0.12)
            is_plain = name.startswith("learn-") and choice == "light"
            file = f"{name}.png" if is_plain else f"{name}-{choice}.png"
            _save((of or self._window).grab().toImage(), self._output / file)
        self._window.set_theme("light")

    def _wait(self, what: str, condition: Callable[[], object]) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > until_s:
                raise SystemExit(f"screenshots: waited {PATIENCE_S:g} s for {what}")
            self._settle(0.01)

    def _settle(self, seconds: float) -> None:
        from PySide6.QtTest import QTest

        QTest.qWait(round(seconds * 1000))


def picture_name(chapter: str) -> str:
    """The picture of a chapter, without its ending."""
    return f"learn-{chapter.replace('_', '-')}"


def _is_idle(chapter: Any) -> bool:
    return not chapter.is_working()


def with_sections(text: str, chapters: Iterable[Any]) -> str:
    """The documentation with a section for each chapter that lacks one, after that of the chapter before it."""
    at = len(text.partition("\n## ")[0]) + 1
    for chapter in chapters:
        heading = f"## {chapter.title}\n"
        if heading not in text:
            summary = (chapter.build.__doc__ or "").strip().partition("\n")[0]
            picture = f"![{chapter.title}](pictures/{picture_name(chapter.name)}.png)"
            before = text[:at].rstrip("\n")
            text = f"{before}\n\n{heading}\n{summary}\n\n{picture}\n\n{text[at:]}".rstrip("\n") + "\n"
        end = text.find("\n## ", text.index(heading))
        at = len(text) if end < 0 else end + 1
    return text


def _worst_cell(evaluation: Any) -> tuple[int, int]:
    """Row and column of the most frequent mistake, or of the first word where there is none."""
    import numpy as np

    used = [evaluation.labels.index(label) for label in evaluation.per_word]
    mistakes = evaluation.counts[used][:, used].copy()
    np.fill_diagonal(mistakes, 0)
    row, column = np.unravel_index(int(mistakes.argmax()), mistakes.shape)
    return int(row), int(column)


def _is_full(page: Any) -> bool:
    """Whether the spectrogram is full of words and one was heard just now."""
    return len(page.view.log.words()) >= FULL_AT and page.view.word.isLit()


def _save(image: Any, path: Path) -> None:
    """Writes a PNG, packed as tightly as Qt can; a picture with a spectrogram only so gets small with few colours."""
    image.save(str(path), "PNG", 0)
    if path.stat().st_size > MOST_BYTES:
        _with_few_colours(image).save(str(path), "PNG", 0)
    print(f"{path}  {image.width()} x {image.height()}  {path.stat().st_size / 1000:.0f} kB")


def _with_few_colours(image: Any) -> Any:
    """The picture in its 256 most frequent colours, each other colour as the nearest of them."""
    import numpy as np
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QImage

    plain = image.convertToFormat(QImage.Format.Format_RGB32)
    colours, counts = np.unique(np.frombuffer(plain.constBits(), np.uint32), return_counts=True)
    frequent = colours[np.argsort(counts)[-256:]]
    return plain.convertToFormat(
        QImage.Format.Format_Indexed8, frequent.tolist(), Qt.ImageConversionFlag.ThresholdDither
    )


if __name__ == "__main__":
    sys.exit(main())
