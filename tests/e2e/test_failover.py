"""The first language model and the first voice are down: the toy is answered by the second, and all of it is told."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fakes.chat_server import Answer, ChatServer
from fakes.speech_server import Speech, SpeechServer
from fakes.transcription_server import Hears, TranscriptionServer
from fakes.whole_server import WholeServer, free_port, whole_server
from sound.level import rms_dbfs
from sound.wav import read_sound


async def with_server(folder: Path, settings: dict[str, str], scene: Callable[[WholeServer], Any]) -> Any:
    """In a thread, so that the scripted vendors of this process go on answering."""

    def run() -> Any:
        with whole_server(folder, **settings) as server:
            return scene(server)

    return await asyncio.to_thread(run)


def degraded(server: WholeServer) -> list[str]:
    return list(json.loads(server.get("/ready")[1])["degraded"])


def breakers(server: WholeServer) -> dict[tuple[str, str], float]:
    line = r'^zhiyin_engine_breaker_state\{engine="(\w+)",port="(\w+)"\} (\S+)'
    found = re.findall(line, server.get("/metrics")[1], re.M)
    return {(port, engine): float(state) for engine, port, state in found}


async def test_the_second_model_and_the_second_voice_answer_while_the_first_are_down(
    tmp_path: Path, a_question: str
) -> None:
    nobody = free_port()
    async with TranscriptionServer() as ears, ChatServer() as brain, SpeechServer() as broken, SpeechServer() as mouth:
        ears.say(Hears("what is the capital of france"))
        brain.say(Answer(["It is ", "Paris."]))
        broken.say(Speech(status=500))
        settings = {
            "asr": f"openai+{ears.url}|local:pocketsphinx",
            "llm_url": f"http://127.0.0.1:{nobody}/v1|{brain.url}|offline",
            "llm_model": "far|near",
            "llm_key": "sk-far-not-for-others|",
            "tts": f"openai+{broken.url}|openai+{mouth.url}",
        }
        out = tmp_path / "reply.wav"

        def scene(server: WholeServer) -> tuple[list[str], list[dict[str, Any]], Any, Any]:
            at_start = degraded(server)
            turns = server.toy(a_question, "--out", str(out))
            return at_start, turns, server.rows("SELECT * FROM turns"), breakers(server)

        at_start, [turn], [row], states = await with_server(tmp_path, settings, scene)
    [sentence] = [each for each in at_start if each.startswith("model:")]
    assert f"127.0.0.1:{nobody}" in sentence and "openai is out, openai_2 serves instead" in sentence
    assert turn["reply"] == row["heard_text"] == "It is Paris."
    assert (row["outcome"], row["error_code"]) == ("completed", "")
    assert (row["recogniser"], row["model"], row["voice"]) == ("openai", "openai_2", "openai_2")
    assert rms_dbfs(read_sound(out).data) > -40
    assert [asked["model"] for asked in brain.requests] == ["near"]
    assert "sk-far-not-for-others" not in str(brain.request_headers)
    assert len(broken.requests) == len(mouth.requests) == 1
    assert states[("model", "openai")] == 2 and states[("model", "openai_2")] == 0 == states[("voice", "openai")]


async def test_an_engine_that_dies_is_replaced_left_alone_and_taken_back(tmp_path: Path) -> None:
    async with ChatServer() as brain:
        settings = {"llm_url": f"{brain.url}|offline", "llm_model": "any"}
        gone = [Answer(status=500), Answer(cut_after=0), Answer(status=500)]

        def scene(server: WholeServer) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[list[str]]]:
            turns, told = [], []
            for script in ([Answer(["From ", "far."])], [Answer(["Well, then, "], cut_after=1)], gone, []):
                if script:
                    brain.say(*script)
                for _ in range(max(1, len(script))):
                    turns += server.toy("--text", "who are you")
                told.append(degraded(server))
            brain.say(Answer(["Back ", "again."]))
            while told[-1] and len(told) < 60:
                turns += server.toy("--text", "who are you")  # until the wait is over and one of them tries it
                told.append(degraded(server))
            return turns, server.rows("SELECT * FROM turns ORDER BY started_at"), told

        turns, rows, told = await with_server(tmp_path, settings, scene)
    assert turns[0]["reply"] == "From far."
    assert (rows[1]["outcome"], rows[1]["error_code"]) == ("failed", "engine_cut_off")  # in mid-stream: an apology
    assert turns[1]["reply"]
    assert [row["model"] for row in rows[:6]] == ["openai", "openai", *["offline"] * 4]
    assert all(row["outcome"] == "completed" and row["reply_text"] for row in rows[2:])
    assert told[0] == [] and "openai is out, offline serves instead" in told[3][0]
    assert rows[-1]["model"] == "openai" and turns[-1]["reply"] == "Back again." and told[-1] == []
