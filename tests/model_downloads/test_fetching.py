"""Model files arrive whole or not at all: through cuts, lies, wrong hashes and full disks."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr_worker.engines.sherpa_files import recogniser_files
from fakes.file_server import FileServer, file_server
from fakes.small_model import EARS, FILES
from model_downloads import fetching
from model_downloads.catalogue import CatalogueFile, Repository
from model_downloads.errors import DownloadError, NoSpace, NotHere, Unreachable, WrongContent
from model_downloads.fetching import fetch, is_here, problems, remove
from model_downloads.places import FirstOf, FolderPlace, ModelScopePlace, Place, WebPlace

MODEL = FILES["model.int8.onnx"]


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server({f"/ears/{name}": data for name, data in FILES.items()}) as running:
        yield running


def web(server: FileServer) -> WebPlace:
    return WebPlace(f"{server.address}/ears", retry_s=0.001)


def bring(place: Place, models: Path) -> list[int]:
    """What was told of the progress of the first file."""
    told: list[int] = []
    fetch(EARS, place, models, lambda file, come: told.append(come) if file.name == "model.int8.onnx" else None)
    return told


def content(models: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((models / "sensevoice").iterdir())}


def test_a_model_arrives_whole_and_progress_is_told(server: FileServer, tmp_path: Path) -> None:
    told = bring(web(server), tmp_path)
    assert content(tmp_path) == FILES
    assert told == sorted(told) and told[-1] == len(MODEL)
    assert is_here(EARS, tmp_path) and not problems(EARS, tmp_path)


def test_a_cut_connection_goes_on_where_it_was(server: FileServer, tmp_path: Path) -> None:
    server.cut_after_bytes = [1_000_000, 0, 700_000]
    bring(web(server), tmp_path)
    assert content(tmp_path) == FILES
    asked = [wanted for path, wanted in server.asked if path.endswith("onnx")]
    assert asked == ["", "bytes=1000000-", "bytes=1000000-", "bytes=1700000-"]


def test_the_next_attempt_goes_on_where_the_last_one_gave_up(server: FileServer, tmp_path: Path) -> None:
    server.cut_after_bytes = [1_000_000, *[0] * 5]
    with pytest.raises(NotHere, match=r"model\.int8\.onnx"):
        bring(web(server), tmp_path)
    assert not (tmp_path / "sensevoice").exists()
    assert recogniser_files(tmp_path) is None, "engines must not take half a model for one"
    server.asked.clear()
    bring(web(server), tmp_path)
    assert server.asked[0][1] == "bytes=1000000-"
    assert content(tmp_path) == FILES


def test_a_server_that_ignores_range_is_begun_again(server: FileServer, tmp_path: Path) -> None:
    server.cut_after_bytes = [1_000_000]
    server.knows_range = False
    bring(web(server), tmp_path)
    assert content(tmp_path) == FILES


def test_a_wrong_hash_is_refused_and_what_was_there_stays(server: FileServer, tmp_path: Path) -> None:
    bring(web(server), tmp_path)
    (tmp_path / "sensevoice" / "tokens.txt").write_bytes(b"damaged")
    before = content(tmp_path)
    server.files["/ears/model.int8.onnx"] = bytes(len(MODEL))
    with pytest.raises(WrongContent, match="sha256"):
        bring(web(server), tmp_path)
    assert content(tmp_path) == before
    server.files["/ears/model.int8.onnx"] = MODEL
    bring(web(server), tmp_path)
    assert content(tmp_path) == FILES, "a wrong file must not be gone on with"


@pytest.mark.parametrize("announced", [100, 99_999_999])
def test_a_length_that_is_not_the_catalogues_is_refused_at_once(
    server: FileServer, tmp_path: Path, announced: int
) -> None:
    server.announce_bytes = announced
    with pytest.raises(WrongContent, match=f"{announced} bytes instead of {len(MODEL)}"):
        bring(web(server), tmp_path)
    assert len(server.asked) == 1
    assert not (tmp_path / "sensevoice").exists()


def test_a_missing_file_and_a_dead_server_are_sentences(server: FileServer, tmp_path: Path) -> None:
    del server.files["/ears/tokens.txt"]
    with pytest.raises(NotHere, match="404"):
        bring(web(server), tmp_path)
    with pytest.raises(NotHere, match="does not deliver"):
        bring(WebPlace("http://127.0.0.1:9", retry_s=0.001), tmp_path)


def test_the_next_place_is_asked_where_one_fails(server: FileServer, tmp_path: Path) -> None:
    with file_server({f"/ears/{name}": bytes(len(data)) + b"more" for name, data in FILES.items()}) as liar:
        bring(FirstOf([web(liar), WebPlace(f"{server.address}/nowhere", retry_s=0.001), web(server)]), tmp_path)
    assert content(tmp_path) == FILES
    with pytest.raises(DownloadError, match=r"404.*is not there"):
        bring(FirstOf([WebPlace(f"{server.address}/no"), FolderPlace(tmp_path / "no")]), tmp_path / "other")


def test_a_folder_is_a_place_too(tmp_path: Path) -> None:
    shelf = tmp_path / "shelf" / "sensevoice"
    shelf.mkdir(parents=True)
    for name, data in FILES.items():
        (shelf / name).write_bytes(data)
    bring(FolderPlace(shelf), tmp_path / "models")
    assert content(tmp_path / "models") == FILES


def test_modelscopes_own_client_brings_files_and_goes_on_after_a_cut(tmp_path: Path) -> None:
    with file_server({f"/somebody/ears/{name}": data for name, data in FILES.items()}) as scope:
        scope.cut_after_bytes = [1_000_000]
        told = bring(ModelScopePlace(EARS.modelscope[0], endpoint=scope.address), tmp_path)
        assert any(wanted for path, wanted in scope.asked if path.endswith("onnx")), "it did not go on"
        assert told[-1] == len(MODEL)
        assert content(tmp_path) == FILES
        with pytest.raises(Unreachable, match="cannot be reached"):
            bring(ModelScopePlace(EARS.modelscope[0], endpoint="http://127.0.0.1:9"), tmp_path / "c")
        with pytest.raises(NotHere, match="somebody/other"):
            bring(ModelScopePlace(Repository("somebody/other", "master"), endpoint=scope.address), tmp_path / "b")


def test_too_little_room_is_told_before_anything_is_fetched(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=60_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(NoSpace, match=r"60 MB left.*needs 70 MB"):
        bring(web(server), tmp_path)
    assert not server.asked


def test_a_disk_that_fills_up_meanwhile_keeps_what_has_come(server: FileServer, tmp_path: Path) -> None:
    class FullDisk:
        """The edge of the world: the place writes half and the disk is full."""

        name = "full"

        def bring(self, file: CatalogueFile, to: Path, progress: object) -> None:
            to.write_bytes(MODEL[:500_000])
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(NoSpace, match="full"):
        bring(FullDisk(), tmp_path)
    assert recogniser_files(tmp_path) is None
    bring(web(server), tmp_path)
    assert server.asked[0][1] == "bytes=500000-"
    assert content(tmp_path) == FILES


def test_one_model_is_fetched_by_one_program_at_a_time(server: FileServer, tmp_path: Path) -> None:
    def watch(file: CatalogueFile, come_bytes: int) -> None:
        with pytest.raises(DownloadError, match="another program"):
            fetch(EARS, web(server), tmp_path, lambda *_: None)

    fetch(EARS, web(server), tmp_path, watch)
    assert content(tmp_path) == FILES


def test_a_model_of_the_owners_own_choice_is_not_overwritten(server: FileServer, tmp_path: Path) -> None:
    own = tmp_path / "sensevoice" / "my-own.onnx"
    own.parent.mkdir()
    own.write_bytes(b"mine")
    with pytest.raises(DownloadError, match="another model"):
        bring(web(server), tmp_path)
    assert own.read_bytes() == b"mine" and not server.asked


def test_a_removed_model_leaves_nothing(server: FileServer, tmp_path: Path) -> None:
    assert not remove(EARS, tmp_path)
    bring(web(server), tmp_path)
    assert remove(EARS, tmp_path)
    assert not is_here(EARS, tmp_path) and len(problems(EARS, tmp_path)) == 2
    assert not [path for path in (tmp_path / fetching.STAGING).rglob("*") if path.is_file() and path.stat().st_size]
