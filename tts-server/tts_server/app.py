"""The routes of the speech service: OpenAI's for sound, voices and models, and the three every service has."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, FastAPI, Header, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from contracts.errors import EngineError
from contracts.speech import HasVoices
from tts_server.access import from_loopback, may_call
from tts_server.problems import Problem, of_engine
from tts_server.speaking import Mouth
from tts_server.speech_request import read_request


class Readiness:
    """Whether texts are taken on; not before the engine is warm, and not while the service stops."""

    def __init__(self) -> None:
        self.reason = "The speech service is starting."

    def serving(self) -> None:
        self.reason = ""

    def draining(self) -> None:
        self.reason = "The speech service is stopping."


def create_app(mouth: Mouth, token: str, readiness: Readiness) -> FastAPI:
    """All routes around one engine. `token` "" lets everybody in who reaches the port."""
    app = FastAPI(title="Zhiyin speech", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(_speech_router(mouth, token))
    app.include_router(_service_router(mouth, readiness))

    async def problem_response(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)
        if request.method == "POST":
            mouth.metrics.requests.labels("refused").inc()
        return problem.response()

    async def no_such_thing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return Problem(error.status_code, "not_found", "There is no such route: docs/wire.md lists them.").response()

    app.add_exception_handler(Problem, problem_response)
    for status in (404, 405):
        app.add_exception_handler(status, no_such_thing)
    return app


def _speech_router(mouth: Mouth, token: str) -> APIRouter:
    router = APIRouter(prefix="/v1")

    def admit(request: Request) -> None:
        if not may_call(request, token):
            raise Problem(
                401,
                "invalid_api_key",
                "This service wants its internal token, as Authorization: Bearer TOKEN: what ZHIYIN_INTERNAL_TOKEN "
                "says, or the file internal_token in its data folder. main-server shows ZHIYIN_TTS_KEY.",
            )

    @router.post("/audio/speech")
    async def speech(request: Request) -> Response:
        """Sound, streamed from its first piece."""
        admit(request)
        return mouth.say(await read_request(request))

    @router.get("/voices")
    async def voices(request: Request) -> Response:
        """The names that `voice` takes."""
        admit(request)
        if not isinstance(mouth.engine, HasVoices):
            return JSONResponse({"voices": []})
        try:
            known = await mouth.engine.voices()
        except EngineError as error:
            raise of_engine(error) from error
        return JSONResponse(
            {"voices": [{"id": each.id, "name": each.name, "languages": list(each.languages)} for each in known]}
        )

    @router.get("/models")
    async def models(request: Request) -> Response:
        """The one engine that serves, whatever a request calls its model."""
        admit(request)
        only = {"id": mouth.engine.name, "object": "model", "created": 0, "owned_by": "zhiyin"}
        return JSONResponse({"object": "list", "data": [only]})

    return router


def _service_router(mouth: Mouth, readiness: Readiness) -> APIRouter:
    router = APIRouter()
    zhiyin_version = version("zhiyin")

    @router.get("/health")
    async def health() -> Response:
        """200 while the process lives."""
        return JSONResponse({"status": "ok", "version": zhiyin_version})

    @router.get("/ready")
    async def ready() -> Response:
        """200 when a text can be spoken."""
        body = {"ready": not readiness.reason, "reason": readiness.reason}
        return JSONResponse(body, 503 if readiness.reason else 200, {"retry-after": "2"} if readiness.reason else None)

    @router.get("/metrics")
    async def metrics(request: Request, accept: Annotated[str, Header()] = "") -> Response:
        """Prometheus's figures, for clients on this machine."""
        if not from_loopback(request):
            return Response("Metrics are open to this machine only.\n", 403, media_type="text/plain")
        body, content_type = mouth.metrics.render(accept)
        return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})

    return router
