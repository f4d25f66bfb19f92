"""The console's types of the API are made, never typed, and never older than the API."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_types_are_made_of_the_api_as_it_is() -> None:
    told = subprocess.run(
        [sys.executable, ROOT / "scripts" / "openapi.py", "--fingerprint"], capture_output=True, text=True, check=True
    )
    first_line = (ROOT / "console/src/api/schema.d.ts").read_text(encoding="utf-8").splitlines()[0]
    assert told.stdout.strip() in first_line, "the API changed: run `make api-types` and commit what it makes"
