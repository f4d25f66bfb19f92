"""A GGUF file by llama-cpp-python's server in a process of its own; a stand-in for that server's process."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import EngineError, EngineUnavailable
from contracts.language_model import Author, Message, Words
from main_server.brain.llama_cpp import LlamaCppModel, LlamaFile

STAND_IN = Path(__file__).parents[2] / "fakes" / "llama_cpp_stand_in"


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(STAND_IN))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(STAND_IN), os.environ.get("PYTHONPATH", "")])))


@pytest.fixture
async def model(stand_in: None, tmp_path: Path) -> AsyncIterator[LlamaCppModel]:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"GGUF")
    model = LlamaCppModel(LlamaFile(path, gpu_layers=7, context_tokens=2048))
    yield model
    await model.close()


async def said(model: LlamaCppModel, question: str = "hello?") -> str:
    async with asyncio.timeout(60):
        events = [event async for event in model.reply([Message(Author.USER, question)], [])]
    return "".join(event.text for event in events if isinstance(event, Words))


async def test_the_file_its_layers_and_its_context_are_served(model: LlamaCppModel) -> None:
    await model.warm()
    first, second = await said(model), await said(model)
    assert "layers 7 context 2048 hello" in first
    assert first == second, "one process serves all replies"


async def test_a_server_that_died_is_started_again(model: LlamaCppModel) -> None:
    before = pid_in(await said(model))
    with pytest.raises(EngineError):
        await said(model, "die")
    assert pid_in(await said(model)) != before


async def test_closing_ends_both_processes(model: LlamaCppModel) -> None:
    pid = pid_in(await said(model))
    await model.close()
    async with asyncio.timeout(20):
        while _runs(pid):
            await asyncio.sleep(0.02)


async def test_a_file_that_cannot_be_loaded_is_a_sentence(stand_in: None, tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF")
    model = LlamaCppModel(LlamaFile(path))
    with pytest.raises(EngineUnavailable, match=r"ended at once \(status 3\)"):
        await model.warm()
    await model.close()


def test_no_file_is_told(stand_in: None, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"no .gguf file 'none.gguf'"):
        LlamaCppModel(LlamaFile(tmp_path / "none.gguf"))


def test_no_package_is_told_with_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> Any:
        return None

    monkeypatch.setattr("main_server.brain.llama_cpp.find_spec", nothing)
    with pytest.raises(EngineUnavailable, match=r"llama-cpp-python\[server\]"):
        LlamaCppModel(LlamaFile(tmp_path / "tiny.gguf"))


def pid_in(text: str) -> int:
    found = re.search(r"pid (\d+)", text)
    assert found is not None
    return int(found[1])


def _runs(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        os.kill(pid, 0)
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
