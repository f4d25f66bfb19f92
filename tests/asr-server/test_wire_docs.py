"""docs/wire.md says what asr-server does over HTTP, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.routing import Mount, WebSocketRoute

from asr_server.app import AsrServer
from asr_server.hearing_socket import SocketCounters
from asr_server.metrics import Metrics
from asr_server.segmenting import MAX_SEGMENT_MS
from asr_server.transcriptions import MAX_AT_ONCE, MAX_S, UPLOAD_S
from asr_server.upload import FIELDS, FORMATS, MAX_FILE_BYTES
from contracts.errors import EngineBusy, EngineFailed, EngineTimeout, EngineUnavailable
from fakes.transcriber import ScriptedTranscriber
from serving.access import Access
from sound import decode
from sound.errors import DecoderMissing, SoundTooLong, UnreadableSound

ROOT = Path(__file__).parents[2]
SECTION = re.split(
    r"^## ", (ROOT / "docs/wire.md").read_text(encoding="utf-8").split("## asr-server\n")[1], maxsplit=1, flags=re.M
)[0]


def table(title: str) -> dict[str, list[str]]:
    """The other cells of each row by its first one, of the table whose first column is `title`."""
    for found in re.findall(r"(?:^\|.*\n)+", SECTION, re.M):
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in found.splitlines()]
        if rows[0][0] == title:
            return {row[0].strip("`"): row[1:] for row in rows[2:]}
    raise AssertionError(f"there is no table of {title}")


def test_every_route_is_documented() -> None:
    app = AsrServer(ScriptedTranscriber(), Access()).app()
    built = {f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods}
    built |= {f"WS {route.path}" for route in app.routes if isinstance(route, WebSocketRoute)}
    assert not [route for route in app.routes if isinstance(route, Mount)]
    assert set(table("route")) == built


def test_every_field_and_form_of_answer_is_documented() -> None:
    fields = table("field")
    assert set(fields) == set(FIELDS)
    assert set(re.findall(r"`(\w+)`:", fields["response_format"][1])) == set(FORMATS)
    assert fields["response_format"][0].strip("`") == FORMATS[0]


def test_every_kind_of_file_and_limit_is_documented() -> None:
    text = " ".join(SECTION.split())
    for kind in decode.FORMATS:
        assert f"`{kind}`" in text
    for limit in (
        f"{MAX_FILE_BYTES} bytes",
        f"{MAX_S} s of sound",
        f"at most {MAX_SEGMENT_MS / 1000:g} s",
        f"{MAX_AT_ONCE} recordings",
        f"within {UPLOAD_S:g} s",
    ):
        assert limit in text, limit


def test_every_code_is_documented() -> None:
    sources = (
        ROOT / "asr-server/asr_server/transcriptions.py",
        ROOT / "asr-server/asr_server/upload.py",
        ROOT / "serving/serving/problems.py",
    )
    source = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    raised = set(re.findall(r'Problem\(\s*[\w.]+,\s*"(\w+)"', source)) | set(re.findall(r'code: str = "(\w+)"', source))
    engines = {error.code for error in (EngineUnavailable, EngineBusy, EngineTimeout, EngineFailed)}
    sounds = {error.code for error in (UnreadableSound, SoundTooLong, DecoderMissing)}
    documented = set(re.findall(r"`(\w+)`", " ".join(cells[0] for cells in table("status").values())))
    assert documented == raised | engines | sounds


def test_every_figure_is_documented() -> None:
    documented = {name: cells[0] for name, cells in table("figure").items()}
    built = {family.name: family.type for family in Metrics(SocketCounters()).registry.collect()}
    assert documented == built
