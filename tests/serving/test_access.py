"""Who may use a service: the rule that all of them share."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.requests import HTTPConnection

from serving.access import access_to, is_loopback
from serving.internal_token import TOKEN_FILE, internal_token


def asked(peer: str, **headers: str) -> HTTPConnection:
    raw = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "client": (peer, 50_000), "headers": raw})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "::ffff:127.0.0.1"])
def test_on_loopback_a_program_of_this_machine_needs_no_token(host: str, tmp_path: Path) -> None:
    assert is_loopback(host)
    access = access_to(host, "", tmp_path / TOKEN_FILE)
    assert access.admits(asked("127.0.0.1")) and access.admits(asked("::1"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("header", ["Origin", "X-Forwarded-For", "Forwarded", "Via"])
def test_what_a_proxy_or_a_web_page_asks_does_not_come_from_this_machine(header: str, tmp_path: Path) -> None:
    assert not access_to("127.0.0.1", "", tmp_path / TOKEN_FILE).admits(asked("127.0.0.1", **{header: "127.0.0.1"}))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "10.0.0.1", "zhiyin.example", "127.0.0.1.example"])
def test_off_loopback_everybody_shows_the_token(host: str, tmp_path: Path) -> None:
    assert not is_loopback(host)
    access = access_to(host, "", tmp_path / TOKEN_FILE)
    token = internal_token("", tmp_path / TOKEN_FILE)
    for peer in ("127.0.0.1", "192.168.1.5"):
        assert not access.admits(asked(peer))
        assert not access.admits(asked(peer, authorization="Bearer wrong"))
        assert not access.admits(asked(peer, authorization=f"Basic {token}"))
        assert access.admits(asked(peer, authorization=f"Bearer {token}"))


def test_a_token_that_the_owner_chose_is_wanted_on_loopback_too(tmp_path: Path) -> None:
    access = access_to("127.0.0.1", "chosen", tmp_path / TOKEN_FILE)
    assert not access.admits(asked("127.0.0.1"))
    assert access.admits(asked("127.0.0.1", authorization="bearer chosen"))


def test_an_empty_token_is_known_to_nobody(tmp_path: Path) -> None:
    access = access_to("127.0.0.1", "", tmp_path / TOKEN_FILE)
    assert not access.admits(asked("192.168.1.5", authorization="Bearer "))
