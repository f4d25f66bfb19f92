"""Nothing leaves the machine unless its owner names an address: libraries that report home are told not to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from test_architecture import imported, modules

USES_ONNXRUNTIME = [module for module, path in modules() if "onnxruntime" in set(imported(path))]
SETTLE_S = 2

IN_A_FRESH_PROCESS = f"""
import importlib, time
module = importlib.import_module({{!r}})
import onnxruntime
if hasattr(module, "SileroModel"):
    module.SileroModel()
time.sleep({SETTLE_S})
"""


@pytest.mark.parametrize("module", USES_ONNXRUNTIME)
def test_onnxruntime_collects_nothing_about_its_user(module: str, tmp_path: Path) -> None:
    """With its reports on, it keeps an identifier and a database of them in the user's cache folder."""
    unset = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME"}
    environment = {name: value for name, value in os.environ.items() if name not in unset} | {"HOME": str(tmp_path)}
    script = IN_A_FRESH_PROCESS.format(module)
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=tmp_path, check=True, timeout=60)
    assert list(tmp_path.rglob("*")) == []


def test_there_are_modules_to_look_at() -> None:
    assert "asr_server.voice_activity" in USES_ONNXRUNTIME
