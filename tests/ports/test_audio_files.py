"""The promises of store.audio.files, on every home of the port, bare and sealed. A new home adds itself to HOMES."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fakes.s3_server import S3Server
from main_server.store.audio.address import open_files
from main_server.store.audio.data_keys import DataKeys
from main_server.store.audio.files import AudioFiles, new_recording_key
from main_server.store.audio.sealed import SealedFiles
from main_server.store.engine import default_url, open_database
from main_server.store.errors import AudioGone, AudioUnavailable
from main_server.store.migrate import migrate
from main_server.store.sealing import Seal

Home = Callable[[pytest.FixtureRequest, Path], AbstractAsyncContextManager[AudioFiles]]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    server = S3Server()
    yield server
    server.stop()


@asynccontextmanager
async def folder(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[AudioFiles]:
    files = open_files("file:", path)
    yield files
    await files.close()


@asynccontextmanager
async def bucket(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[AudioFiles]:
    server: S3Server = request.getfixturevalue("s3")
    files = open_files(server.url(), path, key="us", secret="ours")
    yield files
    await files.close()


def sealed(home: Home) -> Home:
    @asynccontextmanager
    async def opened(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[AudioFiles]:
        await migrate(default_url(path))
        database = open_database(default_url(path))
        keys = DataKeys(database, Seal([bytes(32)]))
        await keys.load()
        async with home(request, path) as files:
            yield SealedFiles(files, keys)
        await database.close()

    return opened


HOMES: dict[str, Home] = {
    "folder": folder,
    "bucket": bucket,
    "sealed folder": sealed(folder),
    "sealed bucket": sealed(bucket),
}


@pytest.fixture(params=list(HOMES))
async def files(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AudioFiles]:
    async with HOMES[request.param](request, tmp_path) as opened:
        yield opened


async def names(files: AudioFiles, prefix: str) -> set[str]:
    return {stored.key async for some in files.names(prefix) for stored in some}


@pytest.mark.parametrize("content", [b"", b"OggS", os.urandom(1_500_000)])
async def test_what_was_put_comes_back(files: AudioFiles, content: bytes) -> None:
    key = new_recording_key()
    await files.put(key, content)
    assert await files.get(key) == content


async def test_the_last_one_put_is_there(files: AudioFiles) -> None:
    await files.put("recordings/aa/x", b"first")
    await files.put("recordings/aa/x", b"second")
    assert await files.get("recordings/aa/x") == b"second"
    assert await names(files, "recordings/") == {"recordings/aa/x"}


async def test_what_is_not_there_is_said_to_be_gone(files: AudioFiles) -> None:
    with pytest.raises(AudioGone):
        await files.get("recordings/aa/x")


async def test_what_was_deleted_is_gone_and_may_be_deleted_again(files: AudioFiles) -> None:
    await files.put("recordings/aa/x", b"content")
    for _ in range(2):
        await files.delete("recordings/aa/x")
    with pytest.raises(AudioGone):
        await files.get("recordings/aa/x")
    await files.delete("recordings/never/was")


async def test_a_prefix_is_deleted_with_all_under_it_and_nothing_else(files: AudioFiles) -> None:
    for key in ("a/1", "a/b/2", "ab/3", "c/a/4"):
        await files.put(key, b"content")
    await files.delete_prefix("a/")
    await files.delete_prefix("nothing/")
    assert await names(files, "a/") == set()
    assert await files.get("ab/3") == await files.get("c/a/4") == b"content"


async def test_names_are_told_with_the_time_when_they_came_and_a_few_at_a_time(files: AudioFiles) -> None:
    keys = {new_recording_key() for _ in range(230)}
    await asyncio.gather(*(files.put(key, b"content") for key in keys), files.put("voices/1", b"other"))
    found = [some async for some in files.names("recordings/")]
    assert {stored.key for some in found for stored in some} == keys
    assert max(map(len, found)) <= 200 and len(found) > 1
    now = datetime.now(UTC)
    for stored in found[0]:
        assert now - timedelta(minutes=2) < stored.modified_at < now + timedelta(minutes=2)
    assert await names(files, "empty/") == set()


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "a/./b", "a\\b", "a b", "ä", "."]
)
async def test_a_key_leads_nowhere_else(files: AudioFiles, key: str) -> None:
    for call in (files.put(key, b"content"), files.get(key), files.delete(key)):
        with pytest.raises(ValueError, match="no key"):
            await call
    if key != "a/":
        with pytest.raises(ValueError, match=r"key|prefix"):
            await files.delete_prefix(key)


async def test_many_at_once_do_not_disturb_each_other(files: AudioFiles) -> None:
    contents = {new_recording_key(): os.urandom(2_000) for _ in range(50)}
    await asyncio.gather(*(files.put(key, content) for key, content in contents.items()))
    assert await asyncio.gather(*map(files.get, contents)) == list(contents.values())


@pytest.mark.parametrize("url", ["s3://nobody/x?endpoint=http://127.0.0.1:9", "file:/dev/null/x"])
async def test_a_place_that_cannot_be_reached_is_a_sentence_without_a_secret(url: str, tmp_path: Path) -> None:
    files = open_files(url, tmp_path, key="us", secret="hush-hush")
    with pytest.raises(AudioUnavailable, match="ZHIYIN_AUDIO_URL") as told:
        await files.put("a/1", b"content")
    assert "hush-hush" not in str(told.value)
    await files.close()


async def test_a_bucket_that_is_not_there_is_named(s3: S3Server, tmp_path: Path) -> None:
    files = open_files(f"s3://missing?endpoint={s3.endpoint}", tmp_path, key="us", secret="ours")
    with pytest.raises(AudioUnavailable, match="no bucket s3://missing"):
        await files.put("a/1", b"content")


@pytest.mark.parametrize(
    "url",
    ["", "s3:", "s3://", "http://host/x", "file:relative", "file://host/x", "s3://b?endpoint=ftp://x", "s3://b?key=x"],
)
def test_what_is_no_address_is_told_what_one_looks_like(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="use file:"):
        open_files(url, tmp_path)
