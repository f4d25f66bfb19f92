"""The API on each kind of database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fakes.api_people import ApiHouse, api_house


@pytest.fixture
async def house(any_url: str) -> AsyncIterator[ApiHouse]:
    async with api_house(any_url) as made:
        yield made
