"""A form with every kind of option: one changed, one typed wrongly, the advanced ones open."""

from dataclasses import dataclass
from typing import Literal

from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from kws_engine.spec import changed, option
from kws_gui import theme
from kws_gui.forms.form import ConfigForm


@dataclass(frozen=True)
class Example:
    pooling: Literal["max", "average", "global_average"] = option("max", "Pooling", "What a window of values becomes.")
    channels: tuple[int, ...] = option((16, 24, 32), "Channels", "Filters of each block.", low=1, high=512)
    width: float = option(1.0, "Width multiplier", "Scales every channel count.", low=0.25, high=4.0)
    hop_ms: float = option(10.0, "Hop", "From frame to frame.", low=5.0, high=30.0, unit="ms")
    learning_rate: float = option(4e-3, "Learning rate", "Length of a step.", low=1e-7, high=10.0, log=True)
    snr_db: tuple[float, float] = option(
        (5.0, 20.0), "Signal to noise", "From loud noise to quiet.", low=-10, high=60, unit="dB"
    )
    early_stopping: bool = option(True, "Early stopping", "Stops when validation loss no longer falls.")
    patience: int = option(
        15,
        "Patience",
        "Epochs without a new best.",
        low=1,
        high=100,
        unit="epochs",
        shown_when=("early_stopping", True),
    )
    name: str = option("my run", "Name", "How it is called in the list.")
    unknown_share: float = option(
        0.3, "Share of other words, at most", "How much is other words.", low=0.0, high=0.9, advanced=True
    )
    minimum_gain: float = option(
        0.0, "Minimum gain", "How much lower counts.", low=0.0, high=10.0, log=True, advanced=True
    )


def make() -> QWidget:
    card = QFrame()
    theme.set_role(card, "card")
    form = ConfigForm(Example)
    form.setValue(changed(Example(), {"hop_ms": 12.5, "learning_rate": 2e-4, "unknown_share": 0.25}))
    form.editor("width").lineEdit().setText("9")
    form.advanced().setOpen(True)
    column = QVBoxLayout(card)
    column.setContentsMargins(16, 16, 16, 16)
    column.addWidget(form)
    column.addStretch()
    card.resize(360, 560)
    return card


if __name__ == "__main__":
    from show import show

    raise SystemExit(show(make))
