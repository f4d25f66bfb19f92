"""The protocol object on the golden messages, and on everything a peer can do wrong in one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.audio import OpusFormat, OpusPacket
from contracts.hearing import ListenMode
from fakes.vectors import vectors
from main_server.conversation.ports import Abort, Detect, ListenStart, ListenStop
from main_server.device.framing import Framing
from main_server.device.messages import (
    MAX_TYPED_CHARACTERS,
    Goodbye,
    Hello,
    Junk,
    McpMessage,
    ThingsMessage,
    read_message,
)
from main_server.device.protocol import DeviceProtocol
from main_server.device.wording import MAX_SHOWN_CHARACTERS

SESSION = "3f1b0c52-2f4e-4a53-9a83-5a0c1c0d7e11"
FROM_DEVICE = {case["name"]: case for case in vectors("messages_device_to_server")["messages"]}
TO_DEVICE = {case["name"]: case["text"] for case in vectors("messages_server_to_device")["messages"]}
HELLO = FROM_DEVICE["hello_ws_v1"]["text"]
SPEAKER = FROM_DEVICE["iot_descriptors_legacy_v1.0_to_v1.7"]["json"]["descriptors"][0]

EXPECTED = {
    "hello_ws_v1": Hello(version=1, mcp=True, glyph_push=True),
    "hello_ws_v2_server_aec": Hello(version=2, mcp=True, server_aec=True),
    "hello_ws_old_firmware": Hello(version=1),
    "hello_mqtt": Hello(version=3, mcp=True),
    "listen_start_auto": ListenStart(ListenMode.AUTO),
    "listen_start_manual": ListenStart(ListenMode.MANUAL),
    "listen_start_realtime": ListenStart(ListenMode.REALTIME),
    "listen_stop": ListenStop(),
    "listen_detect": Detect("你好小智"),
    "abort": Abort(),
    "abort_wake_word": Abort("wake_word_detected"),
    "goodbye_mqtt_only": Goodbye(),
    "mcp_result": McpMessage(FROM_DEVICE["mcp_result"]["json"]["payload"]),
    "mcp_error_has_no_code": McpMessage(FROM_DEVICE["mcp_error_has_no_code"]["json"]["payload"]),
    "mcp_before_any_session": McpMessage(FROM_DEVICE["mcp_before_any_session"]["json"]["payload"]),
    "iot_descriptors_legacy_v1.0_to_v1.7": ThingsMessage(descriptors=[SPEAKER]),
    "iot_states_legacy": ThingsMessage(states=[{"name": "Speaker", "state": {"volume": 70}}]),
}


def greeted(announced: Framing | None = None) -> DeviceProtocol:
    protocol = DeviceProtocol(SESSION, announced)
    protocol.receive_text(HELLO)
    return protocol


@pytest.mark.parametrize("name", FROM_DEVICE)
def test_every_golden_message_of_a_device_is_understood(name: str) -> None:
    assert read_message(FROM_DEVICE[name]["text"]) == [EXPECTED[name]]


@pytest.mark.parametrize("case", vectors("messages_device_to_server")["tolerate_invalid_text"], ids=lambda c: c["name"])
def test_golden_invalid_text_is_junk(case: dict) -> None:
    assert greeted().receive_text(case["text"]) == [Junk("not_json")]


def test_every_message_we_send_is_the_golden_one() -> None:
    protocol = DeviceProtocol(SESSION)
    mcp = json.loads(TO_DEVICE["mcp_tools_call"])["payload"]
    built = {
        "hello_ws": protocol.hello_reply(OpusFormat(24_000, 60)),
        "stt": protocol.stt("今天天气怎么样"),
        "llm": protocol.emotion("happy"),
        "tts_start": protocol.tts_start(),
        "tts_sentence_start": protocol.sentence_start("今天晴。"),
        "tts_stop": protocol.tts_stop(),
        "mcp_tools_call": protocol.mcp(mcp),
        "system_reboot": protocol.reboot(),
        "iot_commands_legacy": protocol.iot(json.loads(TO_DEVICE["iot_commands_legacy"])["commands"][0]),
        "alert": protocol.alert("提醒", "电量低", "sad"),
    }
    assert {name: message.decode() for name, message in built.items()} == {name: TO_DEVICE[name] for name in built}


def test_the_server_hello_always_has_a_transport_or_the_device_restarts() -> None:
    for announced in (None, *Framing):
        reply = json.loads(DeviceProtocol(SESSION, announced).hello_reply(OpusFormat(24_000, 60)))
        assert reply["transport"] == "websocket"


def test_the_header_decides_the_framing_and_without_one_the_hello_does() -> None:
    hello_3 = HELLO.replace('"version":1', '"version":3')
    browser, board, confused = DeviceProtocol(SESSION), DeviceProtocol(SESSION, Framing.TIMED), DeviceProtocol(SESSION)
    browser.receive_text(hello_3)
    board.receive_text(hello_3)
    confused.receive_text(HELLO.replace('"version":1', '"version":7'))
    assert (browser.framing, board.framing, confused.framing) == (Framing.SIZED, Framing.TIMED, Framing.RAW)


def test_a_second_hello_is_junk_and_changes_nothing() -> None:
    protocol = greeted()
    assert protocol.receive_text(HELLO.replace('"version":1', '"version":3')) == [Junk("second_hello")]
    assert protocol.framing is Framing.RAW


def test_nothing_counts_before_the_hello() -> None:
    protocol = DeviceProtocol(SESSION)
    assert protocol.receive_text('{"type":"listen","state":"start","mode":"auto"}') == [Junk("before_hello")]
    assert protocol.receive_text('{"type":"mcp","payload":{}}') == [Junk("before_hello")]
    assert protocol.receive_binary(b"\x58\xff\xfe") is None
    assert isinstance(protocol.receive_text(HELLO)[0], Hello)


def test_a_dtx_packet_is_silence_not_an_error() -> None:
    protocol = greeted()
    assert protocol.receive_binary(b"") == OpusPacket(b"")
    assert protocol.receive_binary(b"\x58") == OpusPacket(b"\x58")


def test_a_broken_frame_is_junk() -> None:
    assert greeted(Framing.TIMED).receive_binary(b"\x00\x02") == Junk("truncated_header")


def test_keys_match_whatever_their_case_and_the_first_one_wins() -> None:
    assert read_message('{"TYPE":"abort","Reason":"x","reason":"y"}') == [Abort("x")]
    assert read_message('{"Type":"listen","STATE":"start","type":"abort"}') == [ListenStart(ListenMode.AUTO)]


def test_an_unknown_type_is_ignored_without_a_word() -> None:
    assert read_message('{"type":"ping"}') == [] == read_message('{"type":"LISTEN","state":"stop"}')


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not_json"),
        ("hello", "not_json"),
        ("[" * 100_000, "too_long"),
        ("[" * 60_000, "not_json"),
        ('{"a":' * 2000 + "1" + "}" * 2000, "not_json"),
        ("[]", "not_an_object"),
        ("null", "not_an_object"),
        ("{}", "no_type"),
        ('{"type":1}', "wrong_type"),
        ('{"type":"abort","session_id":7}', "wrong_type"),
        ('{"type":"abort","reason":{}}', "wrong_type"),
        ('{"type":"listen"}', "no_state"),
        ('{"type":"listen","state":"start","mode":"telepathy"}', "unknown_value"),
        ('{"type":"listen","state":"hover"}', "unknown_value"),
        ('{"type":"listen","state":"detect","text":["x"]}', "wrong_type"),
        ('{"type":"mcp"}', "not_an_object"),
        ('{"type":"mcp","payload":[]}', "not_an_object"),
        (json.dumps({f"key{n}": n for n in range(100)}), "not_an_object"),
        ('{"type":"listen","state":"detect","text":"' + "x" * 900_000 + '"}', "too_long"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_junk_with_a_reason_of_ours(text: str, reason: str) -> None:
    assert read_message(text) == [Junk(reason)]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"features": []}, "not_an_object"),
        ({"features": {"mcp": "yes"}}, "wrong_type"),
        ({"features": {"mcp": 1}}, "wrong_type"),
        ({"version": "1"}, "wrong_type"),
        ({"version": True}, "wrong_type"),
        ({"session_id": 7}, "wrong_type"),
        ({"transport": 5}, "wrong_type"),
        ({"audio_params": [1]}, "not_an_object"),
        ({"audio_params": {"channels": "one"}}, "wrong_type"),
        ({"audio_params": {"sample_rate": "16000"}}, "wrong_type"),
        ({"audio_params": {"sample_rate": 44100}}, "unknown_value"),
        ({"audio_params": {"frame_duration": 30}}, "unknown_value"),
        ({"audio_params": {"format": "pcm"}}, "unknown_value"),
        ({"audio_params": {"format": ["opus"]}}, "wrong_type"),
    ],
    ids=str,
)
def test_a_hello_counts_whatever_its_members_are_and_the_unusable_one_is_junk(fields: dict, reason: str) -> None:
    assert DeviceProtocol(SESSION).receive_text(json.dumps({"type": "hello", **fields})) == [Hello(), Junk(reason)]


def test_an_unusable_member_of_a_hello_leaves_the_others_as_they_are() -> None:
    audio = {"format": "OPUS", "sample_rate": 44100, "frame_duration": 20}
    events = read_message(
        json.dumps({"type": "hello", "version": "3", "features": {"mcp": True}, "audio_params": audio})
    )
    assert events == [Hello(mcp=True, uplink=OpusFormat(16_000, 20)), Junk("wrong_type"), Junk("unknown_value")]


def test_a_second_hello_is_one_piece_of_junk_whatever_its_members_are() -> None:
    assert greeted().receive_text('{"type":"hello","version":"1"}') == [Junk("second_hello")]


def test_typed_text_is_cut_and_the_cut_is_counted() -> None:
    text = "字" * (MAX_TYPED_CHARACTERS + 1)
    events = read_message(json.dumps({"type": "listen", "state": "detect", "text": text}))
    assert events == [Detect("字" * MAX_TYPED_CHARACTERS), Junk("typed_text_cut")]


def test_typed_text_has_no_control_characters() -> None:
    assert read_message('{"type":"listen","state":"detect","text":" a\\u0000b\\n"}') == [Detect("a b")]


def test_null_counts_as_absent() -> None:
    assert read_message('{"type":"hello","features":null,"audio_params":null,"version":null}') == [Hello()]


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_subnormal=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["type", "session_id", "state", "mode", "text", "reason", "payload", "version", "features", "audio_params"]
FIELDS += ["transport", "mcp", "aec", "glyph_push", "sample_rate", "frame_duration", "channels", "format"]


@given(st.sampled_from(sorted(FROM_DEVICE)), st.sampled_from(FIELDS), ANYTHING)
def test_a_wrong_type_in_any_field_is_survived(name: str, wrong: str, value: Any) -> None:
    message = json.loads(FROM_DEVICE[name]["text"])
    spoiled = {key: value if key == wrong else inner for key, inner in message.items()}
    for key in ("features", "audio_params"):
        if isinstance(spoiled.get(key), dict):
            spoiled[key] = {k: value if k == wrong else v for k, v in spoiled[key].items()}
    for event in greeted().receive_text(json.dumps(spoiled)) + read_message(json.dumps(spoiled)):
        assert not isinstance(event, Junk) or event.reason.replace("_", "").isalpha()


@given(st.text(max_size=200))
def test_any_text_is_survived(text: str) -> None:
    assert all(isinstance(event, Junk) for event in read_message(text))


def test_half_an_emoji_does_not_stop_a_subtitle() -> None:
    assert json.loads(DeviceProtocol(SESSION).sentence_start("ok \ud83d"))["text"] == "ok ?"


def test_subtitles_stay_small_enough_for_a_device() -> None:
    assert len(json.loads(DeviceProtocol(SESSION).stt("x" * 10_000))["text"]) == MAX_SHOWN_CHARACTERS
    assert len(DeviceProtocol(SESSION).sentence_start("字" * 10_000)) < 8000


def test_a_tool_message_a_device_could_not_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="longer"):
        DeviceProtocol(SESSION).mcp({"x": "y" * 8000})
    with pytest.raises(ValueError, match="JSON"):
        DeviceProtocol(SESSION).mcp({"x": 2**70})


def test_a_face_goes_with_its_emoji_and_an_unknown_one_with_the_neutral_one() -> None:
    faces = [json.loads(DeviceProtocol(SESSION).emotion(name)) for name in ("sleepy", "link")]
    assert [(face["emotion"], face["text"]) for face in faces] == [("sleepy", "😴"), ("link", "😶")]
