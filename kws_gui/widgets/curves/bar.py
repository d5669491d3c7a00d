"""The toolbar above the curves: view, smoothing, scale and menu."""

from __future__ import annotations

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from kws_gui import theme
from kws_gui.widgets.segments import Segment, Segments

SMOOTHINGS = {"off": 0.0, "low": 0.6, "high": 0.9}  # weight of the past in the moving average
_SMOOTHING_KEY = "curves/smoothing"
_VIEWS = (
    Segment("curves", "Loss and accuracy", "Curves", "Measured without augmentation or dropout"),
    Segment("rate", "Learning rate", "Rate", "The loss, and below it the learning rate of each epoch"),
    Segment("terms", "Loss terms", "Terms", "The terms that add up to the training loss: cross-entropy and penalties"),
)
_SMOOTHING_TIP = (
    "Smoothing: a moving average over the epochs, with the measured values faint behind it. "
    "Displayed numbers and saved tables are never smoothed."
)
_LOG_TIP = "Logarithmic scale for the loss (L)"


class CurveBar(QWidget):
    """Buttons and menu; the curves read the choices from here.

    Signals:
        changed(): The view, smoothing or scale changed.
        savePictureRequested(), saveNumbersRequested(), showAllRequested(): Menu entries.
    """

    changed = Signal()
    savePictureRequested = Signal()
    saveNumbersRequested = Signal()
    showAllRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.views = Segments(_VIEWS, "What is drawn")
        self.smooth = QToolButton()
        self.log = QToolButton()
        self.more = QToolButton()
        self.smoothing_actions: dict[str, QAction] = {}
        self._make_menu()
        self._make_smoothing()
        self._make_log()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(2)
        self._row.addWidget(self.views)
        self._row.addStretch(1)
        for button in (self.smooth, self.log, self.more):
            self._row.addWidget(button)
        self.views.chosen.connect(self.changed)

    def view(self) -> str:
        """The view shown: "curves", "rate" or "terms"."""
        return self.views.current()

    def smoothing(self) -> float:
        """Weight of the past in the moving average; 0 draws the measured values."""
        return SMOOTHINGS[self._chosen()]

    def isLogarithmic(self) -> bool:
        """Whether the loss is drawn on a logarithmic scale."""
        return self.log.isChecked()

    def withTraining(self) -> bool:
        """Whether a comparison draws the training curves too."""
        return self.training_action.isChecked()

    def showState(self, *, empty: bool, zoomed: bool, several: bool, spans: bool) -> None:
        """Enables what applies to the curves drawn; `spans`: the loss covers more than one power of ten."""
        for action in (self.picture_action, self.numbers_action):
            action.setEnabled(not empty)
        self.all_action.setEnabled(zoomed)
        self.training_action.setVisible(several)
        usable = spans or self.log.isChecked()
        self.log.setEnabled(usable)
        self.log.setToolTip(_LOG_TIP if usable else f"{_LOG_TIP}: useful when the loss spans more than a power of ten")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()
        self._row.activate()  # else labels that no longer fit show until the next turn of the event loop

    def _fit(self) -> None:
        """Shortens or drops the labels where they do not fit."""
        buttons = 2 * 34 + self.fontMetrics().horizontalAdvance("Smoothing: high") + 40
        words = self.views.fullWidth()
        self.views.setShort(self.width() < words + 3 * 34)
        beside = self.width() >= words + buttons
        self.smooth.setToolButtonStyle(
            Qt.ToolButtonStyle.ToolButtonTextBesideIcon if beside else Qt.ToolButtonStyle.ToolButtonIconOnly
        )

    def _chosen(self) -> str:
        return next(name for name, action in self.smoothing_actions.items() if action.isChecked())

    def _make_smoothing(self) -> None:
        menu, group = QMenu(self), QActionGroup(self)
        remembered = str(QSettings().value(_SMOOTHING_KEY) or "off")
        for name in SMOOTHINGS:
            action = group.addAction(name.capitalize())
            action.setCheckable(True)
            action.setChecked(name == (remembered if remembered in SMOOTHINGS else "off"))
            menu.addAction(action)
            self.smoothing_actions[name] = action
        group.triggered.connect(self._on_smoothing)
        self.smooth.setMenu(menu)
        self.smooth.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.smooth.setToolTip(_SMOOTHING_TIP)
        theme.set_icon(self.smooth, "mdi6.chart-bell-curve-cumulative")
        self._label_smoothing()

    def _make_log(self) -> None:
        self.log.setText("log")
        self.log.setCheckable(True)
        self.log.setShortcut(QKeySequence())
        self.log.setAccessibleName("Logarithmic loss")
        self.log.toggled.connect(self.changed)

    def _make_menu(self) -> None:
        self.menu = QMenu(self)
        self.all_action = self.menu.addAction("Show all epochs\tHome", self.showAllRequested.emit)
        self.training_action = self.menu.addAction("Show training curves too")
        self.training_action.setCheckable(True)
        self.training_action.toggled.connect(self.changed)
        self.menu.addSeparator()
        self.picture_action = self.menu.addAction("Save picture …", self.savePictureRequested.emit)
        self.numbers_action = self.menu.addAction("Save numbers …", self.saveNumbersRequested.emit)
        self.more.setMenu(self.menu)
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setToolTip("Save a picture or the numbers; zoom with the wheel or by dragging a rectangle")
        self.more.setAccessibleName("More actions for the curves")
        theme.set_icon(self.more, "mdi6.dots-horizontal")

    def _on_smoothing(self) -> None:
        QSettings().setValue(_SMOOTHING_KEY, self._chosen())
        self._label_smoothing()
        self.changed.emit()

    def _label_smoothing(self) -> None:
        self.smooth.setText(f"Smoothing: {self._chosen()}")
        self.smooth.setAccessibleName(f"Smoothing: {self._chosen()}")
