"""The catalogue: which models we know, their files with size and hash, their licence, and where they can be had."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as package_files
from typing import Any

from model_downloads.errors import UnknownModel


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """`name` is the file's name in the model's folder, here and at every place it comes from."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on ModelScope; `folder` is where the files lie in it, "" = at its top."""

    repository: str
    revision: str
    folder: str = ""

    def path_of(self, file: CatalogueFile) -> str:
        return f"{self.folder}/{file.name}" if self.folder else file.name


@dataclass(frozen=True, slots=True)
class CatalogueModel:
    """`name` is also its folder below the models folder. `web` are addresses below which the files lie by name.

    The hashes are ours, so that it does not matter who hands the files out.
    """

    name: str
    what: str
    licence: str
    licence_url: str
    files: tuple[CatalogueFile, ...]
    modelscope: tuple[Repository, ...]
    web: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


@cache
def catalogue() -> Mapping[str, CatalogueModel]:
    """All models by name, in the order in which they are shown."""
    text = package_files(__package__).joinpath("catalogue.json").read_text(encoding="utf-8")
    return {name: _model(name, fields) for name, fields in json.loads(text).items()}


def known(name: str) -> CatalogueModel:
    """Raises UnknownModel."""
    try:
        return catalogue()[name]
    except KeyError:
        raise UnknownModel(f"There is no model named {name!r}; there are: {', '.join(catalogue())}.") from None


def _model(name: str, fields: Mapping[str, Any]) -> CatalogueModel:
    files = tuple(CatalogueFile(**file) for file in fields["files"])
    for file in files:
        if not re.fullmatch(r"[\w.-]+", file.name) or not re.fullmatch(r"[0-9a-f]{64}", file.sha256):
            raise ValueError(f"catalogue.json: {name}/{file.name} has no proper name or hash")
    return CatalogueModel(
        name=name,
        what=fields["what"],
        licence=fields["licence"],
        licence_url=fields["licence_url"],
        files=files,
        modelscope=tuple(Repository(**place) for place in fields["modelscope"]),
        web=tuple(fields["web"]),
    )
