"""The hearing contract in bytes: nothing is lost on the way, junk is named, docs/wire-hearing.md says the same."""

from __future__ import annotations

import dataclasses
import re
import typing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import hearing_wire as wire
from contracts.audio import OpusFormat, OpusPacket
from contracts.hearing import (
    CommitReason,
    HearingEvent,
    HearingFailed,
    HearingTimings,
    ListenMode,
    NothingHeard,
    OpenHearing,
    Partial,
    Patience,
    Pause,
    SpeechResumed,
    SpeechStarted,
    Utterance,
)

PAGE = (Path(__file__).parents[2] / "docs/wire-hearing.md").read_text(encoding="utf-8")
COMMANDS: list[wire.Command] = [
    wire.Open(1, OpenHearing("s", OpusFormat(24_000, 20), "zh-CN", Patience.QUICK, "whale", "fixed:240")),
    wire.Listen(2**31 - 1, 3, ListenMode.REALTIME, 10**12),
    wire.Stop(1),
    wire.Reset(1),
    wire.Expect(1, "yes_no"),
    wire.Speaking(1, "你好", 900.5),
    wire.Close(1),
]
REPORTS: list[wire.Report] = [wire.Hello("pocketsphinx"), wire.Opened(1), wire.Refused(1, "engine_busy", "full")]
EVENTS: list[HearingEvent] = [
    SpeechStarted(5),
    Pause("你", 1, 6, "zh"),
    SpeechResumed(2, 7),
    Partial("wait", 1, 4000, "en"),
    Utterance("hi", 2, 5, 9, CommitReason.TOO_LONG, "en", "happy", b"\xff\x00\x80?", True, HearingTimings(1.5, 2, 3)),
    Utterance("hi", 1, 5, 9, CommitReason.COMPLETE),
    NothingHeard("no_words", 9),
    HearingFailed("engine_busy", "full", "openai"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_arrives_as_it_was_sent(command: wire.Command) -> None:
    assert wire.read_command(wire.command_text(command)) == command


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_arrives_as_it_was_sent(report: wire.Report) -> None:
    assert wire.read_report(wire.report_text(report)) == report


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_arrives_as_it_was_told(event: HearingEvent) -> None:
    report = wire.read_report(wire.report_text(wire.told(1, 2, event)))
    assert isinstance(report, wire.Told)
    assert wire.event_of(report) == event


@pytest.mark.parametrize("event", EVENTS)
def test_offsets_are_moved_and_nothing_else(event: HearingEvent) -> None:
    moved = wire.event_of(wire.told(1, 2, event, shift=100))
    for field in dataclasses.fields(event):
        difference = 100 if field.name.endswith("sample") else None
        before, after = getattr(event, field.name), getattr(moved, field.name)
        assert after == (before + difference if difference else before)


@given(
    st.integers(1, 2**31 - 1),
    st.lists(st.builds(OpusPacket, st.binary(max_size=1275), st.integers(0, 2**32 - 1)), max_size=120),
)
def test_packets_arrive_as_they_were_sent(session: int, packets: list[OpusPacket]) -> None:
    frames = [wire.read_packets(frame) for frame in wire.packet_frames(session, packets)]
    assert [packet for _, some in frames for packet in some] == packets
    assert {number for number, _ in frames} <= {session}
    assert all(len(some) <= wire.PACKETS_PER_FRAME for _, some in frames)


@given(st.integers(1, 2**31 - 1), st.booleans())
def test_the_loudspeakers_packets_are_told_from_the_microphones(session: int, played: bool) -> None:
    [frame] = wire.packet_frames(session, [OpusPacket(b"x", 60)], played=played)
    assert wire.is_played(frame) is played
    assert wire.read_packets(frame) == (session, [OpusPacket(b"x", 60)])


@given(st.binary(max_size=200))
def test_any_bytes_are_packets_or_a_named_error(frame: bytes) -> None:
    try:
        session, packets = wire.read_packets(frame)
    except wire.WireError:
        return
    again = wire.packet_frames(session, packets, played=wire.is_played(frame))
    assert b"".join(again) == frame or not packets or len(packets) > 50


def test_the_largest_frame_of_a_client_is_taken() -> None:
    [frame] = wire.packet_frames(1, [OpusPacket(bytes(5000))] * wire.PACKETS_PER_FRAME)
    assert len(frame) <= wire.MAX_FRAME_BYTES


def test_an_error_names_the_place_and_repeats_nothing() -> None:
    with pytest.raises(wire.WireError) as refused:
        wire.read_command('{"type":"expect","session":1,"kind":["a secret"]}')
    assert "expect.kind" in str(refused.value) and "secret" not in str(refused.value)
    with pytest.raises(wire.WireError):
        wire.event_of(wire.Told(1, 1, "Whale", {}))
    with pytest.raises(wire.WireError):
        wire.event_of(wire.Told(1, 1, "Pause", {"text": "hi"}))


def section(name: str) -> str:
    return re.split(r"^## ", PAGE.split(f"## {name}\n", 1)[1], maxsplit=1, flags=re.M)[0]


@pytest.mark.parametrize(("name", "messages"), [("Commands", wire.Command), ("Reports", wire.Report)])
def test_the_page_tells_every_message_and_its_fields(name: str, messages: object) -> None:
    told = {}
    for part in re.split(r"^### ", section(name), flags=re.M)[1:]:
        told[part.splitlines()[0]] = set(re.findall(r"^\| `(\w+)` \|", part, re.M))
    code = {}
    for message in typing.get_args(messages):
        fields = {field.name: field for field in dataclasses.fields(message)}
        name_of = fields.pop("type").default
        code[name_of] = set(fields)
    assert told == code


def test_the_page_tells_every_kind_of_event_and_every_bound() -> None:
    for kind in (SpeechStarted, Partial, Pause, SpeechResumed, Utterance, NothingHeard, HearingFailed):
        assert f"`{kind.__name__}`" in section("Reports")
    for field in dataclasses.fields(OpenHearing):
        assert f"`{field.name}`" in section("Commands")
    assert f"{wire.MAX_FRAME_BYTES} bytes" in PAGE
    assert f"At most {wire.PACKETS_PER_FRAME} packets" in PAGE
