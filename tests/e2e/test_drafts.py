"""The reply of a whole server is begun while the person has only paused: one request each, and all of it is told."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from fakes.chat_server import Answer, ChatServer
from fakes.speech_server import SpeechServer
from fakes.transcription_server import Hears, TranscriptionServer
from fakes.whole_server import WholeServer, whole_server


async def test_a_reply_begun_at_the_pause_is_the_one_that_is_heard(tmp_path: Path, a_question: str) -> None:
    async with TranscriptionServer() as ears, ChatServer() as brain, SpeechServer() as mouth:
        ears.say(Hears("What is the capital of France?"))
        brain.say(Answer(["It is", " Paris.", " Is it not?"]))
        settings = {
            "asr": f"openai+{ears.url}",
            "llm_url": brain.url,
            "llm_model": "any",
            "tts": f"openai+{mouth.url}",
        }

        def scene(server: WholeServer) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, float]]:
            turns = server.toy(a_question)
            found = re.findall(r'^zhiyin_drafts_total\{result="(\w+)"\} (\S+)', server.get("/metrics")[1], re.M)
            return turns, server.rows("SELECT * FROM turns"), {result: float(count) for result, count in found}

        def run() -> Any:
            with whole_server(tmp_path, **settings) as server:
                return scene(server)

        turns, rows, drafts = await asyncio.to_thread(run)
    assert turns[0]["reply"] == "It is Paris. Is it not?"
    assert [row["heard_text"] for row in rows] == ["It is Paris. Is it not?"]
    assert drafts["adopted"] == 1 and rows[0]["draft_lead_ms"] > 0
    assert brain.requests[-1]["messages"][-1]["content"].endswith("What is the capital of France?")
    assert len(brain.requests) == sum(drafts.values()), "the turn asked again what its draft had asked"
