"""The log: one pipeline for our lines and those of the libraries, written by a thread of its own.

Messages are static, what varies is a field. A line costs the event loop an append to a bounded queue: when standard
output is slow or gone, lines are dropped and counted, and nothing waits. What people said is never logged.
"""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import queue
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from contracts.events import DraftEnded, Event, SessionClosed, SessionOpened, StageReached, TurnEnded, TurnTimings
from main_server.redaction import redact

QUEUE_LINES = 10_000
RATE_LIMITED_KEYS = 1_024

LogFormat = Literal["json", "text"]


def configure_logging(
    log_format: LogFormat = "text", *, level: str = "INFO", stream: TextIO | None = None
) -> LogWriter:
    """Sends structlog's and the standard library's lines through one pipeline to `stream` (standard output).

    `level` is a name of `logging`. Start uvicorn with `log_config=None`, or it takes its loggers back.
    """
    out = sys.stdout if stream is None else stream
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 must not cost us lines
    writer = LogWriter(out, render_json if log_format == "json" else _console_renderer(out))
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _add_logger_name,
            structlog.processors.format_exc_info,
            _add_time,
            redact,
            writer.take,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=_Source,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [LibraryLines(writer)]
    root.setLevel(threshold)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    # A line for every HTTP request is a web server's diary, and its addresses may hold a device's token.
    for name in ("uvicorn.access", "aiohttp.access", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    return writer


class LogWriter:
    """A bounded queue of lines and the thread that writes them. When it is full, new lines are dropped and counted."""

    def __init__(self, stream: TextIO, render: Callable[[EventDict], str], *, limit: int = QUEUE_LINES) -> None:
        self._stream = stream
        self._render = render
        self._lines: queue.Queue[EventDict | None] = queue.Queue(limit)
        self._dropped = 0
        self._lost = 0
        self._told = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines that were never written: the queue was full, or the stream is closed."""
        return self._dropped + self._lost

    @property
    def depth(self) -> int:
        return self._lines.qsize()

    def put(self, line: EventDict) -> None:
        """Hands a line to the thread. Never blocks."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def take(self, logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
        """The last processor of structlog's pipeline: the line goes to the queue and nowhere else."""
        self.put(line)
        raise structlog.DropEvent

    def close(self, timeout_s: float = 1.0) -> None:
        """Writes what waits; a stream that blocks is left behind after `timeout_s`."""
        try:
            self._lines.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self._thread.join(timeout_s)

    def _run(self) -> None:
        waiting = 0  # lines the stream has taken and may still hold back
        while (line := self._lines.get()) is not None:
            waiting = self._write(line, waiting + 1)
            if self._lines.empty():
                waiting = self._tell_of_dropped(waiting)
                waiting = self._write(None, waiting)
        self._write(None, waiting)

    def _tell_of_dropped(self, waiting: int) -> int:
        if self._dropped == self._told:
            return waiting
        missing, self._told = self._dropped - self._told, self._dropped
        line = _add_time(None, "", {"event": "log lines dropped", "level": "warning", "lines": missing})
        return self._write(line, waiting)

    def _write(self, line: EventDict | None, waiting: int) -> int:
        """Writes a line, or for None all that the stream holds back; returns how many lines it still may."""
        try:
            if line is not None:
                self._stream.write(self._render(line) + "\n")
                return waiting
            self._stream.flush()
        except Exception:  # the thread's outermost edge: a closed pipe, a field that cannot be written out
            self._lost += waiting
        return 0


class LibraryLines(logging.Handler):
    """Takes the lines of uvicorn, aiohttp, alembic and all others who use the standard library."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        line: EventDict = {name: value for name, value in vars(record).items() if name not in _OF_EVERY_RECORD}
        line.update(event=record.getMessage(), level=record.levelname.lower(), logger=record.name)
        line = structlog.contextvars.merge_contextvars(None, "", line)
        if record.exc_info:
            line["exc_info"] = record.exc_info
            line = structlog.processors.format_exc_info(None, "", line)
        self._writer.put(redact(None, "", _add_time(None, "", line)))


class LogEvents:
    """Tells of sessions and turns, one line each. `on_event` is an EventSink."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("main_server.talk")
        self._opened_s: dict[str, float] = {}

    def on_event(self, event: Event) -> None:
        """Logs an event without anybody's words. Never blocks, never raises."""
        if isinstance(event, StageReached | DraftEnded):
            return
        log = self._log.bind(device_id=event.device_id, session_id=event.session_id)
        match event:
            case TurnEnded():
                tell = log.warning if event.error_code else log.info
                tell("turn ended", turn_id=event.turn_id, **_turn_fields(event))
            case SessionOpened():
                self._opened_s[event.session_id] = event.at_s
                log.info("session opened", transport=event.transport, firmware=event.firmware, board=event.board)
            case SessionClosed():
                lasted_s = event.at_s - self._opened_s.pop(event.session_id, event.at_s)
                log.info("session closed", reason=event.reason, lasted_s=round(lasted_s, 1))


class RateLimited:
    """Lets one line per key and period through, with the number of those it held back before it.

    Remembers RATE_LIMITED_KEYS keys and forgets the oldest; a forgotten key may speak again.
    """

    def __init__(self, log: Any, *, period_s: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._period_s = period_s
        self._clock = clock
        self._said: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def warning(self, key: str, event: str, **fields: Any) -> bool:
        """Logs `event` unless `key` spoke within the period. Returns whether it was logged."""
        now_s = self._clock()
        said_s, held_back = self._said.get(key, (-self._period_s, 0))
        if now_s - said_s < self._period_s:
            self._said[key] = (said_s, held_back + 1)
            return False
        self._said[key] = (now_s, 0)
        self._said.move_to_end(key)
        if len(self._said) > RATE_LIMITED_KEYS:
            self._said.popitem(last=False)
        if held_back:
            fields["suppressed"] = held_back
        self._log.warning(event, **fields)
        return True


def render_json(line: EventDict) -> str:
    """One line of JSON, the message under "event"."""
    try:
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:  # lone surrogates, integers beyond 64 bits
        return json.dumps(line, default=str, skipkeys=True)


def _turn_fields(event: TurnEnded) -> dict[str, Any]:
    fields: dict[str, Any] = {"outcome": str(event.outcome), "trigger": event.trigger}
    named = {
        "error_code": event.error_code,
        "recogniser": event.recogniser,
        "model": event.model,
        "voice": event.voice,
        "tools": list(event.tools),
        "prompt_tokens": event.prompt_tokens,
        "completion_tokens": event.completion_tokens,
    }
    fields |= {name: value for name, value in named.items() if value}
    timings = {timing.name: getattr(event.timings, timing.name) for timing in dataclasses.fields(TurnTimings)}
    return fields | {name: round(value) for name, value in timings.items() if value is not None}


def _add_time(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    line["time"] = datetime.now(UTC).isoformat(timespec="milliseconds")
    return line


def _add_logger_name(logger: _Source, method: str, line: EventDict) -> EventDict:
    if logger.name:
        line["logger"] = logger.name
    return line


def _console_renderer(stream: TextIO) -> Callable[[EventDict], str]:
    renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty(), timestamp_key="time")
    return lambda line: str(renderer(None, "", line))


class _Source:
    """Who speaks: what structlog.get_logger was called with. Its lines end in LogWriter.take, never here."""

    def __init__(self, name: str = "", *_: object) -> None:
        self.name = name

    def _unused(self, *_: object, **__: object) -> None:
        """structlog looks the method up before the pipeline runs."""

    debug = info = warning = error = critical = exception = _unused


_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
