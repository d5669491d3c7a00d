"""Listening all day: the tray, the small window, starting with the desktop, and one switch that pauses it all."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QSettings, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence

from kws_engine.errors import KwsError
from kws_gui.services import autostart
from kws_gui.services.services import Services
from kws_gui.small_window import SmallWindow
from kws_gui.tray import Tray

_KEEP = "always_on/keep"
_TOLD = "always_on/told"
_WAIT_FOR_TRAY_MS = 1000
_MOST_WAITS = 20  # a desktop that is just starting may bring its tray later
_STALLED_MS = 15_000  # a model is open by then
_KEEP_TEXT = "Go on in the &tray when the window is closed"
_NO_TRAY = f"{_KEEP_TEXT} (this desktop has no tray)"
_ENDED = "Listening has ended by itself: the window says why."
_GOES_ON = "It goes on here. Quit it in this icon's menu."


class AlwaysOn(QObject):
    """Its `actions` stand in the window's menu and in that of the tray.

    Signals:
        windowWanted(): The window is to be shown.
        quitWanted(): The program is to end.
        pageWanted(): Listening is wanted, for which the Listen page has to be there.
        failed(str): Starting with the desktop could not be changed.
    """

    windowWanted = Signal()
    quitWanted = Signal()
    pageWanted = Signal()
    failed = Signal(str)

    def __init__(self, services: Services, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._listening = services.listening
        self._waits = 0
        self._later = QTimer(self, singleShot=True, interval=_WAIT_FOR_TRAY_MS)
        self._later.timeout.connect(self._look_for_tray)
        self._stalled = QTimer(self, singleShot=True, interval=_STALLED_MS)
        self._stalled.timeout.connect(self._on_stalled)
        self.small: SmallWindow | None = None
        self.listen = self._make_action("&Listen", self._listening.toggle, keys="Ctrl+Shift+Space")
        self.small_window = self._make_action("&Small window", self._on_small, checkable=True)
        self.keep = self._make_action(_KEEP_TEXT, self._on_keep, checkable=True)
        self.start = self._make_action("Start with the &desktop, and listen", self._on_start, checkable=True)
        self._show = self._make_action("Show &window", self.windowWanted.emit)
        self._quit = self._make_action("&Quit", self.quitWanted.emit)
        self.tray = Tray([self._show, self.listen, self.small_window, None, self._quit], self)
        self.tray.chosen.connect(self.windowWanted)
        self._listening.wanted.connect(self._on_wanted)
        self._listening.changed.connect(self.refresh)
        services.actions.reported.connect(self._show_state)
        self.keep.setChecked(bool(QSettings().value(_KEEP, False, bool)))
        self.start.setEnabled(autostart.is_possible())
        self.refresh()

    @property
    def actions(self) -> list[QAction]:
        """Those for the window's menu."""
        return [self.listen, self.small_window, self.keep, self.start]

    def keeps_running(self) -> bool:
        """Whether closing the window only hides it: that was chosen, and the tray shows a way back."""
        return self.keep.isChecked() and self.tray.icon.isVisible()

    def say_where(self) -> None:
        """Tells once where the program is after its window was closed."""
        if not QSettings().value(_TOLD, False, bool):
            QSettings().setValue(_TOLD, True)
            self.tray.tell(_GOES_ON)

    def say_ended(self) -> None:
        """Tells that nothing is listened to any more, though nobody wanted that."""
        self.tray.tell(_ENDED)

    def begin_in_background(self) -> None:
        """Listens without the window; where no tray comes within some seconds, the window is shown after all."""
        self._listening.want(True)
        self._waits = 0
        self._look_for_tray()

    def refresh(self) -> None:
        """Shows in the menus and the tray how things are."""
        listening = self._listening
        self.listen.setText("&Pause listening and all actions" if listening.is_listening else "&Listen")
        self._show_state()
        self.tray.setShown(listening.is_listening or self.keep.isChecked())
        has_tray = self.tray.is_available()
        self.keep.setText(_KEEP_TEXT if has_tray else _NO_TRAY)
        self.keep.setEnabled(self.keep.isChecked() or has_tray)
        self.start.setChecked(autostart.is_possible() and autostart.is_on())

    def shutdown(self) -> None:
        """Takes the tray's icon and the small window away."""
        self._later.stop()
        self._stalled.stop()
        self.tray.shutdown()
        if self.small is not None:
            self.small.close()
            self.small.deleteLater()
            self.small = None

    def _show_state(self) -> None:
        listening = self._listening
        sentence = f"listens for {', '.join(listening.words)}" if listening.is_listening else "paused"
        if self._services.actions.failing:
            sentence += "; an action fails"
        self.tray.show_state(listening.is_listening, sentence)

    def _look_for_tray(self) -> None:
        self._waits += 1
        self.tray.setShown(True)
        if self.tray.icon.isVisible():
            return
        if self._waits < _MOST_WAITS:
            self._later.start()
        else:
            self.windowWanted.emit()

    def _on_wanted(self) -> None:
        if self._listening.is_wanted:
            self._stalled.start()
        else:
            self._stalled.stop()
        self.pageWanted.emit()

    def _on_stalled(self) -> None:
        """Nothing to listen with: the page says what to do."""
        if self._listening.is_wanted:
            self._services.navigation.show_page("listen")
            self.windowWanted.emit()

    def _on_small(self) -> None:
        if self.small is None:
            self.small = SmallWindow(self._listening, self._services.microphones)
            self.small.shown.connect(self.small_window.setChecked)
            self.small.opened.connect(self.windowWanted)
        if self.small.isVisible():
            self.small.close()
        else:
            self.small.show()

    def _on_keep(self) -> None:
        QSettings().setValue(_KEEP, self.keep.isChecked())
        self.refresh()

    def _on_start(self) -> None:
        try:
            autostart.switch(self.start.isChecked())
        except KwsError as error:
            self.failed.emit(str(error))
        self.refresh()

    def _make_action(
        self, text: str, call: Callable[[], object], *, keys: str = "", checkable: bool = False
    ) -> QAction:
        action = QAction(text, self)
        action.setCheckable(checkable)
        if keys:
            action.setShortcut(QKeySequence(keys))
            action.setWhatsThis("Listen, or pause listening and all actions")
        action.triggered.connect(lambda: call())
        return action
