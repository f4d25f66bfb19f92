"""A turn: what was heard becomes a reply. Interrupting a turn is cancelling its task."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from contracts.errors import EngineError, EngineFailed
from contracts.events import EventSink, Outcome, Stage, TurnEnded
from contracts.hearing import ListenMode, Utterance
from contracts.roles import DEFAULT_RECORDING, RecordingPolicy
from main_server.conversation.cast import Engines
from main_server.conversation.closing import closing
from main_server.conversation.draft import Draft, Opening
from main_server.conversation.fault import UNUSABLE, Fault, fault_of, first_cause
from main_server.conversation.heard import joined
from main_server.conversation.history import History
from main_server.conversation.phrases import apology, cut_short, filler
from main_server.conversation.playback import OnClause, Playback
from main_server.conversation.ports import Channel, Voice
from main_server.conversation.reply import Reply, speaking
from main_server.conversation.sentences import Piece, SentenceSplitter
from main_server.conversation.stopwatch import Stopwatch
from main_server.conversation.tape import NoTape, Take, Tape
from main_server.conversation.thinking import Thinking

log = logging.getLogger(__name__)

TURN_LIMIT_S = 300.0


@dataclass(slots=True)
class Turn:
    """One exchange under way. `trigger` is "speech", "text", "wake" or "idle"; `scripted` needs no model.

    `draft` is the reply that was begun at the pause and is this turn's now.
    """

    channel: Channel
    engines: Engines
    history: History
    emit: EventSink
    turn_id: str
    trigger: str
    user_text: str
    heard_at_s: float
    utterance: Utterance | None = None
    language: str = ""  # "zh" or "en": what the toy says unasked
    scripted: str = ""
    filler_ms: int = 0  # without a word of the reply by then, a filler is said; 0 = never
    role_id: str = ""
    problem: str = ""  # a sentence about a provider in whose place another serves
    draft: Draft | None = None
    failure: EngineError | None = None  # the ears failed: all there is to say is sorry
    ends_conversation: bool = False
    on_clause: OnClause = lambda text, until_ms: None
    recording: RecordingPolicy = DEFAULT_RECORDING
    tape: Tape = field(default_factory=NoTape)
    take: Take | None = None  # the sound of it that is kept
    under_way: bool = False
    outcome: Outcome = Outcome.COMPLETED
    reply: Reply = field(init=False)
    _watch: Stopwatch = field(init=False)
    _thinking: Thinking = field(init=False)
    _fault: Fault = field(default_factory=Fault)
    _started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _apologised: str = ""
    _playing: Playback = field(init=False)
    _held: bool = False
    _stopped: bool = False
    _remembered: bool = False
    _filling: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self._watch = Stopwatch(self.channel, self.emit, self.turn_id, self.heard_at_s)
        self._playing = Playback(self.channel, on_first_frame=lambda clause: None, not_before_s=0.0)
        begun = self.draft.answer if self.draft else None
        self._thinking = Thinking(
            self.engines.model, self.channel, self.history, self._watch, begun, prices=self.engines.prices
        )
        opening = self.draft.opening if self.draft else None
        self.reply = self._new_reply(self.engines.voice, settle_from_s=self.heard_at_s, opening=opening)

    @property
    def sound_has_left(self) -> bool:
        """Whether the device has been sent any sound of this turn."""
        return self._playing.next_number > 1

    def may_precede(self, mode: ListenMode) -> bool:
        """Typed text and wake words come before `listen start`; that start does not interrupt their answer. A pressed
        button does."""
        return self.trigger in ("text", "wake") and not self.sound_has_left and mode is not ListenMode.MANUAL

    @property
    def says(self) -> str:
        """What the toy is saying and has just said in this turn."""
        return self._playing.recent_text()

    @property
    def audible_until_s(self) -> float:
        """Loop time at which the device will have played all that was sent."""
        return self._playing.plays_until_s

    def begin(self) -> None:
        """What the device is told at once: what was heard, and that it is going to be spoken to."""
        self._watch.reached(Stage.HEARD)
        if self._is_asked:
            self.history.add_user(self.user_text, self.turn_id)
            self.channel.stt(self.user_text)
        self.channel.tts_start()
        for stage, at_s in self.draft.moments.items() if self.draft else ():
            self._watch.reached(stage, self.engines.voice.name if stage is Stage.FIRST_SPEECH else "", at_s=at_s)

    def hold(self) -> None:
        """Somebody speaks over the reply: no more of it is sent until `resume`. Thinking and speech go on behind it."""
        self._held = True
        self._playing.hold()

    def resume(self) -> None:
        """It was no interruption: the reply goes on where it stopped, to the frame."""
        self._held = False
        self._playing.resume()

    def hush(self) -> None:
        """Stops the sound within the frame and tells the device so; the task itself is cancelled by its owner.

        What was heard is known now, and is remembered before anything else may be said.
        """
        self._watch.stop_heard()
        self._playing.mute()
        self._stop_speaking()
        self._remember(interrupted=True)

    async def take_turn(self) -> None:
        """Understand, think, speak, play. Ends with one `tts stop` (or the channel closing) and one TurnEnded."""
        self.under_way = True
        try:
            async with asyncio.timeout(TURN_LIMIT_S):
                await self._answer()
        except asyncio.CancelledError:
            self._interrupted()
            raise
        except Exception as error:  # the outermost edge of a turn: whatever breaks it, the person is told
            if self._stopped:  # an engine that fails while it is being cancelled
                self._interrupted()
            else:
                await self._apologise(error)
        finally:
            self._end()

    async def _answer(self) -> None:
        if self.failure is not None:
            raise self.failure
        broke_off: EngineError | None = None
        self._await_filling()
        try:
            async with speaking(self.reply), closing(self._pieces()) as pieces:
                if self._was_cut_short:
                    await self.reply.announce(cut_short(self.language))
                try:
                    async for piece in pieces:
                        await self.reply.say(piece)
                except EngineError as error:
                    broke_off = error  # what it had written by then is still spoken
        except BaseExceptionGroup as failures:
            raise first_cause(failures) from failures
        if broke_off is not None:
            raise broke_off
        if not self.reply.written:
            raise EngineFailed("The language model said nothing.", engine=self.engines.model.name, code="engine_empty")
        await self._until_it_may_stop(self.reply.playback)

    async def _pieces(self) -> AsyncIterator[Piece]:
        splitter = SentenceSplitter(tokens=True)
        async with closing(self._words()) as words:
            async for text in words:
                for piece in splitter.push(text) if text is not None else self._hesitated(splitter):
                    self._watch.reached_once(Stage.FIRST_CLAUSE)
                    yield piece
        for piece in splitter.flush():
            self._watch.reached_once(Stage.FIRST_CLAUSE)
            yield piece

    def _hesitated(self, splitter: SentenceSplitter) -> list[Piece]:
        return splitter.stalled() if self.reply.runs_dry else []

    async def _words(self) -> AsyncIterator[str | None]:
        """What is to be said, None where the model hesitates."""
        if self.scripted:
            yield self.scripted
            return
        async with closing(self._thinking.words()) as words:
            async for text in words:
                yield text

    def _await_filling(self) -> None:
        if self.filler_ms > 0 and not self.scripted:
            loop = asyncio.get_running_loop()
            text = filler(self.language, len(self.history))
            self._filling = loop.call_at(self.heard_at_s + self.filler_ms / 1000, self.reply.fill, text)

    async def _apologise(self, error: Exception) -> None:
        """Tells the person, in a voice that still works; the event carries the code for everybody else."""
        self.outcome = Outcome.FAILED
        self._fault = fault_of(error)
        self._fault.log(error, self._ids)
        self._watch.reached(Stage.APOLOGISED, self._fault.engine)
        self._apologised = apology(self._fault.code, self.language)
        voices = [self.engines.voice, self.engines.spare_voice][self.reply.voice_failed :]
        for voice in voices:
            try:
                await self._say_behind(self._apologised, voice)
                return
            except EngineError as also:
                log.warning("voice failed", extra={**self._ids, "engine": also.engine, "code": also.code})
        self.channel.alert("Zhiyin", self._apologised, "sad")

    def _interrupted(self) -> None:
        self.outcome = Outcome.INTERRUPTED
        self._watch.reached(Stage.INTERRUPTED)

    async def _say_behind(self, text: str, voice: Voice) -> None:
        """Says one prepared text behind whatever was sent so far."""
        now_s = asyncio.get_running_loop().time()
        not_before_s = max(now_s, self._playing.plays_until_s)
        spoken = self._new_reply(voice, settle_from_s=self.heard_at_s, not_before_s=not_before_s)
        try:
            async with speaking(spoken):
                await spoken.say(Piece(text, None, True))
        except BaseExceptionGroup as failures:
            raise first_cause(failures) from failures
        await self._until_it_may_stop(spoken.playback)

    async def _until_it_may_stop(self, playback: Playback) -> None:
        """Old firmware wipes its queue at `tts stop`, and a closed channel must not cut the last words off."""
        traits = self.channel.traits
        if not playback.started or not (traits.stop_waits or self.ends_conversation):
            return
        frame_s = traits.downlink.frame_ms / 1000
        wait_until_s = playback.last_sent_s + (traits.lead_frames + 2) * frame_s
        await asyncio.sleep(max(0.0, wait_until_s - asyncio.get_running_loop().time()))

    def _end(self) -> None:
        if self._filling is not None:
            self._filling.cancel()
        if self.draft is not None:
            self.draft.drop()
        if not (self.ends_conversation and self.outcome is Outcome.COMPLETED):
            self._stop_speaking()
        self._remember(interrupted=self.outcome is Outcome.INTERRUPTED)
        record = self._record()
        self.emit(record)
        if self.take is not None:
            self.tape.keep(record, self.take)

    def _remember(self, *, interrupted: bool) -> None:
        """History gets what was heard, once. A greeting answers nothing that was asked and is not part of the talk."""
        if self._remembered:
            return
        self._remembered = True
        if self._is_asked:
            heard = joined((self.reply.playback.heard_text(), self._apologised))
            self.history.add_reply(heard, interrupted=interrupted)

    @property
    def _ids(self) -> dict[str, str]:
        """Whose log line it is."""
        return {"device_id": self.channel.device_id, "session_id": self.channel.session_id, "turn_id": self.turn_id}

    @property
    def _was_cut_short(self) -> bool:
        return self.utterance is not None and self.utterance.truncated and not self.scripted

    @property
    def _is_asked(self) -> bool:
        return bool(self.user_text) and self.trigger in ("speech", "text")

    def _stop_speaking(self) -> None:
        if not self._stopped:  # one start and one stop per turn
            self._stopped = True
            self.channel.tts_stop()

    def _new_reply(
        self, voice: Voice, *, settle_from_s: float, not_before_s: float = 0.0, opening: Opening | None = None
    ) -> Reply:
        settled_s = settle_from_s + self.channel.traits.settle_ms / 1000
        playback = Playback(
            self.channel,
            on_first_frame=lambda clause: self._watch.reached_once(
                Stage.FILLED if clause.filler else Stage.FIRST_SOUND, voice.name
            ),
            not_before_s=max(settled_s, not_before_s),
            first_number=self._playing.next_number,
            on_clause=self.on_clause,
            on_sent=self.take.said.append if self.take is not None and self.take.sides.said else None,
        )
        if self._held:
            playback.hold()
        self._playing = playback
        return Reply(
            self.channel,
            voice,
            playback,
            on_first_speech=lambda: self._watch.reached_once(Stage.FIRST_SPEECH, voice.name),
            opening=opening,
        )

    def _record(self) -> TurnEnded:
        now_s = asyncio.get_running_loop().time()
        words = self.recording is not RecordingPolicy.NONE  # else nobody is ever told them
        utterance, thinking = self.utterance, self._thinking
        fault = self._fault if self._fault.code else Fault(UNUSABLE, self.problem) if self.problem else Fault()
        return TurnEnded(
            at_s=now_s,
            device_id=self.channel.device_id,
            session_id=self.channel.session_id,
            turn_id=self.turn_id,
            started_at=self._started_at,
            user_text=self.user_text if words else "",
            reply_text=(self.reply.text or self._apologised) if words else "",
            heard_text=self.reply.playback.heard_text() if words else "",
            outcome=self.outcome,
            trigger=self.trigger,
            language=utterance.language if utterance else "",
            emotion=utterance.emotion if utterance else "",
            error_code=fault.code,
            error_sentence=fault.sentence,
            recogniser=(utterance.recogniser or self.engines.recogniser) if utterance else "",
            model="" if self.scripted else self.engines.model.name,
            voice=self.engines.voice.name,
            prompt_tokens=thinking.usage.prompt_tokens,
            completion_tokens=thinking.usage.completion_tokens,
            role_id=self.role_id,
            cost=thinking.bill.cost,
            currency=thinking.bill.currency,
            tools=tuple(thinking.tools_called),
            timings=self._watch.timings(now_s, utterance, self.draft.began_s if self.draft else None),
        )
