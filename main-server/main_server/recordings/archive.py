"""Takes the sound of turns that are over, makes files of it and has their rows written. One task, one at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from contracts.audio import OpusFormat
from contracts.errors import ZhiyinError
from contracts.events import TurnEnded
from contracts.roles import RecordingPolicy
from main_server.conversation.tape import Take
from main_server.recordings.packing import Packed, pack_heard, pack_said
from main_server.store.audio.files import AudioFiles, new_recording_key
from main_server.store.backlog import SoundKept
from main_server.store.devices import Devices
from main_server.store.engine import Database
from main_server.store.sounds import KEPT_DAYS

MAX_TURNS = 500
MAX_BYTES = 32 * 2**20
"""Of turns whose files are not written yet; when there are more, the oldest are given up."""

QUERY_S = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A turn that is over, its sound, and how that is packed."""

    ended: TurnEnded
    take: Take
    uplink: OpusFormat
    downlink: OpusFormat

    @property
    def size_bytes(self) -> int:
        return sum(map(len, self.take.heard)) + sum(map(len, self.take.said))


class Archive:
    """`start` on the event loop; `close` writes what waits, as far as there is time."""

    def __init__(
        self,
        database: Database,
        files: AudioFiles,
        kept: Callable[[SoundKept], None],
        *,
        max_turns: int = MAX_TURNS,
        max_bytes: int = MAX_BYTES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`kept` is told of files that are there (store.recorder)."""
        self._database = database
        self._files = files
        self._kept = kept
        self._max_turns = max_turns
        self._max_bytes = max_bytes
        self._now = now
        self._waiting: deque[Recorded] = deque()
        self._waiting_bytes = 0
        self._busy = False
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        """Recordings given up because too many waited, or because their files could not be written."""
        self.problem = ""
        """A sentence while files cannot be written."""

    @property
    def depth(self) -> int:
        """Turns whose sound is not written yet."""
        return len(self._waiting) + self._busy

    def add(self, recorded: Recorded) -> None:
        """Takes a turn's sound. Never blocks, never raises."""
        self._waiting.append(recorded)
        self._waiting_bytes += recorded.size_bytes
        while len(self._waiting) > self._max_turns or self._waiting_bytes > self._max_bytes:
            self._waiting_bytes -= self._waiting.popleft().size_bytes
            self.dropped += 1
        if self._waiting:
            self._idle.clear()
            self._arrived.set()

    async def keeps_utterances(self, device_id: str) -> bool:
        """Whether this device keeps its last utterances: it is somebody's, and its switch is on. False in doubt."""
        try:
            async with asyncio.timeout(QUERY_S), self._database.reading() as session:
                return await Devices(session).keeps_utterances(device_id)
        except (ZhiyinError, TimeoutError) as error:
            log.warning("whether utterances are kept is not known", device_id=device_id, why=str(error) or "too slow")
            return False

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="recordings")

    async def close(self, within_s: float) -> None:
        """Nothing may be added any more."""
        if self._task is None:
            return
        try:
            async with asyncio.timeout(within_s):
                await self._idle.wait()
        except TimeoutError:
            log.error("recordings could not be written in time", waiting=self.depth)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            while self._waiting:
                recorded = self._waiting.popleft()
                self._waiting_bytes -= recorded.size_bytes
                self._busy = True
                await self._keep(recorded)
                self._busy = False
            self._arrived.clear()
            self._idle.set()

    async def _keep(self, recorded: Recorded) -> None:
        ended = recorded.ended
        try:
            if await self._is_wanted(recorded):
                self._kept(await self._written(recorded))
                self.problem = ""
        except Exception as error:  # the outermost loop of the archive: nothing may end it
            self.dropped += 1
            why = str(error) if isinstance(error, ZhiyinError) else type(error).__name__
            ids = {"device_id": ended.device_id, "session_id": ended.session_id, "turn_id": ended.turn_id}
            log.warning("sound of a turn is lost", **ids, why=why)
            self.problem = f"Sound of talks is being lost: {why}"

    async def _is_wanted(self, recorded: Recorded) -> bool:
        """The device's switch is asked again: it may have been turned off during the talk."""
        if recorded.take.recording is RecordingPolicy.AUDIO:
            return True
        return await self.keeps_utterances(recorded.ended.device_id)

    async def _written(self, recorded: Recorded) -> SoundKept:
        """Files first, so that no row names one that will not come."""
        ended, take = recorded.ended, recorded.take
        heard, heard_key, said_key = Packed(b"", None), "", ""
        if take.heard:
            heard_key = new_recording_key()
            heard = await asyncio.to_thread(pack_heard, take.heard, recorded.uplink.sample_rate_hz)
            await self._files.put(heard_key, heard.content)
        if take.said:
            said_key = new_recording_key()
            said = await asyncio.to_thread(pack_said, take.said, recorded.downlink.sample_rate_hz)
            await self._files.put(said_key, said)
        audio = take.recording is RecordingPolicy.AUDIO
        return SoundKept(
            device_id=ended.device_id,
            turn_id=ended.turn_id,
            started_at=ended.started_at,
            heard_key=heard_key,
            said_key=said_key,
            length_ms=take.utterance.duration_ms if take.utterance is not None else 0.0,
            clarity=heard.clarity,
            kept_until=None if audio else self._now() + timedelta(days=KEPT_DAYS),
        )
