"""The icon in the desktop's tray: whether the program listens, and a menu to pause it and to come back."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QAction, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from kws_engine import resources
from kws_gui import theme
from kws_gui.services.remembered import APPLICATION

_SIZE = 64  # px; the desktop scales it


class Tray(QObject):
    """Shown with `setShown` where the desktop has a tray.

    Signals:
        chosen(): The icon was clicked.
    """

    chosen = Signal()

    def __init__(self, actions: Sequence[QAction | None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.menu = QMenu()
        for action in actions:
            if action is None:
                self.menu.addSeparator()
            else:
                self.menu.addAction(action)
        self.icon = QSystemTrayIcon(self)
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(self._on_activated)
        self._is_listening = False
        theme.notifier.changed.connect(self._draw)
        self.show_state(False, "")

    @staticmethod
    def is_available() -> bool:
        """Whether the desktop has a tray now; it may come later, as when both are just starting."""
        return QSystemTrayIcon.isSystemTrayAvailable()

    def setShown(self, shown: bool) -> None:
        """Shows or hides the icon."""
        self.icon.setVisible(shown and self.is_available())

    def show_state(self, is_listening: bool, sentence: str) -> None:
        """Shows whether it listens, by a mark on the icon and in words."""
        self._is_listening = is_listening
        self.icon.setToolTip(f"{APPLICATION}: {sentence}" if sentence else APPLICATION)
        self._draw()

    def tell(self, sentence: str) -> None:
        """Says something beside the icon."""
        if self.icon.isVisible() and self.icon.supportsMessages():
            self.icon.showMessage(APPLICATION, sentence, self.icon.icon())

    def shutdown(self) -> None:
        """Takes the icon away."""
        self.icon.hide()
        self.menu.deleteLater()

    def _on_activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self.chosen.emit()

    def _draw(self) -> None:
        self.icon.setIcon(marked(self._is_listening))


def marked(is_listening: bool) -> QIcon:
    """The program's icon with a green dot while it listens, else with the two bars of a pause."""
    picture = QPixmap(_SIZE, _SIZE)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QIcon(str(resources.path("icons", "kws-studio.svg"))).paint(painter, 0, 0, _SIZE, _SIZE)
    mark = QRectF(_SIZE * 0.5, _SIZE * 0.5, _SIZE * 0.47, _SIZE * 0.47)
    painter.setPen(QPen(Qt.GlobalColor.white, _SIZE * 0.05))
    painter.setBrush(theme.LIGHT.color("detection") if is_listening else theme.LIGHT.color("muted"))
    painter.drawEllipse(mark)
    if not is_listening:
        painter.setPen(QPen(Qt.GlobalColor.white, _SIZE * 0.07))
        for x in (0.4, 0.6):
            at = mark.left() + x * mark.width()
            painter.drawLine(
                QPointF(at, mark.top() + 0.3 * mark.height()), QPointF(at, mark.bottom() - 0.3 * mark.height())
            )
    painter.end()
    return QIcon(picture)
