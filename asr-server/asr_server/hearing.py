"""Ears in this process: Opus decode, Silero, endpointing and the transcriber behind contracts.hearing.

Everything but the transcriber runs inline on the event loop (about 0.3 ms per 60 ms packet); the transcriber's calls
run in at most one task per session, which exists only while there is work (scribe.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from asr_server.completeness import Completeness, completeness
from asr_server.echo import Echo, echo_of
from asr_server.endpointing import Commit, Decision, Endpointing, Hushed, NoSpeech, Paused, Resumed, Started, Stirred
from asr_server.kept_sound import KeptSound
from asr_server.loudness import Loudness
from asr_server.overhearing import Overhearing
from asr_server.patience import Thresholds
from asr_server.scribe import Outcome, Scribe
from asr_server.texts import pause_of, utterance_of
from asr_server.turn_listening import TurnListening
from asr_server.turn_model import TurnModel, with_sound
from asr_server.voice_activity import SileroModel, VoiceActivity
from contracts.audio import BYTES_PER_SAMPLE, HEARING_RATE_HZ, OpusPacket
from contracts.hearing import (
    Deliver,
    HearingEvent,
    HearingFailed,
    ListenMode,
    NothingHeard,
    OpenHearing,
    Partial,
    Pause,
    SpeechResumed,
    SpeechStarted,
)
from contracts.transcription import Transcriber, TranscriptionRequest
from sound.opus import OpusDecoder, OpusError, packet_duration_ms

DEADLINE_S = 15.0
"""Of one call to a recogniser. Longer than any engine's own deadline, whose sentence tells more than ours."""

PRE_ROLL_MS = 300
MANUAL_PRE_ROLL_MS = 1_000
"""A button is pressed on purpose, so more of what came before Silero's first speech is kept."""

DTX_BYTES = 3
"""Packets up to this size carry no sound: the device's encoder was silent (PROTOCOL 2.6)."""

_ONSET_MS = 300  # Silero's delay and the back-dating of a start: kept beyond the pre-roll while nobody speaks
_MISSED_PACKETS = 16
_BYTES_PER_MS = HEARING_RATE_HZ // 1000 * BYTES_PER_SAMPLE


class Decoder(Protocol):
    """Opus packets to s16le at 16 kHz (sound.opus.OpusDecoder)."""

    def decode(self, payload: bytes) -> bytes:
        """Raises OpusError for a corrupt packet."""

    def reset(self) -> None: ...


class LocalHearing:
    """Hearing in this process, the `local:` home."""

    def __init__(
        self,
        transcriber_for: Callable[[str], Transcriber],
        model: SileroModel,
        *,
        deadline_s: float = DEADLINE_S,
        new_decoder: Callable[[], Decoder] = OpusDecoder,
        turn_model: TurnModel | None = None,
    ) -> None:
        """`transcriber_for` resolves a recogniser reference (dispatch.Dispatch); `deadline_s` bounds its every call."""
        self._turn_model = turn_model
        self._transcriber_for = transcriber_for
        self._model = model
        self._deadline_s = deadline_s
        self._new_decoder = new_decoder
        self.problem = ""
        """What is missing for a device that came, in a sentence."""

    async def open(self, request: OpenHearing, deliver: Deliver) -> LocalHearingSession:
        """Raises EngineUnavailable for a recogniser that is not there, ValueError for a malformed `endpointing`."""
        thresholds = Thresholds.parse(request.endpointing, request.patience)
        transcriber = self._transcriber_for(request.recogniser)
        activity = VoiceActivity(self._model)
        echo, missing = echo_of(request.server_aec)
        self.problem = missing or self.problem
        endpointing, decoder = Endpointing(thresholds), self._new_decoder()
        return LocalHearingSession(
            request,
            deliver,
            transcriber,
            endpointing,
            activity,
            decoder,
            echo,
            self._deadline_s,
            None if thresholds.fixed else self._turn_model,
        )


class LocalHearingSession:
    """The ears of one session. An idle one keeps a decoder, Silero's state and under a second of sound."""

    def __init__(
        self,
        request: OpenHearing,
        deliver: Deliver,
        transcriber: Transcriber,
        endpointing: Endpointing,
        activity: VoiceActivity,
        decoder: Decoder,
        echo: Echo,
        deadline_s: float,
        turn_model: TurnModel | None,
    ) -> None:
        self._request = request
        self._deliver = deliver
        self._endpointing = endpointing
        self._activity = activity
        self._decoder = decoder
        self._echo = echo
        self._loudness = Loudness()
        self._scribe = Scribe(transcriber, deadline_s, self._on_text, self._on_final, self._on_glance)
        self._turn_listening = TurnListening(turn_model, self._on_opinion)
        self._opinion: float | None = None  # the turn model's, of the present pause
        self._by_text: Completeness | None = None  # the verdict on its text
        self._question = 0  # numbers what the recogniser is asked of pauses
        self._early = self._wordless = False  # it was asked before the pause; it knew no word then
        self._untold: Pause | None = None  # a text that came before it was quiet for long enough
        self._transcription = TranscriptionRequest(request.session_id, request.language)
        self._frame_of_silence = bytes(request.audio.frame_ms * _BYTES_PER_MS)
        self._expecting = ""
        self._overhearing = Overhearing()
        self._closed = False
        self._mode = ListenMode.AUTO
        self._listening = False
        self._ended = False  # `stop` came: whatever the mode, no more is heard until the next `listen`
        self._missed: deque[OpusPacket] | None = None  # arrivals while an AUTO commit waits for its text
        self._listens = 0  # tells whether a listener has begun another listen while it was told of an event
        self._sound = KeptSound()

    @property
    def sample(self) -> int:
        """How many samples it has heard since it was opened: the offset of the next one."""
        return self._sound.end

    def listen(self, mode: ListenMode) -> None:
        """Begins afresh: whatever was going on is dropped, without an event."""
        self.reset()
        if self._closed:
            return
        self._mode = mode
        self._ended = False
        self._decoder.reset()
        self._echo.listen(mode)
        self._hear_afresh()

    def packets(self, packets: Sequence[OpusPacket]) -> None:
        """Decodes and judges each packet in turn; ignored while not listening."""
        for packet in packets:
            if self._listening:
                self._hear(self._echo.clean(self._decode(packet.payload), packet.timestamp_ms))
            elif self._missed is not None:
                self._missed.append(packet)

    def played(self, packets: Sequence[OpusPacket]) -> None:
        """What the loudspeaker plays: the microphone of a device with `server_aec` hears it, too."""
        self._echo.played(packets)

    def stop(self) -> None:
        """The button was released."""
        self._ended = True
        self._missed = None
        if self._listening:
            self._obey(self._endpointing.release())
            self._go_deaf()

    def reset(self) -> None:
        """Deaf until the next `listen`."""
        self._listens += 1
        self._scribe.drop()
        self._missed = None
        self._go_deaf()

    def expect(self, kind: str) -> None:
        """What the toy has just asked for; shapes how long a short answer is waited on."""
        self._expecting = kind

    def speaking(self, text: str, until_ms: float) -> None:
        """Until then running speech is looked at; whether it is the toy's echo is judged by whoever asked."""
        self._overhearing.toy_speaks(self._sound.end, until_ms)

    async def close(self) -> None:
        """Cancels the transcriber's work and waits until it has stopped."""
        self._closed = True
        await self._turn_listening.close()
        self.reset()
        self._activity.reset()
        await self._scribe.close()

    # Sound

    def _decode(self, payload: bytes) -> bytes:
        try:
            if len(payload) > DTX_BYTES:
                return self._decoder.decode(payload)
            return bytes(int(packet_duration_ms(payload) * _BYTES_PER_MS))
        except OpusError:
            return self._frame_of_silence

    def _hear(self, pcm: bytes) -> None:
        self._sound.add(pcm)
        self._obey(self._endpointing.hear(self._loudness.push(pcm), self._activity.push(pcm)))
        self._tell_pause()
        if not self._listening:
            return
        if self._sound.flowing:
            self._feed()
            if self._mode is ListenMode.REALTIME and self._overhearing.look(self._sound.end):
                self._scribe.glance(self._sound.end)
        elif self._endpointing.idle:
            self._sound.keep_last(_samples(self._pre_roll_ms + _ONSET_MS))

    @property
    def _pre_roll_ms(self) -> int:
        return MANUAL_PRE_ROLL_MS if self._mode is ListenMode.MANUAL else PRE_ROLL_MS

    def _hear_afresh(self) -> None:
        """Same stream, new listen."""
        self._activity.reset()
        self._loudness.reset()
        self._sound.clear()
        self._endpointing.begin(self._mode, self._sound.end)
        self._listening = True

    def _feed(self) -> None:
        """What has come goes to the recogniser, and to the turn model."""
        pcm = self._sound.take(self._sound.end)
        self._scribe.feed(pcm)
        self._turn_listening.feed(pcm)

    def _go_deaf(self) -> None:
        self._listening = False
        self._forget_pause()
        self._sound.clear()

    # Decisions

    def _obey(self, decisions: Sequence[Decision]) -> None:
        listens = self._listens
        for decision in decisions:
            if self._listens != listens:
                return
            match decision:
                case Started():
                    self._started(decision)
                case Hushed():
                    self._ask(early=True)
                case Stirred():
                    self._stirred(decision)
                case Paused():
                    self._paused(decision)
                case Resumed():
                    self._go_on()
                    self._tell(SpeechResumed(decision.revision, decision.sample))
                case Commit():
                    self._committed(decision)
                case NoSpeech():
                    self._nothing(decision)

    def _started(self, started: Started) -> None:
        self._scribe.begin(self._transcription)
        self._turn_listening.begin()
        self._sound.take(started.start_sample - _samples(self._pre_roll_ms))
        self._sound.flowing = True
        self._overhearing.speech_began(started.start_sample)
        self._tell(SpeechStarted(started.start_sample))

    def _ask(self, early: bool = False) -> None:
        # All there is goes along, 30 ms of quiet or more: what comes after it waits until speech goes on, so that
        # nothing is fed between this question and the commit.
        self._sound.flowing = False
        self._feed()
        self._opinion = self._by_text = self._untold = None
        self._early, self._wordless = early, False
        self._question += 1
        self._scribe.ask(self._question)

    def _stirred(self, stirred: Stirred) -> None:
        self._go_on()
        if stirred.resumed:
            self._tell(SpeechResumed(stirred.revision, stirred.sample))

    def _paused(self, paused: Paused) -> None:
        if self._wordless or not paused.asked:
            self._ask()
        self._turn_listening.ask(paused.revision)

    def _forget_pause(self) -> None:
        self._untold = None
        self._turn_listening.forget()

    def _go_on(self) -> None:
        self._sound.flowing = True
        self._untold = None
        self._scribe.withdraw()
        self._turn_listening.withdraw()

    def _committed(self, commit: Commit) -> None:
        self._forget_pause()
        if self._sound.flowing:
            self._scribe.feed(self._sound.take(self._sound.end))
            self._sound.flowing = False
        if self._mode is not ListenMode.REALTIME:
            self._go_deaf()
            self._missed = deque(maxlen=_MISSED_PACKETS) if self._may_go_on else None
        self._scribe.commit(commit)

    def _nothing(self, nothing: NoSpeech) -> None:
        self._sound.flowing = False
        self._scribe.drop_current()
        self._forget_pause()
        if self._mode is ListenMode.MANUAL:
            self._go_deaf()
        self._tell(NothingHeard("no_speech", nothing.end_sample))

    @property
    def _may_go_on(self) -> bool:
        """Whether a listen that gave no words goes on by itself."""
        return self._mode is ListenMode.AUTO and not self._ended

    # Texts

    def _on_glance(self, sample: int, outcome: Outcome) -> None:
        if not isinstance(outcome, HearingFailed) and outcome.text:
            self._tell(Partial(outcome.text, self._endpointing.revision, sample, outcome.language))

    def _on_text(self, question: int, outcome: Outcome) -> None:
        revision = self._endpointing.revision
        if isinstance(outcome, HearingFailed):
            self._judge(revision, Completeness.UNSURE)
            return
        if self._early and not outcome.text:  # a short word may end in a sound that was not there yet
            self._wordless = True
            if self._endpointing.paused:
                self._ask()
            return
        judged = completeness(outcome.text, outcome.language or self._request.language, self._expecting)
        if outcome.text:
            self._untold = pause_of(outcome, judged, revision, self._endpointing.end_sample)
            self._tell_pause()
        self._judge(revision, judged)

    def _tell_pause(self) -> None:
        """Once it is quiet for long enough: a stop consonant starts no draft."""
        if self._untold is not None and self._endpointing.quiet:
            pause, self._untold = self._untold, None
            self._endpointing.told()
            self._tell(pause)

    def _on_opinion(self, revision: int, opinion: float | None) -> None:
        self._opinion = opinion
        if self._by_text is not None:
            self._judge(revision, self._by_text)

    def _judge(self, revision: int, by_text: Completeness) -> None:
        """By the text, and by the sound once there is an opinion on it: whichever comes later is heard, too."""
        self._by_text = by_text
        self._obey(self._endpointing.understood(revision, with_sound(by_text, self._opinion)))

    def _on_final(self, commit: Commit, outcome: Outcome, waited_ms: float) -> None:
        missed, self._missed = self._missed, None
        if isinstance(outcome, HearingFailed):
            self._tell(outcome)
        elif outcome.text and not outcome.rejected:
            self._tell(utterance_of(commit, outcome, self._request.language, waited_ms))
        else:
            self._nothing_said("rejected" if outcome.rejected else "no_words", commit, missed)

    def _nothing_said(self, reason: str, commit: Commit, missed: Iterable[OpusPacket] | None) -> None:
        if missed is not None:
            self._hear_afresh()
        listens = self._listens
        self._tell(NothingHeard(reason, commit.end_sample))
        if missed is not None and self._listens == listens:
            self.packets(tuple(missed))

    def _tell(self, event: HearingEvent) -> None:
        if not self._closed:
            self._deliver(event)


def _samples(ms: int) -> int:
    return ms * HEARING_RATE_HZ // 1000
