"""Training and counting in processes of their own, watched through signals; real processes, real runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from tiny_project import RATE, make_project, quick_settings
from waiting import wait_until

from kws_engine.clips.project import Project
from kws_engine.runs.costing import CostAnswer, CostQuestion
from kws_engine.runs.job import Job
from kws_engine.runs.records import past_runs
from kws_engine.settings import Settings
from kws_engine.training.events import Failed, Finished, Started
from kws_gui.bridges.training import TrainingBridge, training_threads
from kws_gui.bridges.warm import Asker, WarmBridge

PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("project") / "tones")


@pytest.fixture
def bridge(qtbot: QtBot) -> Iterator[TrainingBridge]:
    made = TrainingBridge()
    yield made
    made.shutdown(seconds=0)


@pytest.fixture(scope="module")
def costs(qapp: object) -> Iterator[Asker]:
    warm = WarmBridge()
    yield Asker(warm, delay_ms=150)
    warm.shutdown()


def _job(project: Project, *options: str) -> Job:
    return Job(project.folder, quick_settings(*options).to_dict(), threads=training_threads())


def _question(*options: str) -> CostQuestion:
    return CostQuestion(Settings().with_options(options).to_dict(), n_samples=RATE, rate=RATE, n_labels=12)


def test_a_run_tells_its_story_in_signals(qtbot: QtBot, bridge: TrainingBridge, project: Project) -> None:
    heard: list[object] = []
    for name in ("progressed", "skipped", "started", "epochEnded", "finished", "failed"):
        getattr(bridge, name).connect(lambda event, name=name: heard.append((name, event)))
    bridge.start(_job(project))
    assert bridge.is_running()
    with pytest.raises(RuntimeError):
        bridge.start(_job(project))
    qtbot.waitUntil(lambda: not bridge.is_running(), timeout=PATIENCE_MS)
    names = [name for name, _ in heard]
    assert names.index("progressed") < names.index("started") < names.index("epochEnded")
    assert names.count("epochEnded") == 3 and names[-1] == "finished" and "failed" not in names
    ending = heard[-1][1]
    assert isinstance(ending, Finished) and Path(ending.model).is_file()


def test_stop_keeps_the_best_weights_so_far(qtbot: QtBot, bridge: TrainingBridge, project: Project) -> None:
    endings: list[object] = []
    bridge.finished.connect(endings.append)
    bridge.failed.connect(endings.append)
    with qtbot.waitSignal(bridge.epochEnded, timeout=PATIENCE_MS):
        bridge.start(_job(project, "training.epochs=5000"))
    bridge.stop()
    qtbot.waitUntil(lambda: bool(endings), timeout=PATIENCE_MS)
    assert isinstance(endings[0], Finished) and endings[0].stopped_early
    assert Path(endings[0].model).is_file()


def test_a_killed_process_fails_with_a_sentence(qtbot: QtBot, bridge: TrainingBridge, project: Project) -> None:
    with qtbot.waitSignal(bridge.started, timeout=PATIENCE_MS) as started:
        bridge.start(_job(project, "training.epochs=5000"))
    assert bridge.pid is not None and isinstance(started.args[0], Started)
    with qtbot.waitSignal(bridge.failed, timeout=PATIENCE_MS) as failed:
        os.kill(bridge.pid, signal.SIGKILL)
    assert isinstance(failed.args[0], Failed) and "was ended by SIGKILL" in failed.args[0].message
    assert not bridge.is_running()
    assert [run.message for run in past_runs(project.runs_folder) if str(run.folder) == started.args[0].run] == [
        "cut off before its end"
    ]


def test_the_child_loads_neither_qt_nor_the_main_script(tmp_path: Path, project: Project) -> None:
    """A main script without `if __name__ == ...` would run again in a child that imports it."""
    script = tmp_path / "window.py"
    script.write_text(
        textwrap.dedent(f"""
            import pathlib, sys, time
            from PySide6.QtCore import QCoreApplication
            from kws_engine.runs.job import Job
            from kws_engine.training.events import Started
            from kws_gui.bridges.training import TrainingBridge
            pathlib.Path("opened").open("a").write("one window\\n")
            app = QCoreApplication([])
            bridge = TrainingBridge()
            def on_started(event):
                libraries = pathlib.Path(f"/proc/{{bridge.pid}}/maps").read_text()
                print("torch" if "libtorch" in libraries else "no torch", "Qt" if "Qt6" in libraries else "no Qt")
                bridge.shutdown(seconds=0)
                app.quit()
            bridge.started.connect(on_started)
            bridge.failed.connect(lambda event: (print(event.message), app.quit()))
            bridge.start(Job(pathlib.Path({str(project.folder)!r}), {quick_settings().to_dict()!r}, threads=1))
            app.exec()
            print("torch" if "torch" in sys.modules else "no torch")
        """)
    )
    if not Path("/proc/self/maps").exists():
        pytest.skip("this system does not tell which libraries a process holds")
    ended = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_MS / 1000,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert ended.stdout.splitlines() == ["torch no Qt", "no torch"], ended.stderr
    assert (tmp_path / "opened").read_text() == "one window\n"


def test_only_the_newest_question_is_answered(qtbot: QtBot, costs: Asker) -> None:
    answers: list[CostAnswer] = []
    costs.answered.connect(answers.append)
    for width in ("0.5", "1.5", "1.0"):
        costs.ask(_question(f"model.width={width}"))
    qtbot.waitUntil(lambda: bool(answers), timeout=PATIENCE_MS)
    assert len(answers) == 1 and answers[0].parameters == pytest.approx(65_200, rel=0.01)


def test_a_network_that_shrinks_to_nothing_is_said(qtbot: QtBot, costs: Asker) -> None:
    with qtbot.waitSignal(costs.refused, timeout=PATIENCE_MS) as refused:
        costs.ask(_question("model.name=cnn", "model.pool_time=8"))
    assert refused.args[0].startswith("Layer 3: its pooling cell of 8 x 2 is larger")


def test_a_network_larger_than_the_memory_is_counted_all_the_same(qtbot: QtBot, costs: Asker) -> None:
    huge = ("model.maps=1024,1024,1024", "model.pool_time=1", "model.pool_freq=1", "model.dense=4096")
    with qtbot.waitSignal(costs.answered, timeout=PATIENCE_MS) as answered:
        costs.ask(_question("model.name=cnn", *huge))
    assert answered.args[0].parameters > 10**10


def test_a_lost_counting_process_is_replaced(qtbot: QtBot, costs: Asker) -> None:
    costs.start()
    assert costs.pid is not None
    os.kill(costs.pid, signal.SIGKILL)
    with qtbot.waitSignal(costs.answered, timeout=PATIENCE_MS):
        costs.ask(_question())


def test_children_end_with_a_killed_window(tmp_path: Path, project: Project) -> None:
    script = tmp_path / "window.py"
    script.write_text(
        textwrap.dedent(f"""
            import pathlib, threading
            from kws_engine.runs.job import Job
            from kws_engine.runs.process import TrainingProcess
            from kws_engine.runs.warm import WarmProcess
            costs = WarmProcess()
            run = TrainingProcess(Job(pathlib.Path({str(project.folder)!r}), {quick_settings().to_dict()!r}, threads=1))
            print(costs.pid, run.pid, flush=True)
            threading.Event().wait()
        """)
    )
    window = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert window.stdout is not None
    with window, window.stdout:
        children = [int(pid) for pid in window.stdout.readline().split()]
        window.kill()
    assert len(children) == 2
    gone = "the children of a killed parent to end"
    wait_until(lambda: not any(map(_is_there, children)), seconds=PATIENCE_MS / 1000, what=gone)


def _is_there(pid: int) -> bool:
    """Whether a process runs; one that ended but was not collected does not count."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
