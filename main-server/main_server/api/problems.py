"""What `/api` answers when it cannot do what was asked: `{code, message}`, always, with a fitting status."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException

from main_server.store.errors import StoreError, Taken

log = structlog.get_logger(__name__)


HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
"""Of every answer: what people wrote stays JSON, whatever a browser makes of it."""


class ProblemBody(BaseModel):
    """`code` is for programs and never changes; `message` is a sentence for people."""

    code: str
    message: str


class Problem(Exception):
    """Ends a request with a status and a ProblemBody."""

    def __init__(self, status: int, code: str, message: str, *, retry_after_s: float = 0) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s


def not_found(what: str) -> Problem:
    """It is not there, or not the caller's: the answer does not tell which."""
    return Problem(404, "not_found", f"There is no such {what}.")


def changed_meanwhile() -> Problem:
    return Problem(412, "changed_meanwhile", "Somebody else changed this meanwhile: load it again, then edit.")


RESPONSES: dict[int | str, dict[str, object]] = {
    status: {"model": ProblemBody, "description": description}
    for status, description in {
        400: "The request cannot be read.",
        401: "Nobody is logged in, or the token is not good.",
        403: "The caller may not do this.",
        404: "Not there, or not the caller's.",
        409: "It contradicts what is there.",
        412: "Somebody else changed it meanwhile.",
        413: "Too large.",
        415: "Not JSON.",
        422: "A value cannot be used; the message names it.",
        428: "The ETag of what is edited is missing.",
        429: "Too many tries; Retry-After says how long to wait.",
        503: "Not now; the message says why.",
    }.items()
}
"""For the OpenAPI document: what any operation may answer."""


def answer(problem: Problem) -> Response:
    """The problem as a response."""
    headers = dict(HEADERS)
    if problem.retry_after_s:
        headers["retry-after"] = str(max(1, round(problem.retry_after_s)))
    body = ProblemBody(code=problem.code, message=problem.message)
    return JSONResponse(body.model_dump(), status_code=problem.status, headers=headers)


def install(app: FastAPI) -> None:
    """Makes every error of `app` a ProblemBody."""

    @app.exception_handler(Problem)
    async def known(request: Request, problem: Problem) -> Response:
        return answer(problem)

    @app.exception_handler(StaleDataError)
    async def stale(request: Request, error: StaleDataError) -> Response:
        return answer(changed_meanwhile())

    @app.exception_handler(Taken)
    async def taken(request: Request, error: Taken) -> Response:
        return answer(Problem(409, error.code, str(error)))

    @app.exception_handler(StoreError)
    @app.exception_handler(PoolTimeout)
    async def no_database(request: Request, error: Exception) -> Response:
        code = error.code if isinstance(error, StoreError) else "database_busy"
        log.warning("request found no database", path=request.url.path, error=code)
        # Its own sentence names hosts and files, which are the owner's business: it stands in the log and in /ready.
        return answer(Problem(503, code, "The database does not answer now; try again soon.", retry_after_s=2))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return answer(Problem(422, "invalid", _sentence(error)))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "wrong_method", 413: "too_large", 415: "not_json"}.get(
            error.status_code, "bad_request"
        )
        response = answer(Problem(error.status_code, code, str(error.detail)))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def unknown(request: Request, error: Exception) -> Response:
        log.exception("request failed", path=request.url.path)
        return answer(Problem(500, "failed", "Something went wrong here; the server's log says what."))


def _sentence(error: RequestValidationError) -> str:
    """Names the first bad value; the value itself is left out, it may be a password."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")) or "body"
    what = str(first["msg"]).removeprefix("Value error, ")
    return f"{where} cannot be used: {what}."
