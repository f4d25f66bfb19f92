"""Another program with hands on the same database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from main_server.store.postgres import lock_for_migration


class Outsider:
    """Another program with hands on the same database; it shares no code with the store's connections."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_postgres = url.startswith("postgresql")
        driver = make_url(url).set(drivername="postgresql+asyncpg" if self.is_postgres else "sqlite+aiosqlite")
        self._engine = create_async_engine(driver, isolation_level="AUTOCOMMIT")

    async def execute(self, *statements: str) -> None:
        async with self._engine.connect() as connection:
            for statement in statements:
                await connection.execute(text(statement))

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        async with self._engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(text(query))]

    @asynccontextmanager
    async def in_the_way(self) -> AsyncIterator[None]:
        """Holds what a writer needs."""
        async with self._engine.connect() as connection:
            await self._hold(connection)
            try:
                yield
            finally:
                await connection.exec_driver_sql("ROLLBACK")

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[None]:
        """Holds the advisory lock of migrations, as another process that is at it."""
        async with self._engine.connect() as connection:
            await connection.exec_driver_sql("BEGIN")
            await connection.run_sync(lock_for_migration)
            try:
                yield
            finally:
                await connection.exec_driver_sql("ROLLBACK")

    async def _hold(self, connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("BEGIN" if self.is_postgres else "BEGIN IMMEDIATE")
        if self.is_postgres:
            await connection.exec_driver_sql("LOCK TABLE devices, conversations, turns IN ACCESS EXCLUSIVE MODE")

    async def close(self) -> None:
        await self._engine.dispose()
