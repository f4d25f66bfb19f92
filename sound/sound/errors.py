"""Errors of sound.

SoundError (a contracts.ZhiyinError)
├── OpusError          a packet or a frame that Opus cannot work with
├── OpusUnavailable    this machine has no Opus; the message says how to get it
├── EchoUnavailable    this machine has no echo cancellation; the message says how to get it
├── UnreadableSound    a file or stream that is not sound, or sound of a kind we cannot read
├── SoundTooLong       more sound than we take
└── DecoderMissing     a kind that needs a library which is not installed; the message says how to get it
"""

from __future__ import annotations

from contracts.errors import ZhiyinError


class SoundError(ZhiyinError):
    """Something is wrong with a piece of sound."""

    code = "sound_error"


class OpusError(SoundError):
    """A packet or a frame that Opus cannot work with."""

    code = "opus_error"


class OpusUnavailable(SoundError):
    """This machine has no Opus; the message says how to get it."""

    code = "opus_unavailable"


class EchoUnavailable(SoundError):
    """This machine has no echo cancellation; the message says how to get it."""

    code = "echo_unavailable"


class UnreadableSound(SoundError):
    """Not sound, or sound of a kind that we cannot read."""

    code = "unreadable_sound"


class SoundTooLong(SoundError):
    """More sound than we take."""

    code = "too_long"


class DecoderMissing(SoundError):
    """A kind of sound that needs a library which is not installed; the message says how to get it."""

    code = "decoder_missing"
