"""The chooser of networks, and the groups of regularizers and augmentations, as the Train page has them."""

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from kws_engine.augment import AUGMENTATIONS
from kws_engine.models import MODELS
from kws_engine.regularizers import REGULARIZERS
from kws_engine.spec import changed
from kws_gui import theme
from kws_gui.forms.chooser import RegistryChooser
from kws_gui.forms.group import RegistryGroup


def make() -> QWidget:
    page = QWidget()
    row = QHBoxLayout(page)
    row.setContentsMargins(16, 16, 16, 16)
    row.setSpacing(16)
    chooser = RegistryChooser(MODELS)
    chooser.setValue("tc_resnet", MODELS["tc_resnet"].config())
    row.addWidget(_card(chooser))
    regularizers = RegistryGroup(REGULARIZERS)
    regularizers.setValue({"l2": changed(REGULARIZERS["l2"].config(), {"weight": 1e-5})})
    regularizers.fold("l2").setOpen(True)
    row.addWidget(_card(regularizers, RegistryGroup(AUGMENTATIONS)))
    page.resize(752, 560)
    return page


def _card(*parts: QWidget) -> QFrame:
    card = QFrame()
    theme.set_role(card, "card")
    card.setFixedWidth(352)
    column = QVBoxLayout(card)
    column.setContentsMargins(16, 16, 16, 16)
    for part in parts:
        column.addWidget(part)
    column.addStretch()
    return card


if __name__ == "__main__":
    from show import show

    raise SystemExit(show(make))
