"""`/health`, `/ready` and `/metrics`: for service managers, load balancers and Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel

from main_server.api.loopback import from_loopback
from main_server.api.readiness import Readiness

RenderMetrics = Callable[[str], tuple[bytes, str]]
"""From an Accept header to the exposition and its content type: Metrics.render."""


class Health(BaseModel):
    """The process lives."""

    status: str = "ok"
    version: str


class Ready(BaseModel):
    """Whether a device can be served; `reason` says why not, `degraded` what is missing all the same."""

    ready: bool
    reason: str = ""
    degraded: list[str] = []


def health_router(readiness: Readiness, render_metrics: RenderMetrics, *, version: str) -> APIRouter:
    """The three routes of a process."""
    router = APIRouter(tags=["health"])

    @router.get("/health")
    async def health() -> Health:
        """200 while the process lives."""
        return Health(version=version)

    @router.get("/ready", responses={503: {"model": Ready}})
    async def ready(response: Response) -> Ready:
        """200 when a device can be served; 503 while starting, draining or without the database."""
        verdict = await readiness.verdict()
        if not verdict.ready:
            response.status_code = 503
            response.headers["retry-after"] = "2"
        return Ready(ready=verdict.ready, reason=verdict.reason, degraded=list(verdict.degraded))

    @router.get("/metrics", include_in_schema=False)
    async def exposition(request: Request, accept: Annotated[str, Header()] = "") -> Response:
        """Prometheus's figures, for clients on this machine."""
        if not from_loopback(request):
            return Response(
                "Metrics are open to this machine only: ask http://127.0.0.1 here, without a proxy in between.\n",
                status_code=403,
                media_type="text/plain",
            )
        body, content_type = render_metrics(accept)
        return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})

    return router
