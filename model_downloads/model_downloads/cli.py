"""`zhiyin models list | get NAME... | check | rm NAME...`: for people at a terminal."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model_downloads.catalogue import CatalogueFile, CatalogueModel, catalogue, known
from model_downloads.errors import DownloadError
from model_downloads.fetching import fetch, is_here, megabytes, problems, remove
from model_downloads.places import place_of

BAR_CHARS = 30
REDRAW_S = 0.1
LINE_S = 10.0
"""How often a download tells of itself where nobody watches it live."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """`models` is the folder. `mirror` is a web address or a folder laid out like it; "" = where the catalogue says."""

    models: Path
    mirror: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows `zhiyin models`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="what there is to have, and what is here")
    get = actions.add_parser("get", help="fetch models; goes on where it was cut off")
    get.add_argument("names", nargs="+", metavar="NAME")
    check = actions.add_parser("check", help="compare what is here with the catalogue's hashes")
    check.add_argument("names", nargs="*", metavar="NAME")
    rm = actions.add_parser("rm", help="remove models")
    rm.add_argument("names", nargs="+", metavar="NAME")


def run(arguments: argparse.Namespace, settings: ModelSettings) -> int:
    """The exit status: 0, or 1 with a sentence on stderr."""
    try:
        if arguments.action == "list":
            return _list(settings)
        wanted = [known(name) for name in dict.fromkeys(arguments.names)]
        if arguments.action == "get":
            return get(wanted, settings)
        if arguments.action == "check":
            return _check(
                wanted or [each for each in catalogue().values() if _folder(each, settings).exists()], settings
            )
        return _remove(wanted, settings)
    except DownloadError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the next `zhiyin models get` goes on from here.", file=sys.stderr)
        return 130


def get(wanted: Sequence[CatalogueModel], settings: ModelSettings) -> int:
    """Fetches what is not here yet. Raises DownloadError."""
    for model in wanted:
        if not problems(model, settings.models):
            print(f"{model.name} is here already: {_folder(model, settings)}")
            continue
        place = place_of(model, settings.mirror)
        print(f"{model.name}: {model.what}")
        print(f"  {megabytes(model.size_bytes)} from {place.name}")
        print(f"  licence: {model.licence}, {model.licence_url}", flush=True)
        bar = _bar(model)
        try:
            folder = fetch(model, place, settings.models, bar.show)
        finally:
            bar.end()
        print(f"  {model.name} is here: {folder}")
    print("A running server takes new models at its next start.")
    return 0


def _list(settings: ModelSettings) -> int:
    for model in catalogue().values():
        state = (
            "here" if is_here(model, settings.models) else "incomplete" if _folder(model, settings).exists() else "-"
        )
        print(f"{model.name:<12} {megabytes(model.size_bytes):>8}  {state:<10}  {model.what}")
        print(f"{'':<34}licence: {model.licence}")
    print(f"Folder: {settings.models}. `zhiyin models get NAME` fetches one.")
    return 0


def _state(model: CatalogueModel, settings: ModelSettings) -> str:
    if is_here(model, settings.models):
        return "here"
    return "another" if _folder(model, settings).exists() else "-"


def _check(wanted: Sequence[CatalogueModel], settings: ModelSettings) -> int:
    wrong = 0
    for model in wanted:
        found = problems(model, settings.models)
        wrong += bool(found)
        print(f"{model.name}: {' '.join(found) or 'whole'}")
    if not wanted:
        print(f"There is no model of the catalogue in {settings.models}.")
    if wrong:
        print("`zhiyin models get NAME` mends it. A model of your own choice is not in the catalogue.", file=sys.stderr)
    return 1 if wrong else 0


def _remove(wanted: Sequence[CatalogueModel], settings: ModelSettings) -> int:
    for model in wanted:
        was_here = remove(model, settings.models)
        print(f"{model.name} is removed." if was_here else f"{model.name} was not here.")
    return 0


def _folder(model: CatalogueModel, settings: ModelSettings) -> Path:
    return settings.models / model.name


def _bar(model: CatalogueModel) -> _Bar | _Lines:
    return _Bar(model) if sys.stderr.isatty() else _Lines(model)


class _Counted:
    """How much of a model is here."""

    def __init__(self, model: CatalogueModel) -> None:
        self._model = model
        self._come: dict[str, int] = {}
        self._shown_s = 0.0

    def _due(self, file: CatalogueFile, come_bytes: int, every_s: float) -> bool:
        self._come[file.name] = come_bytes
        if time.monotonic() - self._shown_s < every_s and self._share() < 1:
            return False
        self._shown_s = time.monotonic()
        return True

    def _share(self) -> float:
        return min(sum(self._come.values()) / self._model.size_bytes, 1.0)


class _Bar(_Counted):
    """One line that fills up."""

    def show(self, file: CatalogueFile, come_bytes: int) -> None:
        if not self._due(file, come_bytes, REDRAW_S):
            return
        full = int(self._share() * BAR_CHARS)
        sys.stderr.write(f"\r  [{'#' * full}{'.' * (BAR_CHARS - full)}] {self._share():4.0%}  {file.name:<40.40}")
        sys.stderr.flush()

    def end(self) -> None:
        sys.stderr.write("\n")


class _Lines(_Counted):
    """A line now and then."""

    def show(self, file: CatalogueFile, come_bytes: int) -> None:
        if self._due(file, come_bytes, LINE_S):
            print(f"  {self._model.name}: {self._share():.0%}", file=sys.stderr, flush=True)

    def end(self) -> None:
        pass
