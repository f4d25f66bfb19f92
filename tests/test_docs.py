"""Docs tell the truth: settings, commands and the folder map are compared with the code."""

from __future__ import annotations

import re
from pathlib import Path

from main_server.settings import EVERY_PROGRAMS, PREFIX

ROOT = Path(__file__).parent.parent


def names() -> set[str]:
    return {PREFIX + name.upper() for program in EVERY_PROGRAMS for name in program.model_fields}


def test_every_setting_has_a_line_in_the_docs_and_in_the_example_file() -> None:
    in_docs = set(re.findall(r"^\| `(ZHIYIN_[A-Z_]+)`", (ROOT / "docs/settings.md").read_text(), re.M))
    in_example = set(re.findall(r"^(ZHIYIN_[A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert in_docs == names()
    assert in_example == names()


def test_every_file_that_architecture_names_exists() -> None:
    tree = (ROOT / "ARCHITECTURE.md").read_text().split("```")[1]
    homes = [line.split()[0] for line in tree.splitlines() if re.match(r"^[a-z-]+(/[a-z_]+)?/ ", line)]
    assert len(homes) >= 10
    for home in homes:
        assert (ROOT / home).is_dir(), f"ARCHITECTURE.md names {home}"


def test_every_setting_named_in_readme_exists() -> None:
    for page in (ROOT / "README.md", ROOT / "README.zh.md"):
        mentioned = set(re.findall(r"ZHIYIN_[A-Z_]+[A-Z]", page.read_text()))
        assert mentioned <= names() | {"ZHIYIN_"}, f"{page.name} names settings that do not exist"


def test_relative_links_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "firmware-notes").glob("*.md")]:
        for link in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.relative_to(ROOT)} links to {link}"


def test_every_make_target_has_a_line_of_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M)) - {"help"}
    helped = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.M)) - {"help"}
    assert targets == helped
