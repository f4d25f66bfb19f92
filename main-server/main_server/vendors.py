"""Engines elsewhere with a protocol of their own, by settings: `funasr+ws://HOST:10095`, `elevenlabs`."""

from __future__ import annotations

from contracts.speech import Synthesizer
from contracts.transcription import Transcriber
from engine_choice.local import RECOGNISERS, VOICES, Chosen, load
from main_server.settings import Settings
from tts_server.engines import edge, elevenlabs
from tts_server.engines.openai import Deadlines as VoiceDeadlines

_FUNASR = "funasr+"
_DEEPGRAM = "deepgram"
_ELEVENLABS = "elevenlabs"
_EDGE = "edge"


def recogniser(settings: Settings) -> Chosen[Transcriber] | None:
    """The vendor that ZHIYIN_ASR names, if it names one. Raises EngineUnavailable."""
    if settings.asr.startswith(_FUNASR):
        url = settings.asr.removeprefix(_FUNASR)
        return Chosen(load(RECOGNISERS, "funasr_server")(url), f"FunASR at {_bare(url)} (ZHIYIN_ASR)")
    name, _, url = settings.asr.partition("+")
    if name == _DEEPGRAM:
        model = _unless_default(settings, "asr_model")
        made = load(RECOGNISERS, name)
        engine = made(*filter(None, [url]), key=settings.asr_key.get_secret_value(), model=model)
        return Chosen(engine, f"Deepgram{f' at {_bare(url)}' if url else ''} (ZHIYIN_ASR)")
    return None


def voice(settings: Settings, deadlines: VoiceDeadlines | None = None) -> Chosen[Synthesizer] | None:
    """The vendor that ZHIYIN_TTS names, if it names one. Raises EngineUnavailable."""
    name, _, url = settings.tts.partition("+")
    if name == _ELEVENLABS:
        engine = load(VOICES, name)(
            *filter(None, [url]),
            key=settings.tts_key.get_secret_value(),
            model=_unless_default(settings, "tts_model"),
            deadlines=None if deadlines is None else elevenlabs.Deadlines(first_sound_s=deadlines.first_byte_s),
        )
        return Chosen(engine, f"ElevenLabs{f' at {_bare(url)}' if url else ''} (ZHIYIN_TTS)")
    if name == _EDGE:
        sooner = None if deadlines is None else edge.Deadlines(first_sound_s=deadlines.first_byte_s)
        return Chosen(load(VOICES, name)(deadlines=sooner), "the voices of Edge's reader (ZHIYIN_TTS)")
    return None


def _unless_default(settings: Settings, name: str) -> str:
    """A model's name, "" where it is only the default for servers of OpenAI's kind."""
    value = str(getattr(settings, name))
    return "" if value == type(settings).model_fields[name].default else value


def _bare(url: str) -> str:
    """An address fit for a terminal: a query may hold a key."""
    return url.partition("?")[0].rpartition("@")[2] if "@" in url else url.partition("?")[0]
