"""Where model files come from: ModelScope, a web address, or a folder. Each brings one file; all of this blocks.

A place goes on where an earlier attempt broke off. What it brings is checked by the caller (model_downloads.fetching).
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import httpx

from model_downloads.catalogue import CatalogueFile, CatalogueModel, Repository
from model_downloads.errors import DownloadError, NotHere, Unreachable, WrongContent

CONNECT_S = 10.0
SILENCE_S = 30.0
"""A server that sends nothing for so long has gone."""
ATTEMPTS = 5
RETRY_S = 1.0
"""Wait after the first cut; each further one doubles it. A cut after which something had come starts again at this."""
PIECE_BYTES = 1024 * 1024
MODELSCOPE = "https://www.modelscope.cn"

Progress = Callable[[int], None]
"""Is told how many bytes of the file are here by now."""


class Place(Protocol):
    """Somewhere a model's files can be had."""

    name: str
    """For people, such as "ModelScope" or "https://mirror.example"."""

    def bring(self, file: CatalogueFile, to: Path, progress: Progress) -> None:
        """Makes `to` the whole file, going on from what `to` holds. Raises DownloadError, OSError."""


class WebPlace:
    """Files below a web address, by name; goes on after a cut with HTTP's Range."""

    def __init__(self, address: str, *, retry_s: float = RETRY_S) -> None:
        self.name = address
        self._retry_s = retry_s

    def bring(self, file: CatalogueFile, to: Path, progress: Progress) -> None:
        """Raises NotHere, WrongContent, OSError."""
        failures, problem = 0, ""
        with httpx.Client(follow_redirects=True, timeout=httpx.Timeout(SILENCE_S, connect=CONNECT_S)) as client:
            while (had_bytes := _size_bytes(to)) < file.size_bytes:
                try:
                    self._go_on(client, file, to, progress)
                    problem = "it ended too soon"
                except httpx.HTTPError as error:
                    problem = str(error) or type(error).__name__
                failures = 1 if _size_bytes(to) > had_bytes else failures + 1
                if _size_bytes(to) >= file.size_bytes:
                    return
                if failures >= ATTEMPTS:
                    raise NotHere(f"{self.name} does not deliver {file.name}: {problem}.")
                time.sleep(self._retry_s * 2 ** (failures - 1))

    def _go_on(self, client: httpx.Client, file: CatalogueFile, to: Path, progress: Progress) -> None:
        have_bytes = _size_bytes(to)
        headers = {"accept-encoding": "identity"} | ({"range": f"bytes={have_bytes}-"} if have_bytes else {})
        with client.stream("GET", f"{self.name.rstrip('/')}/{quote(file.name)}", headers=headers) as answer:
            if answer.status_code >= 500 or answer.status_code == 429:
                raise httpx.HTTPStatusError(f"it answers {answer.status_code}", request=answer.request, response=answer)
            if answer.status_code not in (200, 206):
                raise NotHere(f"{self.name} has no {file.name}: it answers {answer.status_code}.")
            goes_on = answer.status_code == 206
            if goes_on and not answer.headers.get("content-range", "").startswith(f"bytes {have_bytes}-"):
                to.unlink()  # a server that answers with another part than the asked one: begin again
                raise httpx.RemoteProtocolError("it went on at another place")
            _check_length(answer, file, have_bytes if goes_on else 0, self.name)
            with to.open("ab" if goes_on else "wb") as out:
                for piece in answer.iter_bytes():
                    out.write(piece)
                    if out.tell() > file.size_bytes:
                        raise WrongContent(f"{self.name} has another {file.name}: more than {file.size_bytes} bytes.")
                    progress(out.tell())


class FolderPlace:
    """A folder that is laid out like the models folder: NAME/FILE."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self._folder = folder

    def bring(self, file: CatalogueFile, to: Path, progress: Progress) -> None:
        """Raises NotHere, OSError."""
        source = self._folder / file.name
        if not source.is_file():
            raise NotHere(f"{source} is not there.")
        with source.open("rb") as read, to.open("wb") as out:
            while piece := read.read(PIECE_BYTES):
                out.write(piece)
                progress(out.tell())


class ModelScopePlace:
    """A repository on ModelScope, through its own client, which retries and goes on after a cut by itself."""

    def __init__(self, repository: Repository, *, endpoint: str = MODELSCOPE) -> None:
        self.name = f"ModelScope ({repository.repository})"
        self._repository = repository
        self._endpoint = endpoint
        self._answers = False

    def bring(self, file: CatalogueFile, to: Path, progress: Progress) -> None:
        """Raises Unreachable, NotHere, WrongContent, OSError."""
        self._check_answers()
        # A second of imports that only a download needs.
        from modelscope_hub import HubApi, HubError, ProgressCallback
        from modelscope_hub.errors import FileIntegrityError
        from requests import RequestException

        class Bar(ProgressCallback):  # type: ignore[misc]  # the client is untyped
            come_bytes = 0

            def update(self, size: int) -> None:
                self.come_bytes += size
                progress(self.come_bytes)

        logging.getLogger("modelscope_hub").setLevel(logging.ERROR)
        # The client names the file itself and keeps its half of it beside: both in a folder of this file's own.
        folder = to.with_name(f"{to.name}.modelscope")
        api = HubApi(endpoint=self._endpoint)
        try:
            came = api.downloader.download_file(
                self._repository.repository,
                "model",
                self._repository.path_of(file),
                revision=self._repository.revision,
                local_dir=folder,
                expected_sha256=file.sha256,
                progress_callbacks=[Bar],
            )
        except FileIntegrityError as error:
            raise WrongContent(f"{self.name} has another {file.name} than the catalogue.") from error
        except (HubError, RequestException) as error:
            raise NotHere(f"{self.name} does not deliver {file.name}: {type(error).__name__}.") from error
        came.replace(to)
        shutil.rmtree(folder, ignore_errors=True)

    def _check_answers(self) -> None:
        """The client tries for half a minute per file before it says that there is no network."""
        if self._answers:
            return
        try:
            httpx.head(self._endpoint, timeout=CONNECT_S)
        except httpx.HTTPError as error:
            raise Unreachable(f"{self.name} cannot be reached.") from error
        self._answers = True


class FirstOf:
    """Several places, the first that has the file. A half from one of them serves the next: the hash tells."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.name = ", else ".join(place.name for place in places)
        self._places = places
        self._silent: set[str] = set()

    def bring(self, file: CatalogueFile, to: Path, progress: Progress) -> None:
        """Raises DownloadError with what each place said, OSError."""
        said = []
        for place in self._places:
            if place.name in self._silent:
                continue
            try:
                return place.bring(file, to, progress)
            except (NotHere, WrongContent) as error:
                said.append(str(error))
                if isinstance(error, WrongContent):
                    to.unlink(missing_ok=True)
                elif isinstance(error, Unreachable):
                    self._silent.add(place.name)
        raise DownloadError(" ".join(said))


def place_of(model: CatalogueModel, mirror: str) -> Place:
    """Where `model` comes from: the mirror (web address or folder, laid out as NAME/FILE), else its own places."""
    if mirror.startswith(("http://", "https://")):
        return WebPlace(f"{mirror.rstrip('/')}/{model.name}")
    if mirror:
        return FolderPlace(Path(mirror).expanduser() / model.name)
    places: list[Place] = [*map(ModelScopePlace, model.modelscope), *map(WebPlace, model.web)]
    return FirstOf(places)  # ModelScope first: it is quick in China and reachable elsewhere


def _size_bytes(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _check_length(answer: httpx.Response, file: CatalogueFile, from_bytes: int, place: str) -> None:
    """A wrong file of 200 MB need not be fetched first to be told."""
    announced = answer.headers.get("content-length", "")
    if announced.isdigit() and from_bytes + int(announced) != file.size_bytes:
        whole_bytes = from_bytes + int(announced)
        raise WrongContent(f"{place} has another {file.name}: {whole_bytes} bytes instead of {file.size_bytes}.")
