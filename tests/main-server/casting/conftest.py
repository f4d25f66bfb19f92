"""A company on each kind of database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fakes.troupe import Troupe, troupe
from main_server.casting import store_casting


@pytest.fixture
async def house(any_url: str) -> AsyncIterator[Troupe]:
    async with troupe(any_url) as made:
        yield made


@pytest.fixture(autouse=True)
def patient_toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no reason to be the house's."""
    monkeypatch.setattr(store_casting, "BEGIN_S", 20.0)
