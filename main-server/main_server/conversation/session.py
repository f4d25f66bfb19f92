"""A session: one device's live connection. It orders what device and ears tell it into turns, one at a time."""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime

from contracts.audio import OpusPacket
from contracts.errors import EngineFailed
from contracts.events import DraftResult, EventSink, SessionClosed, SessionOpened, Stage, StageReached
from contracts.hearing import (
    Hearing,
    HearingEvent,
    HearingFailed,
    HearingSession,
    ListenMode,
    NothingHeard,
    OpenHearing,
    Pause,
    SpeechResumed,
    SpeechStarted,
    Utterance,
)
from main_server.conversation.answer import clock
from main_server.conversation.connecting import Connecting
from main_server.conversation.draft import Draft, DraftRoom
from main_server.conversation.drafts import Drafts
from main_server.conversation.history import History
from main_server.conversation.inbox import Inbox
from main_server.conversation.phrases import (
    goodbye,
    greeting,
    idle_goodbye,
    is_exit,
    is_wake_word,
    language_of,
    not_understood,
)
from main_server.conversation.ports import (
    Abort,
    Channel,
    CloseReason,
    Detect,
    DeviceEvent,
    ListenStart,
    ListenStop,
)
from main_server.conversation.role import Role
from main_server.conversation.turn import Engines, Turn

log = logging.getLogger(__name__)

STOP_TURN_S = 3.0
"""How long a cancelled turn may take to close its requests before the next one begins anyway."""

KEEP_ALIVE_S = 100.0
"""A device takes a channel on which the server sent nothing for 120 s for dead (PROTOCOL 2.8)."""

GREET_AFTER_S = 0.3
"""A stock board sends `listen start` right behind `detect`; one that does not is greeted after this."""


WOKEN = "…"
"""Stands for a wake word that the device did not name."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """`idle_s`: quiet time after which the toy says goodbye and the server closes the channel."""

    idle_s: float = 100.0


SessionEvent = DeviceEvent | HearingEvent | CloseReason

_ENDS_A_DRAFT = (ListenStart, Detect, Abort, SpeechResumed, NothingHeard, HearingFailed, CloseReason)
"""After any of these the utterance that was drafted for is another one, or none."""


@dataclass(slots=True)
class Session:
    """Implements ports.DeviceSession. Tasks: `run`, and during a turn the turn, its speech and its playback."""

    channel: Channel
    hearing: Hearing
    engines: Engines
    role: Role
    emit: EventSink
    endpointing: str = "adaptive"
    limits: SessionLimits = field(default_factory=SessionLimits)
    draft_room: DraftRoom = field(default_factory=DraftRoom)
    _inbox: Inbox[SessionEvent] = field(default_factory=Inbox)
    _handling: bool = True  # until the ears are open, and while an event is being handled
    _ears: HearingSession | None = None
    _mode: ListenMode | None = None
    _history: History = field(init=False)
    _drafts: Drafts = field(init=False)
    _connecting: Connecting = field(init=False)
    _turn: Turn | None = None
    _turn_task: asyncio.Task[None] | None = None
    _turn_numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _woken_by: str = ""
    _greeting: asyncio.TimerHandle | None = None
    _quiet_since_s: float = 0.0
    _speech_under_way: bool = False
    _waited_for_speech: bool = False
    _puzzled: bool = False  # the last turn was "I did not catch that"
    _language: str = "zh"  # of what was said last: the toy says unasked things in it
    _talks: int = 0  # so that set phrases take turns
    _closing: CloseReason | None = None

    def __post_init__(self) -> None:
        self._language = self.role.language[:2] or self._language
        self._history = History(self.role.persona, max_turns=self.role.history_turns)
        self._connecting = Connecting((self.engines.ears, self.engines.model, self.engines.voice))
        self._drafts = Drafts(self.channel, self.engines.model, self.engines.voice, self.emit, self.draft_room)

    # -- called by the device side; never blocks -----------------------------------------------------------------

    def device_event(self, event: DeviceEvent) -> None:
        """A control message of the device. Sound stops at once; the rest happens in order in `run`."""
        if isinstance(event, Abort) and self._turn is not None:
            self._turn.hush()
        self._inbox.put(event)

    def audio(self, packet: OpusPacket) -> None:
        """One Opus packet. It goes straight to the ears, unless something that came before it still waits."""
        if self._handling or self._inbox:
            self._inbox.put(packet)
        else:
            self._hear().packets((packet,))

    def closed(self, reason: CloseReason) -> None:
        """The channel is gone: whatever is under way stops."""
        self._closing = self._closing or reason
        if self._turn is not None:
            self._turn.hush()
        self._inbox.put(reason)

    async def run(self) -> None:
        """Serves the device until its channel closes."""
        self._settle()
        self._tell_opened()
        try:
            await self._serve()
        finally:
            self._tell_closed()

    async def _serve(self) -> None:
        self._ears = await self.hearing.open(
            OpenHearing(
                session_id=self.channel.session_id,
                audio=self.channel.traits.uplink,
                language=self.role.language,
                patience=self.role.patience,
                endpointing=self.endpointing,
            ),
            self._inbox.put,
        )
        self._connecting.begin()
        try:
            while self._closing is None:
                self._handling = bool(self._inbox)
                event = await self._next_event()
                self._handling = True
                if event is None:
                    self._grown_quiet()
                else:
                    await self._handle(event)
        finally:
            self._forget_waking()
            await self._stop_turn()
            await self._drafts.close()
            await self._connecting.close()
            await self._ears.close()

    # -- what happens, in order ----------------------------------------------------------------------------------

    async def _handle(self, event: SessionEvent | OpusPacket) -> None:
        if isinstance(event, _ENDS_A_DRAFT):
            self._drafts.drop(DraftResult.RESUMED if isinstance(event, SpeechResumed) else DraftResult.DROPPED)
        match event:
            case OpusPacket():
                self._hear().packets((event,))
            case ListenStart(mode):
                await self._listen(mode)
            case ListenStop():
                self._hear().stop()
            case Detect(text):
                self._connecting.begin()
                await self._detected(text)
            case Abort():
                await self._aborted()
            case SpeechStarted():
                self._speech_under_way = True
                self._connecting.begin()
                self._drafts.new_utterance()
                self._tell(Stage.SPEECH_STARTED)
            case Pause():
                self._tell(Stage.PAUSED)
                self._draft(event)
            case SpeechResumed():
                pass  # the utterance goes on, and its draft was dropped above
            case Utterance():
                await self._heard(event)
            case NothingHeard(reason):
                self._heard_nothing(reason)
            case HearingFailed(code, message, engine):
                log.warning("recogniser failed", extra={**self._ids(), "code": code, "engine": engine, "why": message})
                await self._stop_turn()
                self._begin_turn("speech", "", failure=EngineFailed(message, engine=engine, code=code))
            case CloseReason():
                pass  # `run` sees `_closing`

    async def _listen(self, mode: ListenMode) -> None:
        self._mode = mode
        if self._turn is not None and not self._is_preface(self._turn, mode):
            await self._stop_turn()
        if self._woken_by:
            self._greet()
        if self._turn is None or mode is ListenMode.REALTIME:
            self._hear().listen(mode)
        self._settle()

    async def _aborted(self) -> None:
        self._forget_waking()
        await self._stop_turn()
        self._hear_afresh()
        self._settle()

    async def _detected(self, text: str) -> None:
        await self._stop_turn()
        self._hear_afresh()  # what was recorded while waking is not an utterance
        if text.strip() and not is_wake_word(text, self.role.wake_words):
            self._begin_turn("text", text)
        elif self.role.greet:
            self._forget_waking()
            self._woken_by = text.strip() or WOKEN
            self._greeting = asyncio.get_running_loop().call_later(GREET_AFTER_S, self._greet)

    async def _heard(self, utterance: Utterance) -> None:
        if utterance.truncated:
            log.info("utterance was cut at its longest length", extra=self._ids())
        draft = self._drafts.adopt(utterance.text)
        await self._stop_turn()
        self._begin_turn("speech", utterance.text, utterance=utterance, draft=draft)

    def _draft(self, pause: Pause) -> None:
        """Begins the reply, where this may be all, a model will be asked, and no other turn is still being heard."""
        hopeless = pause.unfinished or not pause.text or is_exit(pause.text, self.role.exit_phrases)
        if self._turn is None and not hopeless:
            self._drafts.begin(pause.text, self._history.messages_if(pause.text, clock()))

    def _heard_nothing(self, reason: str) -> None:
        """Silence is answered with silence; speech that was not understood is, once until something was."""
        self._settle()
        if reason != "rejected" or self._turn is not None:
            return
        log.info("speech was not understood", extra=self._ids())
        if not self._puzzled:
            self._begin_turn("speech", "", scripted=not_understood(self._language))
            self._puzzled = True

    def _greet(self) -> None:
        if self._woken_by and self._turn is None and self._closing is None:
            self._language = language_of(self._woken_by) or self._language
            self._begin_turn("wake", self._woken_by, scripted=greeting(self._language, self._talks))
        self._forget_waking()

    def _forget_waking(self) -> None:
        self._woken_by = ""
        if self._greeting is not None:
            self._greeting.cancel()
            self._greeting = None

    def _hear_afresh(self) -> None:
        """Drops what was being heard. In realtime mode no new `listen start` will come, so it goes on listening."""
        if self._mode is ListenMode.REALTIME:
            self._hear().listen(ListenMode.REALTIME)
        else:
            self._hear().reset()

    def _grown_quiet(self) -> None:
        """Nothing happened for `idle_s`: say goodbye if the device is listening, else just close."""
        if self._speech_under_way and not self._waited_for_speech:  # in the middle of a long sentence, once
            self.channel.keep_alive()
            self._settle(speech_under_way=True)
            self._waited_for_speech = True
        elif self._mode in (ListenMode.AUTO, ListenMode.REALTIME) and not self._speech_under_way:
            self._begin_turn("idle", "", scripted=idle_goodbye(self._language, self._talks), last=CloseReason.IDLE)
        else:
            self._close(CloseReason.IDLE)

    # -- turns ---------------------------------------------------------------------------------------------------

    def _begin_turn(
        self,
        trigger: str,
        text: str,
        *,
        utterance: Utterance | None = None,
        scripted: str = "",
        draft: Draft | None = None,
        failure: EngineFailed | None = None,
        last: CloseReason | None = None,
    ) -> None:
        self._language = language_of(text) or self._language
        self._talks += 1
        if trigger in ("speech", "text") and is_exit(text, self.role.exit_phrases):
            scripted, last = goodbye(self._language, self._talks), CloseReason.GOODBYE
        turn = Turn(
            channel=self.channel,
            engines=self.engines,
            history=self._history,
            emit=self.emit,
            turn_id=f"{self.channel.session_id}-{next(self._turn_numbers)}",
            trigger=trigger,
            user_text=text,
            heard_at_s=asyncio.get_running_loop().time(),
            utterance=utterance,
            language=self._language,
            scripted=scripted,
            filler_ms=self.role.filler_ms,
            draft=draft,
            failure=failure,
            ends_conversation=last is not None,
        )
        self._drafts.drop(DraftResult.DROPPED)
        self._speech_under_way = False
        self._puzzled = False
        if self._mode is not ListenMode.REALTIME:
            self._hear().reset()  # the device's microphone is off while it speaks; stray packets are nobody's words
        self._turn = turn
        turn.begin()
        self._turn_task = asyncio.create_task(self._run_turn(turn, last), name=f"turn {turn.turn_id}")

    async def _run_turn(self, turn: Turn, last: CloseReason | None) -> None:
        try:
            await turn.take_turn()
        finally:
            if self._turn is turn:
                self._turn = self._turn_task = None
            self._settle()
        if last is not None:
            self._close(last)

    async def _stop_turn(self) -> None:
        """Cancels the turn under way and waits until it has really stopped."""
        task = self._turn_task
        if task is None or self._turn is None:
            return
        self._turn.hush()
        if not self._turn.under_way:
            await asyncio.sleep(0)  # a task cancelled before its first step would not even say that it ended
        task.cancel()
        await asyncio.wait((task,), timeout=STOP_TURN_S)
        self._turn = self._turn_task = None

    def _is_preface(self, turn: Turn, mode: ListenMode) -> bool:
        """Typed text and wake words come before `listen start`; that start does not interrupt their answer. A pressed
        button does."""
        return turn.trigger in ("text", "wake") and not turn.sound_has_left and mode is not ListenMode.MANUAL

    # -- small things --------------------------------------------------------------------------------------------

    async def _next_event(self) -> SessionEvent | OpusPacket | None:
        """The next event, or None when the session has been quiet for too long."""
        loop = asyncio.get_running_loop()
        while True:
            quiet_at_s = self._quiet_since_s + self.limits.idle_s
            silent_at_s = self.channel.last_sent_s + KEEP_ALIVE_S
            try:
                async with asyncio.timeout_at(min(quiet_at_s, silent_at_s)):
                    return await self._inbox.get()
            except TimeoutError:
                if silent_at_s <= loop.time():
                    self.channel.keep_alive()
                if self._turn is not None:
                    self._settle()
                elif self._quiet_since_s + self.limits.idle_s <= loop.time():
                    return None

    def _hear(self) -> HearingSession:
        assert self._ears is not None, "ears are opened before the first event is handled"
        return self._ears

    def _settle(self, *, speech_under_way: bool = False) -> None:
        self._quiet_since_s = asyncio.get_running_loop().time()
        self._speech_under_way = speech_under_way
        self._waited_for_speech = False

    def _close(self, reason: CloseReason) -> None:
        self._closing = self._closing or reason
        self.channel.close(reason)
        self._inbox.put(reason)

    def _tell(self, stage: Stage) -> None:
        self.emit(
            StageReached(
                at_s=asyncio.get_running_loop().time(),
                device_id=self.channel.device_id,
                session_id=self.channel.session_id,
                turn_id="",
                stage=stage,
            )
        )

    def _tell_opened(self) -> None:
        channel = self.channel
        self.emit(
            SessionOpened(
                at_s=asyncio.get_running_loop().time(),
                device_id=channel.device_id,
                session_id=channel.session_id,
                client_id=channel.client_id,
                transport=channel.transport,
                firmware=channel.firmware,
                board=channel.board,
                opened_at=datetime.now(UTC),
            )
        )

    def _tell_closed(self) -> None:
        self.emit(
            SessionClosed(
                at_s=asyncio.get_running_loop().time(),
                device_id=self.channel.device_id,
                session_id=self.channel.session_id,
                reason=self._closing or CloseReason.FAILED,
            )
        )

    def _ids(self) -> dict[str, str]:
        return {"device_id": self.channel.device_id, "session_id": self.channel.session_id}
