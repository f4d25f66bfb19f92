"""Firmware versions as devices compare them, and what chips and versions need."""

from __future__ import annotations

import pytest

from contracts.audio import OpusFormat
from fakes.vectors import vectors
from main_server.device.framing import Framing
from main_server.device.messages import Hello
from main_server.device.quirks import VersionError, is_newer, is_plain_version, provisioned_framing, traits


@pytest.mark.parametrize("case", vectors("version_compare")["cases"], ids=lambda case: repr(case["offered"]))
def test_golden_version_comparisons(case: dict) -> None:
    if case["update"] is None:
        with pytest.raises(VersionError):
            is_newer(case["offered"], case["current"])
        assert not is_plain_version(case["offered"])
    else:
        assert is_newer(case["offered"], case["current"]) is case["update"]


@pytest.mark.parametrize(
    ("chip", "firmware", "lead"),
    [
        ("esp32c3", "2.4.2", 0),
        ("ESP32C3", "", 0),
        ("esp32c6", "2.4.2", 1),
        ("esp32s3", "2.4.2", 3),
        ("esp32s3", "1.6.0", 2),
        ("esp32s3", "1.6.2", 2),
        ("esp32s3", "1.6.6", 3),
        ("esp32", "", 3),
        ("", "", 2),
    ],
)
def test_the_lead_suits_the_chip_and_its_queue(chip: str, firmware: str, lead: int) -> None:
    assert traits(chip, firmware, Hello()).lead_frames == lead


@pytest.mark.parametrize(
    ("firmware", "waits"),
    [
        ("1.5.9", True),
        ("2.1.0", True),
        ("2.2.1", True),
        ("2.2.2", False),
        ("2.4.2", False),
        ("10.0", False),
        ("", True),
        ("latest", True),
    ],
)
def test_tts_stop_waits_where_it_would_wipe_the_queue_and_where_nobody_knows(firmware: str, waits: bool) -> None:
    assert traits("esp32s3", firmware, Hello()).stop_waits is waits


def test_a_feature_of_new_firmware_tells_its_age_when_the_version_is_unknown() -> None:
    assert traits("", "", Hello(glyph_push=True)).stop_waits is False


def test_sound_goes_out_at_24_khz_whatever_the_microphone_does() -> None:
    chosen = traits("esp32s3", "2.4.2", Hello(uplink=OpusFormat(16_000, 20)))
    assert chosen.uplink == OpusFormat(16_000, 20) and chosen.downlink == OpusFormat(24_000, 60)
    assert 80 <= chosen.settle_ms <= 100


def test_only_framing_2_serves_server_side_echo_cancellation() -> None:
    assert provisioned_framing(True) is Framing.TIMED and provisioned_framing(False) is Framing.RAW
