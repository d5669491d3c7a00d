"""How many clips of a word synthetic voices are to say, and whether they also say what sounds almost like it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from kws_engine.clips.synthetic import SynthesisConfig
from kws_gui import theme
from kws_gui.forms.form import ConfigForm
from kws_gui.widgets.wrapped_label import WrappedLabel

_WIDTH, _HEIGHT = 440, 320  # px


class SynthesisDialog(QDialog):
    """A form of the options.

    Signals:
        chosen: The word and a `SynthesisConfig`.
    """

    chosen = Signal(str, object)

    def __init__(self, word: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Synthetic voices for “{word}”")
        self._word = word
        said = WrappedLabel()
        said.setText("They help where there are few takes. Figures stay those of real recordings.")
        theme.set_role(said, "muted")
        self.form = ConfigForm(SynthesisConfig)
        self.go = QPushButton("Make clips")
        theme.set_role(self.go, "primary")
        self.go.setDefault(True)
        self.go.clicked.connect(self._on_go)
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GRID)
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(self.go)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.GROUP] * 4)
        column.setSpacing(theme.GRID)
        column.addWidget(said)
        column.addWidget(self.form)
        column.addStretch(1)
        column.addLayout(buttons)
        self.resize(_WIDTH, _HEIGHT)

    def _on_go(self) -> None:
        if not self.form.errors():
            self.chosen.emit(self._word, self.form.value())
            self.accept()
