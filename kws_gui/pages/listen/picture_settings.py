"""How the spectrogram looks, in a fold, remembered from one start to the next."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QSettings, Signal

from kws_engine import spec
from kws_engine.errors import SpecError
from kws_engine.spec import option
from kws_gui.forms.fold import Fold
from kws_gui.forms.form import ConfigForm
from kws_gui.forms.tab_order import order_tabs
from kws_gui.widgets.colormap import HIGH_DB, LOW_DB

_NARROW = 72  # px, so that its reset button fits the side, too
_REMEMBERED = "listen/picture"


@dataclass(frozen=True)
class PictureConfig:
    """What is drawn of the sound."""

    scale: Literal["mel", "linear"] = option(
        "mel",
        "Scale",
        "Mel has much room for low frequencies, as the ear and most networks; linear resolves high ones.",
    )
    low_db: float = option(
        LOW_DB,
        "Darkest",
        "Sound of this level is drawn darkest, and so is what is fainter; raise it to hide noise.",
        low=-120.0,
        high=-20.0,
        unit="dB",
    )
    high_db: float = option(
        HIGH_DB,
        "Brightest",
        "Sound of this level is drawn brightest; a full-scale tone has 0 dB. Lower it to see faint sound.",
        low=-100.0,
        high=0.0,
        unit="dB",
    )


class PictureFold(Fold):
    """The form.

    Signals:
        configChanged(PictureConfig): The person changed something.
    """

    configChanged = Signal(object)

    def __init__(self) -> None:
        self.form = ConfigForm(PictureConfig)
        super().__init__("Spectrogram", self.form)
        self.form.setValue(_remembered())
        self._tell()
        self.form.valueChanged.connect(self._on_changed)
        self.form.rowsMade.connect(self._on_rows)

    def config(self) -> PictureConfig:
        """What is chosen."""
        config = self.form.value()
        assert isinstance(config, PictureConfig)
        return config

    def _on_changed(self, config: PictureConfig) -> None:
        QSettings().setValue(_REMEMBERED, json.dumps(spec.to_dict(config)))
        self._tell()
        self.configChanged.emit(config)

    def _on_rows(self) -> None:
        self.form.editor("scale").setMinimumWidth(_NARROW)
        order_tabs(self)

    def _tell(self) -> None:
        config = self.config()
        self.setState(f"{config.scale}, {config.low_db:g} to {config.high_db:g} dB")


def _remembered() -> PictureConfig:
    try:
        stored = json.loads(str(QSettings().value(_REMEMBERED, "{}")))
        return spec.changed(PictureConfig(), stored)
    except (ValueError, TypeError, AttributeError, SpecError):
        return PictureConfig()
