"""Audio files in a bucket of a server that speaks S3: MinIO, Garage, Ceph, Amazon and others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from main_server.store.audio.files import DEADLINE_S, NAMES_AT_ONCE, Stored, checked, checked_prefix
from main_server.store.errors import AudioGone, AudioUnavailable

T = TypeVar("T")

CONNECT_S = 5
REQUEST_S = 10
RETRIES = 2


@dataclass(frozen=True, slots=True)
class Bucket:
    """Which bucket, where, and who we are there."""

    name: str
    prefix: str
    endpoint: str
    region: str
    key: str
    secret: str


class BucketFiles:
    """Implements AudioFiles with obstore."""

    def __init__(self, bucket: Bucket) -> None:
        try:
            import obstore
            from obstore.store import S3Store
        except ImportError as error:
            raise AudioUnavailable("Audio in a bucket needs obstore: .venv/bin/pip install 'zhiyin[s3]'.") from error
        self._where = f"s3://{bucket.name} at {bucket.endpoint or 'Amazon'}"
        self._obstore: Any = obstore
        self._store = S3Store(
            bucket.name,
            prefix=bucket.prefix or None,
            region=bucket.region,
            access_key_id=bucket.key,
            secret_access_key=bucket.secret,
            client_options={
                "allow_http": bucket.endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=CONNECT_S),
                "timeout": timedelta(seconds=REQUEST_S),
            },
            retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=DEADLINE_S)},
            **({"endpoint": bucket.endpoint} if bucket.endpoint else {}),
        )

    async def put(self, key: str, content: bytes) -> None:
        await self._call(self._obstore.put_async(self._store, checked(key), content), there=False)

    async def get(self, key: str) -> bytes:
        return await self._call(self._read(checked(key)))

    async def delete(self, key: str) -> None:
        try:
            await self._call(self._obstore.delete_async(self._store, checked(key)))
        except AudioGone:
            pass

    async def delete_prefix(self, prefix: str) -> None:
        async for some in self.names(prefix):
            await self._call(self._obstore.delete_async(self._store, [stored.key for stored in some]))

    async def names(self, prefix: str) -> AsyncIterator[Sequence[Stored]]:
        found = self._obstore.list(self._store, prefix=checked_prefix(prefix), chunk_size=NAMES_AT_ONCE)
        pages = aiter(found)
        while (page := await self._call(_next(pages), there=False)) is not None:
            yield [Stored(each["path"], each["last_modified"]) for each in page]

    async def close(self) -> None:
        """Its connections go with it."""

    async def _read(self, key: str) -> bytes:
        answer = await self._obstore.get_async(self._store, key)
        return bytes(await answer.bytes_async())

    async def _call(self, work: Awaitable[T], *, there: bool = True) -> T:
        """`there`: what is not found is the file, else the bucket."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await work
        except FileNotFoundError as error:
            if there:
                raise AudioGone("This recording is not there any more.") from error
            raise AudioUnavailable(f"There is no bucket {self._where}: make it, or see ZHIYIN_AUDIO_URL.") from error
        except TimeoutError as error:
            raise AudioUnavailable(f"The bucket {self._where} did not answer in time.") from error
        except (OSError, self._obstore.exceptions.BaseError) as error:  # its text may quote what was sent
            raise AudioUnavailable(
                f"The bucket {self._where} failed ({type(error).__name__}): see ZHIYIN_AUDIO_URL, ZHIYIN_AUDIO_KEY and "
                "ZHIYIN_AUDIO_SECRET."
            ) from error


async def _next(pages: AsyncIterator[Any]) -> Any:
    return await anext(pages, None)
