"""Addresses as people type them, and keys as they paste them."""

from __future__ import annotations

import pytest
from yarl import URL

from contracts.errors import EngineUnavailable
from engine_http.address import endpoint, is_near, server_url, with_key


@pytest.mark.parametrize("typed", ["", "host:80", "ftp://host", "http://", "http://[", "v1"])
def test_what_is_no_address_is_none(typed: str) -> None:
    assert server_url(typed) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (" http://host:1/v1 ", "http://host:1/v1/audio/speech"),
        ("http://host:1/v1/", "http://host:1/v1/audio/speech"),
        ("http://host/v1/audio/speech/", "http://host/v1/audio/speech"),
        ("http://host/v1?a=b", "http://host/v1/audio/speech?a=b"),
    ],
)
def test_a_path_is_added_to_a_base_address_once(typed: str, meant: str) -> None:
    url = server_url(typed)
    assert url is not None
    assert str(endpoint(url, "/audio/speech")) == meant


def test_a_key_goes_before_the_addresss_own_name_and_password() -> None:
    url = URL("http://me:secret@host/v1")
    assert with_key(url, "", "server", "openai") == (url, {})
    assert with_key(url, " sk-1\n", "server", "openai") == (URL("http://host/v1"), {"Authorization": "Bearer sk-1"})


@pytest.mark.parametrize("key", ["line\nbreak", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(EngineUnavailable, match="The server's key") as raised:
        with_key(URL("http://host"), key, "server", "openai")
    assert key not in str(raised.value)


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("http://127.0.0.1:11434/v1", True),
        ("http://localhost/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://192.168.1.20:8080/v1", True),
        ("http://ollama:11434/v1", True),
        ("http://gpu-box.local/v1", True),
        ("http://host.docker.internal:8000/v1", True),
        ("https://api.example.com/v1", False),
        ("https://8.8.8.8/v1", False),
    ],
)
def test_a_server_of_ones_own_is_known_by_its_address(typed: str, near: bool) -> None:
    url = server_url(typed)
    assert url is not None
    assert is_near(url) is near
