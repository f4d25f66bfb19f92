"""The form of POST /v1/audio/transcriptions, read and checked: every mistake is a Problem with a sentence."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, get_args

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from serving.problems import Problem, bad_field

MAX_FILE_BYTES = 25 * 1024 * 1024
_REST_BYTES = 64 * 1024  # what a form holds besides its file
MAX_FIELDS = 32

ResponseFormat = Literal["json", "text", "verbose_json"]
FORMATS: tuple[ResponseFormat, ...] = get_args(ResponseFormat)
FIELDS = ("file", "model", "language", "response_format")
"""Others are ignored."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A sound file and what is wanted of it. `language` is BCP 47, "" = find out."""

    content: bytes
    language: str = ""
    response_format: ResponseFormat = "json"


async def read_upload(request: Request) -> Upload:
    """Raises Problem (400, 413), starlette's ClientDisconnect."""
    async with _form(_bounded(request)) as form:
        language, response_format = _text(form, "language"), _text(form, "response_format") or "json"
        if not re.fullmatch(r"([a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*)?", language):
            raise bad_field("language", "language must be a code such as en or zh, or left out.")
        if response_format not in FORMATS:
            raise bad_field("response_format", f"response_format must be one of {', '.join(FORMATS)}.")
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise bad_field("file", "file is missing: send the sound as a file in a multipart/form-data body.")
        content = await file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise _too_big()
        if not content:
            raise bad_field("file", "file is empty.")
        return Upload(content, language, response_format)  # type: ignore[arg-type]  # one of FORMATS


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[FormData]:
    """Its files are removed afterwards."""
    try:
        form = await request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=_REST_BYTES)
    except HTTPException as error:  # starlette's word for a form that cannot be parsed
        raise Problem(400, "bad_request", "The body is not a multipart/form-data form with one file.") from error
    try:
        yield form
    finally:
        await form.close()


def _bounded(request: Request) -> Request:
    """The same, whose reading ends with a Problem when its body is too big: before it comes, or while it does."""
    most_bytes = MAX_FILE_BYTES + _REST_BYTES
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most_bytes:
        raise _too_big()
    receive, came_bytes = request.receive, 0

    async def counted() -> Message:
        nonlocal came_bytes
        message = await receive()
        came_bytes += len(message.get("body", b""))
        if came_bytes > most_bytes:
            raise _too_big()
        return message

    return Request(request.scope, counted)


def _too_big() -> Problem:
    return Problem(413, "too_long", f"The file is bigger than {MAX_FILE_BYTES} bytes.", param="file")


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    if not isinstance(value, str):
        raise bad_field(name, f"{name} must be a text.")
    return value.strip()
