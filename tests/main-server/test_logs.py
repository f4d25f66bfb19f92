"""The log tells the story of a session, keeps secrets, and never holds the event loop up."""

from __future__ import annotations

import io
import json
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any, TextIO

import pytest
import structlog

from contracts.events import Outcome, Stage
from fakes.happenings import DEVICE_ID, closed, ended, opened, stage
from main_server.logs import LogEvents, LogWriter, RateLimited, configure_logging, render_json


class Terminal(io.StringIO):
    """Keeps what was written after it is closed."""

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


class Stuck(io.StringIO):
    """A terminal that takes nothing until it is released, as after Ctrl-S."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.released = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.released.wait()
        return super().write(text)


@pytest.fixture
def configured() -> Iterator[tuple[Terminal, LogWriter]]:
    root = logging.getLogger()
    before = (root.handlers, root.level)
    terminal = Terminal()
    writer = configure_logging("json", stream=terminal)
    yield terminal, writer
    writer.close()
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers, root.level = before


def written(configured: tuple[Terminal, LogWriter]) -> list[dict[str, Any]]:
    terminal, writer = configured
    writer.close()
    return terminal.lines


def test_a_session_is_told_in_one_line_per_turn_without_a_word_of_it(configured: tuple[Terminal, LogWriter]) -> None:
    events = LogEvents()
    for event in (opened(), stage(Stage.HEARD), ended(model="offline"), closed(reason="idle")):
        events.on_event(event)
    lines = written(configured)
    assert [line["event"] for line in lines] == ["session opened", "turn ended", "session closed"]
    assert all((line["device_id"], line["session_id"]) == (DEVICE_ID, "s1") for line in lines)
    turn = lines[1]
    assert (turn["turn_id"], turn["outcome"], turn["silence_ms"], turn["level"]) == ("s1-1", "completed", 240, "info")
    assert lines[2]["lasted_s"] == 8.0
    text = json.dumps(lines)
    assert "what time" not in text
    assert "noon" not in text


def test_a_turn_that_failed_is_a_warning_with_its_code(configured: tuple[Terminal, LogWriter]) -> None:
    LogEvents().on_event(ended(outcome=Outcome.FAILED, error_code="engine_timeout"))
    [line] = written(configured)
    assert (line["level"], line["error_code"]) == ("warning", "engine_timeout")


def test_lines_of_libraries_come_the_same_way_with_their_fields(configured: tuple[Terminal, LogWriter]) -> None:
    structlog.contextvars.bind_contextvars(session_id="s1")
    logging.getLogger("uvicorn.error").warning("port %d is taken", 8000, extra={"turn_id": "s1-1"})
    [line] = written(configured)
    assert (line["event"], line["logger"], line["level"]) == ("port 8000 is taken", "uvicorn.error", "warning")
    assert (line["session_id"], line["turn_id"]) == ("s1", "s1-1")


def test_an_exception_comes_with_its_traceback(configured: tuple[Terminal, LogWriter]) -> None:
    for log in (structlog.get_logger("ours"), logging.getLogger("theirs")):
        try:
            raise ZeroDivisionError("of course")
        except ZeroDivisionError:
            log.exception("it broke")
    lines = written(configured)
    assert [line["logger"] for line in lines] == ["ours", "theirs"]
    assert all("ZeroDivisionError: of course" in line["exception"] for line in lines)


@pytest.mark.parametrize(
    "name", ["token", "ticket", "key", "authorization", "password", "Authorization", "llm_key", "x-token"]
)
def test_a_field_named_like_a_secret_is_hidden_at_any_depth(configured: tuple[Terminal, LogWriter], name: str) -> None:
    log = structlog.get_logger()
    log.info("a call", **{name: "hush"}, inner={name: "hush", "list": [{name: "hush"}]}, prompt_tokens=3)
    [line] = written(configured)
    assert "hush" not in json.dumps(line)
    assert line["prompt_tokens"] == 3


@pytest.mark.parametrize(
    "text",
    [
        "GET /xiaozhi/v1/?authorization=Bearer%20hush&device-id=aa",
        "GET /xiaozhi/v1/?authorization=hush",
        "GET /xiaozhi/v1/?device-id=web:0123456789abcdef&ticket=hush",
        "refused: Authorization: Bearer hush",
        '{"api_key": "hush"}',
        "postgresql+asyncpg://zhiyin:hush@db/zhiyin",
        "http://host/v1?key=hush&model=a",
    ],
)
def test_secrets_quoted_in_the_lines_of_others_are_hidden(configured: tuple[Terminal, LogWriter], text: str) -> None:
    logging.getLogger("uvicorn.error").warning(text)
    structlog.get_logger().warning("engine failed", reason=text)
    lines = written(configured)
    assert len(lines) == 2
    assert "hush" not in json.dumps(lines)


def test_a_stuck_terminal_costs_lines_and_no_time() -> None:
    terminal = Stuck()
    writer = LogWriter(terminal, render_json, limit=10)
    writer.put({"event": "first"})
    assert terminal.reached.wait(10)
    for number in range(25):
        writer.put({"event": "line", "number": number})
    assert writer.dropped == 15
    writer.close(timeout_s=0.01)  # comes back although the terminal does not
    terminal.released.set()
    for _ in range(3):
        writer.close(timeout_s=5)
    lines = [json.loads(line) for line in terminal.getvalue().splitlines()]
    assert [line["number"] for line in lines if line["event"] == "line"] == list(range(10))
    assert [line["lines"] for line in lines if line["event"] == "log lines dropped"] == [15]


def test_a_reader_that_went_away_is_survived_and_counted() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    pipe: TextIO = os.fdopen(writing, "w")
    writer = LogWriter(pipe, render_json)
    for _ in range(5):
        writer.put({"event": "nobody reads this"})
    writer.close(timeout_s=5)
    assert writer.dropped == 5


def test_a_field_that_cannot_be_written_does_not_end_the_log() -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError

    terminal = Terminal()
    writer = LogWriter(terminal, render_json)
    writer.put({"event": "odd", "field": Odd()})
    writer.put({"event": "half a character", "board": "\ud800"})
    writer.close(timeout_s=5)
    assert [line["event"] for line in terminal.lines] == ["half a character"]
    assert writer.dropped == 1


def test_text_for_people_has_the_fields_too(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    writer = configure_logging("text", stream=terminal)
    structlog.get_logger().info("session opened", device_id=DEVICE_ID)
    writer.close()
    structlog.reset_defaults()
    assert "session opened" in terminal.getvalue()
    assert f"device_id={DEVICE_ID}" in terminal.getvalue()
    assert capsys.readouterr().out == ""


class Notebook:
    """A logger that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))


def test_a_key_speaks_once_per_period_and_says_what_it_held_back() -> None:
    notebook, now = Notebook(), [0.0]
    limited = RateLimited(notebook, period_s=60, clock=lambda: now[0])
    said = [limited.warning("aa", "junk frame", size_bytes=3) for _ in range(5)]
    said += [limited.warning("bb", "junk frame")]
    now[0] = 60.0
    said += [limited.warning("aa", "junk frame")]
    assert said == [True, False, False, False, False, True, True]
    assert notebook.lines == [("junk frame", {"size_bytes": 3}), ("junk frame", {}), ("junk frame", {"suppressed": 4})]


def test_a_million_keys_do_not_fill_the_memory() -> None:
    limited = RateLimited(Notebook(), clock=lambda: 0.0)
    for number in range(2000):
        limited.warning(str(number), "junk frame")
    assert not limited.warning("1999", "junk frame")
    assert limited.warning("0", "junk frame")  # forgotten, so it may speak again
