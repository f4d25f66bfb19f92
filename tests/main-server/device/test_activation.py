"""What a board answers to a challenge, compared with the golden vectors of what chips really answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from main_server.device.claim import Proof, read_proof

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "activation_hmac.json").read_text("utf-8")
)
ANOTHER_KEY = bytes(32)


@pytest.mark.parametrize("body", ["request_body", "py_xiaozhi_wrapped_body"])
@pytest.mark.parametrize("case", VECTORS["with_efuse_serial"], ids=lambda case: case["challenge"] or "empty")
def test_what_a_chip_answers_is_read_and_proven(case: dict[str, Any], body: str) -> None:
    proof = read_proof(json.loads(case[body]))
    assert proof == Proof(case["serial_number"], case["challenge"], case["hmac_hex"])
    assert proof.is_by(bytes.fromhex(case["key_hex"]))
    assert not proof.is_by(ANOTHER_KEY)
    assert not Proof(proof.serial_number, proof.challenge + "x", proof.hmac).is_by(bytes.fromhex(case["key_hex"]))


def test_a_program_that_uses_the_keys_text_is_understood() -> None:
    case = VECTORS["py_xiaozhi"]
    proof = Proof("SN", case["challenge"], case["hmac_hex"])
    assert proof.is_by(bytes.fromhex(case["hmac_key_text"]))
    assert not proof.is_by(ANOTHER_KEY)


def test_a_chip_that_cannot_answer_proves_nothing() -> None:
    assert VECTORS["chip_without_hmac_peripheral"]["hmac_hex"] == ""
    assert not Proof("SN", "challenge", "").is_by(ANOTHER_KEY)
    assert read_proof(json.loads(VECTORS["no_efuse_serial"]["body"])) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"algorithm": "none", "serial_number": "SN", "challenge": "c", "hmac": "00"},
        {"serial_number": "SN", "challenge": "c", "hmac": "00"},
        {"algorithm": "hmac-sha256", "serial_number": 7, "challenge": "c", "hmac": "00"},
        {"algorithm": "hmac-sha256", "serial_number": "SN", "challenge": ["c"], "hmac": "00"},
        {"Payload": "text"},
    ],
)
def test_what_is_no_answer_is_none(fields: dict[str, Any]) -> None:
    assert read_proof(fields) is None


def test_an_answer_in_any_letters_ends_nothing() -> None:
    assert not Proof("SN", "\ud800", "é").is_by(ANOTHER_KEY)
