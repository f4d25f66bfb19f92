"""Engines elsewhere that have a protocol of their own, made of specs; `making` adds what every account's engine has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from asr_worker.engines import deepgram
from asr_worker.engines.deepgram import DeepgramTranscriber
from asr_worker.engines.funasr_server import FunasrServerTranscriber
from main_server.casting.spec import ASR, Spec
from main_server.failover.line import AnyEngine

Guarded = Mapping[str, Any]
"""Arguments that an engine with an address takes: connector, knobs, max_connections."""


def _funasr_server(spec: Spec, guarded: Guarded) -> AnyEngine:
    return FunasrServerTranscriber(
        str(spec.option("url")),
        mode=str(spec.option("mode") or "2pass"),
        hotwords=str(spec.option("hotwords")),
        itn=bool(spec.option("itn", True)),
        any_certificate=bool(spec.option("any_certificate", False)),
        **guarded,
    )


def _deepgram(spec: Spec, guarded: Guarded) -> AnyEngine:
    return DeepgramTranscriber(
        str(spec.option("url") or deepgram.ADDRESS),
        spec.secret,
        str(spec.option("model") or deepgram.MODEL),
        language=str(spec.option("language")),
        options=spec.more(),
        **guarded,
    )


VENDORS: Mapping[tuple[str, str], Callable[[Spec, Guarded], AnyEngine]] = {
    (ASR, "funasr_server"): _funasr_server,
    (ASR, "deepgram"): _deepgram,
}
