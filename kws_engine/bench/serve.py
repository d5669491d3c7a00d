"""What `kws serve` costs with many clients at once, how late it tells, and whether hostile clients disturb it.

Clients send the shipped talk in real time, each from another place, and have to be told what one detector alone hears
in the same sound. `KWS_SERVE_CLIENTS` (50) says how many there are, `KWS_SERVE_SECONDS` (60) how long,
`KWS_SERVE_HOSTILE` (5) how many others send nonsense meanwhile, and `KWS_SERVE_MODELS` (the ready model) names
model files, separated by colons. With `KWS_SHARED_DATA`, recordings of the models' words stand in the talk.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kws_engine import audio, resources
from kws_engine.bench import Row
from kws_engine.bench._faults import speech_commands
from kws_engine.errors import KwsError
from kws_engine.spotting.model_file import SpottingModel
from kws_engine.talk import shipped_talk

TITLE = "kws serve with 50 clients in real time and hostile ones beside them: cost, delay, memory (two minutes)"
_RATE: Final = 16_000
_WORDS_APART_S: Final = 4.0
_CHUNK: Final = 512  # samples in a message, as satellites send them
_NONSENSE: Final = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"{" * 100_000,
    b'{"type": "audio-chunk", "payload_length": 99999999999}\n',
    b'{"type": "audio-chunk", "data": {"rate": 16000, "width": 2, "channels": 1}, "payload_length": 1048576}\nhalf',
    b'{"type": "audio-start", "data": {"rate": -1, "width": 2, "channels": 1}}\n',
    b'{"type": "detect", "data": {"names": ["\\u0000"]}}\n',
    b'{"type": "describe"}\n' * 5000,
)


@dataclass
class _Client:
    """Its sound (N,), when each message was sent, and what it was told: (word, when, number of the message)."""

    sound: NDArray[np.int16]
    sent_s: list[float] = field(default_factory=list)
    told: list[tuple[str, float, int]] = field(default_factory=list)
    has_ended: bool = False


@dataclass(frozen=True)
class _Service:
    """Its process, the file that it prints to, and its port."""

    process: subprocess.Popen[bytes]
    told: Path
    port: int


def rows() -> Iterator[Row]:
    """Yields the cost, the delay, the memory, and how much was told as one detector alone would.

    Raises:
        KwsError: The service did not start, or the package `wyoming` is missing.
    """
    named = os.environ.get("KWS_SERVE_MODELS")
    paths = [Path(one) for one in named.split(":")] if named else [resources.path("models") / "directions.kws"]
    count, seconds = int(os.environ.get("KWS_SERVE_CLIENTS", "50")), float(os.environ.get("KWS_SERVE_SECONDS", "60"))
    clients = [_Client(one) for one in _sounds(paths, count, seconds)]
    with _service(paths) as service:
        before = _memory_mb(service.process.pid)
        asyncio.run(_talk(service.port, clients, hostile=int(os.environ.get("KWS_SERVE_HOSTILE", "5"))))
        after, has_survived = _memory_mb(service.process.pid), service.process.poll() is None
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(30)
        finished = _lines(service.told)[-1]
    sound_s = sum(len(one.sound) for one in clients) / _RATE
    yield Row("service alive at the end", str(has_survived).lower(), "")
    yield Row("clients served to the end", sum(one.has_ended for one in clients), "", asked=count, at_least=True)
    yield Row("processor time a second of a client's sound", finished["cpu_s"] / sound_s, "s")
    yield Row("processors busy", finished["cpu_s"] / seconds, "", asked=2.0, at_least=False)
    yield Row("memory before the first client and after the last", f"{before:.0f} and {after:.0f}", "MB")
    delays = [1000 * (when - one.sent_s[at]) for one in clients for _, when, at in one.told]
    for what, share in (("median", 50), ("95th percentile", 95), ("longest", 100)):
        value = float(np.percentile(delays, share)) if delays else float("nan")
        yield Row(f"from the message that completes a word to its detection, {what}", value, "ms")
    expected = [_expected(paths, one) for one in clients]
    told = [Counter((word, at) for word, _, at in one.told) for one in clients]
    same = sum((a & b).total() for a, b in zip(expected, told, strict=True))
    yield Row("detections told", sum(one.total() for one in told), "")
    yield Row("of these as one detector alone has them", same, "", asked=sum(one.total() for one in expected))


def _sounds(paths: list[Path], count: int, seconds: float) -> list[NDArray[np.int16]]:
    """The talk with words in it, from evenly spaced places on, as often as it takes."""
    files = [file for file in shipped_talk("testing") if file.kind != "noise"]
    talk = np.concatenate([block for file in files for block in file.blocks(rate=_RATE)])
    for number, word in enumerate(_words(paths)):
        at = (number + 1) * round(_WORDS_APART_S * _RATE)
        if at + len(word) > len(talk):
            break
        talk[at : at + len(word)] = word
    whole = audio.pcm16(talk)
    length = round(seconds * _RATE)
    starts = np.linspace(0, len(whole), count, endpoint=False, dtype=int)
    return [np.resize(np.roll(whole, -start), length) for start in starts.tolist()]


def _words(paths: list[Path]) -> Iterator[NDArray[np.float32]]:
    """Recordings of the models' words, in turn; none without Speech Commands."""
    with contextlib.suppress(KwsError):
        folders = [speech_commands() / word for path in paths for word in SpottingModel(path).words]
        recordings = [sorted(folder.glob("*.wav")) for folder in folders]
        for some in zip(*filter(None, recordings), strict=False):
            yield from (audio.read(path, rate=_RATE) for path in some)


@contextlib.contextmanager
def _service(paths: list[Path]) -> Iterator[_Service]:
    """A running service; what it prints goes to a file, since it waits for whoever reads a pipe."""
    arguments = [sys.executable, "-m", "kws_engine.cli", "serve", *map(str, paths), "--port", "0", "--json"]
    with tempfile.TemporaryDirectory(prefix="kws-serve-") as folder:
        told, said = Path(folder) / "told", Path(folder) / "said"
        with told.open("w") as to, said.open("w") as remarks:
            process = subprocess.Popen(arguments, stdout=to, stderr=remarks)
        try:
            while not (lines := _lines(told)):
                if process.poll() is not None:
                    raise KwsError(said.read_text(encoding="utf-8").strip())
                time.sleep(0.05)
            yield _Service(process, told, lines[0]["port"])
        finally:
            process.kill()
            process.wait()


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line[-1] == "\n"]


async def _talk(port: int, clients: list[_Client], *, hostile: int) -> None:
    pests = [asyncio.create_task(_pester(port, number)) for number in range(hostile)]
    await asyncio.gather(*(_one(port, client, number) for number, client in enumerate(clients)))
    for pest in pests:
        pest.cancel()
    await asyncio.gather(*pests, return_exceptions=True)


async def _one(port: int, client: _Client, number: int) -> None:
    """Sends the sound in real time and notes what comes."""
    from wyoming.audio import AudioChunk, AudioStop
    from wyoming.client import AsyncTcpClient
    from wyoming.ping import Ping, Pong
    from wyoming.wake import Detection

    async with AsyncTcpClient("127.0.0.1", port) as connection:

        async def listen() -> None:
            while (event := await connection.read_event()) is not None:
                if Detection.is_type(event.type):
                    found = Detection.from_event(event)
                    if found.timestamp is not None and found.timestamp < len(client.sent_s):  # not by the sound's end
                        client.told.append((found.name or "", time.monotonic(), found.timestamp))
                if Pong.is_type(event.type):
                    client.has_ended = True
                    return

        listening = asyncio.create_task(listen())
        await asyncio.sleep(number % 32 / 1000)  # not all in the same millisecond
        began = time.monotonic()
        data = client.sound.tobytes()
        for message, start in enumerate(range(0, len(data), 2 * _CHUNK)):
            due = began + (start // 2 + _CHUNK) / _RATE  # a message is sent when its sound is over
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            client.sent_s.append(time.monotonic())
            chunk = AudioChunk(_RATE, 2, 1, audio=data[start : start + 2 * _CHUNK], timestamp=message)
            await connection.write_event(chunk.event())
        await connection.write_event(AudioStop().event())
        await connection.write_event(Ping().event())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await listening


async def _pester(port: int, number: int) -> None:
    """Connects, sends nonsense, and leaves or stays, again and again."""
    chance = random.Random(number)
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(chance.choice(_NONSENSE))
            await asyncio.sleep(chance.uniform(0, 2))
            writer.close()


def _expected(paths: list[Path], client: _Client) -> Counter[tuple[str, int]]:
    """The words and the messages that complete them, as a detector hears them without a service."""
    found: Counter[tuple[str, int]] = Counter()
    samples = client.sound.astype(np.float32) / np.float32(32768)
    for path in paths:
        model = SpottingModel(path)
        for step in model.detector().feed(audio.resample(samples, _RATE, model.rate)):
            if step.detection is not None:
                found[step.detection.word, (step.at_sample * _RATE // model.rate - 1) // _CHUNK] += 1
    return found


def _memory_mb(process: int) -> float:
    """Resident memory of a process; not a number where the system does not tell."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return float("nan")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1000 if found else float("nan")
