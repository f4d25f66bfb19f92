"""The built console in its folder: which file answers a path, compressed as the browser likes it."""

from __future__ import annotations

import mimetypes
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fastapi.responses import FileResponse, Response

ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
"""What the build compresses for us, the best first."""

FOREVER = "public, max-age=31536000, immutable"
"""For files whose name changes with what is in them."""

ASK_AGAIN = "no-cache"

_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json", ".wasm": "application/wasm"}


def built_console() -> Path | None:
    """In a checkout beside main-server, in an image beside the virtual environment's folders. None: not built."""
    places = (Path(__file__).parents[3] / "console" / "dist", Path(sys.prefix) / "console")
    return next((place for place in places if (place / "index.html").is_file()), None)


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    media_type: str
    cache: str
    compressed: dict[str, Path] = field(default_factory=dict)


class ConsoleFiles:
    """The files of one build. Only what lay in the folder when it was read is answered: no path leads out of it."""

    def __init__(self, folder: Path) -> None:
        self._index = folder / "index.html"
        self._built_ns = self._index.stat().st_mtime_ns
        self._files = dict(_files(folder))

    @property
    def stale(self) -> bool:
        """Whether it was built again since; also when it is gone."""
        try:
            return self._index.stat().st_mtime_ns != self._built_ns
        except OSError:
            return True

    def answer(self, path: str, request_headers: Mapping[str, str], extra: Mapping[str, str]) -> Response | None:
        """The file at this path of ours; None when there is none."""
        found = self._files.get(path)
        if found is None:
            return None
        headers = {"cache-control": found.cache, **extra}
        served = found.path
        if found.compressed:
            headers["vary"] = "accept-encoding"
            encoding = _best(request_headers.get("accept-encoding", ""), found.compressed)
            if encoding:
                served = found.compressed[encoding]
                headers["content-encoding"] = encoding
        return FileResponse(served, media_type=found.media_type, headers=headers)


def _files(folder: Path) -> list[tuple[str, _File]]:
    suffixes = {suffix for _, suffix in ENCODINGS}
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or path.is_symlink() or path.suffix in suffixes or name.startswith("."):
            continue
        variants = {encoding: path.with_name(path.name + suffix) for encoding, suffix in ENCODINGS}
        compressed = {encoding: variant for encoding, variant in variants.items() if variant.is_file()}
        found.append((name, _File(path, _media_type(path), _cache(name), compressed)))
    return found


def _cache(name: str) -> str:
    return FOREVER if re.fullmatch(r"assets/.+-[\w-]{8}\.\w+", name) else ASK_AGAIN


def _media_type(path: Path) -> str:
    known = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{known}; charset=utf-8" if known.startswith("text/") else known


def _best(accepted: str, compressed: Mapping[str, Path]) -> str:
    """The best encoding that the browser takes and we have; "" = as it is."""
    wanted = {}
    for each in accepted.lower().split(","):
        name, _, weight = each.partition(";")
        wanted[name.strip()] = not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)
    return next((name for name, _ in ENCODINGS if name in compressed and wanted.get(name)), "")
