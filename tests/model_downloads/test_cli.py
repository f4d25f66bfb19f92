"""`zhiyin models` and the question at the first start, as a person meets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.file_server import file_server
from fakes.small_model import EARS, FILES
from main_server.__main__ import main
from model_downloads import catalogue as catalogue_module
from model_downloads import offer as offer_module
from model_downloads.catalogue import CatalogueModel
from model_downloads.cli import ModelSettings
from model_downloads.offer import ANSWER_FILE, offer


@pytest.fixture(autouse=True)
def small_catalogue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The one model of these tests, in a folder of their own."""
    models: dict[str, CatalogueModel] = {"sensevoice": EARS}
    for module in ("catalogue", "cli"):
        monkeypatch.setattr(f"model_downloads.{module}.catalogue", lambda: models)
    assert catalogue_module.known("sensevoice") is EARS
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mirror"
    (folder / "sensevoice").mkdir(parents=True)
    for name, data in FILES.items():
        (folder / "sensevoice" / name).write_bytes(data)
    monkeypatch.setenv("ZHIYIN_MODELS_MIRROR", str(folder))
    return folder


def test_a_model_is_listed_fetched_checked_and_removed(mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("data/models/sensevoice")
    assert main(["models", "list"]) == 0
    assert "3 MB" in capsys.readouterr().out
    assert main(["models", "get", "sensevoice"]) == 0
    said = capsys.readouterr().out
    assert "its own" in said and "3 MB" in said and str(mirror) in said
    assert (folder / "model.int8.onnx").read_bytes() == FILES["model.int8.onnx"]
    assert main(["models", "get", "sensevoice"]) == 0
    assert "already" in capsys.readouterr().out
    assert main(["models", "check"]) == 0
    (folder / "tokens.txt").write_bytes(bytes(len(FILES["tokens.txt"])))
    assert main(["models", "check"]) == 1
    assert "tokens.txt" in capsys.readouterr().out
    assert main(["models", "get", "sensevoice"]) == 0, "it mends what is damaged"
    assert main(["models", "check", "sensevoice"]) == 0
    assert main(["models", "rm", "sensevoice"]) == 0
    assert not folder.exists()


def test_what_goes_wrong_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ZHIYIN_MODELS_MIRROR", "/no/such/folder")
    assert main(["models", "get", "sensevoice"]) == 1
    assert "/no/such/folder/sensevoice/model.int8.onnx is not there." in capsys.readouterr().err
    assert main(["models", "get", "sensvoice"]) == 1
    assert "there are: sensevoice" in capsys.readouterr().err


def test_a_pipe_gets_lines_and_no_bar(mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["models", "get", "sensevoice"])
    assert "sensevoice: 100%" in (err := capsys.readouterr().err) and "\r" not in err


def asked_of(tmp_path: Path, answer: str, mirror: str) -> list[str]:
    """The questions a start asked; each was answered with `answer`."""
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return answer

    offer(["sensevoice"], tmp_path, ModelSettings(tmp_path / "models", mirror), ask)
    return questions


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offer_module, "_someone_is_there", lambda: True)


def test_yes_fetches_and_nobody_is_asked_again(person: None, mirror: Path, tmp_path: Path) -> None:
    assert len(asked_of(tmp_path, "y", str(mirror))) == 1
    assert (tmp_path / "models" / "sensevoice" / "tokens.txt").exists()
    assert asked_of(tmp_path, "y", str(mirror)) == []


def test_no_is_remembered_with_the_command_that_would_do_it(
    person: None, mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(asked_of(tmp_path, "n", str(mirror))) == 1
    assert "zhiyin models get sensevoice" in capsys.readouterr().out
    assert (tmp_path / ANSWER_FILE).read_text() == "no\n"
    assert asked_of(tmp_path, "n", str(mirror)) == []


def test_nothing_said_is_asked_again(person: None, mirror: Path, tmp_path: Path) -> None:
    assert len(asked_of(tmp_path, "", str(mirror))) == 1
    assert len(asked_of(tmp_path, "hm?", str(mirror))) == 1


def test_without_a_person_a_start_asks_nothing(mirror: Path, tmp_path: Path) -> None:
    assert asked_of(tmp_path, "y", str(mirror)) == []
    assert not (tmp_path / "models").exists()


def test_without_a_network_a_start_says_which_command_it_will_be(
    person: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked_of(tmp_path, "y", "http://127.0.0.1:9") == []
    assert "zhiyin models get sensevoice" in capsys.readouterr().out


def test_a_download_that_fails_does_not_stop_the_start(
    person: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with file_server({}) as empty:
        assert len(asked_of(tmp_path, "y", empty.address)) == 1
    assert "zhiyin models get sensevoice" in capsys.readouterr().err
    assert not (tmp_path / "models" / "sensevoice").exists()
