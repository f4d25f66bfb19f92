"""docs/wire-jobs.md says what the speech worker is asked and answers, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

from asr_worker.app import DRAIN_S
from asr_worker.link import FIRST_RETRY_S, LONGEST_RETRY_S, PING_S, READY_TIMEOUT_S
from asr_worker.metrics import Metrics
from asr_worker.working import MAX_JOBS
from contracts import jobs
from contracts.audio import Pcm
from contracts.errors import EngineBusy, EngineFailed, EngineTimeout, EngineUnavailable
from contracts.loopback import MAX_CONNECTIONS, MAX_FRAME_BYTES, MAX_HELLO_BYTES, MAX_REQUESTS, TOKEN_REFUSED
from contracts.transcription import Transcript, Voiceprint

PAGE = (Path(__file__).parents[2] / "docs/wire-jobs.md").read_text(encoding="utf-8")


def table(title: str) -> dict[str, list[str]]:
    """The other cells of each row by its first one, of the table whose first column is `title`."""
    for found in re.findall(r"(?:^\|.*\n)+", PAGE, re.M):
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in found.splitlines()]
        if rows[0][0] == title:
            return {row[0].strip("`"): row[1:] for row in rows[2:]}
    raise AssertionError(f"there is no table of {title}")


def named(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


def test_every_kind_and_its_fields_are_documented() -> None:
    kinds = table("kind")
    assert set(kinds) == set(jobs.KINDS)
    asked = set(jobs.job("", Pcm(b"", 16_000)).fields)
    assert named(kinds[jobs.TRANSCRIBE][0]) == named(kinds[jobs.VOICEPRINT][0]) == asked
    assert named(kinds[jobs.TRANSCRIBE][1]) == set(jobs.transcribed(Transcript("")).fields)
    assert named(kinds[jobs.VOICEPRINT][1]) == set(jobs.encoded(Voiceprint(b"", "x")).fields)


def test_every_code_is_documented() -> None:
    engines = {error.code for error in (EngineUnavailable, EngineBusy, EngineTimeout, EngineFailed)}
    assert set(table("code")) == engines | {"bad_job", TOKEN_REFUSED}


def test_every_limit_is_documented() -> None:
    text = " ".join(PAGE.split())
    for limit in (
        f"{MAX_FRAME_BYTES} bytes at most",
        f"first frame, {MAX_HELLO_BYTES} bytes at most",
        f"at once, {MAX_REQUESTS} at most",
        f"{MAX_CONNECTIONS} connections at most",
        f"{jobs.RATES_HZ[0]} to {jobs.RATES_HZ[-1]}",
        f"{jobs.MAX_SPEECH_S} s at most",
        f"{MAX_JOBS} jobs are there",
        f"for {DRAIN_S:g} s at most",
        f"every {PING_S:g} s",
        f"after {FIRST_RETRY_S:g} s",
        f"every {LONGEST_RETRY_S:g} s",
        f"wait {READY_TIMEOUT_S:g} s",
    ):
        assert limit in text, limit


def test_every_figure_is_documented() -> None:
    documented = {name: cells[0] for name, cells in table("figure").items()}
    built = {family.name: family.type for family in Metrics().registry.collect() if family.name.startswith("zhiyin_")}
    assert documented == built
