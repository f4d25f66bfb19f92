"""What service managers, load balancers and Prometheus are told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from main_server.metrics import Metrics
from main_server.store.engine import open_database
from main_server.store.errors import DatabaseLocked
from serving.readiness import Readiness
from serving.routes import service_router


def app_with(readiness: Readiness) -> FastAPI:
    app = FastAPI()
    app.include_router(service_router(readiness, Metrics("0.1.0").render))
    return app


def client_of(app: FastAPI, host: str = "127.0.0.1") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(host, 50_000)), base_url="http://toy")


async def ready(readiness: Readiness) -> tuple[int, dict[str, object]]:
    async with client_of(app_with(readiness)) as client:
        answer = await client.get("/ready")
    return answer.status_code, answer.json()


def serving() -> Readiness:
    readiness = Readiness()
    readiness.serving()
    return readiness


async def test_health_is_fine_while_the_process_lives() -> None:
    async with client_of(app_with(Readiness())) as client:
        answer = await client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": "0.1.0"})


async def test_a_process_is_not_ready_while_it_starts_or_drains() -> None:
    readiness = Readiness()
    status, body = await ready(readiness)
    assert (status, body["ready"], body["reason"]) == (503, False, "Zhiyin is starting.")
    readiness.serving()
    assert (await ready(readiness))[0] == 200
    readiness.draining()
    status, body = await ready(readiness)
    assert status == 503
    assert "stopping" in str(body["reason"])


async def test_what_is_missing_degrades_and_does_not_refuse() -> None:
    readiness = serving()

    async def no_voice() -> str | None:
        return "No voice: install espeak-ng."

    readiness.add("voice", no_voice)
    readiness.note("recogniser", "The built-in recogniser knows a few dozen sentences.")
    status, body = await ready(readiness)
    assert (status, body["ready"]) == (200, True)
    assert body["degraded"] == ["No voice: install espeak-ng.", "The built-in recogniser knows a few dozen sentences."]


async def test_without_its_database_a_process_is_not_ready() -> None:
    readiness = serving()

    async def locked() -> str | None:
        raise DatabaseLocked("The database is in use by another program.")

    readiness.add("database", locked, vital=True)
    status, body = await ready(readiness)
    assert (status, body["reason"]) == (503, "The database is in use by another program.")


async def test_a_database_that_cannot_be_read_is_the_reason(tmp_path: object) -> None:
    file = f"{tmp_path}/zhiyin.db"
    with open(file, "w") as diary:  # noqa: ASYNC230, PTH123 - a line for a test
        diary.write("not a database " * 100)
    database = open_database(f"sqlite:///{file}")
    readiness = serving()
    readiness.add("database", database.check, vital=True)
    status, body = await ready(readiness)
    await database.close()
    assert status == 503
    assert "is not a database" in str(body["reason"])


async def test_a_check_that_hangs_is_given_up_and_named() -> None:
    readiness = Readiness(deadline_s=0.01)
    readiness.serving()

    async def hangs() -> str | None:
        await asyncio.Event().wait()
        return None

    readiness.add("recogniser", hangs)
    status, body = await ready(readiness)
    assert (status, body["degraded"]) == (200, ["recogniser did not answer within 0.01 s."])


async def test_many_probes_at_once_ask_once() -> None:
    readiness, asked = serving(), []

    async def count() -> str | None:
        asked.append(1)
        await asyncio.sleep(0)
        return None

    readiness.add("voice", count)
    async with client_of(app_with(readiness)) as client:
        answers = await asyncio.gather(*(client.get("/ready") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(asked) == 1


async def test_an_old_answer_is_asked_again() -> None:
    readiness, sentences = Readiness(fresh_for_s=0.0), ["No voice.", None]
    readiness.serving()

    async def recovers() -> str | None:
        return sentences.pop(0)

    readiness.add("voice", recovers)
    assert (await readiness.verdict()).degraded == ("No voice.",)
    assert (await readiness.verdict()).degraded == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
async def test_metrics_are_open_to_this_machine(host: str) -> None:
    async with client_of(app_with(serving()), host) as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'zhiyin_build_info{version="0.1.0"} 1.0' in answer.text


@pytest.mark.parametrize("host", ["192.168.1.5", "10.0.0.1", "::ffff:192.168.1.5", "fe80::1%eth0", "", "localhost"])
async def test_metrics_are_refused_to_every_other_machine(host: str) -> None:
    async with client_of(app_with(serving()), host) as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 403
    assert "this machine only" in answer.text
    assert "zhiyin_" not in answer.text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
async def test_a_proxy_on_this_machine_does_not_open_metrics_to_the_world(header: str) -> None:
    async with client_of(app_with(serving())) as client:
        answer = await client.get("/metrics", headers={header: "127.0.0.1"})
    assert answer.status_code == 403


def own_address() -> str:
    """An address of this machine that is not loopback, or "" when it has none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        address: str = probe.getsockname()[0]
    return "" if address.startswith("127.") else address


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[int]:
    """A real server that believes forwarded headers of anybody, the worst a deployment can do."""
    config = uvicorn.Config(
        app, host="0.0.0.0", port=0, log_config=None, lifespan="off", proxy_headers=True, forwarded_allow_ips="*"
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


async def test_over_a_real_socket_only_loopback_sees_metrics() -> None:
    async with listening(app_with(serving())) as port, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/metrics")).status_code == 200
        claim = {"X-Forwarded-For": "127.0.0.1"}
        assert (await client.get(f"http://127.0.0.1:{port}/metrics", headers=claim)).status_code == 403
        outside = own_address()
        if not outside:
            pytest.skip("this machine has no address but loopback")
        assert (await client.get(f"http://{outside}:{port}/metrics")).status_code == 403
        assert (await client.get(f"http://{outside}:{port}/metrics", headers=claim)).status_code == 403
