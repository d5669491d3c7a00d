"""All settings of the next run as one form: the network first, the rest in folds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from kws_engine import spec
from kws_engine.augment import AUGMENTATIONS
from kws_engine.errors import SpecError
from kws_engine.features import FEATURES
from kws_engine.models import MODELS
from kws_engine.regularizers import REGULARIZERS
from kws_engine.settings import Chosen, Settings
from kws_engine.spotting.decision import DetectorConfig
from kws_engine.training.config import TrainingConfig
from kws_gui import theme
from kws_gui.forms.chooser import RegistryChooser
from kws_gui.forms.fold import Fold
from kws_gui.forms.form import ConfigForm
from kws_gui.forms.group import RegistryGroup
from kws_gui.forms.layers import LayersEditor
from kws_gui.forms.tab_order import order_tabs
from kws_gui.pages.train import regularizing
from kws_gui.widgets.wrapped_label import WrappedLabel


@dataclass(frozen=True)
class Mistake:
    """An invalid value: the sentence under its field, and how to bring the field into view."""

    sentence: str
    show: Callable[[], None]


class SettingsForm(QWidget):
    """Edits `Settings`.

    Signals:
        valueChanged(settings): Only ever valid ones.
    """

    valueChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clip: tuple[int, int, int] | None = None
        self.model = RegistryChooser(MODELS)
        self.feature = RegistryChooser(FEATURES)
        self.regularizers = RegistryGroup(REGULARIZERS)
        self.augment = RegistryGroup(AUGMENTATIONS)
        self.training = ConfigForm(TrainingConfig)
        self.detector = ConfigForm(DetectorConfig)
        self.cost = CostLabels()
        self.network_note = NetworkNote()
        self._before = Settings()  # what was shown before the last change
        self.folds = {
            "feature": Fold("Features", self._with_note()),
            "regularizers": Fold("Regularizers", self.regularizers),
            "augment": Fold("Augmentation", self.augment),
            "training": Fold("Training", self.training),
            "detector": Fold("Detector", self.detector),
        }
        for group in (self.regularizers, self.augment):
            group.setContentsMargins(theme.GRID, 0, 0, 0)
        self._lay_out()
        self.setValue(Settings())
        self.feature.valueChanged.connect(self._on_feature)
        for part in (self.model, self.feature, self.regularizers, self.augment, self.training, self.detector):
            part.valueChanged.connect(self._on_changed)
            part.rowsMade.connect(self._on_rows)
        self.network_note.kept.connect(self._on_kept)
        self._show_states()
        order_tabs(self)

    def value(self) -> Settings:
        """The last valid settings."""
        return Settings(
            feature=Chosen(*self.feature.value()),
            model=Chosen(*self.model.value()),
            regularizers=self.regularizers.value(),
            augment=self.augment.value(),
            training=self.training.value(),
            detector=self.detector.value(),
        )

    def setValue(self, settings: Settings) -> None:
        """Shows settings.

        Raises:
            SpecError: A value is not valid.
        """
        before = self.value()
        blocker = QSignalBlocker(self)
        self.model.setValue(settings.model.name, settings.model.config)
        self.feature.setValue(settings.feature.name, settings.feature.config)
        for name in ("regularizers", "augment", "training", "detector"):
            getattr(self, name).setValue(getattr(settings, name))
        blocker.unblock()
        self.network_note.hide()
        self._before = self.value()
        self._show_states()
        self._set_input()
        if self.value() != before:
            self.valueChanged.emit(self.value())

    def set_clip(self, *, n_samples: int, rate: int, n_labels: int) -> None:
        """What the network is computed for: a clip of that length, and so many outputs."""
        self._clip = (n_samples, rate, n_labels)
        self._set_input()

    def refuse(self, sentence: str, path: str) -> None:
        """Shows at the field of a path, such as "model.kernel_time", why it cannot work; "" clears all refusals."""
        if sentence:
            self.cost.setRefusal(sentence)
        for section, form in self._forms_by_path():
            name = path.removeprefix(f"{section}.") if path.startswith(f"{section}.") else ""
            form.refuse(name, sentence if name else "")

    def mistakes(self) -> list[Mistake]:
        """The invalid values that are typed at the moment, in reading order."""
        return [
            Mistake(sentence, partial(_bring_into_view, form, name, folds))
            for form, folds in self._forms()
            for name, sentence in form.errors().items()
        ]

    def _forms(self) -> list[tuple[ConfigForm, list[Fold]]]:
        """Every form with the folds around it, outermost first."""
        found: list[tuple[ConfigForm, list[Fold]]] = [(self.model.form(), [])]
        found.append((self.feature.form(), [self.folds["feature"]]))
        for section in ("regularizers", "augment"):
            group: RegistryGroup = getattr(self, section)
            found += [(group.form(name), [self.folds[section], group.fold(name)]) for name in group.value()]
        found += [(self.training, [self.folds["training"]]), (self.detector, [self.folds["detector"]])]
        return found

    def _forms_by_path(self) -> list[tuple[str, ConfigForm]]:
        found = [("model", form) for form in self.model.forms()] + [("feature", form) for form in self.feature.forms()]
        for section in ("regularizers", "augment"):
            group: RegistryGroup = getattr(self, section)
            found += [(f"{section}.{name}", group.form(name)) for name in group.value()]
        return [*found, ("training", self.training), ("detector", self.detector)]

    def _set_input(self) -> None:
        """Gives the editors of layers the shape of their input, if the features can be built."""
        name, config = self.model.value()
        editors = [self.model.form().editor(o.name) for o in spec.options(config) if o.kind == "layers"]
        if not editors or self._clip is None:
            return
        n_samples, rate, n_labels = self._clip
        chosen, options = self.feature.value()
        try:
            pipeline = FEATURES[chosen].build(options, rate=rate)
        except SpecError:  # reported at the field
            return
        for editor in editors:
            assert isinstance(editor, LayersEditor), name
            editor.setInput(pipeline.n_features, pipeline.n_frames(pipeline.window_for(n_samples)), n_labels)

    def _lay_out(self) -> None:
        title = QLabel("Network")
        theme.set_role(title, "title")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        for part in (title, self.model, self.cost):
            column.addWidget(part)
        folds = QVBoxLayout()
        folds.setSpacing(0)
        for fold in self.folds.values():
            folds.addWidget(fold)
        column.addLayout(folds)
        column.addStretch()

    def _on_rows(self) -> None:
        """Rows are made when they are first shown: Tab is to reach them where they are."""
        order_tabs(self)
        self._set_input()

    def _with_note(self) -> QWidget:
        """The features, and the line that says what their choice has done to the network."""
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self.feature)
        column.addWidget(self.network_note)
        return holder

    def _on_feature(self, name: str) -> None:
        """Another feature may bring the network made for it, as on the command line."""
        if name == self._before.feature.name:
            return
        self.network_note.hide()
        network = self._before.with_option("feature.name", name).model
        if network != self._before.model:
            blocker = QSignalBlocker(self.model)
            self.model.setValue(network.name, network.config)
            blocker.unblock()
            self.network_note.tell(network, self._before.model)

    def _on_kept(self, network: Chosen) -> None:
        self.model.setValue(network.name, network.config)

    def _on_changed(self) -> None:
        settings = self.value()
        if not self.network_note.fits(settings):
            self.network_note.hide()
        self._before = settings
        self._show_states()
        self._set_input()
        self.valueChanged.emit(self.value())

    def _show_states(self) -> None:
        settings = self.value()
        feature = FEATURES[settings.feature.name].title.partition(" (")[0]
        epochs = settings.training.epochs
        self.augment.setIdle(
            [path.removeprefix("augment.") for path in settings.idle() if path.startswith("augment.")],
            "no effect here",
        )
        self.training.setIdle(
            [path.removeprefix("training.") for path in settings.idle() if path.startswith("training.")]
        )
        self.folds["feature"].setState(_joined(feature, _changes(settings.feature.config)))
        self.folds["regularizers"].setState(regularizing.summary(settings))
        self.folds["augment"].setState(self.augment.summary())
        self.folds["training"].setState(
            _joined(f"{epochs} epochs" if epochs > 1 else "1 epoch", _changes(settings.training, besides="epochs"))
        )
        self.folds["detector"].setState(_changes(settings.detector))


class NetworkNote(QWidget):
    """Says that a feature has brought another network, and offers to keep the one before.

    Signals:
        kept(network): The `Chosen` before is wanted.
    """

    kept = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.label = WrappedLabel()
        self.keep = QPushButton()
        self._networks: tuple[Chosen, Chosen] | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        column.addWidget(self.label)
        column.addWidget(self.keep, 0, Qt.AlignmentFlag.AlignLeft)
        self.keep.clicked.connect(self._on_keep)
        self.hide()

    def tell(self, network: Chosen, before: Chosen) -> None:
        """Shows what the network is now, and what it was."""
        self._networks = network, before
        self.label.setText(f"The network is now “{_title(network)}”: it suits this feature.")
        self.keep.setText(f"Keep {_title(before)}")
        self.show()

    def fits(self, settings: Settings) -> bool:
        """Whether the network is still the one that it tells of."""
        return self._networks is not None and settings.model == self._networks[0]

    def _on_keep(self) -> None:
        if self._networks is not None:
            self.kept.emit(self._networks[1])


class CostLabels(WrappedLabel):
    """Parameters and MACs of the network on the form, or why there is no such network."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Size of the network")
        self.setToolTip("Weights to learn, and multiply-accumulates for one clip")
        self.refusal = ""
        self.wait()

    def wait(self) -> None:
        """Shows that the numbers are being counted; those of the last network fade."""
        self._show("Counting parameters …\n" if not self.text() or self.refusal else self.text(), "muted")
        self.refusal = ""

    def setCost(self, parameters: int, macs: int) -> None:
        """Shows the numbers, rounded to what is worth comparing."""
        self.refusal = ""
        self._show(f"{rounded(parameters)} parameters\n{rounded(macs)} MACs", "")
        self.setAccessibleDescription(f"{parameters:,} parameters, {macs:,} multiply-accumulates")

    def setRefusal(self, sentence: str) -> None:
        """Shows why there is no such network."""
        self.refusal = sentence
        self._show(sentence, "error")

    def setUnknown(self, sentence: str) -> None:
        """Shows why the size is not known; the network is not refused."""
        self.refusal = ""
        self._show(sentence, "muted")

    def _show(self, text: str, role: str) -> None:
        self.setText(text)
        if self.property("role") != role:
            theme.set_role(self, role)


def _title(network: Chosen) -> str:
    return MODELS[network.name].title.partition(" (")[0]


def rounded(count: int) -> str:
    """Two or three digits and a power of a thousand: 65180 is "65 k", 1522560 "1.5 M"."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size * 0.9995:
            value = count / size
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"
    return str(count)


def _bring_into_view(form: ConfigForm, name: str, folds: list[Fold]) -> None:
    for fold in folds:
        fold.setOpen(True)
    advanced = form.advanced()
    editor = form.editor(name)
    if advanced is not None and advanced.isAncestorOf(editor):
        advanced.setOpen(True)
    editor.setFocus()


def _changes(config: Any, *, besides: str = "") -> str:
    count = len([name for name in spec.differences(config) if name != besides])
    return f"{count} changed" if count else ""


def _joined(*words: str) -> str:
    return " · ".join(word for word in words if word)
