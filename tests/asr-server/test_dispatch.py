"""Recognisers by reference, engines by name."""

from __future__ import annotations

import pytest

from asr_server.dispatch import Dispatch, engine_names, load_engine
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


def test_the_engines_of_this_distribution_are_listed() -> None:
    assert {"openai", "pocketsphinx"} <= set(engine_names())


def test_an_unknown_engine_names_those_there_are() -> None:
    with pytest.raises(EngineUnavailable, match="openai, pocketsphinx"):
        load_engine("nobody")
