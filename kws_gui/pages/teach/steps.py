"""The row of the five steps at the top of the page."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from kws_gui import theme
from kws_gui.services.teaching import STEPS, Step

_TITLES: dict[Step, str] = {"type": "Type it", "speak": "Say it", "talk": "Talk", "wait": "Wait", "try": "Try it"}


class StepRow(QWidget):
    """A button for each step, numbered; those that are done have a tick, and those that can be shown can be pressed.

    Signals:
        chosen(step): A button was pressed.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._buttons = {step: self._make_button(step) for step in STEPS}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GRID // 2)
        for step, button in self._buttons.items():
            if step != STEPS[0]:
                row.addWidget(_arrow())
            row.addWidget(button)
        row.addStretch()
        theme.notifier.changed.connect(self._draw)
        self._now: Step = "type"
        self._open: frozenset[Step] = frozenset()
        self.show_step("type", may_show=frozenset(("type",)))

    def button(self, step: Step) -> QToolButton:
        """The button of a step."""
        return self._buttons[step]

    def show_step(self, now: Step, *, may_show: frozenset[Step]) -> None:
        """Marks the step in front, those before it as done, and what can be gone to."""
        self._now, self._open = now, may_show
        for step, button in self._buttons.items():
            button.setEnabled(step in may_show or step == now)
            button.setChecked(step == now)
            number = STEPS.index(step) + 1
            state = "now" if step == now else "done" if self._is_done(step) else "to come"
            button.setAccessibleName(f"Step {number} of {len(STEPS)}: {_TITLES[step]}, {state}")
        self._draw()

    def _on_clicked(self, step: Step) -> None:
        self._buttons[step].setChecked(step == self._now)  # the page decides
        self.chosen.emit(step)

    def _is_done(self, step: Step) -> bool:
        return STEPS.index(step) < STEPS.index(self._now)

    def _make_button(self, step: Step) -> QToolButton:
        button = QToolButton()
        theme.set_role(button, "step")
        button.setText(_TITLES[step])
        button.setCheckable(True)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setIconSize(QSize(20, 20))
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.clicked.connect(lambda: self._on_clicked(step))
        return button

    def _draw(self) -> None:
        for number, (step, button) in enumerate(self._buttons.items(), 1):
            if self._is_done(step):
                button.setIcon(theme.icon("mdi6.check-circle", "detection_text"))
            else:
                shape = "mdi6.numeric-{}-circle" if step == self._now else "mdi6.numeric-{}-circle-outline"
                button.setIcon(theme.icon(shape.format(number), "accent" if step == self._now else "muted"))


def _arrow() -> QLabel:
    arrow = QLabel()
    theme.set_icon(arrow, "mdi6.chevron-right", role="field_border")
    return arrow
