"""docs/wire.md says what the speech service does, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

from fakes.speech_service import ScriptedEngine
from serving.access import Access
from serving.readiness import Readiness
from tts_server.app import create_app
from tts_server.metrics import Metrics
from tts_server.packing import CONTENT_TYPES, PCM_RATE_HZ
from tts_server.speaking import CALLER_S, MAX_AT_ONCE, Mouth
from tts_server.speech_request import MAX_BODY_BYTES, MAX_INPUT_CHARS, SPEED_RANGE, SpeechRequest

ROOT = Path(__file__).parents[2]
SECTION = re.split(
    r"^## ",
    (ROOT / "docs/wire.md").read_text(encoding="utf-8").split("## tts-server\n")[1],
    maxsplit=1,
    flags=re.M,
)[0]


def tables() -> dict[str, dict[str, list[str]]]:
    """Every table by the title of its first column: the other cells of each row by its first one."""
    found: dict[str, dict[str, list[str]]] = {}
    for table in re.findall(r"(?:^\|.*\n)+", SECTION, re.M):
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines()]
        found[rows[0][0]] = {row[0].strip("`"): row[1:] for row in rows[2:]}
    return found


def test_every_route_is_documented() -> None:
    app = create_app(Mouth(ScriptedEngine(), Metrics()), Access(), Readiness())
    built = {f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods}
    assert set(tables()["route"]) == built


def test_every_field_and_its_default_is_documented() -> None:
    documented = {name: cells[0].strip("`") for name, cells in tables()["field"].items()}
    built = {
        name: "needed" if field.is_required() else ('""' if field.default == "" else str(field.default).lower())
        for name, field in SpeechRequest.model_fields.items()
    }
    assert documented == built


def test_every_format_is_documented() -> None:
    assert {name: cells[0].strip("`") for name, cells in tables()["format"].items()} == CONTENT_TYPES
    assert CONTENT_TYPES["pcm"].endswith(f"rate={PCM_RATE_HZ}")


def test_every_limit_is_documented() -> None:
    for limit in (
        f"{MAX_INPUT_CHARS} characters",
        f"{MAX_BODY_BYTES} bytes",
        f"{SPEED_RANGE[0]} to {SPEED_RANGE[1]}",
        f"for {CALLER_S:g} s",
        f"{MAX_AT_ONCE} texts",
    ):
        assert limit in " ".join(SECTION.split()), limit


def test_every_code_of_ours_is_documented() -> None:
    documented = set(re.findall(r"`(\w+)`", " ".join(cells[0] for cells in tables()["status"].values())))
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (
            *(
                ROOT / "tts-server/tts_server" / name
                for name in ("app.py", "packing.py", "speaking.py", "speech_request.py")
            ),
            ROOT / "serving/serving/problems.py",
        )
    )
    raised = set(re.findall(r'Problem\(\s*\w*\.?\w+,\s*"(\w+)"', source)) | set(
        re.findall(r'code(?:: str)? = "(\w+)"', source)
    )
    raised |= set(re.findall(r'code(?: ==)?=? ?"(\w+)"', source))
    from_engines = {"engine_unavailable", "engine_failed", "engine_busy", "engine_timeout", "opus_unavailable"}
    assert documented == raised | from_engines


def test_every_figure_is_documented() -> None:
    documented = {name: cells[0] for name, cells in tables()["figure"].items()}
    built = {family.name: family.type for family in Metrics().registry.collect() if family.name.startswith("zhiyin_")}
    assert documented == built
