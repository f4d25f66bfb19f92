"""Server-sent events: the same events, however the bytes arrive."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from main_server.brain.sse import MAX_EVENT_BYTES, EventStream, EventTooLong

STREAM = b': hello\n\nevent: message\nid: 7\ndata: {"a": 1}\n\ndata: two\ndata: lines\n\nretry: 5\n\ndata:[DONE]\n\n'
EVENTS = [b'{"a": 1}', b"two\nlines", b"[DONE]"]


def read(*pieces: bytes) -> list[bytes]:
    stream = EventStream()
    return [event for piece in pieces for event in stream.feed(piece)] + stream.finish()


def test_comments_and_other_fields_are_passed_over() -> None:
    assert read(STREAM) == EVENTS


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@given(cuts=st.lists(st.integers(0, 120), max_size=12))
def test_any_cutting_and_any_line_ending_gives_the_same_events(newline: bytes, cuts: list[int]) -> None:
    data = STREAM.replace(b"\n", newline)
    edges = [0, *sorted(cuts), len(data)]
    assert read(*(data[begin:end] for begin, end in pairwise(edges))) == EVENTS


def test_byte_by_byte_with_crlf_makes_no_empty_events() -> None:
    data = STREAM.replace(b"\n", b"\r\n")
    assert read(*(bytes([byte]) for byte in data)) == EVENTS


def test_an_event_is_given_as_soon_as_its_blank_line_is_here() -> None:
    stream = EventStream()
    assert stream.feed(b"data: a\n") == []
    assert stream.feed(b"\ndata: b") == [b"a"]


def test_a_last_event_without_its_blank_line_counts() -> None:
    assert read(b"data: a\n\ndata: b") == [b"a", b"b"]


def test_junk_lines_do_no_harm() -> None:
    assert read(b"\x00\xff junk\n<html>\ndata: a\n\n") == [b"a"]


def test_a_byte_order_mark_is_skipped() -> None:
    assert read(b"\xef\xbb\xbfdata: a\n\n") == [b"a"]


def test_an_event_that_never_ends_is_refused() -> None:
    stream = EventStream()
    with pytest.raises(EventTooLong):
        for _ in range(MAX_EVENT_BYTES // 1000 + 2):
            stream.feed(b"data: " + b"x" * 1000 + b"\n")
    with pytest.raises(EventTooLong):
        EventStream().feed(b"x" * (MAX_EVENT_BYTES + 1))
