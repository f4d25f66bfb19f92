"""The console's files: what is served, how it is cached and compressed, and that nothing else can be read."""

from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from main_server.api.console import About, console_router

ASSET = "assets/index-Ab3_x-9Z.js"
SCRIPT = b"console.log('zhiyin')\n" * 100


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder as Vite leaves it, with a secret beside it."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Zhiyin</title>")
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / ".built-from").write_text("1 2")
    (folder / ASSET).write_bytes(SCRIPT)
    (folder / f"{ASSET}.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / f"{ASSET}.br").write_bytes(b"as brotli")
    (tmp_path / "secret.txt").write_text("a secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    return folder


@pytest.fixture
async def browser(built: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client(built) as made:
        yield made


def client(folder: Path | None) -> httpx.AsyncClient:
    app = FastAPI(openapi_url=None)
    about = About(ota_url="http://here/xiaozhi/ota/", device_url="ws://here", claim="open", engines={"model": "none"})
    app.include_router(console_router(lambda: about, lambda: folder))
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://zhiyin", headers={"accept-encoding": "identity"})


@pytest.mark.parametrize(
    "path", ["/", "/devices", "/register?invitation=abc", "/conversations/" + "0" * 32, "/nowhere"]
)
async def test_every_page_is_the_console_which_is_asked_for_again_each_time(
    browser: httpx.AsyncClient, path: str
) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 200
    assert "<title>Zhiyin</title>" in answer.text
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "path",
    [
        "/api/nothing",
        "/xiaozhi/nothing",
        "/metrics/x",
        "/ready/x",
        "/assets/gone-Ab3_x-9Z.js",
        "/assets/",
        "/robots.txt",
    ],
)
async def test_what_is_no_page_is_not_the_console(browser: httpx.AsyncClient, path: str) -> None:
    assert (await browser.get(path)).status_code == 404


async def test_what_has_a_hash_in_its_name_is_kept_forever_and_the_rest_is_not(browser: httpx.AsyncClient) -> None:
    script = await browser.get(f"/{ASSET}")
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (await browser.get("/favicon.svg")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("identity", None),
        ("", None),
        ("br;q=0.0", None),
    ],
)
async def test_a_browser_gets_what_the_build_compressed_for_it(
    browser: httpx.AsyncClient, accepted: str, encoding: str | None
) -> None:
    async with browser.stream("GET", f"/{ASSET}", headers={"accept-encoding": accepted}) as answer:
        raw = b"".join([piece async for piece in answer.aiter_raw()])
        assert answer.headers.get("content-encoding") == encoding
        assert answer.headers["vary"] == "accept-encoding"
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert raw == {"br": b"as brotli", "gzip": gzip.compress(SCRIPT), None: SCRIPT}[encoding] or encoding == "gzip"
        if encoding == "gzip":
            assert gzip.decompress(raw) == SCRIPT


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/..%5csecret.txt",
        "//etc/passwd",
        "/link.txt",
        "/.built-from",
        f"/{ASSET}.gz",
        "/%00",
    ],
)
async def test_no_path_leads_out_of_the_folder(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(httpx.URL("http://zhiyin", raw_path=path.encode()))
    assert answer.status_code == 404 or "<title>Zhiyin</title>" in answer.text
    assert "a secret" not in answer.text
    assert "root:" not in answer.text


async def test_pages_may_load_what_is_ours_and_nothing_else(browser: httpx.AsyncClient) -> None:
    for path in ("/", f"/{ASSET}", "/nothing.txt"):
        headers = (await browser.get(path)).headers
        policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'self'"
        assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["object-src"] == "'none'"
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "microphone=(self)" in headers["permissions-policy"]


async def test_a_head_request_is_answered_like_a_get(browser: httpx.AsyncClient) -> None:
    answer = await browser.head("/")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_new_build_is_served_without_a_restart(browser: httpx.AsyncClient, built: Path) -> None:
    assert (await browser.get("/")).status_code == 200
    (built / "index.html").write_text("<!doctype html><title>Newer</title>")
    os.utime(built / "index.html", ns=(1, 1))
    (built / "new.txt").write_text("new")
    assert "Newer" in (await browser.get("/")).text
    assert (await browser.get("/new.txt")).text == "new"


async def test_without_a_build_the_page_says_what_to_do_in_both_languages() -> None:
    async with client(None) as browser:
        page = await browser.get("/")
        assert page.status_code == 200
        assert "make console" in page.text and "控制台还没有构建" in page.text
        assert (await browser.get("/register?invitation=x")).status_code == 200
        assert (await browser.get("/assets/x.js")).status_code == 404
        assert (await browser.get("/about.json")).json()["claim"] == "open"


async def test_about_is_a_document_of_its_own(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/about.json")).json() == {
        "ota_url": "http://here/xiaozhi/ota/",
        "device_url": "ws://here",
        "https_url": "",
        "claim": "open",
        "engines": {"model": "none"},
    }
