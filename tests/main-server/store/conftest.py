"""A fresh database on disk for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from main_server.store.engine import Database, default_url, open_database
from main_server.store.migrate import migrate


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return default_url(tmp_path)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    await migrate(database_url)
    opened = open_database(database_url, busy_timeout_ms=50)
    yield opened
    await opened.close()
