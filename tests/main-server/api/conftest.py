"""The API on each kind of database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fakes.api_people import ApiHouse, api_house
from fakes.outsider import Outsider


@pytest.fixture
async def house(any_url: str) -> AsyncIterator[ApiHouse]:
    async with api_house(any_url) as made:
        yield made


@pytest.fixture
async def stranger(any_url: str) -> AsyncIterator[Outsider]:
    """Somebody who has the database, and nothing else."""
    made = Outsider(any_url)
    yield made
    await made.close()
