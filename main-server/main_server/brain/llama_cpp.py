"""A GGUF file on this machine as a LanguageModel, by llama-cpp-python's server in a process of its own.

The package is no extra of ours: it has no wheels on PyPI and compiles for ten minutes, so whoever wants it installs it.
Its server is kept by a child of ours (llama_cpp_process), which ends with us and starts it again when it has died.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from contracts.errors import EngineTimeout, EngineUnavailable
from contracts.language_model import Message, ModelEvent, ToolSpec
from contracts.supervisor import ChildProcess
from engine_http.knobs import LLM, Knobs
from main_server.brain.openai_model import ModelDeadlines, OpenAIModel

ALL_LAYERS = -1
CONTEXT_TOKENS = 4_096
LOAD_S = 120.0


@dataclass(frozen=True, slots=True)
class LlamaFile:
    """A GGUF file, how many of its layers go to the graphics card, and how many tokens it keeps in mind."""

    path: Path
    gpu_layers: int = ALL_LAYERS
    context_tokens: int = CONTEXT_TOKENS


class LlamaCppModel:
    """Implements LanguageModel. Replies queue up: the server computes one at a time. Raises EngineUnavailable without
    the package or the file."""

    name = "llama_cpp"

    def __init__(
        self,
        file: LlamaFile,
        *,
        deadlines: ModelDeadlines | None = None,
        options: Mapping[str, Any] | None = None,
        knobs: Knobs = LLM,
    ) -> None:
        if find_spec("llama_cpp") is None:
            raise EngineUnavailable(
                "llama.cpp needs one more package, which compiles for some minutes: "
                ".venv/bin/pip install 'llama-cpp-python[server]'.",
                engine=self.name,
            )
        if not file.path.is_file() or file.path.suffix != ".gguf":
            raise EngineUnavailable(
                f"There is no .gguf file {file.path.name!r} where models are kept: check {knobs.model}.",
                engine=self.name,
            )
        self._file = file
        self._deadlines = deadlines
        self._options = dict(options or {})
        self._knobs = knobs
        self._child = ChildProcess("main_server.brain.llama_cpp_process", name=self.name)
        self._client: tuple[int, OpenAIModel] | None = None

    async def reply(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> AsyncIterator[ModelEvent]:
        model = await self._served()
        async with aclosing(model.reply(history, tools)) as events:  # type: ignore[type-var]  # a generator
            async for event in events:
                yield event

    async def warm(self) -> None:
        """Loads the file, which may take a minute."""
        await self._served()

    async def prepare(self, beginning: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
        """Has it read the beginning: its time is ours."""
        await (await self._served()).prepare(beginning, tools)

    async def close(self) -> None:
        """Ends the processes."""
        client, self._client = self._client, None
        if client is not None:
            await client[1].close()
        await self._child.close()

    async def _served(self) -> OpenAIModel:
        """A client of the server that runs now. Raises EngineError."""
        asked = {
            "path": str(self._file.path.resolve()),
            "gpu_layers": self._file.gpu_layers,
            "context_tokens": self._file.context_tokens,
        }
        try:
            async with asyncio.timeout(LOAD_S):
                answer = await self._child.request("serve", asked)
        except TimeoutError as error:
            raise EngineTimeout(
                f"llama.cpp did not load {self._file.path.name} within {LOAD_S:.0f} s.", engine=self.name
            ) from error
        port = int(answer.fields["port"])
        if self._client is None or self._client[0] != port:
            if self._client is not None:
                await self._client[1].close()
            self._client = port, self._client_of(port)
        return self._client[1]

    def _client_of(self, port: int) -> OpenAIModel:
        client = OpenAIModel(
            f"http://127.0.0.1:{port}/v1",
            self._file.path.stem,
            deadlines=self._deadlines,
            options=self._options,
            reads_ahead=True,
            knobs=self._knobs,
        )
        client.name = self.name  # what fails is told under the name that the owner knows
        return client
