"""Curves of a run, or of several, by epoch: loss, accuracy, learning rate and loss terms."""

from kws_gui.widgets.curves.numbers import Point, RunCurves, point_of
from kws_gui.widgets.curves.view import LossAndAccuracy

__all__ = ["LossAndAccuracy", "Point", "RunCurves", "point_of"]
