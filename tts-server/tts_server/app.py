"""The routes of the speech service: OpenAI's for sound, voices and models, and the three every service has."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response

from contracts.errors import EngineError
from contracts.speech import HasVoices
from serving.access import TOKEN_IS_WANTED, Access
from serving.problems import Problem, answer_problems
from serving.readiness import Readiness
from serving.routes import service_router
from tts_server.speaking import Mouth, of_voice
from tts_server.speech_request import read_request


def create_app(mouth: Mouth, access: Access, readiness: Readiness) -> FastAPI:
    """All routes around one engine, for those whom `access` admits."""
    app = FastAPI(title="Zhiyin speech", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(_speech_router(mouth, access))
    app.include_router(service_router(readiness, mouth.metrics.render, access))

    def count_refused(request: Request) -> None:
        if request.method == "POST":
            mouth.metrics.requests.labels("refused").inc()

    answer_problems(app, "docs/wire.md", count_refused)
    return app


def _speech_router(mouth: Mouth, access: Access) -> APIRouter:
    router = APIRouter(prefix="/v1")

    def admit(request: Request) -> None:
        if not access.admits(request):
            raise Problem(401, "invalid_api_key", TOKEN_IS_WANTED)

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
            raise of_voice(error) from error
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
