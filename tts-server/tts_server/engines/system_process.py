"""`python -m tts_server.engines.system_process`: one sentence by the system's own speech, into a file; then it ends.

It is told on its standard input what to say; without a text it lists the voices. Ends with 3 where there is no speech,
with 4 where there is no such voice.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SOUND, VOICES_FILE = "speech.wav", "voices.json"
NO_SPEECH, NO_VOICE = 3, 4
WORDS_PER_MINUTE = 200
"""Everywhere pyttsx3's default, which on Linux cannot be read back at once."""
SETTLED_S = 0.3
"""A file that does not grow for so long is whole."""
_SAME = {"zh": ("zh", "cmn"), "yue": ("yue", "zh-hk", "zh-yue")}


def main() -> int:
    """The status to end with."""
    asked = json.load(sys.stdin)
    folder = Path(asked["folder"])
    try:
        import pyttsx3  # here only: it loads the system's speech

        engine: Any = pyttsx3.init()
        voices = [(str(each.id), str(each.name), _languages(each)) for each in engine.getProperty("voices")]
    except Exception:  # whatever a system's speech raises where there is none
        return NO_SPEECH
    if "text" not in asked:
        listed = [{"id": id_, "name": name, "languages": languages} for id_, name, languages in voices]
        (folder / VOICES_FILE).write_text(json.dumps(listed), encoding="utf-8")
        return 0
    voice = asked["voice"] or _fitting(voices, asked["language"] or _language_of(asked["text"]))
    if asked["voice"] and asked["voice"] not in (id_ for id_, _, _ in voices):
        return NO_VOICE
    if voice:
        engine.setProperty("voice", voice)
    engine.setProperty("rate", round(WORDS_PER_MINUTE * asked["speed"]))
    engine.save_to_file(asked["text"], str(folder / SOUND))
    _work(engine, folder / SOUND)
    return 0


def _work(engine: Any, file: Path) -> None:
    """Until the speech is in the file, which whoever started this process may cut short.

    On Linux pyttsx3's `runAndWait` ends, and cancels what is being spoken, before it has all of it: there its loop runs
    until it says that the file is written. Elsewhere it may not say so, and the file is whole when it no longer grows.
    """
    if sys.platform == "linux":
        engine.connect("finished-utterance", lambda **_: os._exit(0))
        engine.startLoop()
        return
    engine.runAndWait()
    known_bytes = 0
    while not known_bytes or file.stat().st_size != known_bytes:
        known_bytes = file.stat().st_size if file.exists() else 0
        time.sleep(SETTLED_S)


def _fitting(voices: Sequence[tuple[str, str, list[str]]], language: str) -> str:
    """The first voice of a language; "" = the system's own choice."""
    wanted = language.lower()
    wants = (wanted, *_SAME.get(wanted.partition("-")[0], (wanted.partition("-")[0],)))
    for want in wants:
        for id_, _, languages in voices:
            if any(each == want or each.startswith(f"{want}-") for each in languages):
                return id_
    return ""


def _language_of(text: str) -> str:
    return "zh" if any("\u3400" <= char <= "\u9fff" for char in text) else "en"


def _languages(voice: Any) -> list[str]:
    told = [each.decode(errors="ignore") if isinstance(each, bytes) else str(each) for each in voice.languages or []]
    return [each.strip("\x05\x02 ").replace("_", "-").lower() for each in told]


if __name__ == "__main__":
    sys.exit(main())
