"""Shows an example of the gallery in a window, or grabs all of them: `python show.py FOLDER [light|dark]`."""

from __future__ import annotations

import importlib.util
import pathlib
import sys
from collections.abc import Callable

from PySide6.QtWidgets import QApplication, QWidget

from kws_gui import theme

HERE = pathlib.Path(__file__).parent


def names() -> list[str]:
    """Every example in this folder."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.name != "show.py")


def load(name: str) -> Callable[[], QWidget]:
    """The `make` function of an example."""
    spec = importlib.util.spec_from_file_location(f"gallery_{name}", HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make


def show(make: Callable[[], QWidget]) -> int:
    """Opens a window with the example; `light` or `dark` on the command line."""
    app = QApplication(sys.argv)
    theme.apply(app, "dark" if "dark" in sys.argv else "light" if "light" in sys.argv else "system")
    widget = make()
    widget.show()
    return app.exec()


def _grab_all(folder: pathlib.Path, choice: str) -> None:
    app = QApplication(sys.argv)
    theme.apply(app, choice)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names():
        widget = load(name)()
        widget.show()
        app.processEvents()
        widget.grab().save(str(folder / f"{name}-{choice}.png"))
        widget.close()


if __name__ == "__main__":
    _grab_all(pathlib.Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "light")
