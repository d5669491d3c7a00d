"""One client's conversation: what it asks for, the sound that it sends, and what it is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Attribution, Describe, Info, WakeModel, WakeProgram
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection, NotDetected

from kws_engine import __version__
from kws_engine.errors import KwsError
from kws_engine.serving import wire
from kws_engine.serving.happenings import Detected, Happening
from kws_engine.serving.hearing import Heard, Hearing, Known, Vocabulary
from kws_engine.serving.sound import Format, Sound

_HEARD_AT_ONCE_S: Final = 0.25
_MADE_BY: Final = Attribution(name="KWS Studio", url="")


class Conversation:
    """What one client has asked for, and where its sound stands.

    Attributes:
        audio_s: Sound that it has sent.
        detections: In it.
        last_s: When a message last came, by the monotonic clock.
        dismissal: Why it has to leave, where another client needs its place.
    """

    def __init__(
        self,
        number: int,
        vocabulary: Vocabulary,
        report: Callable[[Happening], None],
        writer: asyncio.StreamWriter,
        patience_s: float,
    ) -> None:
        self.audio_s, self.detections, self.last_s, self.dismissal = 0.0, 0, time.monotonic(), ""
        self._number, self._vocabulary, self._report = number, vocabulary, report
        self._writer, self._patience_s = writer, patience_s
        self._chosen: tuple[Known, ...] = vocabulary.known
        self._context: dict[str, Any] | None = None
        self._hearing: Hearing | None = None
        self._sound: Sound | None = None
        self._has_detected, self._has_come = False, False

    async def take(self, event: Event) -> None:
        """Does what a message asks for; one of an unknown type is passed over, as the protocol has it.

        Raises:
            KwsError: It asks for what there is not, or the client does not read its answers.
            OSError: The client has left.
        """
        if AudioChunk.is_type(event.type):
            await self._take_chunk(event)
        elif AudioStart.is_type(event.type):
            self._begin(Format.of(event.data))
        elif AudioStop.is_type(event.type):
            await self._stop()
        elif Detect.is_type(event.type):
            self._choose(event.data)
        elif Describe.is_type(event.type):
            await self._tell(_info(self._vocabulary).event())
        elif Ping.is_type(event.type):
            text = event.data.get("text")
            await self._tell(Pong(text=text if isinstance(text, str) else None).event())

    async def tell_error(self, sentence: str) -> None:
        """Tells the client why it has to leave.

        Raises:
            KwsError: It does not read.
            OSError: It has left.
        """
        await self._tell(Error(text=sentence).event())

    def _choose(self, data: Mapping[str, Any]) -> None:
        names, context = data.get("names"), data.get("context")
        if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise KwsError("The names to detect are no list of names: send the Wyoming protocol")
        chosen = self._vocabulary.chosen(names or None)
        self._context = context if isinstance(context, dict) else None
        self._has_detected = False
        if chosen != self._chosen:
            self._chosen, self._hearing = chosen, None
            if self._sound is not None:
                self._begin(self._sound.form)

    def _begin(self, form: Format) -> None:
        """A new stream of sound."""
        self._hearing = Hearing(self._chosen)
        self._sound = Sound(form, self._hearing.rates)
        self._has_detected, self._has_come = False, False

    async def _take_chunk(self, event: Event) -> None:
        form, audio = Format.of(event.data), event.payload or b""
        if self._sound is not None and self._has_come and form != self._sound.form:
            raise KwsError("The sound changes its format on the way: send audio-start before another format")
        if self._sound is None or form != self._sound.form:
            self._begin(form)
        sound, hearing = self._sound, self._hearing
        assert sound is not None and hearing is not None
        self._has_come = True
        self.audio_s += len(audio) / form.frame_bytes / form.rate
        at_once = max(1, round(_HEARD_AT_ONCE_S * form.rate)) * form.frame_bytes
        for start in range(0, len(audio), at_once):
            if start:
                await asyncio.sleep(0)  # the others' turn
            heard = hearing.feed(sound.take(audio[start : start + at_once]))
            await self._tell_heard(heard, event.data.get("timestamp"))

    async def _stop(self) -> None:
        """The end of a stream: what it completes is told, and that nothing was detected, where that is so."""
        sound, hearing = self._sound, self._hearing
        if sound is not None and hearing is not None:
            await self._tell_heard(hearing.feed(sound.end()) + hearing.end(), None)
        if not self._has_detected:
            await self._tell(NotDetected(context=self._context).event())
        self._hearing, self._sound, self._has_detected, self._has_come = None, None, False, False

    async def _tell_heard(self, heard: list[Heard], timestamp: object) -> None:
        """Tells detections; `timestamp` is that of the sound's message, in the client's own milliseconds."""
        for one in heard:
            self._has_detected = True
            self.detections += 1
            self._report(Detected(self._number, one))
            at_ms = timestamp if isinstance(timestamp, int) else round(1000 * one.at_s)
            await self._tell(Detection(name=one.known.name, timestamp=at_ms, context=self._context).event())

    async def _tell(self, event: Event) -> None:
        await wire.write_event(event, self._writer, patience_s=self._patience_s)


def _info(vocabulary: Vocabulary) -> Info:
    """What the service is; one program, because Home Assistant looks at the first alone."""
    models = [
        WakeModel(
            name=one.name,
            attribution=_MADE_BY,
            installed=True,
            description=one.name,
            version=__version__,
            languages=[],
            phrase=one.word,
        )
        for one in vocabulary.known
    ]
    program = WakeProgram(
        name="kws-studio",
        attribution=_MADE_BY,
        installed=True,
        description="Words taught with KWS Studio",
        version=__version__,
        models=models,
    )
    return Info(wake=[program])
