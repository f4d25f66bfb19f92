"""The ears of one session: opened as its role wants them, told what the toy says, deaf while nobody is to be heard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from contracts.audio import OpusPacket
from contracts.hearing import Hearing, HearingEvent, HearingSession, ListenMode, OpenHearing, Utterance
from main_server.conversation.ports import Channel
from main_server.conversation.role import Role
from main_server.conversation.tape import Reel

SPEAKING_MS = 30_000.0
"""For how long after the last clause the ears are told that the toy speaks: holds and slow engines included."""


@dataclass(slots=True)
class Ears:
    """`open` first. `mode` is how the device listens, None until it has said so."""

    hearing: Hearing
    channel: Channel
    endpointing: str
    deliver: Callable[[HearingEvent], None]
    mode: ListenMode | None = None
    reel: Reel | None = None  # where what is heard is kept
    _opened_with: OpenHearing | None = None
    _session: HearingSession | None = None

    async def open(self, role: Role) -> None:
        """Raises EngineUnavailable."""
        self._opened_with = self._wanted_by(role)
        if self.reel is not None:
            self.reel.rewind()
        self._session = await self.hearing.open(self._opened_with, self._told)

    async def suit(self, role: Role) -> None:
        """Opens others where the role now listens otherwise: in another language, with other patience."""
        if self._opened_with != self._wanted_by(role):
            await self.close()
            await self.open(role)

    async def suit_at_once(self, role: Role) -> None:
        """The same between two listens of a device that begins none again: in realtime mode it goes on listening."""
        if self.mode is ListenMode.REALTIME and self._opened_with != self._wanted_by(role):
            await self.suit(role)
            self.listen()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def listen(self) -> None:
        """Listens (again) in `mode`."""
        assert self.mode is not None
        self._now.listen(self.mode)

    def packet(self, packet: OpusPacket) -> None:
        if self.reel is not None:
            self.reel.heard(self._now.sample, packet.payload)
        self._now.packets((packet,))

    def played(self, packet: OpusPacket) -> None:
        """They must know what the loudspeaker plays, to tell it from a person."""
        if self._session is not None:
            self._session.played((packet,))

    def stop(self) -> None:
        """The button was released."""
        self._now.stop()

    def afresh(self) -> None:
        """Drops what was being heard. In realtime mode no new `listen start` will come, so it goes on listening."""
        if self.mode is ListenMode.REALTIME:
            self.listen()
        else:
            self._now.reset()

    def turn_begins(self) -> None:
        """The device's microphone is off while it speaks, but in realtime mode; stray packets are nobody's words."""
        if self.mode is not ListenMode.REALTIME:
            self._now.reset()
        self.toy_says("", 0.0)

    def toy_says(self, text: str, until_ms: float) -> None:
        if self.mode is ListenMode.REALTIME:
            self._now.speaking(text, until_ms + SPEAKING_MS)

    def turn_over(self) -> None:
        """The toy is silent."""
        if self.mode is ListenMode.REALTIME and self._session is not None:
            self._session.speaking("", 0.0)

    def keep_sound(self, wanted: bool) -> None:
        """Whether the packets of utterances may be asked for."""
        if not wanted:
            self.reel = None
        elif self.reel is None:
            self.reel = Reel(self.channel.traits.uplink.frame_ms)

    def sound_of(self, utterance: Utterance | None) -> tuple[bytes, ...]:
        """The packets of an utterance; none where they were not kept."""
        return self.reel.take(utterance) if self.reel is not None and utterance is not None else ()

    def expect(self, kind: str) -> None:
        """The kind of answer that the toy's last words ask for."""
        self._now.expect(kind)

    def _told(self, event: HearingEvent) -> None:
        if self.reel is not None:
            self.reel.told(event)
        self.deliver(event)

    @property
    def _now(self) -> HearingSession:
        assert self._session is not None, "ears are opened before the first event is handled"
        return self._session

    def _wanted_by(self, role: Role) -> OpenHearing:
        return OpenHearing(
            session_id=self.channel.session_id,
            audio=self.channel.traits.uplink,
            language=role.language,
            patience=role.patience,
            recogniser=role.recogniser,
            endpointing=self.endpointing,
            server_aec=self.channel.traits.server_aec,
        )
