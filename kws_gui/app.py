"""`kws-studio [--background] [PROJECT]`: the application around the window: display, settings, log, Ctrl-C."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from kws_engine import resources
from kws_gui import theme
from kws_gui.services import remembered
from kws_gui.services.autostart import BACKGROUND

if TYPE_CHECKING:
    from kws_gui.main_window import MainWindow

_LOG_BYTES = 1_000_000
_SWITCH_S = 0.001
_USAGE = """usage: kws-studio [--background] [PROJECT]

Teach a computer your own words, and have it listen. With --background it begins in the tray, and listens."""
_NO_DISPLAY = "kws-studio: there is no display to show the window on: use `kws` in the terminal, or set DISPLAY."
_NO_CURSOR_LIBRARY = (
    "kws-studio: the library libxcb-cursor is missing: install it (Debian and Ubuntu: "
    "sudo apt-get install libxcb-cursor0)."
)
_log = logging.getLogger("kws_gui")


def main(argv: Sequence[str] | None = None) -> int:
    """Shows the window until it is closed; the exit status."""
    arguments = sys.argv if argv is None else ["kws-studio", *argv]
    if arguments[1:] in (["-h"], ["--help"]):
        print(_USAGE)
        return 0
    in_background = BACKGROUND in arguments[1:]
    arguments = [one for one in arguments if one != BACKGROUND]
    if reason := why_no_display():
        print(reason, file=sys.stderr)
        return 1
    app = make_application(arguments)
    window = make_window(app, Path(arguments[1]) if len(arguments) > 1 else None, in_background=in_background)
    ctrl_c = CtrlC(window.quit)
    status = app.exec()
    ctrl_c.restore()
    return status


def make_application(arguments: Sequence[str]) -> QApplication:
    """The application with its names, icon, theme and log, but no window."""
    app = QApplication(list(arguments[:1]))
    remembered.set_up()
    app.setApplicationDisplayName("")
    app.setDesktopFileName("kws-studio")
    app.setWindowIcon(QIcon(str(resources.path("icons", "kws-studio.svg"))))
    from kws_gui.main_window import stored_theme

    theme.apply(app, stored_theme())
    _start_log()
    return app


def make_window(app: QApplication, project: Path | None, *, in_background: bool = False) -> MainWindow:
    """The window, shown, or in the tray and listening; it opens `project`, or the one that was open last."""
    from kws_gui.main_window import MainWindow

    window = MainWindow()
    reporter = ErrorReporter(window.report, window)
    sys.excepthook = reporter.on_error
    threading.excepthook = lambda failure: reporter.on_error(failure.exc_type, failure.exc_value, failure.exc_traceback)
    _keep_responsive()
    if not in_background:
        window.show()
    folder = project or remembered.last_project()
    if folder is not None:
        QTimer.singleShot(0, window, lambda: window.open_folder(folder.absolute()))
    if in_background:
        QTimer.singleShot(0, window, window.always_on.begin_in_background)
    return window


def _keep_responsive() -> None:
    """Lets the GUI thread wait no longer than it has to for threads that work on very many clips.

    Whatever lives as long as the program is not looked through for garbage again and again, and a thread that computes
    hands over after a millisecond instead of five.
    """
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)


class ErrorReporter(QObject):
    """What nobody caught: a sentence in the window, the traceback in the log and behind "Copy details"."""

    _happened = Signal(str, str)

    def __init__(self, report: Callable[[str, str], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._happened.connect(report)

    def on_error(self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        """Takes an uncaught exception, in any thread."""
        if issubclass(kind, KeyboardInterrupt):
            return
        details = "".join(traceback.format_exception(kind, error, trace))
        _log.error("%s", details)
        what = str(error) or kind.__name__
        sentence = f"Something unexpected happened ({what}). Your recordings are safe: go on, or restart."
        self._happened.emit(sentence, details)


class CtrlC:
    """Ctrl-C in the terminal closes the window; Qt's loop alone would never let Python look at the signal."""

    def __init__(self, close: Callable[[], object]) -> None:
        self._ours, self._written = socket.socketpair()
        self._ours.setblocking(False)
        self._written.setblocking(False)
        self._notifier = QSocketNotifier(self._ours.fileno(), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(self._on_signal)
        self._before_fd = signal.set_wakeup_fd(self._written.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, lambda *_: close()) for number in _ENDING}

    def restore(self) -> None:
        """Gives the signals back."""
        signal.set_wakeup_fd(self._before_fd)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._notifier.setEnabled(False)
        self._ours.close()
        self._written.close()

    def _on_signal(self) -> None:
        self._ours.recv(64)


_ENDING = (signal.SIGINT, signal.SIGTERM)


def why_no_display() -> str:
    """One sentence where Qt would abort for want of a display; empty where the window can be shown."""
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    if not sys.platform.startswith("linux") or platform not in ("", "xcb"):
        return ""
    if not platform and os.environ.get("WAYLAND_DISPLAY"):
        return ""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return _NO_DISPLAY
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    failed = bool(xcb.xcb_connection_has_error(connection))
    xcb.xcb_disconnect(connection)
    if failed:
        return _NO_DISPLAY
    return "" if _is_library_there("libxcb-cursor.so.0") else _NO_CURSOR_LIBRARY


def _is_library_there(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _start_log() -> None:
    """A log file that stays small; without a writable folder there is none, and nothing else changes."""
    if any(isinstance(handler, RotatingFileHandler) for handler in _log.handlers):
        return
    try:
        file = remembered.log_folder() / "studio.log"
        handler = RotatingFileHandler(file, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8", delay=True)
    except OSError:
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _log.addHandler(handler)


if __name__ == "__main__":
    sys.exit(main())
