"""Model files in a folder of the owner's: where they lie, whether they are whole, and trying them without risk.

A native library may end the whole process over a file it dislikes, so files are first loaded in a process of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from contracts.errors import EngineUnavailable

MODELS_DIR = "ZHIYIN_MODELS_DIR"
"""Environment variable with the folder; main-server sets it for itself and the processes it starts."""

TRIAL_S = 60.0
REFUSED = 3
"""Exit status of a trial that has said why on its standard output."""


def models_dir() -> Path:
    return Path(os.environ.get(MODELS_DIR) or "data/models")


def first_like(folder: Path, *patterns: str) -> Path | None:
    """The first file that one of the patterns finds and that has something in it, patterns in order, names sorted."""
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            if path.is_file() and path.stat().st_size > 0:
                return path
    return None


def unusable(folder: Path, why: str, engine: str) -> EngineUnavailable:
    """The sentence for files that do not do: which folder, and what is wrong with it."""
    return EngineUnavailable(f"The model in {folder} cannot be used: {why}.", engine=engine, code="model_files")


def try_in_a_process(module: str, arguments: Sequence[str], folder: Path, engine: str) -> None:
    """Runs `python -m module arguments`, which loads the model in `folder`. Raises EngineUnavailable: its sentence."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TRIAL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise unusable(folder, f"it does not load within {TRIAL_S:.0f} seconds", engine) from None
    if done.returncode == 0:
        return
    said = done.stdout.decode(errors="replace").strip()
    if done.returncode == REFUSED and said:
        raise EngineUnavailable(said, engine=engine, code="model_files")
    raise unusable(folder, "its files are damaged, not all there yet, or of another kind; fetch them again", engine)
