"""Actions beside listening: never waited for, bounded, reported; rules as texts, in a project, and from strangers."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import action_partners
import numpy as np
import pytest
import tone_model
from waiting import collect, wait_until

from kws_engine import audio
from kws_engine.actions import stored
from kws_engine.actions.moment import Moment
from kws_engine.actions.rule import ANY, from_dict, parse
from kws_engine.actions.running import MOST_WAITING, Report, Runner
from kws_engine.cli import main
from kws_engine.clips.project import Project
from kws_engine.errors import ProjectError, SpecError


def moment(word: str = "up", at_s: float = 0.0) -> Moment:
    return Moment(word, 0.9, datetime.now(), at_s)


def next_of(runner: Runner, count: int) -> list[Report]:
    """The next reports."""
    return collect(runner.poll, lambda found: len(found) >= count, seconds=30)


# -- running


def test_a_word_starts_its_own_actions_and_those_of_every_word(tmp_path: Path) -> None:
    rules = [parse([f"{word}=file", f"path={tmp_path / word}", "line={word}"]) for word in ("up", "down")]
    runner = Runner([*rules, parse(["file", f"path={tmp_path / 'any'}", "line={word}"])])
    runner.take(moment("up"))
    runner.take(moment("left", at_s=5))
    reports = runner.close()
    assert sorted((report.rule.word, report.moment.word) for report in reports) == [
        (ANY, "left"),
        (ANY, "up"),
        ("up", "up"),
    ]
    assert not any(report.error for report in reports)
    assert not (tmp_path / "down").exists() and (tmp_path / "any").read_text(encoding="utf-8") == "up\nleft\n"


def test_the_shortest_pause_counts_in_the_time_of_the_sound(tmp_path: Path) -> None:
    runner = Runner([parse(["file", f"path={tmp_path / 'heard'}", "line={word}", "pause_s=2"])])
    for word, at_s in (("a", 10.0), ("b", 11.9), ("c", 12.0), ("d", 13.0), ("e", 1.0), ("f", 3.0)):
        runner.take(moment(word, at_s))
        wait_until(lambda: not runner.poll() and not runner.is_busy, seconds=10)
    runner.close()
    assert (tmp_path / "heard").read_text(encoding="utf-8").split() == ["a", "c", "e", "f"]


def test_an_action_that_takes_long_delays_nothing_and_its_queue_is_bounded(tmp_path: Path) -> None:
    slow = parse(["program", "command=sleep 0.2", "pause_s=0"])
    runner = Runner([slow, parse(["file", f"path={tmp_path / 'heard'}", "line={word}", "pause_s=0"])])
    for number in range(20):
        runner.take(moment(str(number), at_s=number))
    reports = collect(runner.poll, lambda found: sum(one.rule.kind == "file" for one in found) >= 6, seconds=10)
    reports += runner.close()
    of_slow = [report for report in reports if report.rule is slow]
    assert len(of_slow) == 20
    ran = [report for report in of_slow if not report.error]
    assert MOST_WAITING <= len(ran) <= MOST_WAITING + 2
    assert "4 words before this one wait for it" in next(report.error for report in of_slow if report.error)


def test_a_failing_action_is_reported_each_time_and_tried_again(tmp_path: Path) -> None:
    runner = Runner([parse(["file", f"path={tmp_path / 'folder' / 'heard'}", "pause_s=0"])])
    runner.take(moment())
    assert "cannot be written" in next_of(runner, 1)[0].error
    (tmp_path / "folder").mkdir()
    runner.take(moment())
    assert next_of(runner, 1)[0].error == ""
    runner.close()


@pytest.fixture
def stopped_display(monkeypatch: pytest.MonkeyPatch) -> Iterator[action_partners.XServer]:
    """A display whose server has stopped: whoever asks it waits for ever."""
    pytest.importorskip("Xlib", reason="python-xlib is not installed")
    if action_partners.XVFB is None:
        pytest.skip("no X11 display: Xvfb is not installed")
    with action_partners.x_server() as display:
        monkeypatch.setenv("DISPLAY", display.name)
        for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
            monkeypatch.delenv(name, raising=False)
        os.kill(display.pid, signal.SIGSTOP)
        try:
            yield display
        finally:
            os.kill(display.pid, signal.SIGCONT)


@pytest.mark.slow
def test_an_action_that_hangs_for_good_is_said_once_and_runs_again_when_it_comes_back(
    stopped_display: action_partners.XServer, tmp_path: Path
) -> None:
    keys = parse(["keys", "keys=a", "pause_s=0", "timeout_s=0.1"])
    runner = Runner([keys, parse(["file", f"path={tmp_path / 'heard'}", "line={word}", "pause_s=0"])])
    runner.take(moment("first"))
    reports = next_of(runner, 2)
    assert [report.error for report in reports if report.rule is not keys] == [""]
    (hangs,) = (report for report in reports if report.rule is keys)
    assert "It hangs" in hangs.error and hangs.moment.word == "first"
    runner.take(moment("second", at_s=1))
    assert "It still hangs" in next(one.error for one in next_of(runner, 2) if one.rule is keys)
    assert runner.poll() == []
    os.kill(stopped_display.pid, signal.SIGCONT)
    wait_until(lambda: not runner.is_busy, seconds=20, what="the display to answer")
    runner.take(moment("third", at_s=2))
    assert next(one for one in next_of(runner, 2) if one.rule is keys).error == ""
    runner.close()


@pytest.mark.slow
def test_the_end_waits_for_no_action_that_hangs(stopped_display: action_partners.XServer) -> None:
    runner = Runner([parse(["keys", "keys=a", "timeout_s=0.1"])])
    runner.take(moment())
    (report,) = runner.close()
    assert "It hangs" in report.error


def test_the_end_at_once_ends_what_is_going_on_and_says_what_was_not_done() -> None:
    runner = Runner([parse(["program", "command=sleep 60", "pause_s=0"])])
    for at_s in range(3):
        runner.take(moment(at_s=at_s))
    reports = runner.close(seconds=0.1)
    assert len(reports) == 3 and all(report.error for report in reports)
    assert "was ended, as listening was" in reports[0].error


# -- rules


def test_a_rule_is_the_same_through_text_and_file() -> None:
    rule = parse(["up=program", "command=echo 'two words' {word}", "pause_s=3"])
    assert rule.config.command == ("echo", "two words", "{word}") and rule.limits.pause_s == 3
    assert from_dict(json.loads(json.dumps(rule.to_dict()))) == rule
    assert rule.text() == "up=program command=echo 'two words' {word} pause_s=3"


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (["up=htp"], "There is no action 'htp'; did you mean 'http'"),
        (["up=http", "ulr=x"], "There is no option 'ulr'; did you mean 'url'"),
        (["up=http", "url"], "'url' is no OPTION=VALUE"),
        (["up=program", "command='x"], 'Command: a quotation mark in "\'x" is not closed'),
        (["sound", "volume=2"], "Volume: 2 is outside 0 to 1"),
        (["sound", "timeout_s=0"], "Time limit: 0 is outside 0.1 to 600 s"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused_in_words(parts: list[str], sentence: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse(parts)
    assert str(refused.value).startswith(sentence)


# -- in a project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "lamps", words=["up", "down"])


def test_actions_are_kept_in_the_project_and_off_until_switched_on(project: Project) -> None:
    rule = parse(["up=program", "command=true"])
    assert stored.read(project.folder) == []
    assert stored.change(project.folder, lambda rules: rules.append(rule)) == [rule]
    project.edit.save_settings({"x": 1})  # another writer of the same file
    assert stored.read(project.folder) == [rule] and not rule.is_on
    stored.change(project.folder, lambda rules: rules.__setitem__(0, dataclasses.replace(rule, is_on=True)))
    assert [one.is_on for one in stored.read(project.folder)] == [True]
    assert "is_on" not in (project.folder / "project.toml").read_text(encoding="utf-8")
    stored.change(project.folder, list.clear)
    assert "actions" not in (project.folder / "project.toml").read_text(encoding="utf-8")


def test_a_project_from_elsewhere_or_changed_by_others_starts_nothing(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = dataclasses.replace(parse(["up=program", "command=true"]), is_on=True)
    stored.change(project.folder, lambda rules: rules.append(rule))
    assert stored.read(project.folder)[0].is_on
    shutil.copytree(project.folder, tmp_path / "copy")
    assert not stored.read(tmp_path / "copy")[0].is_on
    file = project.folder / "project.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('"true"', '"false"'), encoding="utf-8")
    assert not stored.read(project.folder)[0].is_on
    file.write_text(file.read_text(encoding="utf-8").replace('"false"', '"true"'), encoding="utf-8")
    assert stored.read(project.folder)[0].is_on
    monkeypatch.setenv("KWS_STUDIO_HOME", str(tmp_path / "another computer"))
    assert not stored.read(project.folder)[0].is_on


@pytest.mark.parametrize("damage", ["[]", "{", '{"%s": 3}', "null", "[" * 100_000])
def test_damaged_switches_switch_nothing_on(project: Project, damage: str) -> None:
    stored.change(project.folder, lambda rules: rules.append(parse(["up=program", "command=true"])))
    home = Path(os.environ["KWS_STUDIO_HOME"])
    (home / "actions-on.json").write_text(damage.replace("%s", str(project.folder)), encoding="utf-8")
    assert not stored.read(project.folder)[0].is_on


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ("actions = 3", "actions is no list"),
        ("actions = [3]", "actions is no list"),
        ("[[actions]]\nkind = 'htp'", "action 1: There is no action 'htp'"),
        ("[[actions]]\nkind = 3", "action 1: {'kind': 3} is no action"),
        ("[[actions]]\nkind = 'sound'\npause_s = 'x'", "action 1: Shortest pause: 'x' is not a number"),
        ("[[actions]]\nkind = 'program'\n[actions.options]\ncommand = 'rm'", "action 1: Command: 'rm' is not a list"),
        ("[[actions]]\nkind = 'sound'\n" * 201, "no list of at most 200"),
    ],
)
def test_damaged_actions_are_named_and_the_project_opens_all_the_same(
    project: Project, tables: str, sentence: str
) -> None:
    with (project.folder / "project.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n{tables}\n")
    with pytest.raises((ProjectError, SpecError), match=sentence.replace("{", r"\{")):
        stored.read(project.folder)
    assert Project.open(project.folder).words == ("up", "down")


# -- the command line


@pytest.fixture
def kws(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, list[dict[str, Any]], str]]:
    """Runs a command here: status, JSON lines and what it said to people."""

    def call(*arguments: object) -> tuple[int, list[dict[str, Any]], str]:
        capsys.readouterr()
        status = main([*map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        return status, [json.loads(line) for line in out.splitlines()], err

    return call


Kws = Callable[..., tuple[int, list[dict[str, Any]], str]]


@pytest.fixture
def heard(tmp_path: Path) -> tuple[Path, Path]:
    """A model, and a file in which it hears "low", "high" and "low"."""
    sound = [part for word in ("low", "high", "low") for part in (tone_model.pause(), tone_model.tone(word))]
    audio.write(tmp_path / "sound.wav", np.concatenate([*sound, tone_model.pause()]), rate=tone_model.RATE)
    return tone_model.write(tmp_path / "tones.kws"), tmp_path / "sound.wav"


def test_listening_does_what_it_was_told_and_says_how_it_went(
    kws: Kws, heard: tuple[Path, Path], tmp_path: Path
) -> None:
    model, sound = heard
    out = tmp_path / "out.txt"
    told = ["--action", "low=file", f"path={out}", "line={word}", "--action", "high=program", "command=false"]
    status, lines, _ = kws("listen", model, "--file", sound, *told)
    assert status == 0 and out.read_text(encoding="utf-8") == "low\nlow\n"
    assert [line["word"] for line in lines if line["event"] == "detection"] == ["low", "high", "low"]
    acted = [(one["action"], one["word"], one["ok"], one["error"]) for one in lines if one["event"] == "action"]
    assert sorted(acted) == [
        ("file", "low", True, ""),
        ("file", "low", True, ""),
        ("program", "high", False, f"{shutil.which('false')} failed with status 1."),
    ]
    assert lines[-1]["event"] == "finished"


@pytest.mark.parametrize(
    ("told", "status", "sentence"),
    [
        (["lwo=sound"], 2, "the model has no word 'lwo'; did you mean 'low'?"),
        (["low=http"], 2, "Address: '' is not an address"),
        (["low=nothing"], 2, "There is no action 'nothing'"),
    ],
)
def test_what_can_never_work_is_refused_before_listening(
    kws: Kws, heard: tuple[Path, Path], told: list[str], status: int, sentence: str
) -> None:
    done, lines, err = kws("listen", heard[0], "--file", heard[1], "--action", *told)
    assert done == status and sentence in err and lines == []


def test_a_projects_actions_by_the_command_line(
    kws: Kws, heard: tuple[Path, Path], project: Project, tmp_path: Path
) -> None:
    folder, out = project.folder, tmp_path / "out.txt"
    assert kws("actions", folder)[1] == [{"actions": []}]
    status, lines, said = kws("actions", folder, "add", "low=file", f"path={out}", "line={word}")
    assert status == 0 and not lines[0]["actions"][0]["on"] and "enable 1" in said
    kws("actions", folder, "add", "program", "command=false")
    listen = ("listen", heard[0], "--file", heard[1], "--project", folder)
    status, lines, said = kws(*listen)
    assert status == 0 and "No action" in said and not out.exists()
    assert kws("actions", folder, "enable", "1")[1][0]["actions"][0]["on"]
    status, lines, _ = kws(*listen)
    assert out.read_text(encoding="utf-8") == "low\nlow\n"
    assert {line["action"] for line in lines if line["event"] == "action"} == {"file"}
    status, lines, _ = kws("actions", folder, "test", "2")
    assert status == 1 and lines[0]["ok"] is False and "failed with status 1" in lines[0]["error"]
    assert not kws("actions", folder, "disable", "1")[1][0]["actions"][0]["on"]
    assert [one["kind"] for one in kws("actions", folder, "remove", "1")[1][0]["actions"]] == ["program"]
    status, _, said = kws("actions", folder, "remove", "7")
    assert status == 2 and "'7' is no action's number; it is 1 to 1" in said


def test_without_a_project_the_kinds_are_listed(kws: Kws) -> None:
    _, lines, _ = kws("actions")
    assert {"file", "http", "keys", "mqtt", "notification", "program", "sound"} <= {line["kind"] for line in lines}


@pytest.mark.slow
def test_listening_goes_on_at_full_speed_beside_a_display_that_hangs(
    kws: Kws, heard: tuple[Path, Path], stopped_display: action_partners.XServer
) -> None:
    told = ["--action", "keys", "keys=a", "timeout_s=0.1", "pause_s=0"]
    status, lines, _ = kws("listen", heard[0], "--file", heard[1], *told)
    events = [line["event"] for line in lines]
    assert status == 0 and events.count("detection") == 3 and events[-1] == "finished"
    assert [line["ok"] for line in lines if line["event"] == "action"] == [False] * events.count("action")
    assert events.count("action") == 3
