"""What happens to a service, as plain events for whoever prints or counts them."""

from __future__ import annotations

from dataclasses import dataclass

from kws_engine.serving.hearing import Heard


@dataclass(frozen=True)
class Listening:
    """The service can be reached.

    Attributes:
        host: Its address.
        port: The one that was asked for, or the one that was free.
    """

    host: str
    port: int


@dataclass(frozen=True)
class Connected:
    """A client has come.

    Attributes:
        client: Its number, from 1.
        address: Where it is.
    """

    client: int
    address: str


@dataclass(frozen=True)
class Detected:
    """A client's sound held a word."""

    client: int
    heard: Heard


@dataclass(frozen=True)
class Disconnected:
    """A client is gone.

    Attributes:
        client: Its number.
        reason: Why it was sent away; empty where it left by itself or the service ended.
        audio_s: Sound that it had sent.
        detections: In it.
    """

    client: int
    reason: str
    audio_s: float
    detections: int


Happening = Listening | Connected | Detected | Disconnected
