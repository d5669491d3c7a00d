"""The models that listen at the same time: the chosen one, which is drawn, and any others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from kws_engine.operating.word_curve import WordCurve, counted, curves_in
from kws_engine.runs.folder import RunFolder
from kws_engine.spotting.decision import DetectorConfig
from kws_gui.bridges.detector import DetectorBridge, OpenModel, SoundSource
from kws_gui.pages.listen.detector_settings import Memory


class Ear(QObject):
    """One model file with what a person set for it, and what its thresholds promise.

    Attributes:
        offset_s: What its times are behind those of the first ear.

    Signals:
        loaded: Its file is open.
    """

    loaded = Signal()

    def __init__(self, parent: QObject | None = None, *, draws: bool) -> None:
        super().__init__(parent)
        self.bridge = DetectorBridge(self, draws=draws)
        self.path: Path | None = None
        self.config = DetectorConfig()
        self.curves: Mapping[str, WordCurve] = {}
        self.offset_s = 0.0
        self.cost = 0.0
        self._memory = Memory("")
        self.bridge.loaded.connect(self._on_loaded)
        self.bridge.costChanged.connect(self._on_cost)

    @property
    def opened(self) -> OpenModel | None:
        """Its file, once it is open."""
        return self.bridge.opened

    @property
    def words(self) -> tuple[str, ...]:
        """The words it knows; none before its file is open."""
        return self.opened.model.words if self.opened else ()

    @property
    def moved(self) -> int:
        """How many thresholds differ from the file's own."""
        return len(self._memory.thresholds(self.words))

    @property
    def has_second_look(self) -> bool:
        """Whether the model has one."""
        return self.opened is not None and self.opened.model.second is not None

    def load(self, path: Path) -> None:
        """Opens a file; `loaded`, or the bridge's `failed`, follows."""
        self.path = path
        self.bridge.load(path)

    def time_s(self, at_sample: int) -> float:
        """A position in this ear's sound as a time of the first ear."""
        return at_sample / self._rate + self.offset_s

    def heard_s(self, at_sample: int) -> float:
        """The same from the beginning of this time of listening."""
        return (at_sample - self.bridge.began_at) / self._rate

    def start(self, make_reader: Callable[[int], SoundSource], *, at_s: float | None = None) -> None:
        """Listens from a time of the first ear on; None for the first ear itself.

        Raises:
            MicrophoneError: As of `make_reader`.
        """
        self.bridge.start(make_reader)
        self.offset_s = 0.0 if at_s is None else at_s - self.bridge.began_at / self._rate

    def set_config(self, config: DetectorConfig) -> None:
        """Changes and remembers the settings."""
        if self.opened is not None:
            self._memory.keep_config(config, self.opened.model.detector_config)
            self.config = config
            self._configure()

    def set_threshold(self, word: str, value: float) -> None:
        """Changes and remembers one word's threshold."""
        if self.opened is not None:
            self.bridge.setThreshold(word, value)
            self._memory.keep_threshold(word, value)

    def reset_thresholds(self) -> None:
        """Restores the file's own thresholds."""
        if self.opened is not None:
            self._memory.forget_thresholds()
            self._configure()

    def _on_loaded(self, opened: OpenModel) -> None:
        self._memory = Memory(opened.digest)
        config = self._memory.config(opened.model.detector_config)
        self.config = config if self.has_second_look else dataclasses.replace(config, second_look=False)
        self.curves = _curves(opened.path)
        self._configure()
        self.loaded.emit()

    def _configure(self) -> None:
        assert self.opened is not None
        moved = self._memory.thresholds(self.words)
        self.bridge.configure(self.config, {**self.opened.model.thresholds, **moved})

    def _on_cost(self, share: float) -> None:
        self.cost = share

    @property
    def _rate(self) -> int:
        return self.opened.model.rate if self.opened else 1


class Ears(QObject):
    """All of them hear the same sound.

    Signals:
        added(Ear), removed(Ear): Another model is to listen too, or no longer.
        loaded(Ear), failed(Ear, sentence, details): As of its bridge.
        stepped(Ear, steps), detected(Ear, Detection), risen(Ear, Detection), sounded(Ear): As of its bridge.
        costChanged(share): Of all together, 0..1 of one core.
    """

    added = Signal(object)
    removed = Signal(object)
    loaded = Signal(object)
    failed = Signal(object, str, str)
    stepped = Signal(object, object)
    detected = Signal(object, object)
    risen = Signal(object, object)
    sounded = Signal(object)
    costChanged = Signal(float)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.first = Ear(self, draws=True)
        self.others: list[Ear] = []
        self._connect(self.first)

    def __iter__(self) -> Iterator[Ear]:
        return iter((self.first, *self.others))

    def __len__(self) -> int:
        return 1 + len(self.others)

    @property
    def is_running(self) -> bool:
        """Whether any of them listens."""
        return any(ear.bridge.is_running for ear in self)

    def paths(self) -> list[Path]:
        """The files, the chosen one first."""
        return [ear.path for ear in self if ear.path is not None]

    def names(self) -> list[str]:
        """A short name of each: its file's, with its folder's where two files have the same."""
        stems = [path.stem for path in self.paths()]
        return [
            path.stem if stems.count(path.stem) == 1 else f"{path.stem} ({path.parent.name})" for path in self.paths()
        ]

    def name(self, ear: Ear) -> str:
        """The short name of one of them."""
        return dict(zip(self.paths(), self.names(), strict=True)).get(ear.path or Path(), "")

    def add(self, path: Path) -> None:
        """Lets another model listen too, unless it does already; `loaded` or `failed` follows."""
        if path in self.paths():
            return
        ear = Ear(self, draws=False)
        ear.path = path
        self.others.append(ear)
        self._connect(ear)
        self.added.emit(ear)
        ear.load(path)

    def remove(self, ear: Ear) -> None:
        """One of the others listens no longer."""
        self.others.remove(ear)
        ear.bridge.shutdown()
        self.removed.emit(ear)
        ear.deleteLater()

    def start(self, make_reader: Callable[[int], SoundSource], *, anew: bool = True) -> None:
        """All whose file is open listen, from the same moment on; without `anew` those that do already go on.

        Raises:
            MicrophoneError: As of `make_reader`.
        """
        if anew:
            self.stop()
        first = self.first.bridge
        was_running = first.is_running
        if not was_running:
            self.first.start(make_reader)
        at = first.position if was_running else first.began_at
        for ear in self.others:
            if not ear.bridge.is_running:
                ear.start(make_reader, at_s=at / first.opened.model.rate if first.opened else 0.0)

    def stop(self) -> None:
        """None of them listens."""
        for ear in self:
            ear.bridge.stop()

    def shutdown(self) -> None:
        """Ends every thread."""
        for ear in self:
            ear.bridge.shutdown()

    def _connect(self, ear: Ear) -> None:
        bridge = ear.bridge
        ear.loaded.connect(partial(self.loaded.emit, ear))
        bridge.failed.connect(partial(self.failed.emit, ear))
        bridge.stepped.connect(partial(self.stepped.emit, ear))
        bridge.detected.connect(partial(self.detected.emit, ear))
        bridge.risen.connect(partial(self.risen.emit, ear))
        bridge.sounded.connect(lambda _: self.sounded.emit(ear))
        bridge.costChanged.connect(lambda _: self.costChanged.emit(sum(one.cost for one in self)))


def _curves(path: Path) -> dict[str, WordCurve]:
    """Of the file itself, else of the report beside it."""
    found = curves_in(path)
    if not found and (report := RunFolder(path.parent).promise.read()) is not None:
        return counted(report)
    return found
