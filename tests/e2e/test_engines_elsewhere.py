"""The same talk through OpenAI-compatible recogniser, model and voice, and what is heard when they fail."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fakes.chat_server import Answer, ChatServer, tool_call
from fakes.speech_server import Speech, SpeechServer
from fakes.transcription_server import Hears, TranscriptionServer
from fakes.whole_server import WholeServer, whole_server
from sound.level import rms_dbfs
from sound.wav import read_sound


async def aside(work: Callable[..., Any], *arguments: Any) -> Any:
    """Blocking work in a thread, so that the scripted vendors of this process go on answering."""
    return await asyncio.to_thread(functools.partial(work, *arguments))


async def with_server(folder: Path, settings: dict[str, str], scene: Callable[[WholeServer], Any]) -> Any:
    def run() -> Any:
        with whole_server(folder, **settings) as server:
            return scene(server)

    return await aside(run)


def addresses(ears: TranscriptionServer, brain: ChatServer, mouth: SpeechServer) -> dict[str, str]:
    return {
        "asr": f"openai+{ears.url}",
        "llm_url": brain.url,
        "llm_model": "any",
        "llm_key": "sk-not-for-logs",
        "tts": f"openai+{mouth.url}",
    }


async def test_a_talk_goes_through_three_vendors_with_a_tool_in_between(tmp_path: Path, a_question: str) -> None:
    async with TranscriptionServer() as ears, ChatServer() as brain, SpeechServer() as mouth:
        ears.say(Hears("Could you turn it up to seventy?"))
        call = tool_call("self_audio_speaker_set_volume", json.dumps({"volume": 70}))
        brain.say(
            Answer(["<think>the user wants it louder</think>"], deltas=call, finish_reason="tool_calls"),
            Answer(["Sure, ", "it is at seventy now."]),
        )
        out = tmp_path / "reply.wav"

        def scene(server: WholeServer) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
            turns = server.toy(a_question, "--out", str(out))
            return turns, server.rows("SELECT * FROM turns"), server.log

        turns, rows, log = await with_server(tmp_path, addresses(ears, brain, mouth), scene)
        [turn], [row] = turns, rows
        assert turn["stt"] == "Could you turn it up to seventy?"
        assert turn["reply"] == "Sure, it is at seventy now."
        assert [(tool["name"], tool["arguments"]) for tool in turn["tools"]] == [
            ("self.audio_speaker.set_volume", {"volume": 70})
        ]
        assert (row["recogniser"], row["model"], row["voice"]) == ("openai", "openai", "openai")
        assert row["completion_tokens"] > 0 and row["heard_text"] == turn["reply"]
        assert rms_dbfs(read_sound(out).data) > -40
        asked = brain.requests[0]
        assert asked["stream"] is True and asked["messages"][-1]["content"].endswith("Could you turn it up to seventy?")
        assert "sk-not-for-logs" not in log and "seventy" not in log


async def test_each_failing_engine_is_a_spoken_apology_and_a_code(tmp_path: Path, a_question: str) -> None:
    async with TranscriptionServer() as ears, ChatServer() as brain, SpeechServer() as mouth:
        ears.say(Hears("hello there"))
        failures: list[Callable[[], None]] = [
            lambda: ears.say(Hears(status=401)),
            lambda: (ears.say(Hears("hello there")), brain.say(Answer(status=500)))[0],
            lambda: (brain.say(Answer(["Hello ", "again."])), mouth.say(Speech(status=503)))[0],
            lambda: mouth.say(Speech()),
        ]

        def scene(server: WholeServer) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
            turns = []
            for number, fail in enumerate(failures):
                fail()
                turns += server.toy(a_question, "--out", str(tmp_path / f"{number}.wav"))
            return turns, server.rows("SELECT * FROM turns ORDER BY started_at")

        turns, rows = await with_server(tmp_path, addresses(ears, brain, mouth), scene)
        assert [row["outcome"] for row in rows] == ["failed", "failed", "failed", "completed"]
        assert [row["error_code"] for row in rows] == ["engine_unavailable", "engine_failed", "engine_busy", ""]
        assert all(turn["reply"] for turn in turns)
        for number in range(4):
            assert rms_dbfs(read_sound(tmp_path / f"{number}.wav").data) > -40


async def test_a_missing_engine_is_a_sentence_in_ready_and_the_toy_says_so(tmp_path: Path) -> None:
    settings = {"llm_url": "http://127.0.0.1:9/v1", "llm_model": "any"}

    def scene(server: WholeServer) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        return json.loads(server.get("/ready")[1]), server.toy("--text", "hello")

    ready, [turn] = await with_server(tmp_path, settings, scene)
    assert ready["ready"] is True
    assert any("127.0.0.1:9" in sentence for sentence in ready["degraded"])
    assert "reach" in turn["reply"]
