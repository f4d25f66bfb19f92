"""The address of audio files: `file:` (in the data folder), `file:/FOLDER`, `s3://BUCKET/PREFIX?endpoint=...`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from main_server.store.audio.bucket import Bucket, BucketFiles
from main_server.store.audio.files import AudioFiles
from main_server.store.audio.folder import FolderFiles

FOLDER = "audio"
"""In the data folder."""

DEFAULT_REGION = "us-east-1"
"""What servers that have no regions take for theirs."""


def open_files(url: str, data_dir: Path, *, key: str = "", secret: str = "") -> AudioFiles:
    """The home of audio files. Raises ValueError for no address, AudioUnavailable where something is not installed."""
    bucket = checked_address(url, key, secret)
    if bucket is not None:
        return BucketFiles(bucket)
    named = unquote(urlsplit(url).path)
    return FolderFiles(Path(named) if named else data_dir / FOLDER)


def checked_address(url: str, key: str = "", secret: str = "") -> Bucket | None:
    """The bucket it names, None for a folder. Raises ValueError with a sentence."""
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and not parts.query and parts.path[:1] in ("", "/"):
        return None
    asked = parse_qs(parts.query)
    endpoint = asked.pop("endpoint", [""])[-1].rstrip("/")
    region = asked.pop("region", [DEFAULT_REGION])[-1]
    bad_endpoint = endpoint and urlsplit(endpoint).scheme not in ("http", "https")
    if parts.scheme != "s3" or not parts.hostname or parts.username or asked or bad_endpoint:
        raise ValueError("use file:, file:/FOLDER, or s3://BUCKET/PREFIX?endpoint=https://HOST (and &region=NAME)")
    return Bucket(parts.netloc, parts.path.strip("/"), endpoint, region, key, secret)
