"""A microphone made of software: what `play` plays is what PortAudio records.

A private PulseAudio daemon with a null sink; the sink's monitor is the default source, ALSA's pulse plugin hands it to
PortAudio. Enter it before PortAudio is first initialised in the process, or re-list the devices afterwards.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence

from waiting import wait_until

TOOLS = ("pulseaudio", "pactl", "paplay")
SINK = "kws"


def missing_tools() -> list[str]:
    """The programs this needs and the machine lacks."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


class VirtualMicrophone:
    """Plugged in within `with`; `rate` is the sink's, `extra_devices` are further names in a device list."""

    def __init__(self, rate: int = 16_000, *, extra_devices: Sequence[str] = ()) -> None:
        self.rate = rate
        self._channels = 1
        self._extra_devices = tuple(extra_devices)
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="kws-microphone."))
        self._socket = self._folder / "native"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._players: list[subprocess.Popen[bytes]] = []
        self._module = ""
        self._saved: dict[str, str | None] = {}

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process needs to record from here."""
        folder = self._folder
        return {
            "XDG_RUNTIME_DIR": str(folder / "runtime"),
            "PULSE_RUNTIME_PATH": str(folder / "pulse"),
            "PULSE_STATE_PATH": str(folder / "state"),
            "PULSE_CONFIG_PATH": str(folder / "config"),
            "PULSE_SERVER": f"unix:{self._socket}",
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
            "PULSE_LATENCY_MSEC": "10",
        }

    def __enter__(self) -> VirtualMicrophone:
        self._make_folders()
        try:
            self._start_daemon()
            self.plug()
        except BaseException:
            self.__exit__()
            raise
        self._saved = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        return self

    def __exit__(self, *_: object) -> None:
        for name, value in self._saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self.hush()
        self._stop_daemon()
        shutil.rmtree(self._folder, ignore_errors=True)

    def play(self, path: str | os.PathLike[str]) -> subprocess.Popen[bytes]:
        """Play a 16-bit WAV into the microphone; wait on the returned process for its end."""
        environment = {**os.environ, **self.environment}
        del environment["PULSE_LATENCY_MSEC"]  # so small a latency makes the player underrun
        player = subprocess.Popen(["paplay", "--latency-msec=200", "-d", SINK, os.fspath(path)], env=environment)
        self._players.append(player)
        return player

    def hush(self) -> None:
        """Stop whatever is still playing."""
        for player in self._players:
            if player.poll() is None:
                player.terminate()
            player.wait(10)
        self._players.clear()

    def plug(self, *, rate: int | None = None, channels: int = 1) -> None:
        """Plug the microphone in (again), at `rate`, with so many channels; nothing happens when it is in like that."""
        rate = rate or self.rate
        if self._module and (rate, channels) != (self.rate, self._channels):
            self.unplug()
        self.rate, self._channels = rate, channels
        if not self._module:
            # Without norewinds=1 the first samples come 1.9 s late and the start of speech is lost.
            self._module = self._pactl(
                "load-module",
                "module-null-sink",
                f"sink_name={SINK}",
                f"rate={rate}",
                f"channels={channels}",
                "format=s16le",
                "norewinds=1",
            )
            self._pactl("set-default-sink", SINK)
            self._pactl("set-default-source", f"{SINK}.monitor")
        self._pactl("suspend-sink", SINK, "0")

    def unplug(self) -> None:
        """Pull the plug: the device vanishes, under an open stream too."""
        self.hush()
        if self._module:
            self._pactl("unload-module", self._module)
            self._module = ""

    def suspend(self) -> None:
        """The device stays but delivers nothing, like a computer whose sound system went to sleep."""
        self._pactl("suspend-sink", SINK, "1")

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """The sound server takes connections and answers nothing."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._daemon.send_signal(signal.SIGCONT)

    def _make_folders(self) -> None:
        for name in ("runtime", "pulse", "state", "config"):
            (self._folder / name).mkdir(mode=0o700)
        devices = [
            f'pcm.{name} {{ type pulse\n hint {{ show on description "PulseAudio" }} }}\n'
            for name in ("!default", *(f'"{device}"' for device in self._extra_devices))
        ]
        (self._folder / "asound.conf").write_text(
            "</usr/share/alsa/alsa.conf>\n" + "".join(devices) + "ctl.!default { type pulse }\n"
        )

    def _start_daemon(self) -> None:
        log = self._folder / "pulseaudio.log"
        self._daemon = subprocess.Popen(
            [
                "pulseaudio",
                "-n",
                "--daemonize=no",
                "--exit-idle-time=-1",
                "--disable-shm=yes",
                "--use-pid-file=no",
                "--realtime=no",
                "--high-priority=no",
                f"--log-target=file:{log}",
                "--log-level=3",
                "-L",
                f"module-native-protocol-unix auth-anonymous=1 socket={self._socket}",
            ],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        daemon = self._daemon

        def is_ready() -> bool:
            if daemon.poll() is not None:
                raise RuntimeError("pulseaudio did not start: " + (log.read_text() if log.exists() else "no log"))
            return self._socket.exists() and bool(self._pactl("info", check=False))

        wait_until(is_ready, seconds=20, what="pulseaudio to start")

    def _stop_daemon(self) -> None:
        if self._daemon is None:
            return
        self._daemon.terminate()
        try:
            self._daemon.wait(5)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self._daemon.wait()

    def _pactl(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["pactl", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=20,
            check=check,
        )
        return done.stdout.strip()
