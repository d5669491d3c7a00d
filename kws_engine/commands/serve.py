"""`kws serve`: a wake-word service for Home Assistant and other programs that speak the Wyoming protocol."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_engine import extras
from kws_engine.commands.interrupts import interrupts
from kws_engine.commands.output import Output
from kws_engine.errors import SpecError
from kws_engine.resident import give_back

if TYPE_CHECKING:
    from kws_engine.serving.happenings import Happening
    from kws_engine.serving.service import Service

PORT = 10_400
"""Where wake-word services of this protocol usually are."""
_LOOPBACK = ("127.", "localhost", "::1")
_LOOK_EVERY_S = 0.2


def add(add_command: Any) -> None:
    serve = add_command("serve", _serve, help="detect words for other programs, by the Wyoming protocol")
    serve.add_argument("models", type=Path, nargs="+", metavar="MODEL.kws", help=".kws files")
    serve.add_argument("--host", default="127.0.0.1", help="the address to be reached at; 0.0.0.0 for every network")
    serve.add_argument("--port", type=_port, default=PORT, help=f"0 for any that is free; else {PORT}")
    serve.add_argument("--zeroconf", action="store_true", help="announce the service to the local network")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 5 or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _serve(arguments: argparse.Namespace, output: Output) -> None:
    extras.require("wyoming", extra="serve")
    if arguments.zeroconf:
        extras.require("zeroconf", extra="zeroconf")
        if arguments.host.startswith(_LOOPBACK):
            raise SpecError("--zeroconf is for other machines, which cannot reach this one: add --host 0.0.0.0")
    from kws_engine.serving.hearing import Vocabulary
    from kws_engine.serving.service import Service
    from kws_engine.spotting.model_file import SpottingModel

    printing = _Printing(output)
    vocabulary = Vocabulary([SpottingModel(path) for path in arguments.models])
    service = Service(vocabulary, printing.take)
    cpu_started = time.process_time()
    with interrupts() as interrupted:
        output.message(f"Listening for {', '.join(one.name for one in vocabulary.known)}; Ctrl-C ends it")
        asyncio.run(_run(service, arguments, until=lambda: interrupted or printing.has_ended or output.is_unread()))
    values = {
        "event": "finished",
        "audio_s": round(service.audio_s, 3),
        "cpu_s": round(time.process_time() - cpu_started, 3),
    }
    output.result(values, f"{values['audio_s']} s heard in {values['cpu_s']} s of processor time")


async def _run(service: Service, arguments: argparse.Namespace, *, until: Callable[[], object]) -> None:
    async with contextlib.AsyncExitStack() as stack:
        listening = await stack.enter_async_context(service.open(arguments.host, arguments.port))
        if arguments.zeroconf:
            from kws_engine.serving.announcing import announced

            await stack.enter_async_context(announced(arguments.host, listening.port))
        give_back()
        while not until():
            await asyncio.sleep(_LOOK_EVERY_S)


class _Printing:
    """Prints what happens; `has_ended` where nobody reads it any more."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.has_ended = False

    def take(self, happening: Happening) -> None:
        values, text = _told(happening)
        try:
            self._output.result(values, text)
        except OSError:  # a client's conversation is no place to end the program
            self.has_ended = True


def _told(happening: Happening) -> tuple[dict[str, Any], str]:
    """What is printed: for programs, and for people."""
    from kws_engine.serving.happenings import Connected, Detected, Listening

    if isinstance(happening, Listening):
        where = f"[{happening.host}]" if ":" in happening.host else happening.host
        values: dict[str, Any] = {"event": "listening", "host": happening.host, "port": happening.port}
        return values, f"At tcp://{where}:{happening.port}"
    values = {"client": happening.client}
    if isinstance(happening, Connected):
        values = {"event": "connected", **values, "address": happening.address}
        return values, f"Client {happening.client} has come from {happening.address}"
    if isinstance(happening, Detected):
        one = happening.heard
        values = {"event": "detection", **values, "word": one.known.word, "model": one.known.model.path.name}
        values |= {"name": one.known.name, "at_s": round(one.at_s, 3), "score": round(one.score, 4)}
        return values, f"{values['at_s']:8.2f} s  {one.known.name}  {one.score:.2f}  client {happening.client}"
    values = {"event": "disconnected", **values, "reason": happening.reason}
    values |= {"audio_s": round(happening.audio_s, 3), "detections": happening.detections}
    why = f": {happening.reason}" if happening.reason else ""
    return values, f"Client {happening.client} is gone after {values['audio_s']} s of sound{why}"
