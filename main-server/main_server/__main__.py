"""The `zhiyin` command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from contracts.errors import ZhiyinError


@dataclass(frozen=True, slots=True)
class Program:
    """One that serves until it is told to stop. Its imports, seconds of them, wait until it is started."""

    help: str
    load_settings: Callable[[], Any]
    run: Callable[[Any], None]
    name: str = "Zhiyin"


def main(arguments: list[str] | None = None) -> int:
    """Runs one of PROGRAMS, or what `models`, `account`, `device`, `secrets`, `toy` do; returns the exit status."""
    parser = argparse.ArgumentParser(prog="zhiyin", description="Zhiyin 知音: a voice backend for your own toys")
    parser.add_argument("--version", action="version", version=version("zhiyin"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command, program in PROGRAMS.items():
        commands.add_parser(command, help=program.help)
    if "models" in (arguments or sys.argv[1:])[:1]:
        return _models(parser, commands, arguments)
    commands.add_parser("models", help="fetch, check and remove model files: natural ears and voices", add_help=False)
    if "account" in (arguments or sys.argv[1:])[:1]:
        return _account(parser, commands, arguments)
    commands.add_parser("account", help="look after accounts from the machine itself", add_help=False)
    if "device" in (arguments or sys.argv[1:])[:1]:
        return _device(parser, commands, arguments)
    commands.add_parser("device", help="claim and list devices from the machine itself", add_help=False)
    if "secrets" in (arguments or sys.argv[1:])[:1]:
        return _secrets(parser, commands, arguments)
    commands.add_parser("secrets", help="change the keys that seal secrets in the database", add_help=False)
    if "toy" in (arguments or sys.argv[1:])[:1]:
        return _toy(parser, commands, arguments)
    commands.add_parser("toy", help="a board in software: talk to a server without hardware", add_help=False)
    return start(PROGRAMS[parser.parse_args(arguments).command])


def start(program: Program) -> int:
    """Settings, log, program. Returns the exit status: 2 for settings that cannot be used, 1 when it cannot start."""
    from main_server.logs import configure_logging
    from main_server.settings import unknown_settings

    try:
        settings = program.load_settings()
    except ZhiyinError as error:
        print(f"{program.name} cannot start.\n{error}", file=sys.stderr)
        return 2
    for name in unknown_settings():
        print(f"{name} is no setting of Zhiyin and is ignored: see docs/settings.md.", file=sys.stderr)
    writer = configure_logging(settings.log)
    try:
        program.run(settings)
    except (ZhiyinError, OSError) as error:
        print(f"{program.name} cannot start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        writer.close()
    return 0


def _settings() -> Any:
    from main_server.settings import load_settings

    return load_settings()


def _serving_settings() -> Any:
    from main_server.settings import load_serving_settings

    return load_serving_settings()


def _main_server(settings: Any) -> None:
    from main_server.app import run
    from main_server.model_files import offer_models

    offer_models(settings)
    run(settings)


def _asr_server(settings: Any) -> None:
    from main_server.asr_service import run_asr_server

    run_asr_server(settings)


def _asr_worker(settings: Any) -> None:
    from main_server.asr_worker_service import run_asr_worker

    run_asr_worker(settings)


def _tts_settings() -> Any:
    from tts_server.settings import load_settings

    return load_settings()


def _tts_server(settings: Any) -> None:
    from tts_server.serving import run

    run(settings)


PROGRAMS = {
    "serve": Program("migrate the database and serve devices, OTA and console", _serving_settings, _main_server),
    "asr-server": Program("the ears as a program of their own (ZHIYIN_HEARING_URL)", _settings, _asr_server),
    "asr-worker": Program("the recogniser as a program of its own (ZHIYIN_FABRIC_URL)", _settings, _asr_worker),
    "tts-server": Program(
        "serve only the voice, OpenAI-compatible, for a main-server elsewhere",
        _tts_settings,
        _tts_server,
        "The speech service",
    ),
}


def _toy(
    parser: argparse.ArgumentParser,
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    arguments: list[str] | None,
) -> int:
    from toy.cli import add_toy_command, run  # a toy needs none of the server, nor the server a toy

    add_toy_command(commands)
    return run(parser.parse_args(arguments), _data_dir)


def _data_dir() -> Path:
    """Where a server that is started in this folder keeps what it keeps."""
    try:
        return Path(_settings().data_dir)
    except ZhiyinError:  # that is the server's to complain about
        return Path(os.environ.get("ZHIYIN_DATA_DIR") or "data")


def _models(
    parser: argparse.ArgumentParser,
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    arguments: list[str] | None,
) -> int:
    from main_server.model_files import model_settings
    from model_downloads.cli import add_arguments, run

    add_arguments(commands.add_parser("models", help="fetch, check and remove model files"))
    known = parser.parse_args(arguments)
    try:
        settings = _settings()
    except ZhiyinError as error:
        print(error, file=sys.stderr)
        return 2
    return run(known, model_settings(settings))


def _account(
    parser: argparse.ArgumentParser,
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    arguments: list[str] | None,
) -> int:
    from main_server.account_command import add_account_command, run

    add_account_command(commands)
    return _do(run, parser.parse_args(arguments))


def _device(
    parser: argparse.ArgumentParser,
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    arguments: list[str] | None,
) -> int:
    from main_server.device_command import add_device_command, run

    add_device_command(commands)
    return _do(run, parser.parse_args(arguments))


def _secrets(
    parser: argparse.ArgumentParser,
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    arguments: list[str] | None,
) -> int:
    from main_server.secrets_command import add_secrets_command, run

    add_secrets_command(commands)
    return _do(run, parser.parse_args(arguments))


def _do(command: Callable[[argparse.Namespace, Any], str], chosen: argparse.Namespace) -> int:
    """Does one thing to this installation and says what was done."""
    try:
        print(command(chosen, _settings()))
    except ZhiyinError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
