"""Prints the OpenAPI document of `/api`, of which the console's types are made (`make api-types`). Starts no server."""

from __future__ import annotations

import hashlib
import json
import sys
from types import SimpleNamespace
from typing import Any, cast

from main_server.api.application import create_api
from main_server.api.parts import ApiParts


def document() -> dict[str, Any]:
    """As `/api/dev/openapi.json` serves it. A document asks nothing of the parts that requests need."""
    return create_api(cast(ApiParts, SimpleNamespace(version="0"))).openapi()


def text() -> str:
    return json.dumps(document(), indent=1, sort_keys=True)


def fingerprint() -> str:
    """Stands at the top of console/src/api/schema.d.ts; a test compares it."""
    return hashlib.sha256(text().encode()).hexdigest()[:16]


if __name__ == "__main__":
    print(fingerprint() if "--fingerprint" in sys.argv else text())
