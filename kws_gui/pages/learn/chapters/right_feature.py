"""The chapter on the right feature: a circle in polar coordinates, and words as vectors of the speech embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QHideEvent, QKeyEvent, QMouseEvent, QPainter, QPen, QShowEvent
from PySide6.QtWidgets import QLabel

from kws_engine.settings import RECIPES
from kws_gui import theme
from kws_gui.bridges.latest import Latest
from kws_gui.bridges.player import Player
from kws_gui.pages.learn.chapter import ChapterPage
from kws_gui.pages.learn.chapters import CHAPTERS
from kws_gui.pages.learn.clip_picker import clips_by_word
from kws_gui.pages.learn.controls import Choice, Slider, push_button
from kws_gui.pages.learn.drawing import Axes, Drawing, LegendEntry, draw_legend, draw_mark
from kws_gui.pages.learn.few_takes import (
    FEATURE_NAMES,
    MOST_TAKES,
    Answers,
    Frames,
    Study,
    Take,
    read,
    takes_by_word,
)
from kws_gui.services.project_model import ProjectModel

Array = NDArray[np.float64]
_MARKS = (("training", "o"), ("validation", "s"), ("detection", "t"))  # of the words: colour and shape
_TITLES = {"log_mel": "Log mel", "speech_embedding": "Speech embedding"}
_NO_THIRD = "none"
_WHOLE, _MEAN = "all in their order", "mean over time"
_DISC, _RING = 0.45, (0.62, 1.0)  # radii
_FIRST_DRAW = 4
_NEAR = 12.0  # px, of a click
_SMALL, _LARGE = 3.6, 6.0  # px, marks of takes to ask and to learn from


class RingAndDisc:
    """Points of a disc and of a ring around it, 60 each, and the best straight line between them.

    Attributes:
        points: (120, 2), x and y.
        labels: 1 in the disc, else -1.
    """

    def __init__(self) -> None:
        rng = np.random.default_rng(2)
        r = np.concatenate([_DISC * np.sqrt(rng.uniform(0, 1, 60)), np.sqrt(rng.uniform(_RING[0] ** 2, 1, 60))])
        angle = rng.uniform(-np.pi, np.pi, 120)
        self.points = np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1)
        self.labels = np.repeat([1.0, -1.0], 60)
        self._polar = np.stack([angle / np.pi, 2 * r - 1], axis=1)

    def unrolled(self, share: float) -> Array:
        """The points on their way from x and y (0) to angle and distance (1), each within -1..1."""
        return np.asarray((1 - share) * self.points + share * self._polar)

    def line(self, points: Array) -> Array:
        """Weights (constant, x, y) of the line by least squares on the labels."""
        return np.asarray(np.linalg.lstsq(_with_one(points), self.labels, rcond=None)[0])

    def share_right(self, points: Array) -> float:
        """Of the points, on their side of that line."""
        return float(np.mean(np.sign(_with_one(points) @ self.line(points)) == self.labels))


class CirclePlot(Drawing):
    """The points at one share of the way, with the best straight line."""

    def __init__(self, name: str, x_label: str, y_label: str) -> None:
        super().__init__(name, height=230)
        self._name, self._labels = name, (x_label, y_label)
        self._data, self._share = RingAndDisc(), 0.0

    def show_share(self, share: float) -> None:
        """Unrolls the points so far."""
        self._share = share
        right = self._data.share_right(self._data.unrolled(share))
        self.say(f"{self._name}: the best straight line has {right:.0%} of the points on their side.")

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors, data = theme.current(), self._data
        points = data.unrolled(self._share)
        axes = Axes.inside(area, (-1.05, 1.05), (-1.05, 1.05))
        right = data.share_right(points)
        x_label, y_label = self._labels
        axes.frame(painter, title=f"{self._name}: {right:.0%} right", x_label=x_label, y_label=y_label, y_numbers=False)
        constant, a, b = data.line(points)
        ends = np.array([-3.0, 3.0])
        if abs(b) > abs(a):
            axes.curve(painter, ends, -(constant + a * ends) / b, colors.color("text"))
        else:
            axes.curve(painter, -(constant + b * ends) / a, ends, colors.color("text"))
        for label, (role, mark) in ((1, _MARKS[0]), (-1, _MARKS[1])):
            chosen = points[data.labels == label]
            axes.points(painter, chosen[:, 0], chosen[:, 1], colors.color(role), mark=mark)


@dataclass(frozen=True, eq=False)
class Found:
    """What the drawings show of one feature: places (N, 2), the classifier's answers, its learning curve."""

    places: Array
    answers: Answers
    curve: Array


@dataclass(frozen=True, eq=False)
class Shown:
    """A study, and what was found in it by feature, after so many takes of each word."""

    study: Study
    found: dict[str, Found]
    takes: int
    others: frozenset[int]


class WordMap(Drawing):
    """Every clip as a point; a click, or the arrows and space, choose and play one.

    Signals:
        chosen(number): A take of the study was chosen.
        played(number): It is to be heard.
    """

    chosen = Signal(int)
    played = Signal(int)

    def __init__(self, feature: str) -> None:
        super().__init__(f"Clips by {_TITLES[feature]}", height=310)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip("Click a clip to hear it; arrow keys choose one, space plays it")
        self._feature = feature
        self._shown: Shown | None = None
        self._chosen = -1
        self._note = "Reading clips …"
        self.say(self._note)

    def note(self, text: str) -> None:
        """Shows a sentence until there are clips."""
        self._note = text
        if self._shown is None:
            self.say(text)

    def show_clips(self, shown: Shown | None) -> None:
        """Shows other clips, or none."""
        is_other = shown is None or self._shown is None or shown.study.takes != self._shown.study.takes
        self._chosen = -1 if is_other else self._chosen
        self._shown = shown
        self._describe()

    def choose(self, number: int) -> None:
        """Marks a take."""
        self._chosen = number
        self._describe()

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors = theme.current()
        axes = _map_axes(area)
        title = _TITLES[self._feature]
        if self._shown is not None:
            title += f": {self._shown.found[self._feature].answers.share_right:.0%} of other voices right"
        axes.frame(painter, title=title, x_label="where clips differ most", y_numbers=False)
        if self._shown is None:
            painter.setPen(colors.color("muted"))
            painter.drawText(axes.area, Qt.AlignmentFlag.AlignCenter, self._note)
            return
        self._paint_takes(painter, axes, self._shown)
        entries = [
            LegendEntry(word, colors.color(role), mark)
            for word, (role, mark) in zip(self._shown.study.words, _MARKS, strict=False)
        ]
        draw_legend(painter, axes.area, [*entries, LegendEntry("taken for another", colors.color("text"), "x")])

    def _paint_takes(self, painter: QPainter, axes: Axes, shown: Shown) -> None:
        colors, study, found = theme.current(), shown.study, shown.found[self._feature]
        learned = set(found.answers.learned.tolist())
        order = sorted(shown.others | learned, key=lambda number: number in learned)  # those to learn from on top
        for number in order:
            label = int(study.labels[number])
            role, mark = _MARKS[label]
            at = axes.point(*found.places[number])
            if number in learned:
                draw_mark(painter, at, colors.color("text"), mark=mark, size=_LARGE + 1.6)
                draw_mark(painter, at, colors.color(role), mark=mark, size=_LARGE)
            else:
                draw_mark(painter, at, colors.color(role), mark=mark, size=_SMALL)
                if found.answers.said[number] != label:
                    draw_mark(painter, at, colors.color("text"), mark="x", size=_SMALL)
        if self._chosen in shown.others | learned:
            painter.setPen(QPen(colors.color("accent"), 2.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(axes.point(*found.places[self._chosen]), 11, 11)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        number = self._nearest(event.position())
        if event.button() == Qt.MouseButton.LeftButton and number >= 0:
            self.chosen.emit(number)
            self.played.emit(number)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Down: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: 1}.get(
            Qt.Key(event.key()), 0
        )
        order = self._across()
        if order and step:
            at = order.index(self._chosen) + step if self._chosen in order else 0
            self.chosen.emit(order[at % len(order)])
        elif event.key() == Qt.Key.Key_Space and self._chosen in order:
            self.played.emit(self._chosen)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def place_of(self, number: int) -> QPointF:
        """Where a take is drawn."""
        assert self._shown is not None
        return _map_axes(QRectF(self.rect())).point(*self._shown.found[self._feature].places[number])

    def _across(self) -> list[int]:
        """The takes shown, from left to right."""
        if self._shown is None:
            return []
        found = self._shown.found[self._feature]
        drawn = self._shown.others | set(found.answers.learned.tolist())
        return sorted(drawn, key=lambda number: float(found.places[number, 0]))

    def _nearest(self, at: QPointF) -> int:
        """The take under the pointer; -1 where there is none."""
        distances = {number: (self.place_of(number) - at).manhattanLength() for number in self._across()}
        nearest = min(distances, key=lambda number: distances[number], default=-1)
        return nearest if nearest >= 0 and distances[nearest] <= _NEAR else -1

    def _describe(self) -> None:
        if self._shown is None:
            self.say(self._note)
            return
        right = self._shown.found[self._feature].answers.share_right
        text = f"{_TITLES[self._feature]}: {right:.0%} of the clips of other voices are told right."
        if self._chosen >= 0:
            text += f" {told(self._shown, self._chosen, self._feature)}"
        self.say(text)


class LearningCurves(Drawing):
    """How many clips of other voices are told right after so many takes of each word, by each feature."""

    def __init__(self) -> None:
        super().__init__("Other voices by takes", height=200)
        self._shown: Shown | None = None
        self.say("Nothing has been computed yet.")

    def show_curves(self, shown: Shown | None) -> None:
        """Shows other curves."""
        self._shown = shown
        if shown is not None:
            ends = [f"{_TITLES[name]} {found.curve[shown.takes - 1]:.0%}" for name, found in shown.found.items()]
            self.say(f"After {_counted(shown.takes, 'take')} of each word: {', '.join(ends)} right, on average.")

    def paint(self, painter: QPainter, area: QRectF) -> None:
        colors = theme.current()
        axes = Axes.inside(area, (0.6, MOST_TAKES + 0.4), (0.2, 1.03))
        axes.frame(
            painter,
            title="Share of other voices' clips told right, mean of ten draws",
            x_label="takes of each word to learn from",
        )
        if self._shown is None:
            return
        numbers = np.arange(1, MOST_TAKES + 1)
        chance = 1 / len(self._shown.study.words)
        axes.curve(
            painter, [0, MOST_TAKES + 1], [chance] * 2, colors.color("muted"), width=1.5, dash=Qt.PenStyle.DotLine
        )
        axes.across(painter, self._shown.takes, colors.color("text"))
        styles = (("muted", "--", Qt.PenStyle.DashLine), ("accent", "-", Qt.PenStyle.SolidLine))
        entries: list[LegendEntry] = []
        for name, (role, line, dash) in zip(FEATURE_NAMES, styles, strict=True):
            axes.curve(painter, numbers, self._shown.found[name].curve, colors.color(role), width=2.5, dash=dash)
            axes.points(painter, numbers, self._shown.found[name].curve, colors.color(role), size=3)
            entries.insert(0, LegendEntry(_TITLES[name], colors.color(role), line))
        painter.setPen(colors.color("muted"))
        painter.drawText(axes.point(0.7, chance) - QPointF(0, 5), "guessing")
        low = QRectF(axes.area.left(), axes.area.bottom() - 70, axes.area.width(), 70)
        draw_legend(painter, low, entries)


@CHAPTERS.register("right_feature", "The right feature: speech embedding", order=127)
class RightFeatureChapter(ChapterPage):
    """A feature in which a straight line is enough: polar coordinates for a circle, an embedding for words."""

    def __init__(self, model: ProjectModel) -> None:
        super().__init__(model)
        self._takes: dict[str, list[Take]] = {}
        self._frames: list[Frames] = []
        self._known: dict[Path, Frames] = {}
        self._shown: Shown | None = None
        self._draw = _FIRST_DRAW
        self._stale = True
        self._reading, self._studying = Latest(self), Latest(self)
        self.player = Player(self)
        self._add_circle()
        self._add_words()
        self._make_parts()
        assignments = (one.partition("=") for one in RECIPES["teach"].assignments)
        self.try_it(
            {path: text for path, _, text in assignments},
            "Opens Train with the recipe for a word from few takes: the speech embedding, a small network on it.",
        )
        self._connect()

    def shutdown(self) -> None:
        self._reading.shutdown()
        self._studying.shutdown()
        self.player.shutdown()

    def is_working(self) -> bool:
        return self._reading.is_working() or self._studying.is_working()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._look_up()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.player.stop()

    # -- parts

    def _add_circle(self) -> None:
        self.text(
            "A network does not see sound; it sees numbers made of it, the feature. The better they fit the question, "
            "the less is left to learn, and the fewer examples it takes.",
            "Here a disc lies inside a ring. In x and y, no straight line keeps them apart. Described by their angle "
            "and their distance from the middle, one line does. Move the slider: nothing is learned, the points are "
            "the same, only their description changes.",
        )
        self._cartesian = CirclePlot("x and y", "x", "y")
        self._polar = CirclePlot("Unrolled", "x → angle", "y → distance")
        self._cartesian.show_share(0.0)
        self.drawing(self._cartesian, self._polar)
        self.unrolled = Slider(
            "Unrolled", low=0.0, high=1.0, step=0.05, value=1.0, format_value=lambda share: f"{share:.0%}"
        )
        self.controls(self.unrolled)

    def _add_words(self) -> None:
        self.heading("The same with words")
        self.text(
            "Log mel frames say how loud each pitch is. They hold the word, and as much of the voice, the room and the "
            "microphone. The speech embedding comes from a network that was trained before, on many words by many "
            "people. Its 96 numbers, every 80 ms, keep what tells words apart and drop most of what tells voices "
            "apart.",
            "Each point is a clip, in the two directions in which the clips differ most. A linear classifier, as "
            "simple as the line above, learns from a few takes (large marks) by a third of the voices, and is asked "
            "about clips of all other voices (small marks).",
            source="Lin et al. 2020, Training Keyword Spotters with Limited and Synthesized Speech Data.",
        )

    def _make_parts(self) -> None:
        self.words = [Choice(f"Word {number}", []) for number in (1, 2, 3)]
        self._origin = QLabel()
        theme.set_role(self._origin, "muted")
        self.takes = Slider("Takes of each word", low=1, high=MOST_TAKES, value=2)
        self.frames = Choice("Frames", (_WHOLE, _MEAN))
        self.frames.box.setToolTip("Whether the classifier gets all frames of a clip in their order, or their mean")
        self.again = push_button("Other takes", "mdi6.dice-5-outline", "Learn from other voices' takes")
        self.controls(*self.words)
        self.controls(self.takes, self.again)
        self.controls(self.frames, self._origin)
        self._controls.remove(self._origin)  # nothing to move
        self.maps = {name: WordMap(name) for name in FEATURE_NAMES}
        self.drawing(*self.maps.values())
        self.caption = self.readout()
        self.curves = LearningCurves()
        self.drawing(self.curves)

    def _connect(self) -> None:
        self.unrolled.valueChanged.connect(self._polar.show_share)
        self._polar.show_share(self.unrolled.value())
        for number, choice in enumerate(self.words):
            choice.valueChanged.connect(partial(self._on_word, number))
        self.takes.valueChanged.connect(self._study)
        self.frames.valueChanged.connect(self._study)
        self.again.clicked.connect(self._on_again)
        for one in self.maps.values():
            one.chosen.connect(self._on_chosen)
            one.played.connect(self._on_played)
        self._reading.progressed.connect(self._on_progress)
        self._reading.answered.connect(self._on_read)
        self._studying.answered.connect(self._on_studied)
        for work in (self._reading, self._studying):
            work.failed.connect(lambda sentence, _details: self._tell(sentence))
        self.player.failed.connect(self.caption.setText)
        self.model.opened.connect(self._on_changed)
        self.model.clipsChanged.connect(self._on_changed)

    # -- what is compared

    def _on_changed(self) -> None:
        self._stale = True
        if self.isVisible():
            self._look_up()

    def _look_up(self) -> None:
        """The project's words where enough voices say two of them, else the starter's."""
        self._stale = False
        own, clips = clips_by_word(self.model)
        takes = takes_by_word(clips)
        if own and len(takes) < 2:
            own, takes = False, takes_by_word(clips_by_word(ProjectModel())[1])
        if takes == self._takes:
            return
        self._takes = takes
        self._origin.setText("" if own else "from the starter project")
        names = list(takes)
        for number, choice in enumerate(self.words):
            choice.box.blockSignals(True)
            choice.box.clear()
            choice.box.addItems(names + [_NO_THIRD] * (number == 2))
            choice.box.setCurrentIndex(min(number, len(names)))
            choice.box.blockSignals(False)
        self._read()

    def _on_word(self, number: int, text: str) -> None:
        """A word that another box has changes places with it."""
        for other, choice in enumerate(self.words):
            if other != number and choice.value() == text:
                spare = next(word for word in self._takes if word not in self.chosen_words())
                choice.box.blockSignals(True)
                choice.setValue(spare)
                choice.box.blockSignals(False)
        self._read()

    def chosen_words(self) -> list[str]:
        """The two or three words that are compared."""
        return [word for word in dict.fromkeys(choice.value() for choice in self.words) if word in self._takes]

    def _read(self) -> None:
        takes = [take for word in self.chosen_words() for take in self._takes[word]]
        known = dict(self._known)
        self._reading.ask(lambda progress, should_stop: read(takes, known, progress=progress, should_stop=should_stop))

    def _on_progress(self, done: int, total: int) -> None:
        for one in self.maps.values():
            one.note(f"Reading clips: {done} of {total}")

    def _on_read(self, frames: list[Frames]) -> None:
        self._frames = frames
        self._known |= {one.take.path: one for one in frames}
        self._study()

    def _on_again(self) -> None:
        self._draw += 1
        self._study()

    def _study(self) -> None:
        if not self._frames:
            return
        words, takes, draw = self.chosen_words(), int(self.takes.value()), self._draw
        frames = [one for one in self._frames if one.take.word in words]
        whole = self.frames.value() == _WHOLE
        before = self._shown
        self._studying.ask(lambda _progress, _should_stop: _studied(words, frames, takes, draw, whole, before))

    def _on_studied(self, shown: Shown) -> None:
        self._shown = shown
        for one in self.maps.values():
            one.show_clips(shown)
        self.curves.show_curves(shown)
        mel, embedding = (shown.found[name].answers.share_right for name in FEATURE_NAMES)
        count = len(shown.study.words)
        self.caption.setText(
            f"After {_counted(shown.takes, 'take')} of each word, of {len(shown.others)} clips of other voices log mel "
            f"has {mel:.0%} right, the speech embedding {embedding:.0%}; guessing among {count} words, {1 / count:.0%}."
        )

    def _on_chosen(self, number: int) -> None:
        for one in self.maps.values():
            one.choose(number)
        if self._shown is not None:
            self.caption.setText(" ".join(told(self._shown, number, name) for name in FEATURE_NAMES))

    def _on_played(self, number: int) -> None:
        if self._shown is not None:
            self.player.play_file(self._shown.study.takes[number].path)

    def _tell(self, sentence: str) -> None:
        self.caption.setText(sentence)
        for one in self.maps.values():
            one.note(sentence)


def told(shown: Shown, number: int, feature: str) -> str:
    """What a take is, and what the classifier on a feature says of it."""
    study, answers = shown.study, shown.found[feature].answers
    take = study.takes[number]
    if number in answers.learned:
        return f"{_TITLES[feature]}: “{take.word}” by {take.voice}, learned from."
    return f"{_TITLES[feature]}: “{take.word}” by {take.voice}, taken for “{study.words[answers.said[number]]}”."


def _studied(
    words: Sequence[str], frames: Sequence[Frames], takes: int, draw: int, whole: bool, before: Shown | None
) -> Shown:
    """Places, answers and curves; what does not depend on the number of takes is taken from before."""
    study = before.study if before is not None else None
    if study is None or not study.is_of(words, frames, whole=whole):
        study, before = Study(words, frames, whole=whole), None
    found = {
        name: Found(
            before.found[name].places if before else study.plane(name),
            study.answers(name, takes, seed=draw),
            before.found[name].curve if before else study.curve(name),
        )
        for name in FEATURE_NAMES
    }
    return Shown(study, found, takes, frozenset(study.others(draw).tolist()))


def _map_axes(area: QRectF) -> Axes:
    return Axes.inside(area, (-1.12, 1.12), (-1.12, 2.0))  # the legend is above the clips


def _with_one(points: Array) -> Array:
    return np.column_stack([np.ones(len(points)), points])


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
