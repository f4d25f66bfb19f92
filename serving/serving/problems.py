"""What goes wrong, as OpenAI's servers say it: {"error": {"message", "type", "param", "code"}}.

The message is a sentence for a person. It never holds what was said or is to be said.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from contracts.errors import EngineBusy, EngineError, EngineTimeout, ZhiyinError

MAX_MESSAGE_CHARS = 300


class Problem(ZhiyinError):
    """A request that is not served: HTTP status, code, sentence, and the field that is to blame."""

    def __init__(self, status: int, code: str, message: str, *, param: str | None = None) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.param = param

    def response(self) -> JSONResponse:
        """The answer. 401 says how to show a token, 429 when to come back."""
        kind = "invalid_request_error" if self.status < 500 and self.status != 429 else "server_error"
        error = {"message": str(self)[:MAX_MESSAGE_CHARS], "type": kind, "param": self.param, "code": self.code}
        headers = {401: {"www-authenticate": "Bearer"}, 429: {"retry-after": "1"}}.get(self.status)
        return JSONResponse({"error": error}, self.status, headers)


def bad_field(param: str, message: str, *, code: str = "bad_request") -> Problem:
    """400: this field cannot be used."""
    return Problem(400, code, message, param=param)


def of_engine(error: EngineError) -> Problem:
    """What an engine's failure is for the caller."""
    status = 429 if isinstance(error, EngineBusy) else 504 if isinstance(error, EngineTimeout) else 500
    return Problem(status, error.code, str(error))


def answer_problems(app: FastAPI, docs: str, count: Callable[[Request], None] = lambda _: None) -> None:
    """Makes every Problem, and every route that is not there, an answer of OpenAI's shape. `count` sees the requests
    that a Problem ended; `docs` is the page that lists the routes."""

    async def problem_response(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)
        count(request)
        return problem.response()

    async def no_such_thing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return Problem(error.status_code, "not_found", f"There is no such route: {docs} lists them.").response()

    async def caller_left(request: Request, left: Exception) -> Response:
        return Problem(499, "caller_left", "The caller has left.").response()

    app.add_exception_handler(Problem, problem_response)
    app.add_exception_handler(ClientDisconnect, caller_left)  # in mid-upload: nobody's fault, and nobody is there
    for status in (404, 405):
        app.add_exception_handler(status, no_such_thing)
