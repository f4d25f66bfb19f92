"""The tape of one session (conversation.tape.Tape), whose takes go to the archive."""

from __future__ import annotations

from contracts.events import TurnEnded
from contracts.roles import RecordingPolicy
from main_server.conversation.ports import Channel
from main_server.conversation.tape import NEITHER, Sides, Take
from main_server.recordings.archive import Archive, Recorded


class ArchiveTape:
    """Knows what a device keeps: by its role, and by its own switch, which is read when its session begins."""

    def __init__(self, archive: Archive, channel: Channel) -> None:
        self._archive = archive
        self._channel = channel
        self._keeps_utterances = False

    async def begin(self) -> None:
        self._keeps_utterances = await self._archive.keeps_utterances(self._channel.device_id)

    def sides(self, recording: RecordingPolicy) -> Sides:
        if recording is RecordingPolicy.NONE:
            return NEITHER
        audio = recording is RecordingPolicy.AUDIO
        return Sides(heard=audio or self._keeps_utterances, said=audio)

    def keep(self, ended: TurnEnded, take: Take) -> None:
        if take.heard or take.said:
            traits = self._channel.traits
            self._archive.add(Recorded(ended, take, traits.uplink, traits.downlink))
