"""The look of the axes of a plot by pyqtgraph."""

from __future__ import annotations

import pyqtgraph as pg

from kws_gui import theme
from kws_gui.widgets.axis import SMALL


def style_axes(view: pg.PlotWidget) -> None:
    """Gives a plot's ground, its axes and their labels the colours and fonts of the theme."""
    colors = theme.current()
    view.setBackground(colors.sunken)
    for name in ("left", "bottom"):
        axis = view.getAxis(name)
        axis.setPen(pg.mkPen(colors.field_border))
        axis.setTextPen(pg.mkPen(colors.muted))
        axis.setTickFont(theme.font(SMALL))
        axis.setStyle(tickLength=4)
        axis.label.setFont(theme.font(SMALL))
