"""The other side of actions: a web server, an MQTT broker, a notification server on a bus of its own, an X11 window."""

from __future__ import annotations

import contextlib
import http.server
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from waiting import wait_until

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
DBUS_DAEMON = shutil.which("dbus-daemon")
XVFB = shutil.which("Xvfb")


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


class WebServer:
    """A real HTTP server on the loopback; `status` is its next answers', and while `hold` is set it gives none."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.status = 200
        self.hold = threading.Event()
        self.go_on = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                outer.asked.append(Asked(self.command, self.path, dict(self.headers), body))
                if outer.hold.is_set():
                    outer.go_on.wait(30)
                with contextlib.suppress(OSError):
                    self.send_response(outer.status)
                    self.send_header("Location", "/elsewhere")
                    self.end_headers()

            do_GET = do_POST = do_PUT = _answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Ends it."""
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def mosquitto(folder: Path, *, password: str = "") -> Iterator[int]:
    """A real broker; its port. With a password only the user "kws" may log in."""
    assert MOSQUITTO is not None
    port = free_port()
    lines = [f"listener {port} 127.0.0.1", f"allow_anonymous {str(not password).lower()}", "user root"]
    if password:
        users = folder / "users"
        made = Path(MOSQUITTO).with_name("mosquitto_passwd")
        program = str(made) if made.exists() else str(shutil.which("mosquitto_passwd"))
        subprocess.run([program, "-c", "-b", str(users), "kws", password], check=True, capture_output=True)
        users.chmod(0o644)
        lines.append(f"password_file {users}")
    config = folder / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    process = subprocess.Popen([MOSQUITTO, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _accepts(port), seconds=20, what="the broker")
        yield port
    finally:
        process.terminate()
        process.wait()


def _accepts(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


class Subscriber:
    """A client of the broker that keeps what is published."""

    def __init__(self, port: int, *, user: str = "", password: str = "") -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.messages: list[tuple[str, str]] = []
        self._is_ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        if user:
            self._client.username_pw_set(user, password)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._is_ready.set()
        self._client.on_message = lambda _, __, message: self.messages.append((message.topic, message.payload.decode()))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._is_ready.wait(20)

    def close(self) -> None:
        """Ends it."""
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def session_bus(folder: Path) -> Iterator[str]:
    """A private D-Bus without services; its address."""
    assert DBUS_DAEMON is not None
    config = folder / "bus.conf"
    config.write_text(
        "<busconfig><type>session</type>"
        f"<listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>"
        '<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>'
        '<allow own="*"/></policy></busconfig>',
        encoding="utf-8",
    )
    process = subprocess.Popen([DBUS_DAEMON, f"--config-file={config}", "--nofork", "--nopidfile"])
    try:
        wait_until((folder / "bus").exists, seconds=20, what="the bus")
        yield f"unix:path={folder}/bus"
    finally:
        process.terminate()
        process.wait()


@dataclass
class NotificationServer:
    """Keeps what is to be shown; `capabilities` is what it says that it can."""

    address: str
    capabilities: list[str] = field(default_factory=lambda: ["body"])
    shown: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        from jeepney import message_bus
        from jeepney.io.blocking import open_dbus_connection

        self._connection = open_dbus_connection(bus=self.address)
        self._connection.send_and_get_reply(message_bus.RequestName("org.freedesktop.Notifications"))
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Ends it."""
        self._is_over.set()
        self._thread.join()
        self._connection.close()

    def _serve(self) -> None:
        from jeepney import HeaderFields, MessageType, new_method_return

        while not self._is_over.is_set():
            try:
                asked = self._connection.receive(timeout=0.05)
            except TimeoutError:
                continue
            if asked.header.message_type != MessageType.method_call:
                continue
            if asked.header.fields[HeaderFields.member] == "GetCapabilities":
                self._connection.send(new_method_return(asked, "as", (self.capabilities,)))
            else:
                self.shown.append((asked.body[3], asked.body[4]))
                self._connection.send(new_method_return(asked, "u", (1,)))


@dataclass(frozen=True)
class XServer:
    """An X11 display that runs."""

    name: str
    pid: int


@contextlib.contextmanager
def x_server() -> Iterator[XServer]:
    """An X11 display of its own."""
    assert XVFB is not None
    read, write = os.pipe()
    process = subprocess.Popen(
        [XVFB, "-displayfd", str(write), "-nolisten", "tcp", "-screen", "0", "640x480x24"],
        pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    try:
        with os.fdopen(read) as told:
            yield XServer(f":{told.readline().strip()}", process.pid)
    finally:
        process.terminate()
        process.wait()


class TypedWindow:
    """A window with the focus that keeps what is typed into it: letters, and names of other keys."""

    def __init__(self, name: str) -> None:
        from Xlib import X
        from Xlib.display import Display

        self.typed: list[str] = []
        self._display = Display(name)
        screen = self._display.screen()
        self._window = screen.root.create_window(0, 0, 100, 100, 0, screen.root_depth, event_mask=X.KeyPressMask)
        self._window.map()
        self._display.sync()
        self._window.set_input_focus(X.RevertToParent, X.CurrentTime)
        self._display.sync()

    def wait_for(self, is_there: Callable[[list[str]], bool]) -> None:
        """Reads what comes until it is there."""
        wait_until(lambda: self._read() or is_there(self.typed), seconds=20, what=f"keys after {self.typed}")

    def close(self) -> None:
        """Ends it."""
        self._display.close()

    def _read(self) -> None:
        from Xlib import XK, X

        XK.load_keysym_group("xf86")
        while self._display.pending_events():
            event = self._display.next_event()
            if event.type == X.MappingNotify:
                self._display.refresh_keyboard_mapping(event)
            elif event.type == X.KeyPress:
                symbol = self._display.keycode_to_keysym(event.detail, int(bool(event.state & X.ShiftMask)))
                held = "ctrl+" if event.state & X.ControlMask else ""
                self.typed.append(
                    held + (chr(symbol - 0x01000000) if 0x01000000 < symbol < 0x01110000 else _name(symbol))
                )


def _name(symbol: int) -> str:
    from Xlib import XK

    if 0x20 <= symbol <= 0x7E or 0xA0 <= symbol <= 0xFF:
        return chr(symbol)
    return next(name[3:] for name in dir(XK) if name.startswith("XK_") and getattr(XK, name) == symbol)
