"""Saving curves: where to, and the picture of them."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QRectF, QSettings, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QImageWriter, QPainter
from PySide6.QtWidgets import QFileDialog, QWidget

from kws_gui import theme
from kws_gui.widgets.curves.legend import CurveLegend

_FOLDER = "curves/folder"
SCALE = 2  # pixels of the picture per pixel of the screen


def choose_path(parent: QWidget, title: str, stem: str, *, suffix: str, kind: str) -> Path | None:
    """Asks where to save, starting in the last folder used; None if the dialog was cancelled."""
    folder = Path(str(QSettings().value(_FOLDER) or Path.home()))
    name = re.sub(r"[^\w.-]+", "-", stem, flags=re.ASCII).strip("-.") or "curves"
    start = (folder if folder.is_dir() else Path.home()) / f"{name}{suffix}"
    chosen, _ = QFileDialog.getSaveFileName(parent, title, str(start), f"{kind} (*{suffix})")
    if not chosen:
        return None
    path = Path(chosen)
    QSettings().setValue(_FOLDER, str(path.parent))
    return path if path.suffix.lower() == suffix else path.with_name(path.name + suffix)


def picture(title: str, plots: QWidget, key: CurveLegend) -> bytes:
    """A PNG of the plots with title and legend, at twice the screen's resolution, in the colours of the theme."""
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
    QImageWriter(buffer, QByteArray(b"png")).write(image)
    return bytes(content.data())
