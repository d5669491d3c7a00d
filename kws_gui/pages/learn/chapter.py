"""The base class of chapters: text, drawings, controls, and the button that tries the settings."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.bridges.warm import WarmBridge
from kws_gui.services.project_model import ProjectModel

_TEXT_WIDTH = 760  # px; longer lines are hard to read
_DRAWING_WIDTH = 960  # px
_MOST_TOLD = 240  # characters of a tooltip


class ChapterPage(QWidget):
    """A column of text, drawings and controls, which a chapter fills in its `__init__`.

    Signals:
        tryRequested(options): "Try it on your words" was clicked: option path -> text, for `Settings.with_option`.
    """

    tryRequested = Signal(dict)

    def __init__(self, model: ProjectModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = model
        self.warm: WarmBridge | None = None  # the window's; the Learn page sets it before it shows the chapter
        self._controls: list[QWidget] = []
        self._drawings: list[QWidget] = []
        self._options: dict[str, str] = {}
        self.button: QPushButton | None = None
        self._title = QLabel()
        theme.set_role(self._title, "title")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(theme.GRID, theme.GRID, theme.GROUP, theme.GROUP)
        self._column.setSpacing(theme.GRID)
        self._column.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
        self._column.addWidget(self._title)
        self._column.addStretch()

    def setTitle(self, title: str) -> None:
        """Shows the chapter's title at its top."""
        self._title.setText(title)
        self.setAccessibleName(title)

    # -- contents

    def heading(self, text: str) -> QLabel:
        """Adds a bold line above a section."""
        label = _label(text)
        label.setFont(theme.font(bold=True))
        label.setContentsMargins(0, theme.GRID, 0, 0)
        self._add(label)
        return label

    def text(self, *paragraphs: str, source: str = "") -> list[QLabel]:
        """Adds paragraphs of two to four sentences, and their source."""
        labels = [_label(paragraph) for paragraph in paragraphs]
        if source:
            labels.append(_label(f"Source: {source}"))
            theme.set_role(labels[-1], "muted")
        for label in labels:
            self._add(label)
        return labels

    def drawing(self, *widgets: QWidget, stretches: tuple[int, ...] = ()) -> None:
        """Adds one drawing, or several side by side, in a well."""
        well = QFrame()
        theme.set_role(well, "well")
        well.setMaximumWidth(_DRAWING_WIDTH)
        row = QHBoxLayout(well)
        row.setContentsMargins(*[theme.GRID] * 4)
        row.setSpacing(theme.GRID)
        for at, widget in enumerate(widgets):
            row.addWidget(widget, stretches[at] if stretches else 1)
        self._drawings += widgets
        self._add(well)

    def controls(self, *widgets: QWidget) -> list[QWidget]:
        """Adds a row of controls; returns all controls of the chapter so far."""
        if widgets:
            holder = QWidget()
            holder.setMaximumWidth(_DRAWING_WIDTH)
            row = QHBoxLayout(holder)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(theme.GROUP)
            for widget in widgets:
                row.addWidget(widget, int(widget.sizePolicy().expandingDirections() == Qt.Orientation.Horizontal))
            row.addStretch()
            self._controls += widgets
            self._add(holder)
        return list(self._controls)

    def drawings(self) -> list[QWidget]:
        """The drawings of the chapter, in order."""
        return list(self._drawings)

    def readout(self, text: str = "") -> QLabel:
        """Adds a caption that describes in words and numbers what the drawing shows now."""
        label = _label(text)
        label.setMinimumHeight(2 * label.fontMetrics().lineSpacing())  # the layout stays when it takes a second line
        label.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._add(label)
        return label

    def try_it(self, options: Mapping[str, str], what: str = "") -> QPushButton:
        """Adds the button at the end; `what` describes what it sets. Further calls only change the options."""
        self._options = dict(options)
        if self.button is None:
            self.button = self._make_button()
            self._what = _label("")
            theme.set_role(self._what, "muted")
            holder = QWidget()
            holder.setMaximumWidth(_TEXT_WIDTH)
            row = QHBoxLayout(holder)
            row.setContentsMargins(0, theme.GRID, 0, 0)
            row.setSpacing(theme.GROUP)
            row.addWidget(self.button)
            row.addWidget(self._what, 1)
            self._add(holder)
        shown = ", ".join(f"{path} = {text}" for path, text in options.items())
        self._what.setText(what or f"Opens Train with {shown}.")
        self.button.setToolTip(textwrap.shorten(f"Open Train with {shown}", _MOST_TOLD, placeholder=" …"))
        return self.button

    def options(self) -> dict[str, str]:
        """What the button sets: option path -> text."""
        return dict(self._options)

    def is_working(self) -> bool:
        """Whether what the chapter shows is still being computed."""
        return False

    def shutdown(self) -> None:
        """Stops whatever the chapter has running; most have nothing."""

    def _make_button(self) -> QPushButton:
        button = QPushButton("Try it on your words")
        theme.set_role(button, "primary")
        button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        button.clicked.connect(lambda: self.tryRequested.emit(self.options()))
        return button

    def _add(self, widget: QWidget) -> None:
        self._column.insertWidget(self._column.count() - 1, widget)


def _label(text: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setMaximumWidth(_TEXT_WIDTH)
    return label
