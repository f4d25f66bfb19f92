"""espeak-ng by ctypes, in its synchronous mode: sound comes back through a callback while it is computed.

The library is one global machine that dies when two threads use it, so every call to it is made on one thread of its
own. Prototypes and numbers are those of its speak_lib.h.
"""

from __future__ import annotations

import asyncio
import ctypes
import ctypes.util
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import EngineFailed, EngineUnavailable
from tts_server.engines.espeak_voices import InstalledVoice, Voices

PIECE_MS = 150

_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_RATE, _PITCH = 1, 3
_CHARACTER_POSITION, _UTF8 = 1, 1
_IPA = 2
_OK = 0
_WORDS_PER_MINUTE = 175
_WORDS_PER_MINUTE_RANGE = (80, 450)
_MIDDLE_PITCH = 50  # of 0-99, an octave down and an octave up

Hear = Callable[[bytes], bool]
"""Takes a piece of mono s16le on the library's thread; False stops the computing."""

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_thread = ThreadPoolExecutor(1, thread_name_prefix="espeak")
_loaded: EspeakLibrary | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """What is spoken in one go: text in one voice (an identifier), and the silence after it."""

    text: str
    voice: str
    speed: float = 1.0
    pitch: float = 1.0
    pause_ms: int = 0


async def library() -> EspeakLibrary:
    """The process's espeak-ng, loaded at the first call. Raises EngineUnavailable."""
    if _loaded is not None:
        return _loaded
    return await asyncio.get_running_loop().run_in_executor(_thread, _load_once)


class EspeakLibrary:
    """A library that has been initialised. Only the constructor and `_say` touch it, both on its thread."""

    def __init__(self, lib: ctypes.CDLL, data_path: Path | None) -> None:
        _declare(lib)
        home = None if data_path is None else str(data_path).encode()
        self.sample_rate_hz: int = lib.espeak_Initialize(_SYNCHRONOUS, PIECE_MS, home, _DO_NOT_EXIT)
        if self.sample_rate_hz <= 0:
            raise OSError("espeak-ng found no data")
        self.voices = Voices(list(_voices(lib, b"")), _variants(lib))
        self._lib = lib
        self._hear: Hear | None = None
        self._voice = ""
        self._callback = _Callback(self._on_sound)  # held here: espeak keeps only its address
        lib.espeak_SetSynthCallback(self._callback)

    def say(self, unit: Unit, hear: Hear) -> asyncio.Future[None]:
        """Speaks a unit, after those that were asked for before. The future raises EngineFailed."""
        return asyncio.get_running_loop().run_in_executor(_thread, self._say, unit, hear)

    def phonemes(self, text: str, voice: str) -> asyncio.Future[list[str]]:
        """How the text is spoken, in IPA, clause by clause. The future raises EngineFailed."""
        return asyncio.get_running_loop().run_in_executor(_thread, self._phonemes, text, voice)

    def _phonemes(self, text: str, voice: str) -> list[str]:
        self._select(Unit(text, voice))
        left = ctypes.c_void_p(ctypes.addressof(spelled := ctypes.create_string_buffer(text.encode())))
        clauses: list[str] = []
        while left.value and len(clauses) < len(spelled):
            told = self._lib.espeak_TextToPhonemes(ctypes.byref(left), _UTF8, _IPA)
            clauses.append((told or b"").decode(errors="replace").strip())
        return [clause for clause in clauses if clause]

    def _say(self, unit: Unit, hear: Hear) -> None:
        self._select(unit)
        text = unit.text.encode()
        self._hear = hear
        result = self._lib.espeak_Synth(text, len(text) + 1, 0, _CHARACTER_POSITION, 0, _UTF8, None, None)
        self._hear = None
        if result != _OK:
            raise EngineFailed(f"espeak-ng could not speak (error {result})", engine="espeak")

    def _select(self, unit: Unit) -> None:
        if unit.voice != self._voice:
            self._voice = ""
            if self._lib.espeak_SetVoiceByName(unit.voice.encode()) != _OK:
                raise EngineFailed(f"espeak-ng could not load its voice {unit.voice}", engine="espeak")
            self._voice = unit.voice
        slowest, fastest = _WORDS_PER_MINUTE_RANGE
        rate = round(_WORDS_PER_MINUTE * unit.speed)
        self._lib.espeak_SetParameter(_RATE, min(max(rate, slowest), fastest), 0)
        octaves = math.log2(min(max(unit.pitch, 0.5), 2.0))
        self._lib.espeak_SetParameter(_PITCH, min(round(_MIDDLE_PITCH * (1 + octaves)), 99), 0)

    def _on_sound(self, samples: int | None, sample_count: int, _events: int | None) -> int:
        """espeak's callback: 0 goes on, 1 stops."""
        if not samples or sample_count <= 0 or self._hear is None:
            return 0
        return 0 if self._hear(ctypes.string_at(samples, 2 * sample_count)) else 1


class _Voice(ctypes.Structure):
    """espeak_VOICE. `languages` is pairs of a priority byte and a string, until a priority of 0."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


def _load_once() -> EspeakLibrary:
    global _loaded  # the library itself is global: a second copy of ours would only hide that
    if _loaded is None:
        _loaded = _load()
    return _loaded


def _load() -> EspeakLibrary:
    for path, data_path in _candidates():
        try:
            return EspeakLibrary(ctypes.CDLL(path), data_path)
        except (OSError, AttributeError):  # not there, of another machine type, not espeak-ng, or without its data
            continue
    raise EngineUnavailable(
        "There is no espeak-ng here. Install its wheel (pip install espeakng-loader) or the system's "
        "(Debian, Ubuntu: apt install espeak-ng; Fedora: dnf install espeak-ng; macOS: brew install espeak-ng).",
        engine="espeak",
    )


def _candidates() -> Iterator[tuple[str, Path | None]]:
    """Libraries to try, each with the folder of its data (None = it knows)."""
    try:
        import espeakng_loader
    except ImportError:
        pass
    else:
        yield espeakng_loader.get_library_path(), Path(espeakng_loader.get_data_path())
    for path in (
        "libespeak-ng.so.1",
        "libespeak-ng.1.dylib",
        "/opt/homebrew/lib/libespeak-ng.dylib",
        "/usr/local/lib/libespeak-ng.dylib",
    ):
        yield path, None
    found = ctypes.util.find_library("espeak-ng")  # last: on Linux it starts other programs
    if found:
        yield found, None


def _declare(lib: ctypes.CDLL) -> None:
    text, number, address = ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p
    lib.espeak_Initialize.argtypes = [number, number, text, number]
    lib.espeak_SetSynthCallback.argtypes = [_Callback]
    lib.espeak_SetSynthCallback.restype = None
    lib.espeak_SetVoiceByName.argtypes = [text]
    lib.espeak_SetParameter.argtypes = [number, number, number]
    lib.espeak_ListVoices.argtypes = [ctypes.POINTER(_Voice)]
    lib.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    lib.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(address), number, number]
    lib.espeak_TextToPhonemes.restype = text
    unsigned = ctypes.c_uint
    lib.espeak_Synth.argtypes = [text, ctypes.c_size_t, unsigned, number, unsigned, unsigned, address, address]


def _variants(lib: ctypes.CDLL) -> dict[str, str]:
    names = (Path(voice.identifier).name for voice in _voices(lib, b"variant"))
    return {name.lower(): name for name in names}


def _voices(lib: ctypes.CDLL, language: bytes) -> Iterator[InstalledVoice]:
    """The voices of a language; b"" = of all, b"variant" = what can be put behind a plus."""
    spelled = ctypes.create_string_buffer(language)
    wanted = _Voice(languages=ctypes.addressof(spelled)) if language else None
    found = lib.espeak_ListVoices(wanted)
    at = 0
    while found[at]:
        voice = found[at].contents
        languages = tuple(_languages(voice.languages))
        if languages:
            yield InstalledVoice(voice.identifier.decode(), voice.name.decode(), languages)
        at += 1


def _languages(address: int | None) -> Iterator[str]:
    while address and ctypes.string_at(address, 1) != b"\0":
        language = ctypes.string_at(address + 1)
        yield language.decode()
        address += 1 + len(language) + 1
