"""The rail on the left: what is open, a button for each page, and the microphone with its level."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QMenu, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from kws_gui import theme
from kws_gui.services.microphone import MicrophoneService
from kws_gui.services.navigation import WITHOUT_PROJECT
from kws_gui.widgets.elided_label import ElidedLabel
from kws_gui.widgets.level_meter import LevelMeter

_WIDTH = 168  # px
_NARROW_WIDTH = 56  # px
PAGES: dict[str, tuple[str, str]] = {
    "teach": ("Teach", "mdi6.microphone-plus"),
    "words": ("Words", "mdi6.account-voice"),
    "train": ("Train", "mdi6.chart-line"),
    "results": ("Results", "mdi6.grid"),
    "listen": ("Listen", "mdi6.ear-hearing"),
    "learn": ("Learn", "mdi6.school-outline"),
}


class Rail(QFrame):
    """Project name, page buttons (Ctrl+1 to 6), microphone.

    Signals:
        pageChosen(name): A button was pressed.
    """

    pageChosen = Signal(str)

    def __init__(self, microphones: MicrophoneService, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.set_role(self, "rail")
        self.setFixedWidth(_WIDTH)
        self._project = ElidedLabel(where=Qt.TextElideMode.ElideMiddle)
        self._project.setFont(theme.font(bold=True))
        self._project.setContentsMargins(theme.GRID, 0, 0, 0)
        self._group = QButtonGroup(self)
        self._buttons = {name: self._make_button(name, i) for i, name in enumerate(PAGES, 1)}
        self.microphone = MicrophoneFoot(microphones)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.GRID, theme.GROUP, theme.GRID, theme.GRID)
        column.setSpacing(theme.GRID // 2)
        column.addWidget(self._project)
        column.addSpacing(theme.GRID)
        for button in self._buttons.values():
            column.addWidget(button)
        column.addStretch()
        column.addWidget(self.microphone)
        theme.notifier.changed.connect(self._draw_icons)
        self._draw_icons()

    def button(self, name: str) -> QToolButton:
        """The button of a page."""
        return self._buttons[name]

    def setNarrow(self, narrow: bool) -> None:
        """Shows pictures only, so that a small window has room for its page."""
        if narrow == (self.width() == _NARROW_WIDTH):
            return
        self.setFixedWidth(_NARROW_WIDTH if narrow else _WIDTH)
        self._project.setVisible(not narrow)
        style = Qt.ToolButtonStyle.ToolButtonIconOnly if narrow else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        for button in (*self._buttons.values(), self.microphone.choose):
            button.setToolButtonStyle(style)

    def show_project(self, name: str, folder: str) -> None:
        """Shows what is open; with nothing open only some can be chosen."""
        self._project.setFullText(name or "No project")
        self._project.setHint(folder)
        for page, button in self._buttons.items():
            button.setEnabled(bool(name) or page in WITHOUT_PROJECT)

    def show_page(self, name: str) -> None:
        """Marks the page in front; none of them for the start page."""
        self._group.setExclusive(False)
        for page, button in self._buttons.items():
            button.setChecked(page == name)
        self._group.setExclusive(name in self._buttons)
        self._draw_icons()

    def _make_button(self, name: str, number: int) -> QToolButton:
        button = QToolButton()
        theme.set_role(button, "nav")
        button.setText(f"  {PAGES[name][0]}")
        button.setAccessibleName(PAGES[name][0])
        button.setToolTip(f"{PAGES[name][0]} (Ctrl+{number})")
        button.setCheckable(True)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setIconSize(QSize(20, 20))
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.clicked.connect(lambda: self.pageChosen.emit(name))
        self._group.addButton(button)
        return button

    def _draw_icons(self) -> None:
        for name, button in self._buttons.items():
            button.setIcon(theme.icon(PAGES[name][1], "on_accent" if button.isChecked() else "text"))


class MicrophoneFoot(QWidget):
    """The microphone's name and level; a click offers the others."""

    def __init__(self, microphones: MicrophoneService, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._microphones = microphones
        self.meter = LevelMeter(compact=True)
        self.choose = QToolButton()
        self.choose.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.choose.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.choose.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.choose.setMenu(self.menu)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addWidget(self.choose)
        column.addWidget(self.meter)
        microphones.levelChanged.connect(self.meter.setLevel)
        microphones.opened.connect(lambda _: self._show("mdi6.microphone"))
        microphones.closed.connect(self._on_closed)
        microphones.failed.connect(self._on_failed)
        self._on_closed()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._write_name()

    def _show(self, icon: str) -> None:
        theme.set_icon(self.choose, icon, size=18)
        self._failure = ""
        self._write_name()

    def _on_closed(self) -> None:
        self.meter.clear()
        self._show("mdi6.microphone-outline")

    def _on_failed(self, sentence: str) -> None:
        self.meter.clear()
        self._show("mdi6.microphone-off")
        self._failure = sentence
        self._write_name()

    def _write_name(self) -> None:
        full = self._microphones.name or self._microphones.device or "Microphone"
        words = "No microphone" if self._failure else full
        room = max(40, self.width() - 56)
        self.choose.setText(self.choose.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, room))
        self.choose.setAccessibleName(f"Microphone: {words}")
        self.choose.setToolTip(self._failure or f"{full}: choose another microphone")

    def _fill_menu(self) -> None:
        """Shows the known microphones; listing them again takes a moment and fills the next menu."""
        self.menu.clear()
        group = QActionGroup(self.menu)
        self._add_choice(group, "System default", None)
        for device in self._microphones.devices():
            self._add_choice(group, device.name, device.name)
        self.menu.addSeparator()
        self.menu.addAction("Look for microphones again", self._microphones.try_again)
        self._microphones.refresh()

    def _add_choice(self, group: QActionGroup, text: str, name: str | None) -> None:
        action = QAction(text, self.menu, checkable=True, checked=self._microphones.device == name)
        action.triggered.connect(lambda: self._microphones.set_device(name))
        group.addAction(action)
        self.menu.addAction(action)
