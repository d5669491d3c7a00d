"""Curves as a picture and as a table, in the folder chosen last; knows no run."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QRectF, QSettings, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter
from PySide6.QtWidgets import QFileDialog, QWidget

from kws_engine.disk import write_atomically
from kws_engine.errors import KwsError
from kws_gui import theme
from kws_gui.widgets.curves.legend import CurveKey

_FOLDER = "curves/folder"
SCALE = 2  # pixels of the picture for one of the screen


def ask_path(parent: QWidget, title: str, stem: str, *, suffix: str, kind: str) -> Path | None:
    """Asks where to save, beginning in the folder chosen last; None when the person thought better of it."""
    folder = Path(str(QSettings().value(_FOLDER) or Path.home()))
    name = re.sub(r"[^\w.-]+", "-", stem, flags=re.ASCII).strip("-.") or "curves"
    start = (folder if folder.is_dir() else Path.home()) / f"{name}{suffix}"
    chosen, _ = QFileDialog.getSaveFileName(parent, title, str(start), f"{kind} (*{suffix})")
    if not chosen:
        return None
    path = Path(chosen)
    QSettings().setValue(_FOLDER, str(path.parent))
    return path if path.suffix.lower() == suffix else path.with_name(path.name + suffix)


def write(path: Path, content: bytes) -> str:
    """Writes the whole file or leaves an old one as it was; returns what went wrong, in words, or nothing."""
    try:
        write_atomically(path, content)
    except KwsError as error:
        return str(error)
    return ""


def picture(title: str, plots: QWidget, key: CurveKey) -> bytes:
    """The plots with title and legend as PNG, twice as fine as on the screen, in the colours of the theme."""
    colors, margin = theme.current(), 2 * theme.GRID
    head = QFontMetricsF(theme.font(theme.TITLE_SCALE, bold=True)).height() + theme.GRID if title else 0.0
    width = plots.width() + 2 * margin
    height = round(margin + head + plots.height() + theme.GRID + key.height() + margin)
    image = QImage(SCALE * width, SCALE * height, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(SCALE)
    image.fill(colors.color("window"))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if title:
        painter.setFont(theme.font(theme.TITLE_SCALE, bold=True))
        painter.setPen(colors.color("text"))
        painter.drawText(QRectF(margin, margin, plots.width(), head), Qt.AlignmentFlag.AlignTop, title)
    painter.save()
    painter.translate(margin, margin + head + plots.height() + theme.GRID)
    key.draw(painter)
    painter.restore()
    plots.render(painter, QPoint(margin, round(margin + head)), renderFlags=QWidget.RenderFlag.DrawChildren)
    painter.end()
    return _png(image)


def _png(image: QImage) -> bytes:
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, b"PNG")
    return bytes(content.data())
