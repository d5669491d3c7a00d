"""Name → (title, config, build) for the parts of one package, whose modules it finds by itself.

MODELS = Registry("model", "kws_engine.models")

@MODELS.register("tc_resnet", "TC-ResNet (temporal convolutions)", TcResNetConfig)
def build(config, *, n_features, n_frames, n_labels): ...
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kws_engine import spec

Build = TypeVar("Build", bound=Callable[..., Any])


@dataclass(frozen=True)
class Entry:
    """One registered part.

    Attributes:
        name: As in `--model tc_resnet` and in saved files.
        title: As in the chooser.
        config: The frozen dataclass that describes its options.
        build: Makes the part from a config; its further arguments depend on the registry.
        presets: Named sets of options, as the source names them; the first is the default config.
        summary: One sentence for the chooser: what it is and where it comes from.
    """

    name: str
    title: str
    config: type[Any]
    build: Callable[..., Any]
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    summary: str = ""

    def preset(self, name: str) -> Any:
        """The config of a preset.

        Raises:
            SpecError: There is no such preset; names the nearest.
        """
        if name not in self.presets:
            raise spec.unknown(name, self.presets, what=f"preset of {self.name}")
        return spec.changed(self.config(), self.presets[name])


class Registry:
    """The parts of one kind. Modules of the package are imported at the first look-up.

    A module whose name starts with an underscore is skipped: it holds what needs torch at import, such as shared
    layers, and is imported by the parts' `build` when a network is made.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, Entry] = {}
        self._discovered = False

    def register(
        self, name: str, title: str, config: type[Any], *, presets: Mapping[str, Mapping[str, Any]] | None = None
    ) -> Callable[[Build], Build]:
        """Decorates the function that builds the part; the first line of its docstring is the summary.

        Raises:
            ValueError: The name is taken: two modules of the package claim it.
        """

        def decorate(build: Build) -> Build:
            if name in self._entries and self._entries[name].build.__module__ != build.__module__:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            summary = (build.__doc__ or "").strip().splitlines()[0] if build.__doc__ else ""
            self._entries[name] = Entry(name, title, config, build, dict(presets or {}), summary)
            return build

        return decorate

    def names(self) -> tuple[str, ...]:
        """The registered names, sorted."""
        self._discover()
        return tuple(sorted(self._entries))

    def __iter__(self) -> Iterator[Entry]:
        return iter([self._entries[name] for name in self.names()])

    def __contains__(self, name: str) -> bool:
        return name in self.names()

    def __getitem__(self, name: str) -> Entry:
        if name not in self.names():
            raise spec.unknown(name, self.names(), what=self.kind)
        return self._entries[name]

    def _discover(self) -> None:
        if not self._discovered:
            package = importlib.import_module(self._package)
            for module in pkgutil.iter_modules(package.__path__, self._package + "."):
                if not module.name.rpartition(".")[2].startswith("_"):
                    importlib.import_module(module.name)
            self._discovered = True  # not before: another thread must never see half of the parts
