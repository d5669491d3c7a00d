"""The service: takes clients, each with a conversation of its own, and sends away those that ask too much.

A client gets its next message read only after the sound of the last one was heard, so that what waits for it is what
its socket holds. Sound is heard a quarter of a second at a time, and then it is the others' turn: a client that sends
quickly slows itself most. All of it is done in one thread, because threads that wait for each other after every message
cost more than they bring (50 clients: see `kws bench serve`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from kws_engine.errors import KwsError
from kws_engine.serving import wire
from kws_engine.serving.conversation import Conversation
from kws_engine.serving.happenings import Connected, Disconnected, Happening, Listening
from kws_engine.serving.hearing import Vocabulary

MOST_CLIENTS: Final = 200
_IDLE_S: Final = 60.0  # without a message; then a client has to make room for a new one
_BUFFERED: Final = 1 << 16  # bytes that wait to be sent to one client
_GOODBYE_S: Final = 2.0


class Service:
    """A service for some words, which tells `report` what happens; `report` is called in the service's own thread."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        report: Callable[[Happening], None],
        *,
        most_clients: int = MOST_CLIENTS,
        idle_s: float = _IDLE_S,
        patience_s: float = 30.0,
    ) -> None:
        """Makes a service that does not run yet.

        Args:
            vocabulary: The words.
            report: Takes what happens.
            most_clients: At once.
            idle_s: After so long without a message, a client has to leave when another one comes and all places are
                taken.
            patience_s: For the rest of a message, and until an answer is read.
        """
        self._vocabulary, self._report = vocabulary, report
        self._most_clients, self._idle_s, self._patience_s = most_clients, idle_s, patience_s
        self._clients: dict[asyncio.Task[None], Conversation] = {}
        self._come = 0
        self.audio_s = 0.0
        """Sound heard, of clients that have left."""

    @contextlib.asynccontextmanager
    async def open(self, host: str, port: int) -> AsyncIterator[Listening]:
        """Takes clients until the end of the context; then all of them are let go.

        Raises:
            KwsError: There is no such address, or the port is taken.
        """
        try:
            server = await asyncio.start_server(self._welcome, host, port, limit=wire.LONGEST_LINE)
        except (OSError, OverflowError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise KwsError(
                f"Nothing can listen at {host}, port {port} ({reason}): give another --host or --port"
            ) from error
        try:
            address = server.sockets[0].getsockname()
            listening = Listening(address[0], address[1])
            self._report(listening)
            yield listening
        finally:
            server.close()
            tasks = list(self._clients)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A new client, until it is gone."""
        task = asyncio.current_task()
        assert task is not None
        self._come += 1
        number = self._come
        client = Conversation(number, self._vocabulary, self._report, writer, self._patience_s)
        has_room = self._make_room()
        self._clients[task] = client
        self._report(Connected(number, _address(writer)))
        reason = ""
        try:
            _set_up(writer)
            if not has_room:
                raise KwsError(f"{self._most_clients} clients are here already: come back later")
            while (event := await wire.read_event(reader, patience_s=self._patience_s)) is not None:
                client.last_s = time.monotonic()
                await client.take(event)
                client.last_s = time.monotonic()
                await asyncio.sleep(0)  # the others' turn, also while more lies in this one's buffer
        except KwsError as error:
            reason = str(error)
        except OSError:
            pass  # it has left
        except asyncio.CancelledError:
            reason = client.dismissal
        except Exception as error:  # noqa: BLE001 - a client's edge: whatever it has caused, the others stay
            reason = f"It caused a fault of the service ({type(error).__name__}: {error}): report this"
        finally:
            del self._clients[task]
            self.audio_s += client.audio_s
            self._report(Disconnected(number, reason, client.audio_s, client.detections))
            await _goodbye(client, reader, writer, reason)

    def _make_room(self) -> bool:
        """Whether one more client fits, after the one that was silent for longest had to leave."""
        if len(self._clients) < self._most_clients:
            return True
        task, longest = min(self._clients.items(), key=lambda one: one[1].last_s)
        if time.monotonic() - longest.last_s < self._idle_s:
            return False
        longest.dismissal = f"Nothing came for {self._idle_s:g} s, and the place was needed: connect again"
        task.cancel()
        return True


async def _goodbye(
    client: Conversation, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reason: str
) -> None:
    """Tells a client why it has to leave, if it listens, and hangs up."""
    with contextlib.suppress(KwsError, OSError, TimeoutError, asyncio.CancelledError):
        if reason:
            async with asyncio.timeout(_GOODBYE_S):
                await client.tell_error(reason)
                writer.write_eof()
                while await reader.read(wire.LONGEST_LINE):
                    pass  # to hang up on what it still sends would take the answer from it
    writer.close()
    with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(_GOODBYE_S):
            await writer.wait_closed()
    writer.transport.abort()


def _set_up(writer: asyncio.StreamWriter) -> None:
    """Answers go out at once, little of them waits, and a client whose machine has died is noticed some day."""
    transport = writer.transport
    assert isinstance(transport, asyncio.WriteTransport)
    transport.set_write_buffer_limits(high=_BUFFERED)
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def _address(writer: asyncio.StreamWriter) -> str:
    peer = writer.get_extra_info("peername")
    return f"{peer[0]}:{peer[1]}" if peer else "?"
