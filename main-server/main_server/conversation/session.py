"""A session: one device's live connection. It orders what device and ears tell it into turns, one at a time."""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import dataclass, field

from contracts.audio import OpusPacket
from contracts.errors import EngineFailed
from contracts.events import DraftResult, EventSink, Outcome, Stage
from contracts.hearing import (
    Hearing,
    HearingEvent,
    HearingFailed,
    ListenMode,
    NothingHeard,
    Partial,
    Pause,
    SpeechResumed,
    SpeechStarted,
    Utterance,
)
from main_server.conversation.cast import Casting
from main_server.conversation.character import Character
from main_server.conversation.chronicle import Chronicle
from main_server.conversation.connecting import Connecting
from main_server.conversation.draft import Draft, DraftRoom
from main_server.conversation.drafts import Drafts
from main_server.conversation.ears import Ears
from main_server.conversation.expecting import expected_answer
from main_server.conversation.floor import Floor
from main_server.conversation.inbox import Inbox
from main_server.conversation.mind import Mind
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
from main_server.conversation.quiet import KEEP_ALIVE_S, Quiet
from main_server.conversation.remembering import NoMemory, Remembering
from main_server.conversation.replacements import as_meant
from main_server.conversation.role import Role
from main_server.conversation.summarising import SummaryRoom
from main_server.conversation.tape import NoTape, Tape, new_take
from main_server.conversation.turn import Turn
from main_server.conversation.waking import Waking

log = logging.getLogger(__name__)


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
    casting: Casting
    emit: EventSink
    endpointing: str = "adaptive"
    limits: SessionLimits = field(default_factory=SessionLimits)
    draft_room: DraftRoom = field(default_factory=DraftRoom)
    tape: Tape = field(default_factory=NoTape)
    summary_room: SummaryRoom = field(default_factory=SummaryRoom)
    remembering: Remembering = field(default_factory=NoMemory)
    _inbox: Inbox[SessionEvent] = field(default_factory=Inbox)
    _handling: bool = True  # until the ears are open, and while an event is being handled
    _ears: Ears = field(init=False)
    _mind: Mind = field(init=False)
    _drafts: Drafts = field(init=False)
    _connecting: Connecting = field(init=False)
    _character: Character = field(init=False)
    _floor: Floor = field(init=False)
    _turn_numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _chronicle: Chronicle = field(init=False)
    _waking: Waking = field(default_factory=Waking)
    _quiet: Quiet = field(init=False)
    _puzzled: bool = False  # the last turn was "I did not catch that"
    _language: str = "zh"  # of what was said last: the toy says unasked things in it
    _talks: int = 0  # so that set phrases take turns
    _closing: CloseReason | None = None

    def __post_init__(self) -> None:
        self._chronicle = Chronicle(self.channel, self.emit)
        self._mind = Mind(self._chronicle, self.remembering, self.summary_room)
        self._ears = Ears(self.hearing, self.channel, self.endpointing, self._hears)
        self._floor = Floor(self._chronicle, self._turn_over)
        self._quiet = Quiet(self.limits.idle_s)
        self._connecting = Connecting()
        self._drafts = Drafts(self.channel, self.emit, self.draft_room)
        parts = self._ears, self._mind, self._drafts, self._connecting, self.tape
        self._character = Character(self.casting, *parts)
        self._language = self._character.language or self._language

    @property
    def role(self) -> Role:
        """Who the toy is now."""
        return self._character.role

    # -- called by the device side; never blocks -----------------------------------------------------------------

    def device_event(self, event: DeviceEvent) -> None:
        """A control message of the device. Sound stops at once; the rest happens in order in `run`."""
        if isinstance(event, Abort):
            self._floor.hush()
        self._inbox.put(event)

    def audio(self, packet: OpusPacket) -> None:
        """One Opus packet. It goes straight to the ears, unless something that came before it still waits."""
        if self._handling or self._inbox:
            self._inbox.put(packet)
        else:
            self._ears.packet(packet)

    def played(self, packet: OpusPacket) -> None:
        """A packet has left for the loudspeaker."""
        self._ears.played(packet)

    def closed(self, reason: CloseReason) -> None:
        """The channel is gone: whatever is under way stops."""
        self._closing = self._closing or reason
        self._floor.hush()
        self._inbox.put(reason)

    async def run(self) -> None:
        """Serves the device until its channel closes."""
        self._settle()
        self._chronicle.opened()
        try:
            await self._serve()
        finally:
            await self.casting.close()
            self._chronicle.closed(self._closing or CloseReason.FAILED)

    async def _serve(self) -> None:
        await self.casting.begin()
        await self.tape.begin()
        self._recast()
        self._mind.wake()
        try:
            await self._ears.open(self.role)
            self._connecting.begin()
            await self._mind.awake()
            while self._closing is None:
                self._handling = bool(self._inbox)
                event = await self._next_event()
                self._handling = True
                if event is None:
                    self._grown_quiet()
                else:
                    await self._handle(event)
        finally:
            self._waking.forget()
            await self._floor.stop()
            await self._drafts.close()
            await self._connecting.close()
            await self._mind.close()
            await self._ears.close()

    # -- what happens, in order ----------------------------------------------------------------------------------

    async def _handle(self, event: SessionEvent | OpusPacket) -> None:
        if isinstance(event, _ENDS_A_DRAFT):
            self._drafts.drop(DraftResult.RESUMED if isinstance(event, SpeechResumed) else DraftResult.DROPPED)
        match event:
            case OpusPacket():
                self._ears.packet(event)
            case ListenStart(mode):
                await self._listen(mode)
            case ListenStop():
                self._ears.stop()
            case Detect(text):
                self._connecting.begin()
                await self._detected(text)
            case Abort():
                await self._aborted()
            case SpeechStarted(start_sample):
                self._quiet.speech_under_way = True
                self._connecting.begin()
                self._drafts.new_utterance()
                self._chronicle.reached(Stage.SPEECH_STARTED)
                self._floor.speech_started(start_sample)
            case Partial(text=text, sample=sample):
                await self._floor.weigh(text, sample)
            case Pause(text=text, end_sample=sample):
                self._chronicle.reached(Stage.PAUSED)
                await self._floor.weigh(text, sample)
                self._draft(event)
            case SpeechResumed():
                pass  # the utterance goes on, and its draft was dropped above
            case Utterance():
                await self._heard(event)
            case NothingHeard(reason):
                self._heard_nothing(reason)
            case HearingFailed():
                await self._deaf(event)
            case CloseReason():
                pass  # `run` sees `_closing`

    async def _listen(self, mode: ListenMode) -> None:
        self._recast()
        await self._ears.suit(self.role)
        self._ears.mode = mode
        self._floor.open = mode is ListenMode.REALTIME
        if self._floor.turn is not None and not self._floor.turn.may_precede(mode):
            await self._floor.stop()
        if self._waking.word:
            self._greet()
        if self._floor.turn is None or mode is ListenMode.REALTIME:
            self._ears.listen()
            self._connecting.read_ahead(self._mind.beginning(), self.channel.tools)
        self._settle()

    async def _aborted(self) -> None:
        self._waking.forget()
        await self._floor.stop()
        self._ears.afresh()
        self._settle()

    async def _detected(self, text: str) -> None:
        await self._floor.stop()
        self._ears.afresh()  # what was recorded while waking is not an utterance
        if text.strip() and not is_wake_word(text, self.role.wake_words):
            self._begin_turn("text", text)
        elif self.role.greet:
            self._waking.wake(text.strip(), self._greet)
            self._connecting.read_ahead(self._mind.beginning(), self.channel.tools)

    async def _heard(self, utterance: Utterance) -> None:
        if utterance.truncated:
            log.info("utterance was cut at its longest length", extra=self._chronicle.ids)
        if self._floor.disregards(utterance):
            self._drafts.drop(DraftResult.DROPPED)
            self._settle()
            return
        self._recast()
        await self._ears.suit_at_once(self.role)
        draft = self._drafts.adopt(utterance.text)
        await self._floor.stop()
        self._begin_turn("speech", utterance.text, utterance=utterance, draft=draft)

    async def _deaf(self, failed: HearingFailed) -> None:
        """The recogniser failed. Who knows whether that was speech: over a reply, the reply is worth more."""
        ids, why = self._chronicle.ids, {"code": failed.code, "engine": failed.engine, "why": failed.message}
        log.warning("recogniser failed", extra={**ids, **why})
        if self._floor.turn is not None and self._floor.open:
            self._floor.resume()
            return
        await self._floor.stop()
        failure = EngineFailed(failed.message, engine=failed.engine, code=failed.code)
        self._begin_turn("speech", "", failure=failure)

    def _draft(self, pause: Pause) -> None:
        """Begins the reply, where this may be all, a model will be asked, and no other turn is still being heard."""
        hopeless = pause.unfinished or not pause.text or is_exit(pause.text, self.role.exit_phrases)
        if self._floor.turn is None and not hopeless:
            self._drafts.begin(pause.text, self._mind.messages_if(pause.text))

    def _heard_nothing(self, reason: str) -> None:
        """Silence is answered with silence; speech that was not understood is, once until something was."""
        self._settle()
        if self._floor.resume():
            return  # a nod or an echo: no wonder that it was not understood
        if reason != "rejected" or self._floor.turn is not None:
            return
        log.info("speech was not understood", extra=self._chronicle.ids)
        if not self._puzzled:
            self._begin_turn("speech", "", scripted=not_understood(self._language))
            self._puzzled = True

    def _greet(self) -> None:
        word = self._waking.word
        self._waking.forget()
        if word and self._floor.turn is None and self._closing is None:
            self._language = language_of(word) or self._language
            self._begin_turn("wake", word, scripted=self.role.greeting or greeting(self._language, self._talks))

    def _grown_quiet(self) -> None:
        """Nothing happened for `idle_s`: say goodbye if the device is listening, else just close."""
        if self._quiet.wait_for_speech(asyncio.get_running_loop().time()):
            self.channel.keep_alive()
        elif self._ears.mode in (ListenMode.AUTO, ListenMode.REALTIME) and not self._quiet.speech_under_way:
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
        self._recast()
        self._language = language_of(text) or self._language
        self._talks += 1
        if trigger in ("speech", "text") and is_exit(text, self.role.exit_phrases):
            scripted, last = goodbye(self._language, self._talks), CloseReason.GOODBYE
        turn = Turn(
            channel=self.channel,
            engines=self._character.engines,
            history=self._mind.history,
            emit=self.emit,
            turn_id=f"{self.channel.session_id}-{next(self._turn_numbers)}",
            trigger=trigger,
            user_text=text,
            heard_at_s=asyncio.get_running_loop().time(),
            utterance=utterance,
            language=self._language,
            scripted=scripted,
            filler_ms=self.role.filler_ms,
            role_id=self.role.id,
            problem=self._character.cast.problem,
            draft=draft,
            failure=failure,
            ends_conversation=last is not None,
            on_clause=self._ears.toy_says,
            recording=self.role.recording,
            tape=self.tape,
            take=new_take(self.tape, self.role.recording, utterance, self._ears.sound_of(utterance)),
        )
        self._quiet.speech_under_way = False
        self._drafts.drop(DraftResult.DROPPED)
        self._puzzled = False
        self._ears.turn_begins()
        self._mind.turn_begins()
        self._floor.give(turn, self._run_turn(turn, last))

    async def _run_turn(self, turn: Turn, last: CloseReason | None) -> None:
        try:
            await turn.take_turn()
        finally:
            if self._floor.left_by(turn):  # else it took too long to stop, and the talk has gone on without it
                self._ears.expect(expected_answer(turn.reply.playback.heard_text()))
                self._settle()
        if last is not None and turn.outcome is not Outcome.INTERRUPTED:  # a failing engine may swallow the cancelling
            self._close(last)

    def _turn_over(self) -> None:
        self._ears.turn_over()
        self._mind.turn_over()

    # -- small things --------------------------------------------------------------------------------------------

    def _recast(self) -> None:
        if self._character.refresh():
            self._language = self._character.language or self._language

    def _hears(self, event: HearingEvent) -> None:
        self._inbox.put(as_meant(event, self.role.heard_replacements))

    async def _next_event(self) -> SessionEvent | OpusPacket | None:
        """The next event, or None when the session has been quiet for too long."""
        loop = asyncio.get_running_loop()
        while True:
            silent_at_s = self.channel.last_sent_s + KEEP_ALIVE_S
            try:
                async with asyncio.timeout_at(min(self._quiet.ends_s, silent_at_s)):
                    return await self._inbox.get()
            except TimeoutError:
                if silent_at_s <= loop.time():
                    self.channel.keep_alive()
                if self._floor.turn is not None:
                    self._settle()
                elif self._quiet.ends_s <= loop.time():
                    return None

    def _settle(self) -> None:
        self._quiet.settle(asyncio.get_running_loop().time())

    def _close(self, reason: CloseReason) -> None:
        self._closing = self._closing or reason
        self.channel.close(reason)
        self._inbox.put(reason)
