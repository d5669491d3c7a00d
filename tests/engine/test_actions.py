"""Each kind of action against the real thing: programs, a web server, a broker, a bus, a display, pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import action_partners
import pytest
from action_partners import NotificationServer, Subscriber, TypedWindow, WebServer
from virtual_microphone import VirtualMicrophone
from waiting import wait_until

from kws_engine.actions import ACTIONS
from kws_engine.actions.keys import pressed
from kws_engine.actions.moment import Moment, fill
from kws_engine.actions.rule import parse
from kws_engine.actions.running import tried
from kws_engine.errors import SpecError

HOSTILE = '"; rm -rf ~; {score} $(id) %s \x1b[31m\n\x00\ud800'
MOMENT = Moment("up", 0.93, datetime(2026, 1, 2, 3, 4, 5))


def done(*parts: str, word: str = "up") -> str:
    """Does an action once; what went wrong."""
    return tried(parse(parts), Moment(word, 0.93, datetime.now())).error


# -- texts


def test_a_word_is_put_into_a_text_as_it_is_and_nothing_in_it_is_read_again() -> None:
    assert fill("{word} {score} {other} {word.x} {0}", MOMENT) == "up 0.930 {other} {word.x} {0}"
    assert fill("{time}", MOMENT).startswith("2026-01-02T03:04:05.000")
    hostile = Moment(HOSTILE, 0.5, MOMENT.at)
    filled = fill("<{word}>", hostile)
    assert "{score}" in filled and "$(id)" in filled
    assert filled.isprintable() or "�" in filled
    assert "\n" not in filled and "\x00" not in filled and "\x1b" not in filled
    filled.encode("utf-8")


# -- programs


def test_a_program_gets_its_arguments_whole_and_the_moment_in_its_environment(tmp_path: Path) -> None:
    script = tmp_path / "told.py"
    script.write_text(
        "import json, os, sys\n"
        "told = {name: os.environ[name] for name in ('KWS_WORD', 'KWS_SCORE', 'KWS_TIME')}\n"
        "open(sys.argv[1], 'w').write(json.dumps([sys.argv[2:], told]))\n",
        encoding="utf-8",
    )
    out = tmp_path / "a file"
    error = done("program", f"command={sys.executable} {script} '{out}' 'it is {{word}}' ';' '*'", word=HOSTILE)
    assert error == ""
    arguments, told = json.loads(out.read_text(encoding="utf-8"))
    assert arguments[1:] == [";", "*"] and arguments[0].startswith('it is "; rm -rf ~; {score} $(id) %s ')
    assert told["KWS_WORD"] in arguments[0] and told["KWS_SCORE"] == "0.930"


def test_a_program_that_fails_is_quoted() -> None:
    assert done("program", "command=sh -c 'echo begin >&2; echo no such lamp >&2; exit 3'").endswith(
        "sh failed with status 3: no such lamp"
    )
    assert done("program", "command=sh -c 'kill -9 $$'").endswith("sh was ended by signal 9.")
    assert "There is no program 'no-such-program'" in done("program", "command=no-such-program")


def test_a_program_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    error = done("program", f"command=sh -c 'sleep 60 & echo $! > {pid}; wait'", "timeout_s=0.5")
    assert "had not ended after 0.5 s and was ended" in error
    number = int(pid.read_text(encoding="utf-8"))
    wait_until(lambda: not _is_alive(number), seconds=10, what="the child to end")


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_a_program_writes_without_end_fills_nothing() -> None:
    error = done("program", "command=sh -c 'yes complaint >&2'", "timeout_s=0.5")
    assert "had not ended after 0.5 s" in error


def test_a_program_that_stays_open_is_left_alone(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    assert done("program", f"command=sh -c 'echo $$ > {pid}; exec sleep 30'", "wait=no", "timeout_s=0.1") == ""
    wait_until(lambda: pid.exists() and pid.read_text(encoding="utf-8").strip(), seconds=10, what="the program")
    number = int(pid.read_text(encoding="utf-8"))
    assert _is_alive(number)
    os.kill(number, 9)
    wait_until(lambda: not Path(f"/proc/{number}").exists(), seconds=10, what="nothing of it to be left")


@pytest.mark.parametrize("word", ["-rf", "--help"])
def test_a_word_cannot_become_an_option(word: str) -> None:
    assert "would be an option" in done("program", "command=echo {word}", word=word)
    assert done("program", "command=echo --name={word}", word=word) == ""


@pytest.mark.parametrize("command", ["sh -c 'echo {word}'", "/bin/bash -ec 'x {word}'", "python3 -c 'print({word})'"])
def test_a_word_cannot_become_a_part_of_a_script(command: str) -> None:
    with pytest.raises(SpecError, match="KWS_WORD"):
        parse(["program", f"command={command}"]).act()


# -- files and pipes


def test_lines_are_appended_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "heard.txt"
    path.write_text("before\n", encoding="utf-8")
    assert (
        done("file", f"path={path}", "line={word}") == "" == done("file", f"path={path}", "line={word}", word=HOSTILE)
    )
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["before", "up"] and len(lines) == 3


def test_a_pipe_is_written_to_while_it_is_read_and_never_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert done("file", f"path={pipe}") == f"Nobody reads the pipe {pipe}: start the program that reads it."
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert done("file", f"path={pipe}", "line={word}") == ""
        assert os.read(reader, 100) == b"up\n"
        filling = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(filling, b"x" * 4096)
        os.close(filling)
        assert "is full" in done("file", f"path={pipe}", f"line={'y' * 4096}")
    finally:
        os.close(reader)


@pytest.mark.parametrize(
    ("path", "sentence"), [("/dev/null", "neither a file nor a pipe"), ("/nowhere/x", "cannot be written"), ("/", "/")]
)
def test_what_is_no_file_is_refused(path: str, sentence: str) -> None:
    assert sentence in done("file", f"path={path}")


# -- HTTP


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    pytest.importorskip("httpx", reason="httpx is not installed")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = WebServer()
    yield server
    server.close()


def test_a_post_tells_word_score_and_time(web: WebServer) -> None:
    assert done("http", f"url={web.url}/api?heard={{word}}", word=HOSTILE) == ""
    (asked,) = web.asked
    assert asked.method == "POST" and asked.headers["Content-Type"] == "application/json; charset=utf-8"
    assert asked.path.startswith("/api?heard=%22%3B%20rm%20-rf%20~%3B%20%7Bscore%7D")
    told = json.loads(asked.body)
    assert told["score"] == 0.93 and told["word"].startswith('"; rm -rf ~; {score} $(id)')
    datetime.fromisoformat(told["time"])


def test_a_body_of_ones_own_stays_json_whatever_the_word_is(web: WebServer) -> None:
    assert done("http", f"url={web.url}/", 'body={"say": "it is {word}"}', word='a", "b": "c') == ""
    assert json.loads(web.asked[0].body) == {"say": 'it is a", "b": "c'}


def test_method_and_token(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = ("http", f"url={web.url}/x", "method=GET", "token_variable=KWS_TEST_TOKEN")
    assert "KWS_TEST_TOKEN holds no token" in done(*parts)
    monkeypatch.setenv("KWS_TEST_TOKEN", "secret")
    assert done(*parts) == ""
    assert (web.asked[0].method, web.asked[0].headers["Authorization"]) == ("GET", "Bearer secret")


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_server_that_refuses_is_quoted_and_no_redirection_is_followed(web: WebServer, status: int) -> None:
    web.status = status
    assert f"answered {status}" in done("http", f"url={web.url}/")
    assert len(web.asked) == 1


def test_a_server_that_does_not_answer_is_given_up(web: WebServer) -> None:
    web.hold.set()
    assert "did not answer within 0.3 s" in done("http", f"url={web.url}/", "timeout_s=0.3")
    port = action_partners.free_port()
    assert "could not be reached (Connection refused)" in done("http", f"url=http://127.0.0.1:{port}/")


@pytest.mark.parametrize("url", ["", "localhost/x", "file:///etc/passwd", "http://", "http://{word}/x", "http://a:b/x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SpecError, match="Address: "):
        parse(["http", f"url={url}"]).act()


# -- MQTT


@pytest.fixture
def needs_mosquitto() -> None:
    pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")
    if action_partners.MOSQUITTO is None:
        pytest.skip("no MQTT broker: mosquitto is not installed")


@pytest.mark.usefixtures("needs_mosquitto")
def test_a_broker_gets_the_message(tmp_path: Path) -> None:
    with action_partners.mosquitto(tmp_path) as port:
        subscriber = Subscriber(port)
        try:
            for qos in "012":
                assert done("mqtt", "host=127.0.0.1", f"port={port}", f"qos={qos}") == ""
            assert done("mqtt", "host=127.0.0.1", f"port={port}", "payload=it is {word}", word="a/#+") == ""
            wait_until(lambda: len(subscriber.messages) == 4, seconds=20, what="the messages")
        finally:
            subscriber.close()
    topics, payloads = zip(*subscriber.messages, strict=True)
    assert topics == ("kws/up", "kws/up", "kws/up", "kws/a___") and payloads[3] == "it is a/#+"
    assert json.loads(payloads[0])["word"] == "up"


@pytest.mark.usefixtures("needs_mosquitto")
def test_a_broker_that_refuses_or_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with action_partners.mosquitto(tmp_path, password="right") as port:
        parts = ("mqtt", "host=127.0.0.1", f"port={port}")
        assert "refused (Not authorized)" in done(*parts)
        monkeypatch.setenv("KWS_TEST_PASSWORD", "wrong")
        parts = (*parts, "user=kws", "password_variable=KWS_TEST_PASSWORD")
        assert "refused (Not authorized)" in done(*parts)
        monkeypatch.setenv("KWS_TEST_PASSWORD", "right")
        assert done(*parts) == ""
    assert "could not be reached (Connection refused)" in done(*parts)


def test_a_server_that_is_no_broker_is_given_up(web: WebServer) -> None:
    pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")
    port = web.url.rpartition(":")[2]
    error = done("mqtt", "host=127.0.0.1", f"port={port}", "timeout_s=1")
    assert "closed the connection" in error or "did not answer" in error


# -- notifications


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    pytest.importorskip("jeepney", reason="jeepney is not installed")
    if action_partners.DBUS_DAEMON is None:
        pytest.skip("no D-Bus: dbus-daemon is not installed")
    with action_partners.session_bus(tmp_path) as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        yield address


def test_a_notification_is_shown_and_a_word_is_no_markup_in_it(bus: str) -> None:
    server = NotificationServer(bus)
    try:
        assert done("notification", "text=<{word}>", word="<b>x</b>") == ""
        server.capabilities.append("body-markup")
        assert done("notification", "text={word}", word="<b>x</b>") == ""
    finally:
        server.close()
    assert server.shown == [("<b>x</b>", "<<b>x</b>>"), ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;")]


def test_without_a_server_or_a_bus_it_says_so(bus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "shows no notifications" in done("notification")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    assert "has no D-Bus" in done("notification")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus")
    assert "has no D-Bus" in done("notification")


# -- keys


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Iterator[TypedWindow]:
    pytest.importorskip("Xlib", reason="python-xlib is not installed")
    if action_partners.XVFB is None:
        pytest.skip("no X11 display: Xvfb is not installed")
    with action_partners.x_server() as display:
        monkeypatch.setenv("DISPLAY", display.name)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        monkeypatch.delenv("XDG_SESSION_TYPE", raising=False)
        window = TypedWindow(display.name)
        yield window
        window.close()


def test_keys_are_pressed_and_text_is_typed(window: TypedWindow) -> None:
    assert done("keys", "keys=ctrl+t") == ""
    window.wait_for(lambda typed: typed[-1:] == ["ctrl+t"])
    assert done("keys", "keys=play") == ""
    window.wait_for(lambda typed: typed[-1:] == ["XF86_AudioPlay"])
    window.typed.clear()
    assert done("keys", "mode=type", "text=Say {word}, Ж€!") == ""
    window.wait_for(lambda typed: [key for key in typed if key != "Shift_L"] == list("Say up, Ж€!"))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Xlib leaves sockets to the collector
@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "Wayland"),
        ({"XDG_SESSION_TYPE": "wayland", "DISPLAY": ":0"}, "Wayland"),
        ({}, "no X11 display"),
        ({"DISPLAY": ":9999"}, "cannot be used"),
    ],
)
def test_where_no_keys_can_be_pressed_it_says_why(
    variables: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("Xlib", reason="python-xlib is not installed")
    for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert sentence in done("keys", "keys=a")


def test_names_of_keys() -> None:
    assert pressed("Ctrl+Alt+t") == ["Control_L", "Alt_L", "t"]
    assert pressed("ctrl++") == ["Control_L", "+"] and pressed("+") == ["+"] and pressed("super") == ["Super_L"]
    for keys in ("", "t+", "ctr+t", "t+t", "f99", "ctrl+entr"):
        with pytest.raises(SpecError, match="Keys: "):
            pressed(keys)


# -- sounds


@pytest.mark.slow
def test_a_sound_is_played_and_ends(virtual_microphone: VirtualMicrophone) -> None:
    report = tried(parse(["sound"]), MOMENT)
    assert report.error == "" and report.took_s >= 0.2


def test_a_sound_file_that_is_missing_is_named() -> None:
    assert "/nowhere.wav" in done("sound", "file=/nowhere.wav")


# -- all kinds


@pytest.mark.parametrize("entry", list(ACTIONS), ids=lambda entry: entry.name)
def test_every_kind_is_made_light_and_refuses_in_words(entry: object) -> None:
    """Making one loads no library: that happens in its own thread."""
    name = entry.name  # type: ignore[attr-defined]
    options = {"program": "command=true", "file": "path=/tmp/x", "http": "url=http://localhost/", "keys": "keys=a"}
    code = (
        "import sys; from kws_engine.actions.rule import parse\n"
        f"rule = parse({[name, *([options[name]] if name in options else [])]!r})\n"
        "from kws_engine.errors import KwsError\n"
        "try: rule.act()\n"
        "except KwsError as error: print(error)\n"
        "print(sorted({'httpx', 'paho', 'jeepney', 'Xlib', 'sounddevice', 'torch', 'onnxruntime'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert ran.stdout.splitlines()[-1:] == ["[]"], ran.stdout + ran.stderr


def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    real: Callable[..., object] = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "httpx" else real(name, *more))
    assert 'pip install "kws-studio[actions]"' in done("http", "url=http://localhost/")


def test_the_clock_of_a_moment_has_its_zone() -> None:
    assert datetime.fromisoformat(MOMENT.values()["time"]).utcoffset() is not None
