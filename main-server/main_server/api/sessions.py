"""Database sessions of a request. One that writes commits once, before the answer leaves, or not at all.

`Changing` is for what a talk under way must learn of: roles, voices, devices. Its commit is told to `ApiParts.changed`.

Declare them after the caller: nobody holds the database while we find out who asks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.api.access.caller import AnyCaller
from main_server.api.parts import Parts


async def _reading(parts: Parts) -> AsyncIterator[AsyncSession]:
    async with parts.database.reading() as session:
        yield session


async def _writing(parts: Parts) -> AsyncIterator[AsyncSession]:
    async with parts.database.writing() as session:
        yield session


async def _changing(caller: AnyCaller, parts: Parts) -> AsyncIterator[AsyncSession]:
    async with parts.database.writing() as session:
        yield session
    parts.changed(caller.sees_id)


Reading = Annotated[AsyncSession, Depends(_reading, scope="function")]
Writing = Annotated[AsyncSession, Depends(_writing, scope="function")]
Changing = Annotated[AsyncSession, Depends(_changing, scope="function")]
