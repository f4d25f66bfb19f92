"""Whose word about an address counts, and which pages are ours."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from main_server.api.access.attempts import MOST_KEYS, Attempts, Limit
from main_server.api.access.origin import TrustedProxies, neighbourhood
from main_server.api.problems import Problem
from main_server.network import networks


def request(peer: str, **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "scheme": "http", "path": "/", "query_string": b"", "headers": raw}
    return Request(scope | {"client": (peer, 1), "server": ("zhiyin.test", 8000)})


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        ("", "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.2", "198.51.100.1", "10.0.0.2"),
        ("10.0.0.1", "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),  # who is forwarded may have lied
        ("10.0.0.0/8", "10.0.0.1", "198.51.100.1, 10.9.9.9", "198.51.100.1"),  # two proxies in a row
        ("10.0.0.1", "10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("fd00::/8", "fd00::1", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_only_a_trusted_proxy_speaks_for_another(trusted: str, peer: str, forwarded: str, client: str) -> None:
    asking = request(peer, x_forwarded_for=forwarded)
    assert TrustedProxies(networks(trusted)).client_address(asking) == client


def test_only_a_trusted_proxy_says_that_the_browser_talks_tls() -> None:
    trusted = TrustedProxies(networks("10.0.0.1"))
    assert trusted.is_secure(request("10.0.0.1", x_forwarded_proto="https"))
    assert not trusted.is_secure(request("203.0.113.9", x_forwarded_proto="https"))
    assert not trusted.is_secure(request("10.0.0.1"))


@pytest.mark.parametrize(
    ("address", "one"),
    [
        ("192.168.1.9", "192.168.1.9"),
        ("::ffff:192.168.1.9", "192.168.1.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_a_household_counts_as_one(address: str, one: str) -> None:
    assert neighbourhood(address) == one


def test_a_wait_ends_by_itself_and_what_succeeded_does_not_count() -> None:
    now_s = 0.0
    attempts = Attempts({"address": Limit(2, 60)}, clock=lambda: now_s)
    for _ in range(5):
        attempts.begin(address="a")
        attempts.succeeded(address="a")
    attempts.begin(address="a")
    now_s = 30.0
    attempts.begin(address="a")
    with pytest.raises(Problem) as told:
        attempts.begin(address="a")
    assert (told.value.status, told.value.retry_after_s) == (429, 30.0)
    attempts.begin(address="b")
    now_s = 60.0
    attempts.begin(address="a")


def test_counting_takes_bounded_memory() -> None:
    attempts = Attempts({"address": Limit(2, 60)})
    for number in range(MOST_KEYS + 100):
        attempts.begin(address=str(number))
    assert len(attempts) == MOST_KEYS
