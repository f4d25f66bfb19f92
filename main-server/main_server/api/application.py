"""`/api`: its routers, its errors, its bounds and its OpenAPI document, as one application to be mounted."""

from __future__ import annotations

from fastapi import Depends, FastAPI, Request, Response

from main_server.api import problems
from main_server.api.access.origin import check_origin
from main_server.api.bounds import Bounds
from main_server.api.parts import ApiParts, Parts
from main_server.api.resources import (
    accounts,
    audit,
    claims,
    conversations,
    device_keys,
    devices,
    engines,
    exports,
    invitations,
    live,
    logins,
    memories,
    presets,
    provider_tests,
    providers,
    recordings,
    role_documents,
    role_versions,
    roles,
    server,
    speakers,
    talk_tickets,
    tokens,
    voices,
)

RESOURCES = (
    server,
    accounts,
    logins,
    tokens,
    invitations,
    devices,
    device_keys,
    claims,
    roles,
    role_versions,
    role_documents,
    voices,
    speakers,
    memories,
    conversations,
    recordings,
    exports,
    engines,
    presets,
    provider_tests,
    providers,
    live,
    audit,
    talk_tickets,
)
OPENAPI_PATH = "/dev/openapi.json"


def create_api(parts: ApiParts) -> FastAPI:
    """The application under `/api`. Its document, from which the console's types are made, is public."""
    api = FastAPI(
        title="Zhiyin",
        version=parts.version,
        openapi_url=OPENAPI_PATH,
        servers=[{"url": "/api"}],
        root_path_in_servers=False,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(_our_own_pages)],
        responses=problems.RESPONSES,
        strict_content_type=True,
    )
    api.state.parts = parts
    problems.install(api)
    for resource in RESOURCES:
        api.include_router(resource.router)
    api.add_middleware(Bounds, endless=("/live", "/export"))
    return api


async def _our_own_pages(request: Request, response: Response, parts: Parts) -> None:
    check_origin(request, parts.proxies, parts.public_host)
    response.headers.update(problems.HEADERS)
