"""A model into the models folder: room first, then file by file, each checked, and all at once or not at all."""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from model_downloads.catalogue import CatalogueFile, CatalogueModel
from model_downloads.errors import DownloadError, NoSpace, WrongContent
from model_downloads.places import Place

STAGING = ".fetching"
"""Below the models folder, where nothing looks for models: what is under way, kept for the next attempt."""

SPARE_BYTES = 64 * 1024 * 1024
"""Room that must be left when all is here."""

READ_BYTES = 1024 * 1024

Watch = Callable[[CatalogueFile, int], None]
"""Is told how many bytes of a file are here by now."""


def fetch(model: CatalogueModel, place: Place, models: Path, watch: Watch) -> Path:
    """The model's folder, with every file of the right hash. Blocks for minutes.

    Goes on from what an earlier attempt left. Raises DownloadError; then what was there before is untouched.
    """
    staging = models / STAGING / model.name
    _check_own_choice(model, models)
    try:
        staging.mkdir(parents=True, exist_ok=True)
        with _alone(models, model):
            _check_room(model, models, staging)
            for file in model.files:
                _fetch_file(file, place, staging, watch)
            return _put_in_place(model, models, staging)
    except OSError as error:
        raise _of_disk(error, models) from error


def remove(model: CatalogueModel, models: Path) -> bool:
    """Whether there was anything to remove. Nothing ever sees half of it. Raises DownloadError."""
    folder, leaving = models / model.name, models / STAGING / f"{model.name}.leaving"
    try:
        shutil.rmtree(models / STAGING / model.name, ignore_errors=True)
        if not folder.exists():
            return False
        leaving.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(leaving, ignore_errors=True)
        folder.replace(leaving)
        shutil.rmtree(leaving)
    except OSError as error:
        raise _of_disk(error, models) from error
    return True


def is_here(model: CatalogueModel, models: Path) -> bool:
    """Whether all files are there in their size; `problems` looks closer."""
    return all(_has_size(models / model.name / file.name, file) for file in model.files)


def problems(model: CatalogueModel, models: Path) -> list[str]:
    """One sentence for each file that is missing or not what it should be. Reads everything: seconds."""
    return [
        sentence for file in model.files if (sentence := _problem(models / model.name / file.name, file)) is not None
    ]


def _problem(path: Path, file: CatalogueFile) -> str | None:
    if not path.is_file():
        return f"{path} is missing."
    if not _has_size(path, file):
        return f"{path} has {path.stat().st_size} bytes instead of {file.size_bytes}."
    return None if sha256_of(path) == file.sha256 else f"{path} is not the file of the catalogue (sha256)."


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as read:
        while piece := read.read(READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _fetch_file(file: CatalogueFile, place: Place, staging: Path, watch: Watch) -> None:
    """Into `staging` under its own name only once it is whole and right."""
    ready, part = staging / file.name, staging / f"{file.name}.part"
    if _has_size(ready, file) and sha256_of(ready) == file.sha256:
        watch(file, file.size_bytes)
        return
    place.bring(file, part, lambda come_bytes: watch(file, come_bytes))
    if not _has_size(part, file) or sha256_of(part) != file.sha256:
        part.unlink(missing_ok=True)
        raise WrongContent(f"{place.name} has another {file.name} than the catalogue (sha256); nothing was changed.")
    part.replace(ready)


def _put_in_place(model: CatalogueModel, models: Path, staging: Path) -> Path:
    """The folder appears under its name in one step. An earlier one steps aside first and is removed."""
    folder, before = models / model.name, models / STAGING / f"{model.name}.before"
    shutil.rmtree(before, ignore_errors=True)
    for stray in staging.iterdir():
        if stray.name not in {file.name for file in model.files}:
            shutil.rmtree(stray) if stray.is_dir() else stray.unlink()
    if folder.exists():
        folder.replace(before)
    staging.replace(folder)
    shutil.rmtree(before, ignore_errors=True)
    return folder


def _check_own_choice(model: CatalogueModel, models: Path) -> None:
    """Raises DownloadError: the owner may have put a model of their own there, which nobody shall lose."""
    folder = models / model.name
    ours = {file.name for file in model.files}
    if folder.exists() and any(path.suffix == ".onnx" and path.name not in ours for path in folder.glob("*")):
        raise DownloadError(
            f"{folder} holds another model. Move it away, or remove it with `zhiyin models rm {model.name}`."
        )


def _check_room(model: CatalogueModel, models: Path, staging: Path) -> None:
    """Raises NoSpace before anything is fetched."""
    have_bytes = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
    need_bytes = max(model.size_bytes - have_bytes, 0) + SPARE_BYTES
    free_bytes = shutil.disk_usage(models).free
    if free_bytes < need_bytes:
        raise NoSpace(
            f"{models} has {megabytes(free_bytes)} left and {model.name} needs {megabytes(need_bytes)}: make room, or "
            "name another folder with ZHIYIN_MODELS_DIR."
        )


@contextmanager
def _alone(models: Path, model: CatalogueModel) -> Iterator[None]:
    """Raises DownloadError while another process fetches the same model."""
    try:
        with FileLock(models / STAGING / f"{model.name}.lock", timeout=0):
            yield
    except Timeout:
        raise DownloadError(f"{model.name} is being fetched by another program already; wait for it.") from None


def _of_disk(error: OSError, models: Path) -> DownloadError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(f"The disk of {models} is full. What has come is kept: make room and fetch again.")
    return DownloadError(f"{models} cannot be written: {error.strerror or error}. ZHIYIN_MODELS_DIR names another.")


def _has_size(path: Path, file: CatalogueFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size_bytes


def megabytes(size_bytes: int) -> str:
    """Of a million bytes, as vendors and disks count."""
    return f"{size_bytes / 1e6:,.0f} MB"
