"""The question at the first start: natural ears and voices are a download away, shall they come now?

Asked only where a person can answer and the files can be had; the answer is kept. It never stops a start.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from model_downloads.catalogue import CatalogueModel, known
from model_downloads.cli import ModelSettings, get
from model_downloads.errors import DownloadError
from model_downloads.fetching import megabytes
from model_downloads.places import MODELSCOPE

EARS = ("sensevoice",)
VOICES = ("voice-zh", "voice-en")
ANSWER_FILE = "models_offer"
"""In the data folder: what was answered, "yes" or "no"."""

PROBE_S = 2.0

ANSWER_S = 60.0
"""A terminal without a person (a multiplexer, a container with one) must not keep the toys waiting for ever."""


def ask_in_time(question: str) -> str:
    """The line that a person types; "" when none comes within ANSWER_S."""
    sys.stdout.write(question)
    sys.stdout.flush()
    if sys.platform != "win32" and not select.select([sys.stdin], [], [], ANSWER_S)[0]:
        print()
        return ""
    return sys.stdin.readline()


def offer(
    names: Sequence[str], data_dir: Path, settings: ModelSettings, ask: Callable[[str], str] = ask_in_time
) -> None:
    """Asks once whether the models `names` shall be fetched, and fetches them. Returns whatever happens."""
    missing = [known(name) for name in names if not (settings.models / name).exists()]
    if not missing or _answered(data_dir) or not _someone_is_there():
        return
    if not _can_be_had(settings.mirror):
        print(f"Natural ears and voices are not here and cannot be fetched now. {_how(missing)}")
        return
    print("Zhiyin can hear and speak naturally with these models, on this machine alone:")
    for model in missing:
        print(f"  {model.name:<12} {megabytes(model.size_bytes):>7}  {model.what}; licence: {model.licence}")
    total = megabytes(sum(model.size_bytes for model in missing))
    try:
        answer = ask(f"Fetch them now ({total}, into {settings.models})? [y/n] ").strip().lower()
    except KeyboardInterrupt:
        print()
        return
    if answer not in ("y", "yes", "n", "no", "是", "好", "否", "不"):
        print(f"Not now, then; the next start asks again. {_how(missing)}")
        return
    yes = answer in ("y", "yes", "是", "好")
    _keep(data_dir, "yes" if yes else "no")
    if not yes:
        print(_how(missing))
        return
    try:
        get(missing, settings)
    except (DownloadError, KeyboardInterrupt) as error:
        print(f"{error} {_how(missing)}".strip(), file=sys.stderr)


def _how(missing: Sequence[CatalogueModel]) -> str:
    return f"`zhiyin models get {' '.join(model.name for model in missing)}` fetches them; the built-in engines serve."


def _someone_is_there() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def _answered(data_dir: Path) -> bool:
    return (data_dir / ANSWER_FILE).exists()


def _keep(data_dir: Path, answer: str) -> None:
    """An answer that cannot be kept is asked for again."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        (data_dir / ANSWER_FILE).write_text(f"{answer}\n")
    except OSError as error:
        print(f"{data_dir} cannot be written: {error.strerror or error}.", file=sys.stderr)


def _can_be_had(mirror: str) -> bool:
    if mirror and not mirror.startswith(("http://", "https://")):
        return Path(mirror).expanduser().is_dir()
    try:
        httpx.head(mirror or MODELSCOPE, timeout=PROBE_S)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return True
