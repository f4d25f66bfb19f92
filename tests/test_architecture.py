"""Who may import whom: ARCHITECTURE.md's arrows, read from the code."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOMES = {
    "contracts": ROOT / "contracts",
    "sound": ROOT / "sound",
    "engine_http": ROOT / "engine_http",
    "engine_choice": ROOT / "engine_choice",
    "hearing_client": ROOT / "hearing_client",
    "serving": ROOT / "serving",
    "model_downloads": ROOT / "model_downloads",
    "main_server": ROOT / "main-server",
    "asr_server": ROOT / "asr-server",
    "asr_worker": ROOT / "asr-worker",
    "tts_server": ROOT / "tts-server",
    "toy": ROOT / "toy",
}
OURS = set(HOMES)

ALLOWED: dict[str, set[str]] = {
    "contracts": set(),
    "sound": {"contracts"},
    "engine_http": {"contracts"},
    "engine_choice": {"contracts"},
    "hearing_client": {"contracts", "sound"},
    "model_downloads": {"contracts"},
    "serving": {"contracts"},
    "asr_server": {"contracts", "sound", "serving"},
    "asr_worker": {"contracts", "sound", "engine_http", "serving"},
    "tts_server": {"contracts", "sound", "engine_http", "engine_choice", "serving"},
    "toy": {"contracts", "sound"},
    "main_server.conversation": {"contracts"},
    "main_server.device": {"main_server.conversation", "contracts", "sound", "serving"},
    "main_server.brain": {"main_server.conversation", "contracts", "sound", "engine_http"},
    "main_server.memory": {"main_server.conversation", "contracts"},
    "main_server.failover": {"main_server.conversation", "contracts"},
    "main_server.forms": {"contracts"},
    "main_server.casting": {
        "main_server.conversation",
        "main_server.brain",
        "main_server.failover",
        "main_server.store",
        "main_server.forms",
        "contracts",
        "sound",
        "engine_http",
        "engine_choice",
        "asr_worker",
        "tts_server",
    },
    "main_server.store": {"contracts"},
    "main_server.recordings": {"main_server.conversation", "main_server.store", "contracts", "sound"},
    "main_server.api": {"main_server.store", "main_server.forms", "contracts", "serving"},
}
HEAVY = {"torch", "funasr", "modelscope", "cosyvoice", "pocketsphinx", "espeakng_loader", "sherpa_onnx"}
PURE_OUTSIDE = {"contracts": {"pydantic"}, "main_server.conversation": set()}


def modules() -> Iterator[tuple[str, Path]]:
    for package, home in HOMES.items():
        for path in sorted((home / package).rglob("*.py")):
            yield ".".join(path.relative_to(home).with_suffix("").parts), path


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def room_of(module: str) -> str:
    """The part of the house a module belongs to: a package, or a folder of main_server."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "main_server" else parts[0]


CASES = [pytest.param(module, path, id=module) for module, path in modules()]


@pytest.mark.parametrize(("module", "path"), CASES)
def test_imports_point_inward(module: str, path: Path) -> None:
    room = room_of(module)
    if room not in ALLOWED:  # wiring, app and the command line may know everybody
        assert room.startswith("main_server"), f"{module} lies in no room of ARCHITECTURE.md"
        return
    for name in imported(path):
        if name.split(".")[0] in OURS:
            other = room_of(name)
            assert other == room or other in ALLOWED[room], f"{module} must not import {name}"


@pytest.mark.parametrize(("module", "path"), CASES)
def test_heavy_engines_are_imported_in_engines_only(module: str, path: Path) -> None:
    heavy = {name for name in imported(path) if name.split(".")[0] in HEAVY}
    assert not heavy or ".engines." in module, f"{module} imports {heavy}"


@pytest.mark.parametrize(("module", "path"), CASES)
def test_contracts_and_conversation_stay_light(module: str, path: Path) -> None:
    room = room_of(module)
    if room not in PURE_OUTSIDE:
        return
    for name in imported(path):
        top = name.split(".")[0]
        known = top in OURS or top in sys.stdlib_module_names or top in PURE_OUTSIDE[room]
        assert known, f"{module} imports {name}, which is neither ours nor the standard library"


def test_the_rules_cover_every_folder_of_main_server() -> None:
    folders = {
        path.name for path in (HOMES["main_server"] / "main_server").iterdir() if (path / "__init__.py").exists()
    }
    assert {f"main_server.{folder}" for folder in folders} <= set(ALLOWED)
