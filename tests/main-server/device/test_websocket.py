"""The device's WebSocket over real sockets: upgrade, hello, replacing, closing, draining."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from websockets.frames import Opcode

from contracts.hearing import ListenMode
from fakes.device_client import HELLO, MAC, connected
from fakes.device_server import ScriptedSession, Stage, serving, until
from main_server.conversation.ports import Abort, CloseReason, Detect, DeviceEvent, ListenStart, ListenStop
from main_server.device.directory import DeviceReport
from main_server.device.gate import Admitted, Credentials, OpenGate, Refused
from main_server.device.hub import DeviceHub, SocketLimits

QUICK = SocketLimits(authorise_s=0.3, hello_s=0.2, close_s=0.2, drain_s=0.5, stalled_s=0.3)


@dataclass
class House:
    port: int
    hub: DeviceHub
    stage: Stage


@pytest.fixture
async def house() -> AsyncIterator[House]:
    stage = Stage()
    hub = DeviceHub(OpenGate(), stage.open)
    async with serving(hub) as port:
        yield House(port, hub, stage)


async def test_hello_is_answered_with_everything_a_device_needs(house: House) -> None:
    async with connected(house.port) as toy:
        reply = await toy.hello()
    assert reply["type"] == "hello" and reply["transport"] == "websocket"
    assert reply["audio_params"] == {"format": "opus", "sample_rate": 24000, "channels": 1, "frame_duration": 60}
    assert set(reply["session_id"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert house.stage.sessions[0].channel.session_id == reply["session_id"]


@pytest.mark.parametrize("path", ["/xiaozhi/v1", "/xiaozhi/v1/", "/xiaozhi/v1/any/where", "/xiaozhi/v1/?a=b:c"])
async def test_any_path_below_the_devices_path_is_served(house: House, path: str) -> None:
    async with connected(house.port, path) as toy:
        assert (await toy.hello())["type"] == "hello"


@pytest.mark.parametrize("path", ["/", "/xiaozhi/v2/", "/xiaozhi/v1x", "/api/live"])
async def test_other_paths_are_404_before_the_upgrade(house: House, path: str) -> None:
    async with connected(house.port, path) as toy:
        assert toy.status == 404


async def test_no_extension_and_no_subprotocol_is_agreed_on(house: House) -> None:
    async with connected(house.port, headers={"Sec-WebSocket-Extensions": "permessage-deflate"}) as toy:
        assert toy.status == 101
        assert not {"sec-websocket-extensions", "sec-websocket-protocol"} & set(toy.response_headers)


async def test_a_missing_device_id_is_refused_before_the_upgrade_with_a_sentence(house: House) -> None:
    async with connected(house.port, device_id=None) as toy:
        assert toy.status == 401
        assert b"Device-Id is missing" in toy.body
    assert house.hub.counters.refused == 1 and house.hub.counters.upgraded == 0


async def test_a_browser_gives_its_credentials_in_the_address() -> None:
    seen: list[Credentials] = []

    class Door:
        async def authorise(self, credentials: Credentials) -> Admitted | Refused:
            seen.append(credentials)
            return Admitted(DeviceReport(credentials.device_id, credentials.client_id))

    stage = Stage()
    async with serving(DeviceHub(Door(), stage.open)) as port:
        path = "/xiaozhi/v1/?Device-ID=24-6F-28-AB-CD-EF&authorization=Bearer%20tok&protocol-version=3"
        async with connected(port, path, device_id=None) as toy:
            assert (await toy.hello(version=1))["version"] == 3
    assert (seen[0].device_id, seen[0].authorization, seen[0].address) == (MAC, "Bearer tok", "127.0.0.1")
    assert stage.sessions[0].channel.device_id == MAC


async def test_a_gatekeepers_refusal_is_a_401_and_no_session_begins() -> None:
    class Door:
        async def authorise(self, credentials: Credentials) -> Admitted | Refused:
            return Refused("This toy belongs to nobody yet.")

    stage = Stage()
    async with serving(DeviceHub(Door(), stage.open)) as port, connected(port) as toy:
        assert toy.status == 401 and toy.response_headers["www-authenticate"] == "Bearer"
        assert toy.body.decode().strip() == "This toy belongs to nobody yet."
    assert stage.sessions == []


@pytest.mark.parametrize(("fault", "status"), [("hangs", 503), ("breaks", 500)])
async def test_a_gatekeeper_that_fails_refuses_instead_of_hanging(fault: str, status: int) -> None:
    class Door:
        async def authorise(self, credentials: Credentials) -> Admitted | Refused:
            if fault == "hangs":
                await asyncio.sleep(60)
            raise RuntimeError("no database")

    async with serving(DeviceHub(Door(), Stage().open, limits=QUICK)) as port, connected(port) as toy:
        assert toy.status == status


async def test_a_directory_that_fails_does_not_keep_a_toy_from_talking() -> None:
    class Broken:
        async def known(self, device_id: str) -> DeviceReport | None:
            raise OSError("disk full")

        async def seen(self, report: DeviceReport) -> None:
            raise OSError("disk full")

    directory = Broken()
    hub = DeviceHub(OpenGate(directory), Stage().open, directory=directory)
    async with serving(hub) as port, connected(port) as toy:
        assert (await toy.hello(features={"aec": True}))["type"] == "hello"


async def test_server_side_echo_cancellation_is_remembered_for_the_next_boot() -> None:
    reports: list[DeviceReport] = []

    class Memory:
        async def known(self, device_id: str) -> DeviceReport | None:
            return DeviceReport(device_id, chip="esp32c3", firmware="2.1.0")

        async def seen(self, report: DeviceReport) -> None:
            reports.append(report)

    directory, stage = Memory(), Stage()
    hub = DeviceHub(OpenGate(directory), stage.open, directory=directory)
    async with serving(hub) as port, connected(port) as toy:
        await toy.hello(features={"aec": True})
        await until(lambda: reports)
    assert reports == [DeviceReport(MAC, server_aec=True)]
    channel, traits = stage.sessions[0].channel, stage.sessions[0].channel.traits
    assert (channel.device_id, channel.client_id) == (MAC, "36c98363-3656-43cb-a00f-8bced2391a90")
    assert (traits.lead_frames, traits.stop_waits) == (0, True)


async def test_listening_and_audio_reach_the_session_in_order(house: House) -> None:
    async with connected(house.port) as toy:
        await toy.hello()
        await toy.send({"type": "listen", "state": "detect", "text": "你好小智"})
        await toy.send({"type": "listen", "state": "start", "mode": "manual"})
        await toy.send({"type": "listen", "state": "stop"})
        await toy.send({"type": "abort", "reason": "wake_word_detected"})
        await toy.send(b"\x58\xff\xfe")
        await toy.send(b"")
        session = house.stage.sessions[0]
        await until(lambda: len(session.packets) == 2)
    expected = [Detect("你好小智"), ListenStart(ListenMode.MANUAL), ListenStop(), Abort("wake_word_detected")]
    assert session.events == expected
    assert [packet.payload for packet in session.packets] == [b"\x58\xff\xfe", b""]


async def test_framing_2_carries_the_echo_timestamps_both_ways(house: House) -> None:
    async with connected(house.port, headers={"Protocol-Version": "2"}) as toy:
        await toy.hello(version=2, features={"aec": True})
        await toy.send(bytes.fromhex("0002000000000000010203040000000358fffe"))
        session = house.stage.sessions[0]
        await until(lambda: session.packets)
        assert session.packets[0].timestamp_ms == 16909060
        assert session.channel.send_audio(b"\x58\xff\xfe", 60)
        frame = await toy.frame()
    assert frame is not None and bytes(frame.data).hex() == "00020000000000000000003c0000000358fffe"


async def test_what_a_device_with_server_side_echo_cancellation_plays_is_told_with_its_timestamp(house: House) -> None:
    async with connected(house.port, headers={"Protocol-Version": "2"}) as toy:
        await toy.hello(version=2, features={"aec": True})
        session = house.stage.sessions[0]
        for turn in (1, 2):  # the second reply counts from its own start, but no timestamp comes twice
            session.channel.tts_start()
            for at_ms in (60, 120):
                assert session.channel.send_audio(b"\x58", at_ms)
            assert [packet.timestamp_ms for packet in session.loudspeaker] == list(range(60, 120 * turn + 1, 60))
    assert session.channel.traits.server_aec


async def test_other_devices_cost_nothing_for_their_echo(house: House) -> None:
    async with connected(house.port, headers={"Protocol-Version": "2"}) as toy:
        await toy.hello(version=2)
        session = house.stage.sessions[0]
        assert session.channel.send_audio(b"\x58", 60)
    assert session.loudspeaker == []


@pytest.mark.parametrize("size", [0, 125, 126, 4000])
async def test_what_the_session_says_arrives_as_it_was_sent(house: House, size: int) -> None:
    async with connected(house.port) as toy:
        await toy.hello()
        channel = house.stage.sessions[0].channel
        channel.stt("今天天气怎么样")
        channel.tts_start()
        assert channel.send_audio(b"x" * size, 0)
        channel.tts_stop()
        assert (await toy.json())["text"] == "今天天气怎么样"
        assert (await toy.json())["state"] == "start"
        frame = await toy.frame()
        assert frame is not None and frame.opcode is Opcode.BINARY and len(frame.data) == size
        assert (await toy.json())["state"] == "stop"


async def test_a_message_in_fragments_is_one_message(house: House) -> None:
    async with connected(house.port) as toy:
        await toy.hello()
        toy.protocol.send_text(b'{"type":"listen","state":"detect","text":"\xe4\xbd', fin=False)
        toy.protocol.send_continuation(b"", fin=False)
        toy.protocol.send_continuation(b'\xa0"}', fin=True)
        toy.protocol.send_binary(b"ab", fin=False)
        toy.protocol.send_continuation(b"cd", fin=True)
        await toy.flush()
        session = house.stage.sessions[0]
        await until(lambda: session.packets)
    assert session.events == [Detect("你")] and session.packets[0].payload == b"abcd"


async def test_a_second_hello_is_never_answered(house: House) -> None:
    async with connected(house.port) as toy:
        await toy.hello()
        await toy.send(HELLO)
        await toy.send({"type": "abort"})
        await until(lambda: house.stage.sessions[0].events)
        house.stage.sessions[0].channel.keep_alive()
        assert (await toy.json())["type"] == "ping"
    assert len(house.stage.sessions) == 1 and house.hub.counters.junk["second_hello"] == 1


async def test_the_newest_connection_of_a_device_wins(house: House) -> None:
    async with connected(house.port, device_id="24:6F:28:AB:CD:EF") as older, connected(house.port) as newer:
        await older.hello()
        await newer.hello()
        assert await older.closing() == 1008
        first, second = house.stage.sessions
        assert first.reason is CloseReason.REPLACED and first.times_closed == 1
        assert house.hub.switchboard.find(MAC) is second.channel
        await newer.send({"type": "abort"})
        await until(lambda: second.events)
    await until(lambda: house.hub.switchboard.find(MAC) is None)


async def test_a_device_that_never_answers_a_close_is_disconnected_by_tcp() -> None:
    stage = Stage()
    async with serving(DeviceHub(OpenGate(), stage.open, limits=QUICK)) as port, connected(port) as toy:
        await toy.hello()
        stage.sessions[0].channel.close(CloseReason.GOODBYE)
        assert await toy.closing() == 1000  # and TCP ended although no Close was answered
        await until(lambda: stage.sessions[0].reason is CloseReason.GOODBYE)


async def test_what_was_sent_before_closing_still_arrives_although_the_microphone_streams_on(house: House) -> None:
    async with connected(house.port) as toy:
        await toy.hello()
        channel = house.stage.sessions[0].channel
        for _ in range(20):
            channel.send_audio(b"x" * 200, 0)
        channel.close(CloseReason.GOODBYE)
        for _ in range(20):
            await toy.send(b"y" * 100)
        frames = [await toy.frame() for _ in range(21)]
    assert [frame.opcode for frame in frames if frame] == [Opcode.BINARY] * 20 + [Opcode.CLOSE]
    assert house.stage.sessions[0].packets == []


async def test_a_peer_that_closes_in_order_gets_its_close_back(house: House) -> None:
    async with connected(house.port) as toy:
        await toy.hello()
        toy.protocol.send_close(1000)
        await toy.flush()
        assert await toy.closing() == 1000
    await until(lambda: house.stage.sessions[0].finished)
    assert house.stage.sessions[0].reason is CloseReason.PEER_CLOSED


async def test_the_channel_closes_when_its_session_ends(house: House) -> None:
    async with connected(house.port) as toy:
        await toy.hello()
        house.stage.sessions[0].over.set()
        assert await toy.closing() == 1000


async def test_a_session_that_fails_closes_its_own_channel_only() -> None:
    class Failing(ScriptedSession):
        async def run(self) -> None:
            await asyncio.sleep(0)
            raise RuntimeError("a bug")

    async with serving(DeviceHub(OpenGate(), Failing)) as port, connected(port) as toy:
        await toy.hello()
        assert await toy.closing() == 1011


async def test_no_hello_in_time_closes_the_connection() -> None:
    hub = DeviceHub(OpenGate(), Stage().open, limits=QUICK)
    async with serving(hub) as port, connected(port) as toy:
        await toy.send({"type": "listen", "state": "start", "mode": "auto"})
        await toy.send(b"\x58\xff\xfe")
        assert await toy.closing() == 1008
    assert hub.counters.no_hello == 1 and hub.counters.sessions == 0


async def test_a_ping_is_answered(house: House) -> None:
    async with connected(house.port) as toy:
        toy.protocol.send_ping(b"are you there")
        await toy.flush()
        frame = await toy.frame()
    assert frame is not None and frame.opcode is Opcode.PONG and bytes(frame.data) == b"are you there"


async def test_stopping_the_server_lets_a_reply_finish_first() -> None:
    stage = Stage()
    serve = serving(DeviceHub(OpenGate(), stage.open))
    port = await serve.__aenter__()
    async with connected(port) as speaking, connected(port, device_id="silent") as silent:
        await speaking.hello()
        await silent.hello()
        channel = stage.sessions[0].channel
        channel.tts_start()
        await speaking.json()
        stopping = asyncio.create_task(serve.__aexit__(None, None, None))
        assert await silent.closing() == 1001
        await speaking.send({"type": "listen", "state": "start", "mode": "auto"})
        assert channel.send_audio(b"the rest", 0)
        channel.tts_stop()
        frame = await speaking.frame()
        assert frame is not None and bytes(frame.data) == b"the rest"
        assert (await speaking.json())["state"] == "stop"
        assert await speaking.closing() == 1001
        await stopping
    assert [session.reason for session in stage.sessions] == [CloseReason.DRAINED] * 2
    assert stage.sessions[0].events == []


async def test_stopping_the_server_does_not_wait_for_ever_for_a_reply() -> None:
    stage = Stage()
    serve = serving(DeviceHub(OpenGate(), stage.open, limits=QUICK))
    port = await serve.__aenter__()
    async with connected(port) as toy:
        await toy.hello()
        stage.sessions[0].channel.tts_start()
        await toy.json()
        stopping = asyncio.create_task(serve.__aexit__(None, None, None))
        assert await toy.closing() == 1001
        await stopping
    assert stage.sessions[0].reason is CloseReason.DRAINED and stage.sessions[0].finished


async def test_a_device_without_tools_is_not_asked_for_any(house: House) -> None:
    async with connected(house.port) as toy:
        await toy.hello(features=None)
        house.stage.sessions[0].channel.keep_alive()
        assert (await toy.json())["type"] == "ping"


async def test_a_device_with_tools_is_asked_for_them_right_after_the_hello(house: House) -> None:
    async with connected(house.port) as toy:
        reply = await toy.hello(features={"mcp": True})
        methods = [(await toy.json())["payload"]["method"] for _ in range(3)]
    assert reply["type"] == "hello"
    assert methods == ["initialize", "notifications/initialized", "tools/list"]


def _say_stop(session: ScriptedSession, event: DeviceEvent) -> None:
    if isinstance(event, Abort):
        session.channel.tts_stop()


async def test_fifty_aborts_are_fifty_events() -> None:
    stage = Stage(_say_stop)
    async with serving(DeviceHub(OpenGate(), stage.open)) as port, connected(port) as toy:
        await toy.hello()
        for _ in range(50):
            await toy.send({"type": "abort"})
        for _ in range(50):
            assert (await toy.json())["state"] == "stop"
    assert len(stage.sessions[0].events) == 50


def test_the_loop_that_serves_in_life_does_the_same() -> None:
    uvloop = pytest.importorskip("uvloop")
    stage = Stage()

    async def scene() -> None:
        hub = DeviceHub(OpenGate(), stage.open, limits=QUICK)
        async with serving(hub) as port, connected(port, device_id=None) as stranger, connected(port) as toy:
            assert stranger.status == 401
            await toy.hello()
            await toy.send(b"\x58\xff\xfe")
            await until(lambda: stage.sessions[0].packets)
            channel = stage.sessions[0].channel
            assert channel.send_audio(b"x" * 200, 0)
            channel.close(CloseReason.IDLE)
            assert (await toy.frame()).data == b"x" * 200  # type: ignore[union-attr]
            assert await toy.closing() == 1000

    uvloop.run(scene())
    assert stage.sessions[0].reason is CloseReason.IDLE and stage.sessions[0].finished
