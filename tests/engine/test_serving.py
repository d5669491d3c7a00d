"""The wake-word service, by the protocol's own client; hostile clients, and what they may not do to others."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
import tone_model

pytest.importorskip("wyoming", reason="the extra `serve` is not installed")

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection, NotDetected

from kws_engine.errors import KwsError, SpecError
from kws_engine.serving.happenings import Connected, Detected, Disconnected, Happening, Listening
from kws_engine.serving.hearing import Vocabulary
from kws_engine.serving.service import Service
from kws_engine.spotting.model_file import SpottingModel

RATE = tone_model.RATE


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Knows "low" and "high"."""
    return tone_model.write(tmp_path / "tones.kws")


@pytest.fixture
def happenings() -> list[Happening]:
    return []


def sound(*words: str) -> np.ndarray:
    """The words with pauses around them, at 16 kHz."""
    parts = [tone_model.pause()]
    for word in words:
        parts += [tone_model.tone(word), tone_model.pause()]
    return np.concatenate(parts)


def encoded(samples: np.ndarray, *, rate: int = RATE, width: int = 2, channels: int = 1) -> bytes:
    """As a client records it."""
    samples = soxr.resample(samples, RATE, rate)
    whole = np.clip(np.rint(samples * 2.0 ** (8 * width - 1)), -(2 ** (8 * width - 1)), 2 ** (8 * width - 1) - 1)
    frames = np.repeat(whole.astype(np.int64)[:, None], channels, axis=1).reshape(-1)
    if width == 1:
        return (frames + 128).astype(np.uint8).tobytes()
    return frames.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width].tobytes()


@asynccontextmanager
async def serving(
    models: list[Path], happenings: list[Happening], **limits: Any
) -> AsyncIterator[Callable[[], AsyncTcpClient]]:
    """A service, and how to reach it."""
    service = Service(Vocabulary([SpottingModel(path) for path in models]), happenings.append, **limits)
    async with service.open("127.0.0.1", 0) as listening:
        yield lambda: AsyncTcpClient("127.0.0.1", listening.port, connect_timeout=20, read_timeout=20)


async def send(
    client: AsyncTcpClient, data: bytes, *, rate: int = RATE, width: int = 2, channels: int = 1, at_once: int = 1024
) -> None:
    """A whole stream of sound."""
    form = {"rate": rate, "width": width, "channels": channels}
    await client.write_event(AudioStart(**form, timestamp=0).event())
    for start in range(0, len(data), at_once * width * channels):
        piece = data[start : start + at_once * width * channels]
        await client.write_event(AudioChunk(**form, audio=piece).event())
    await client.write_event(AudioStop().event())


async def answers(client: AsyncTcpClient, *, until: Callable[[Event], bool] | None = None) -> list[Event]:
    """What comes, to `until` or to the end of the connection."""
    found: list[Event] = []
    while (event := await client.read_event()) is not None:
        found.append(event)
        if until is not None and until(event):
            return found
    return found


async def answered(client: AsyncTcpClient) -> list[str | None]:
    """The names detected in a stream that was sent before, None at its end where there was nothing."""
    await client.write_event(Ping(text="end").event())
    events = await answers(client, until=lambda event: Pong.is_type(event.type))
    assert all(Detection.is_type(one.type) or NotDetected.is_type(one.type) for one in events[:-1]), events
    return [Detection.from_event(one).name if Detection.is_type(one.type) else None for one in events[:-1]]


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 60))


def test_it_tells_what_it_knows(model: Path, happenings: list[Happening]) -> None:
    async def main() -> None:
        async with serving([model], happenings) as connect, connect() as client:
            await client.write_event(Describe().event())
            event = await client.read_event()
            assert event is not None
            (program,) = Info.from_event(event).wake
            assert [(one.name, one.phrase) for one in program.models] == [("low", "low"), ("high", "high")]

    run(main())


def test_it_detects_what_was_asked_for_and_says_when_there_was_nothing(
    model: Path, happenings: list[Happening]
) -> None:
    async def main() -> None:
        async with serving([model], happenings) as connect, connect() as client:
            await send(client, encoded(sound("low", "high")))
            assert await answered(client) == ["low", "high"]
            await client.write_event(Detect(names=["high"], context={"of": "mine"}).event())
            await send(client, encoded(sound("low", "high")))
            event = (await answers(client, until=lambda one: Detection.is_type(one.type)))[-1]
            detection = Detection.from_event(event)
            assert (detection.name, detection.context) == ("high", {"of": "mine"})
            assert detection.timestamp is not None and 3000 < detection.timestamp < 3700
            await send(client, encoded(sound("low")))
            assert await answered(client) == [None]
            await client.write_event(Detect(names=["tones"]).event())  # by the model's name
            await send(client, encoded(sound("low")))
            assert await answered(client) == ["low"]

    run(main())
    heard = [(one.heard.known.word, int(one.heard.at_s)) for one in happenings if isinstance(one, Detected)]
    assert heard == [("low", 1), ("high", 3), ("high", 3), ("low", 1)]
    assert [one.detections for one in happenings if isinstance(one, Disconnected)] == [4]


@pytest.mark.parametrize(
    ("rate", "width", "channels", "at_once"),
    [(8000, 2, 1, 200), (16_000, 1, 1, 512), (22_050, 3, 2, 1000), (44_100, 4, 1, 441), (48_000, 2, 2, 48_000)],
)
def test_sound_may_be_of_any_rate_width_and_channels(
    model: Path, happenings: list[Happening], rate: int, width: int, channels: int, at_once: int
) -> None:
    form = {"rate": rate, "width": width, "channels": channels}

    async def main() -> None:
        async with serving([model], happenings) as connect, connect() as client:
            await send(client, encoded(sound("low", "high"), **form), **form, at_once=at_once)
            assert await answered(client) == ["low", "high"]

    run(main())


def test_the_cut_of_the_messages_changes_nothing(model: Path, happenings: list[Happening]) -> None:
    """Not even in the middle of a frame."""
    detector, found = SpottingModel(model).detector(), []
    samples = np.frombuffer(encoded(sound("low", "high")), "<i2").astype(np.float32) / 32768
    for step in [*detector.feed(samples), *detector.flush()]:
        if step.detection is not None:
            found.append((step.detection.at_sample / RATE, step.detection.score))

    async def main() -> None:
        async with serving([model], happenings) as connect, connect() as client:
            for pieces in (1600, 3333, 60_001):
                data = encoded(sound("low", "high"))
                for start in range(0, len(data), pieces):
                    chunk = AudioChunk(RATE, 2, 1, audio=data[start : start + pieces])
                    await client.write_event(chunk.event())
                await client.write_event(AudioStop().event())
                assert await answered(client) == ["low", "high"]

    run(main())
    heard = [(one.heard.at_s, one.heard.score) for one in happenings if isinstance(one, Detected)]
    assert heard == found * 3


def test_several_models_and_clients_at_once(model: Path, tmp_path: Path, happenings: list[Happening]) -> None:
    labels = {"manifest": {"labels": ["low", "shrill", "_unknown_", "_silence_"]}}
    other = tone_model.write(tmp_path / "others.kws", **labels)

    async def one(connect: Callable[[], AsyncTcpClient], names: list[str], said: str, told: list[str | None]) -> None:
        async with connect() as client:
            await client.write_event(Detect(names=names).event())
            await send(client, encoded(sound(said)))
            assert await answered(client) == told

    async def main() -> None:
        async with serving([model, other], happenings) as connect:
            every = ["low (tones)", "high", "low (others)", "shrill"]
            talks = [
                (every, "low", ["low (tones)", "low (others)"]),
                (["high"], "high", ["high"]),
                (["shrill"], "high", ["shrill"]),
                (["others"], "low", ["low (others)"]),
                (["shrill"], "low", [None]),
            ]
            await asyncio.gather(*(one(connect, *talk) for talk in talks * 3))

    run(main())
    assert len([one for one in happenings if isinstance(one, Connected)]) == 15


def test_two_models_of_one_name_are_refused(model: Path) -> None:
    with pytest.raises(SpecError, match="there 2 times"):
        Vocabulary([SpottingModel(model), SpottingModel(model)])


def start_of(values: dict[str, Any]) -> bytes:
    return json.dumps(values).encode() + b"\n"


CHUNK = {"type": "audio-chunk", "data": {"rate": 16_000, "width": 2, "channels": 1}}
SLOWER = {"type": "audio-chunk", "data": {"rate": 8000, "width": 2, "channels": 1}}
DEEP = b'{"type": ' + b"[" * 30_000 + b"\n"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "no JSON object"),
        (b"\n", "no JSON object"),
        (b"\xff\xfe\n", "no JSON object"),
        (b"[1, 2]\n", "no JSON object"),
        (DEEP, "no JSON object"),
        (b"x" * 200_000, "more than 65536 bytes"),
        (start_of({"type": 3}), "without a type"),
        (start_of({"type": "ping", "data": [1]}), "no JSON object"),
        (start_of({"type": "ping", "data_length": 3}) + b"[1]", "no JSON object"),
        (start_of({"type": "ping", "data_length": 1 << 40}), "data_length"),
        (start_of(CHUNK | {"payload_length": 1 << 62}), "payload_length"),
        (start_of(CHUNK | {"payload_length": -1}), "payload_length"),
        (start_of(CHUNK | {"payload_length": "9"}), "payload_length"),
        (start_of(CHUNK | {"payload_length": 1.5}), "payload_length"),
        (start_of({"type": "audio-chunk"}), "rate None"),
        (start_of({"type": "audio-start", "data": {"rate": 10**9, "width": 2, "channels": 1}}), "rate"),
        (start_of({"type": "audio-start", "data": {"rate": 16_000, "width": 0, "channels": 1}}), "width"),
        (start_of({"type": "audio-start", "data": {"rate": 16_000, "width": 2, "channels": True}}), "channels"),
        (start_of({"type": "detect", "data": {"names": "low"}}), "list of names"),
        (start_of({"type": "detect", "data": {"names": [["low"]]}}), "list of names"),
        (start_of({"type": "detect", "data": {"names": ["nobody\x1b[2J"]}}), "ask for one of"),
        (start_of(CHUNK | {"payload_length": 2}) + b"ab" + start_of(SLOWER), "changes"),
    ],
    ids=range(22),
)  # fmt: skip
def test_what_cannot_be_is_told_and_ended_and_touches_nobody_else(
    model: Path, happenings: list[Happening], sent: bytes, told: str
) -> None:
    async def main() -> None:
        async with serving([model], happenings) as connect, connect() as good, connect() as bad:
            assert bad._writer is not None
            bad._writer.write(sent)
            last = (await answers(bad))[-1]
            assert told in Error.from_event(last).text
            await send(good, encoded(sound("low")))
            assert await answered(good) == ["low"]

    run(main())
    reasons = [one.reason for one in happenings if isinstance(one, Disconnected)]
    assert len([one for one in reasons if told in one]) == 1 and "\x1b" not in "".join(reasons)


@pytest.mark.parametrize("sent", [b'{"type": "pi', start_of(CHUNK | {"payload_length": 100}) + b"half"])
def test_half_a_message_is_waited_for_only_so_long(model: Path, happenings: list[Happening], sent: bytes) -> None:
    async def main() -> None:
        async with serving([model], happenings, patience_s=0.2) as connect:
            async with connect() as client:
                assert client._writer is not None
                client._writer.write(sent)
                assert "Half a message" in Error.from_event((await answers(client))[-1]).text
            async with connect() as client:
                assert client._writer is not None
                client._writer.write(sent)
                client._writer.write_eof()
                assert "within a message" in Error.from_event((await answers(client))[-1]).text

    run(main())


@pytest.mark.slow
def test_a_client_that_reads_no_answers_is_sent_away(model: Path, happenings: list[Happening]) -> None:
    async def main() -> None:
        async with serving([model], happenings, patience_s=0.3) as connect:
            client = connect()
            await client.connect()
            assert client._writer is not None
            flood = start_of({"type": "ping", "data": {"text": "x" * 10_000}}) * 50
            with pytest.raises(OSError):
                while True:
                    client._writer.write(flood)
                    await client._writer.drain()

    run(main())
    (reason,) = [one.reason for one in happenings if isinstance(one, Disconnected)]
    assert "not been read" in reason


@pytest.mark.slow
def test_a_service_ends_though_a_client_reads_no_answers(model: Path, happenings: list[Happening]) -> None:
    async def main() -> None:
        client = AsyncTcpClient("127.0.0.1", 0)
        async with serving([model], happenings, patience_s=1000) as connect:
            client = connect()
            await client.connect()
            assert client._writer is not None
            flood = start_of({"type": "ping", "data": {"text": "x" * 10_000}}) * 50
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    while True:
                        client._writer.write(flood)
                        await client._writer.drain()
        with pytest.raises(OSError):
            await client.disconnect()

    run(main())
    assert [one.reason for one in happenings if isinstance(one, Disconnected)] == [""]


def test_sound_without_end_is_taken_as_it_is_heard(model: Path, happenings: list[Happening]) -> None:
    """A client that floods waits for its own sound; another one's is heard meanwhile."""

    async def flood(client: AsyncTcpClient) -> None:
        data = encoded(sound("high"))
        while True:
            await client.write_event(AudioChunk(RATE, 2, 1, audio=data).event())

    async def main() -> None:
        async with serving([model], happenings) as connect, connect() as endless, connect() as good:
            flooding = asyncio.create_task(flood(endless))
            for _ in range(3):
                await send(good, encoded(sound("low")))
                assert await answered(good) == ["low"]
            flooding.cancel()

    run(main())
    assert max(one.heard.at_s for one in happenings if isinstance(one, Detected)) > 3


def test_a_full_service_refuses_until_somebody_has_been_silent_for_long(
    model: Path, happenings: list[Happening]
) -> None:
    async def main() -> None:
        async with serving([model], happenings, most_clients=2, idle_s=0.5) as connect, connect() as silent:
            async with connect() as busy:
                await busy.write_event(Ping().event())
                assert await busy.read_event()
                async with connect() as third:
                    assert "2 clients are here" in Error.from_event((await answers(third))[-1]).text
                await asyncio.sleep(0.6)
                await busy.write_event(Ping().event())
                assert await busy.read_event()
                async with connect() as third:
                    await third.write_event(Ping().event())
                    assert await third.read_event()
                assert "place was needed" in Error.from_event((await answers(silent))[-1]).text

    run(main())


def test_a_port_that_is_taken_is_named(model: Path, happenings: list[Happening]) -> None:
    async def main() -> None:
        async with serving([model], happenings):
            taken = happenings[0]
            assert isinstance(taken, Listening)
            with pytest.raises(KwsError, match="another --host or --port"):
                async with Service(Vocabulary([SpottingModel(model)]), happenings.append).open("127.0.0.1", taken.port):
                    raise AssertionError

    run(main())


@pytest.fixture
def command(model: Path) -> Iterator[subprocess.Popen[str]]:
    """`kws serve --json`, and its end."""
    arguments = [sys.executable, "-m", "kws_engine.cli", "serve", str(model), "--port", "0", "--json"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_tells_and_ends(command: subprocess.Popen[str], number: signal.Signals) -> None:
    assert command.stdout is not None and command.stderr is not None
    first = json.loads(command.stdout.readline())
    assert first["event"] == "listening" and first["host"] == "127.0.0.1"

    async def main() -> None:
        async with AsyncTcpClient("127.0.0.1", first["port"], read_timeout=20) as client:
            await send(client, encoded(sound("low")))
            assert await answered(client) == ["low"]
            command.send_signal(number)
            assert await answers(client) == []  # hung up

    run(main())
    lines = [json.loads(line) for line in command.stdout]
    assert [line["event"] for line in lines] == ["connected", "detection", "disconnected", "finished"]
    assert lines[1]["word"] == "low" and lines[1]["model"] == "tones.kws" and lines[1]["client"] == 1
    assert lines[3]["audio_s"] == pytest.approx(2.6, abs=0.01)
    assert command.wait(20) == 0
    assert "Traceback" not in command.stderr.read()


@pytest.mark.slow
def test_a_missing_library_is_named_with_its_extra(model: Path) -> None:
    code = "import sys; sys.modules['wyoming'] = None; from kws_engine.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = [sys.executable, "-c", code, "serve", str(model)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and 'pip install "kws-studio[serve]"' in done.stderr


@pytest.mark.slow
def test_zeroconf_is_not_for_the_loopback_and_announces_elsewhere(model: Path) -> None:
    pytest.importorskip("zeroconf", reason="the extra `zeroconf` is not installed")
    from zeroconf import IPVersion, Zeroconf

    from kws_engine.serving.announcing import KIND, announced

    arguments = [sys.executable, "-m", "kws_engine.cli", "serve", str(model), "--zeroconf"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "--host 0.0.0.0" in done.stderr

    async def main() -> None:
        async with announced("127.0.0.1", 12_345):
            found = await asyncio.to_thread(_found, KIND)
        assert found == [("127.0.0.1", 12_345)]

    def _found(kind: str) -> list[tuple[str, int | None]]:
        import socket

        name = f"kws-studio-{socket.gethostname().partition('.')[0]}-12345.{kind}"
        with Zeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only) as network:
            info = network.get_service_info(kind, name, timeout=10_000)
        assert info is not None
        return [(address, info.port) for address in info.parsed_addresses()]

    run(main())
