"""A port that cannot be had is a sentence that names the setting to change."""

from __future__ import annotations

import socket

import pytest

from serving.errors import CannotListen
from serving.server import listen, url


def test_a_taken_port_is_a_sentence_with_the_next_one() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"{port} is taken .*ZHIYIN_EARS_PORT="):
            listen("127.0.0.1", port, "ZHIYIN_EARS_")


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-machine.invalid"])
def test_an_address_of_another_machine_is_a_sentence(host: str) -> None:
    with pytest.raises(CannotListen, match=r"not an address of this machine.*ZHIYIN_HOST"):
        listen(host, 0)


def test_both_families_can_be_listened_on() -> None:
    for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
        try:
            listening = listen(host, 0)
        except CannotListen:
            if family is socket.AF_INET6:
                pytest.skip("this machine has no IPv6")
            raise
        with listening:
            assert listening.family is family
    assert (url("127.0.0.1", 1), url("::1", 2, "ws")) == ("http://127.0.0.1:1", "ws://[::1]:2")
