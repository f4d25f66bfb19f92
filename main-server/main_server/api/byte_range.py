"""Parts of a file, as a player asks for them when somebody jumps in it (RFC 9110, 14). One part at a time."""

from __future__ import annotations

import re

from fastapi import Response

_ONE_PART = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def part_of(content: bytes, asked: str, media_type: str, headers: dict[str, str]) -> Response:
    """The whole, or the part that the Range header asks for; what is no range of ours is answered with the whole."""
    headers = headers | {"accept-ranges": "bytes"}
    match = _ONE_PART.fullmatch(asked.replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return Response(content, media_type=media_type, headers=headers)
    first, end = _bounds(match[1], match[2], len(content))
    if first >= end:
        return Response(status_code=416, headers=headers | {"content-range": f"bytes */{len(content)}"})
    headers |= {"content-range": f"bytes {first}-{end - 1}/{len(content)}"}
    return Response(content[first:end], 206, media_type=media_type, headers=headers)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:  # the last so many bytes
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size
