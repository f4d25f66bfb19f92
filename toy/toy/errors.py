"""What can go wrong for a toy; every message is a sentence with its cure, printed as it is.

ToyError                the toy could not have its talk
├── CannotConnect       nobody listens there, or the address is wrong
├── Refused             the server answered the upgrade (or the OTA request) with something else than yes
├── NoHello             connected, but no usable hello within 10 s
├── NoAnswer            said, but not answered in time, or answered without a sound
├── ChannelLost         the connection ended in the middle of a turn
├── Unclaimed           the server wants this device claimed first
├── NothingToSay        a recording without a voice in it
└── NoMicrophone        `--mic` without sounddevice or without a sound card
"""

from __future__ import annotations

from contracts.errors import ZhiyinError


class ToyError(ZhiyinError):
    code = "toy_failed"


class CannotConnect(ToyError):
    code = "cannot_connect"


class Refused(ToyError):
    code = "refused"


class NoHello(ToyError):
    code = "no_hello"


class NoAnswer(ToyError):
    code = "no_answer"


class ChannelLost(ToyError):
    code = "channel_lost"


class Unclaimed(ToyError):
    code = "unclaimed"


class NothingToSay(ToyError):
    code = "nothing_to_say"


class NoMicrophone(ToyError):
    code = "no_microphone"
