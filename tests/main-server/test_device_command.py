"""Somebody at the machine claims boards, lists devices, and brings the keys that were burned into them."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from fakes.api_people import KEY, ApiHouse, api_house
from fakes.street import ANOTHERS, BURNED, MAC, SERIAL, KeyedBoard, Street
from fakes.whole_server import toy_environment
from main_server.device_command import DeviceError, add_device_command, claim, import_keys, list_devices, run
from main_server.settings import Settings, load_settings
from main_server.store.errors import Taken
from main_server.store.sealing import key_text


@pytest.fixture
async def house(any_url: str) -> AsyncIterator[ApiHouse]:
    async with api_house(any_url) as made:
        yield made


@pytest.fixture
def settings(house: ApiHouse, any_url: str, tmp_path: Path) -> Settings:
    """Those of the server that runs on the same database."""
    given: dict[str, Any] = {"database_url": any_url, "secret_key": SecretStr(key_text(KEY)), "data_dir": tmp_path}
    return load_settings(_env_file=None, **given)


@pytest.fixture
def street(house: ApiHouse) -> Street:
    return Street(house)


async def test_a_code_typed_at_the_machine_lets_the_board_in(street: Street, settings: Settings) -> None:
    owner = await street.house.founder()
    code = await street.code()
    assert MAC in await claim(settings, f"{code[:3]} {code[3:]}")
    assert await street.enters(await street.token())
    [device] = (await owner.ask("GET", "/devices"))["items"]
    assert device["device_id"] == MAC
    [newest, *_] = (await owner.ask("GET", "/audit"))["items"]
    assert (newest["action"], newest["actor"]) == ("device_claimed", "command line")
    with pytest.raises(DeviceError, match="Listen again"):
        await claim(settings, code)  # it was good once


async def test_a_board_is_claimed_for_whom_one_names(street: Street, settings: Settings) -> None:
    owner = await street.house.founder()
    max_ = await street.house.invited(owner, "max")
    await street.house.invited(owner, "vera", "viewer")
    code = await street.code()
    with pytest.raises(DeviceError, match="no account 'eve'"):
        await claim(settings, code, "eve")
    with pytest.raises(DeviceError, match="viewer"):
        await claim(settings, code, "vera")
    await claim(settings, code, "Max")
    assert len((await max_.ask("GET", "/devices"))["items"]) == 1
    assert (await owner.ask("GET", "/devices"))["items"] == []


async def test_without_an_account_one_is_told_how_to_make_it(street: Street, settings: Settings) -> None:
    code = await street.code()
    with pytest.raises(DeviceError, match="zhiyin serve"):
        await claim(settings, code)


async def test_every_device_is_listed_with_its_owner(street: Street, settings: Settings) -> None:
    assert "No device" in await list_devices(settings)
    await street.house.founder()
    await claim(settings, await street.code())
    line = await list_devices(settings)
    assert line.split()[:2] == [MAC, "olga"] and "box-3" in line


async def test_keys_of_a_file_are_known_from_then_on(street: Street, settings: Settings, tmp_path: Path) -> None:
    owner = await street.house.founder()
    file = tmp_path / "keys.csv"
    file.write_text(f"# serial number,key\n\n{SERIAL}, {BURNED.hex().upper()}\nSN2,{'11' * 32}\n")
    assert (await import_keys(settings, file)).startswith("2 keys")
    board = KeyedBoard(street)
    await claim(settings, (await board.boot())["activation"]["code"])
    assert "websocket" in await board.boot()
    assert "websocket" in await KeyedBoard(street, client=ANOTHERS).boot()
    assert len((await owner.ask("GET", "/device-keys"))["items"]) == 2
    with pytest.raises(Taken, match=SERIAL):
        await import_keys(settings, file)


@pytest.mark.parametrize("line", ["SN", ",11", f"SN,{'zz' * 32}", f"SN,{'00' * 32}", "a b," + "11" * 32])
async def test_a_line_that_is_no_key_is_named_and_not_repeated(settings: Settings, tmp_path: Path, line: str) -> None:
    file = tmp_path / "keys.csv"
    file.write_text(f"SN1,{'11' * 32}\n{line}\n")
    with pytest.raises(DeviceError, match="line 2") as told:
        await import_keys(settings, file)
    assert "zz" not in str(told.value)
    with pytest.raises(DeviceError, match="cannot be read"):
        await import_keys(settings, tmp_path / "none")


def test_the_commands_are_what_a_person_types(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_device_command(parser.add_subparsers())
    settings = load_settings(_env_file=None, data_dir=tmp_path)
    assert run(parser.parse_args(["device", "list"]), settings).startswith("No device")
    with pytest.raises(DeviceError, match="no account"):
        run(parser.parse_args(["device", "claim", "123", "456"]), settings)
    with pytest.raises(DeviceError, match="cannot be read"):
        run(parser.parse_args(["device", "import-keys", str(tmp_path / "none")]), settings)
    command = [sys.executable, "-m", "main_server", "device", "list"]
    done = subprocess.run(
        command, env=toy_environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "No device has asked for this server yet.\n"), done.stderr
