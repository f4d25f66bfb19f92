"""A language model without a model: sentence templates in English and Chinese, answered at once, device tools included.

It says back what it understood and does nothing that cannot be undone, because the recogniser in front of it may have
heard another sentence than the one that was said.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from contracts.language_model import OFFLINE, Author, Message, ModelEvent, ToolCall, ToolSpec, Words
from main_server.brain import offline_device as device
from main_server.brain.offline_phrases import Phrases, phrases
from main_server.brain.offline_talk import talk
from main_server.brain.offline_understanding import Meaning, prepare, understand

VOLUME_STEP = 15
BRIGHTNESS_STEP = 20
MAX_STEPS = 4
"""Tool rounds after which an answer must come, whatever the tools say."""

_PIECE = re.compile(r"[^,.!?,。!?:;]*[,.!?,。!?:;]*\s*")

Asked = Sequence[tuple[ToolCall, str]]
"""The tool calls of this turn with their results, oldest first."""


def _local_now() -> datetime:
    return datetime.now().astimezone()


class OfflineBrain:
    """A LanguageModel that knows the sentences of `contracts.sentences` and says so when it hears another.

    `now` gives local time; `chance` picks jokes and dice.
    """

    name = OFFLINE

    def __init__(self, *, now: Callable[[], datetime] = _local_now, chance: random.Random | None = None) -> None:
        self._now = now
        self._chance = chance or random.Random()

    async def warm(self) -> None:
        await asyncio.to_thread(prepare)

    async def close(self) -> None:
        pass

    async def reply(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> AsyncIterator[ModelEvent]:
        """Words of the answer in the language of the question, or one ToolCall whose result it waits for."""
        earlier, question, asked = _split(history)
        meaning = await asyncio.to_thread(understand, question)
        answer = _DeviceTurn(meaning, asked, tools).answer()
        if answer is None:
            answer = talk(meaning, earlier, now=self._now(), chance=self._chance)
        if isinstance(answer, ToolCall):
            yield answer
            return
        for piece in _PIECE.findall(answer):
            if piece:
                yield Words(piece)


def _split(history: Sequence[Message]) -> tuple[Sequence[Message], str, Asked]:
    """The messages before the last question, the question, and what was asked of tools since."""
    last = next((at for at in range(len(history) - 1, -1, -1) if history[at].author is Author.USER), None)
    if last is None:
        return history, "", ()
    results = {m.call_id: m.text for m in history[last + 1 :] if m.author is Author.TOOL}
    calls = [call for message in history[last + 1 :] for call in message.calls]
    return history[:last], history[last].text, [(call, results[call.id]) for call in calls if call.id in results]


class _DeviceTurn:
    """One question about the device: the next tool call, or the sentence that ends the turn."""

    def __init__(self, meaning: Meaning, asked: Asked, tools: Sequence[ToolSpec]) -> None:
        self._meaning = meaning
        self._asked = asked
        self._tools = tools
        self._say: Phrases = phrases(meaning.language)

    def answer(self) -> str | ToolCall | None:
        """None when the question is not about the device."""
        level = self._meaning.slots.get("level")
        match self._meaning.intent:
            case "SetVolume" if isinstance(level, int):
                return self._set_volume(level)
            case "Mute":
                return self._set_volume(0)
            case "Louder":
                return self._after_status("volume", lambda now: self._set_volume(min(100, now + VOLUME_STEP)))
            case "Quieter":
                return self._after_status("volume", lambda now: self._set_volume(max(0, now - VOLUME_STEP)))
            case "SetBrightness" if isinstance(level, int):
                return self._set_brightness(level)
            case "Brighter":
                return self._after_status(
                    "brightness", lambda now: self._set_brightness(min(100, now + BRIGHTNESS_STEP))
                )
            case "Darker":
                # Never quite dark: with a black screen nobody finds the way back.
                return self._after_status(
                    "brightness", lambda now: self._set_brightness(max(10, now - BRIGHTNESS_STEP))
                )
            case "DarkTheme":
                return self._set_theme("dark")
            case "LightTheme":
                return self._set_theme("light")
            case "AskVolume":
                return self._after_status(
                    "volume", lambda now: self._say.line("volume_is", number=self._say.number(now))
                )
            case "AskBattery":
                return self._status(self._battery)
            case "AskStatus":
                return self._status(self._everything)
            case "TakePhoto":
                return self._take_photo()
        return None

    def _set_volume(self, level: int) -> str | ToolCall:
        done = "muted" if level == 0 else "volume"
        return self._set_number(device.SET_VOLUME, "cannot_volume", level, done)

    def _set_brightness(self, level: int) -> str | ToolCall:
        return self._set_number(device.SET_BRIGHTNESS, "cannot_brightness", level, "brightness")

    def _set_number(self, suffix: str, cannot: str, level: int, done: str) -> str | ToolCall:
        tool = device.find_tool(self._tools, suffix)
        call = tool and device.number_call(tool, self._call_id(), level)
        if not tool or not call:
            return self._say.line(cannot)
        result = self._result_of(tool)
        if result is None:
            return self._ask(call)
        # The level that was really asked for: a schema may have narrowed it.
        return self._ended(result, done, number=self._say.number(_sent_level(self._asked, tool, level)))

    def _set_theme(self, theme: str) -> str | ToolCall:
        tool = device.find_tool(self._tools, device.SET_THEME)
        call = tool and device.text_call(tool, self._call_id(), theme)
        if not tool or not call:
            return self._say.line("cannot_theme")
        result = self._result_of(tool)
        return self._ask(call) if result is None else self._ended(result, f"theme_{theme}")

    def _take_photo(self) -> str | ToolCall:
        tool = device.find_tool(self._tools, device.TAKE_PHOTO)
        question = "What is in this picture?" if self._meaning.language == "en" else "这张照片里有什么?"
        call = tool and (device.text_call(tool, self._call_id(), question) or device.bare_call(tool, self._call_id()))
        if not tool or not call:
            return self._say.line("cannot_photo")
        result = self._result_of(tool)
        if result is None:
            return self._ask(call)
        seen = device.read_sight(result)
        return self._ended(result, "photo_seen", seen=seen) if seen else self._ended(result, "photo")

    def _after_status(self, what: str, go_on: Callable[[int], str | ToolCall]) -> str | ToolCall:
        """Asks for the device's status first, then goes on with its present volume or brightness."""

        def with_status(status: device.DeviceStatus) -> str | ToolCall:
            now: int | None = getattr(status, what)
            return self._say.line(f"cannot_{what}") if now is None else go_on(now)

        return self._status(with_status)

    def _status(self, go_on: Callable[[device.DeviceStatus], str | ToolCall]) -> str | ToolCall:
        tool = device.find_tool(self._tools, device.GET_STATUS)
        call = tool and device.bare_call(tool, self._call_id())
        if not tool or not call:
            return self._say.line("cannot_status")
        result = self._result_of(tool)
        if result is None:
            return self._ask(call)
        status = device.read_status(result)
        return self._say.line("device_failed") if status is None else go_on(status)

    def _battery(self, status: device.DeviceStatus) -> str:
        if status.battery is None:
            return self._say.line("no_battery")
        return self._say.line("charging" if status.charging else "battery", number=self._say.number(status.battery))

    def _everything(self, status: device.DeviceStatus) -> str:
        told = [
            self._say.line(name, number=self._say.number(number))
            for name, number in (("status_volume", status.volume), ("status_brightness", status.brightness))
            if number is not None
        ]
        if status.battery is not None:
            told.append(self._battery(status))
        if status.signal in ("strong", "medium", "weak"):
            told.append(self._say.line("status_network", signal=self._say.line(f"signal_{status.signal}")))
        return self._say.joined(told) if told else self._say.line("status_empty")

    def _ask(self, call: ToolCall) -> str | ToolCall:
        return call if len(self._asked) < MAX_STEPS else self._say.line("device_failed")

    def _ended(self, result: str, done: str, **values: str) -> str:
        return self._say.line(done, **values) if device.succeeded(result) else self._say.line("device_failed")

    def _result_of(self, tool: ToolSpec) -> str | None:
        return next((result for call, result in reversed(self._asked) if call.name == tool.name), None)

    def _call_id(self) -> str:
        return f"offline-{len(self._asked) + 1}"


def _sent_level(asked: Asked, tool: ToolSpec, level: int) -> int:
    sent = next((call for call, _ in reversed(asked) if call.name == tool.name), None)
    values = list(sent.arguments.values()) if sent else []
    return values[0] if values and isinstance(values[0], int) else level
