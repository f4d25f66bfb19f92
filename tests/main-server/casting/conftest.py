"""A company on each kind of database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fakes.troupe import Troupe, troupe


@pytest.fixture
async def house(any_url: str) -> AsyncIterator[Troupe]:
    async with troupe(any_url) as made:
        yield made
