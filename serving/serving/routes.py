"""`/health`, `/ready` and `/metrics` of every program: for service managers, load balancers and Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel

from serving.access import Access, from_this_machine
from serving.readiness import Readiness

RenderMetrics = Callable[[str], tuple[bytes, str]]
"""From an Accept header to the exposition and its content type."""


class Health(BaseModel):
    """The process lives."""

    status: str = "ok"
    version: str


class Ready(BaseModel):
    """Whether the program can serve; `reason` says why not, `degraded` what is missing all the same."""

    ready: bool
    reason: str = ""
    degraded: list[str] = []


def service_router(readiness: Readiness, render_metrics: RenderMetrics, access: Access | None = None) -> APIRouter:
    """The three routes. Metrics are for this machine, and with `access` for whoever knows its token."""
    router = APIRouter(tags=["health"])
    zhiyin_version = version("zhiyin")

    @router.get("/health")
    async def health() -> Health:
        """200 while the process lives."""
        return Health(version=zhiyin_version)

    @router.get("/ready", responses={503: {"model": Ready}})
    async def ready(response: Response) -> Ready:
        """200 when it can serve; 503 while starting, draining or without what is vital."""
        verdict = await readiness.verdict()
        if not verdict.ready:
            response.status_code = 503
            response.headers["retry-after"] = "2"
        return Ready(ready=verdict.ready, reason=verdict.reason, degraded=list(verdict.degraded))

    @router.get("/metrics")
    async def exposition(request: Request, accept: Annotated[str, Header()] = "") -> Response:
        """Prometheus's figures."""
        if not from_this_machine(request) and not (access and access.knows(request)):
            return Response(
                "Metrics are open to this machine only: ask http://127.0.0.1 here, without a proxy in between.\n",
                status_code=403,
                media_type="text/plain",
            )
        body, content_type = render_metrics(accept)
        return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})

    return router
