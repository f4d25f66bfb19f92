"""docker-compose.yml and the Dockerfiles keep their promises; read as files, since tests need no Docker."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from main_server.settings import EVERY_PROGRAMS, PREFIX, Settings

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
SETTINGS = {PREFIX + name.upper() for program in EVERY_PROGRAMS for name in program.model_fields}
MADE_BY_THE_FLEET = {
    "ZHIYIN_DATA_DIR",
    "ZHIYIN_MODELS_DIR",
    "ZHIYIN_INTERNAL_TOKEN_FILE",
    "ZHIYIN_HOST",
    "ZHIYIN_ASR_WORKER_HTTP_PORT",
    *(f"ZHIYIN_{name}_{part}" for name in ("ASR_SERVER", "ASR_WORKER", "TTS_SERVER") for part in ("HOST", "PORT")),
}
"""Where services find their volumes and each other; what .env says of them is for programs without a container."""


def dockerfile(service: str) -> str:
    return (ROOT / OURS[service]["build"]["dockerfile"]).read_text(encoding="utf-8")


def stages(service: str) -> list[str]:
    """The text of each stage, from its FROM on."""
    return re.split(r"^(?=FROM )", dockerfile(service), flags=re.M)[1:]


def stage(service: str, name: str) -> str:
    """The text of one stage, by its name."""
    [found] = [text for text in stages(service) if re.match(rf"FROM \S+ AS {name}\n", text)]
    return found


def set_in(service: str) -> set[str]:
    """Settings that the image or the compose file gives it."""
    last = stages(service)[-1] + stages(service)[-2]
    return set(re.findall(r"ZHIYIN_\w+(?==)", last)) | set(OURS[service]["environment"])


def test_the_default_set_is_the_services_and_their_database() -> None:
    without_profile = {name for name, service in SERVICES.items() if not service.get("profiles")}
    assert without_profile == {"main-server", "asr-server", "asr-worker", "tts-server", "postgres"}
    assert without_profile - set(OURS) == {"postgres"}


def test_only_the_two_ports_of_main_server_are_published() -> None:
    assert {name for name, service in SERVICES.items() if service.get("ports")} == {"main-server"}
    assert SERVICES["main-server"]["ports"] == ["${ZHIYIN_PORT:-8000}:8000", "${ZHIYIN_TLS_PORT:-8443}:8443"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    how = service["healthcheck"]["test"]
    assert how[0] == "CMD", "no shell: an image may have none"
    assert service["restart"] == "unless-stopped"
    assert service["stop_grace_period"]
    assert "platform" not in service, "amd64 and arm64"


@pytest.mark.parametrize("name", SERVICES)
def test_who_is_needed_is_waited_for_until_healthy(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        assert needed in SERVICES
        assert how["condition"] == "service_healthy"
        assert how.get("required", True) == (needed == "postgres"), "one service that ails must not keep all down"


@pytest.mark.parametrize("name", OURS)
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    users = re.findall(r"^USER (\S+)", "".join(stages(name)[-2:]), re.M)
    assert users == ["10001"]


@pytest.mark.parametrize("name", OURS)
def test_every_setting_of_the_images_and_of_compose_exists(name: str) -> None:
    assert set_in(name) <= SETTINGS


def test_what_compose_reads_from_dotenv_exists() -> None:
    read = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    assert read - SETTINGS == {"POSTGRES_PASSWORD"}


def test_every_setting_of_dotenv_reaches_a_service() -> None:
    """A new setting needs a line in the `environment` of the services that read it."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    passed = {name for name in SETTINGS if re.search(rf"\$\{{{name}:-", text)}
    assert SETTINGS - passed - MADE_BY_THE_FLEET == set()


@pytest.mark.parametrize("name", OURS)
def test_the_healthcheck_asks_the_port_that_the_service_listens_on(name: str) -> None:
    *_, port = re.findall(r"^EXPOSE .*?(\d+)$", stages(name)[-1], re.M)
    assert f"127.0.0.1:{port}/ready" in " ".join(OURS[name]["healthcheck"]["test"])
    assert re.search(rf"ZHIYIN_\w*PORT={port}\b", stages(name)[-1])
    assert re.search(r"ZHIYIN_\w*HOST=0\.0\.0\.0", stages(name)[-1]), "other containers shall reach it"


def test_services_find_each_other_by_the_port_they_listen_on() -> None:
    named = set()
    for name in OURS:
        for value in OURS[name]["environment"].values():
            for host, port in re.findall(r"//([a-z-]+):(\d+)", value):
                named.add(host)
                assert re.search(rf"^EXPOSE .*\b{port}\b", stages(host)[-1], re.M)
    assert named == set(OURS) - {"main-server"}


def test_all_images_are_one_down_to_their_last_stage() -> None:
    """Built once, kept once."""
    assert len({tuple(stages(name)[:-1]) for name in OURS}) == 1
    for name in OURS:
        assert OURS[name]["build"] == {"context": ".", "dockerfile": f"{name}/Dockerfile"}


def test_base_images_are_made_for_amd64_and_arm64() -> None:
    bases = {base for name in OURS for base in re.findall(r"^FROM (\S+:\S+)", dockerfile(name), re.M)}
    assert bases == {"python:3.13-slim", "node:22-slim"}  # of Docker's official library, as postgres is: both
    assert SERVICES["postgres"]["image"].startswith("postgres:")


def test_images_get_every_package_and_nothing_private() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    rules = [line for line in ignore if line and not line.startswith("#")]
    taken = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    homes = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["where"]
    assert rules[0] == "*"
    assert {*homes, "console", "pyproject.toml", "constraints.txt", "README.md"} <= taken
    assert taken.isdisjoint({".env", ".git", ".venv", "data", "docs", "tests", "bench"})
    assert "COPY . .\n" in stage("main-server", "wheel")
    for name in OURS:
        runs = stage(name, "zhiyin") + stages(name)[-1]
        assert "COPY . " not in runs, "what runs is the built package, not the sources"


def test_the_console_is_built_for_the_image_and_only_main_server_has_it() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert {"console/dist", "**/node_modules"} <= set(ignore), "what lies here was built for this machine"
    assert "npm ci --omit=dev" in stage("main-server", "console")
    assert [name for name in OURS if "--from=console" in stages(name)[-1]] == ["main-server"]
    assert "COPY --from=console /console/dist /opt/zhiyin/console\n" in stages("main-server")[-1]


def test_every_volume_that_a_service_mounts_is_made_and_its_own_to_write() -> None:
    folders = re.search(r"chown zhiyin ([/\w ]+)", stage("main-server", "zhiyin"))
    assert folders
    for service in OURS.values():
        for mount in service["volumes"]:
            volume, folder = mount.split(":")[:2]
            assert volume in COMPOSE["volumes"]
            assert folder in folders[1].split()


def test_only_main_server_sees_what_it_keeps() -> None:
    assert [name for name, service in OURS.items() if any(m.startswith("data:") for m in service["volumes"])] == [
        "main-server"
    ]


def test_a_toy_inside_the_container_is_the_owners_as_on_any_machine() -> None:
    """`docker compose exec main-server zhiyin toy say`: the same user, the same folder, loopback."""
    shared, own = stages("main-server")[-2:]
    assert "ZHIYIN_DATA_DIR=/data" in shared and "USER 10001" in shared
    assert "USER" not in own and "data:/data" in OURS["main-server"]["volumes"]
    assert "ZHIYIN_HOST=0.0.0.0" in own and Settings.model_fields["claim"].default == "code"
