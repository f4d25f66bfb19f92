"""Recognisers by reference."""

from __future__ import annotations

import pytest

from asr_server.dispatch import Dispatch
from contracts.errors import EngineUnavailable
from fakes.transcriber import ScriptedTranscriber


def test_a_reference_finds_its_recogniser_and_an_empty_one_the_default() -> None:
    default, other = ScriptedTranscriber(), ScriptedTranscriber()
    dispatch = Dispatch(default, {"other": other})
    assert dispatch("") is default
    assert dispatch("other") is other


def test_an_unknown_reference_is_unavailable() -> None:
    with pytest.raises(EngineUnavailable, match="'nobody'"):
        Dispatch(ScriptedTranscriber())("nobody")
