"""Reads and writes messages of the Wyoming protocol, and believes no length that a client claims; knows no words.

A message is a line of JSON, which may name so many bytes of further JSON and so many of sound that follow it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from wyoming.event import Event, async_write_event

from kws_engine.errors import KwsError, shortened

LONGEST_LINE: Final = 1 << 16
"""Bytes of a message's first line, and of the further JSON."""
LONGEST_PAYLOAD: Final = 1 << 20
"""Bytes of sound in one message; half a minute of 16 kHz."""
_PATIENCE_S: Final = 30.0  # for the rest of a message
_WRITING_S: Final = 10.0  # until a client takes what it is sent


async def read_event(reader: asyncio.StreamReader, *, patience_s: float = _PATIENCE_S) -> Event | None:
    """The next message, however long it takes to begin; None where the client has left before it.

    Raises:
        KwsError: It is none, is too long, stops half-way, or does not come to its end in time.
    """
    first = await reader.read(1)
    if not first:
        return None
    try:
        async with asyncio.timeout(patience_s):
            return await _read_rest(first, reader)
    except TimeoutError:
        raise KwsError(f"Half a message and nothing more for {patience_s:g} s: send whole messages") from None
    except asyncio.IncompleteReadError:
        raise KwsError("The connection ended within a message: send whole messages") from None


async def write_event(event: Event, writer: asyncio.StreamWriter, *, patience_s: float = _WRITING_S) -> None:
    """Sends a message.

    Raises:
        KwsError: The client does not take it in time.
        OSError: The client has left.
    """
    try:
        async with asyncio.timeout(patience_s):
            await async_write_event(event, writer)
    except TimeoutError:
        raise KwsError(f"What is sent has not been read for {patience_s:g} s: read the answers") from None


async def _read_rest(first: bytes, reader: asyncio.StreamReader) -> Event:
    try:
        line = first if first == b"\n" else first + await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        raise KwsError(f"A line of more than {LONGEST_LINE} bytes: no message begins so") from None
    header = _object(line)
    kind = header.get("type")
    if not isinstance(kind, str):
        raise KwsError("A message without a type: send the Wyoming protocol")
    data = header.get("data") or {}
    if not isinstance(data, dict):
        raise KwsError("The data of a message are no JSON object: send the Wyoming protocol")
    data_bytes = _length(header, "data_length", LONGEST_LINE)
    payload_bytes = _length(header, "payload_length", LONGEST_PAYLOAD)
    if data_bytes:
        data = {**data, **_object(await reader.readexactly(data_bytes))}
    payload = await reader.readexactly(payload_bytes) if payload_bytes else None
    return Event(type=kind, data=data, payload=payload)


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise KwsError(f"No message: {shortened(repr(text[:40]))} is no JSON object; send the Wyoming protocol")
    return value


def _length(header: dict[str, Any], name: str, most: int) -> int:
    value = header.get(name)
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value <= most:
        raise KwsError(f"A message's {name} is {shortened(repr(value))}: send whole numbers from 0 to {most}")
    return value
