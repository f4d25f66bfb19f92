"""The `zhiyin` command."""

from __future__ import annotations

import argparse
import errno
import socket
import sys
from collections.abc import Callable
from importlib.metadata import version

from contracts.errors import ZhiyinError
from main_server.settings import Settings, load_settings, unknown_settings


def main(arguments: list[str] | None = None) -> int:
    """Runs `zhiyin serve`, `zhiyin tts-server` or `zhiyin toy ...`; returns the exit status."""
    parser = argparse.ArgumentParser(prog="zhiyin", description="Zhiyin 知音: a voice backend for your own toys")
    parser.add_argument("--version", action="version", version=version("zhiyin"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("serve", help="migrate the database and serve devices, OTA and console")
    commands.add_parser("asr-server", help="the ears as a program of their own (ZHIYIN_HEARING_URL)")
    commands.add_parser("tts-server", help="serve only the voice, OpenAI-compatible, for a main-server elsewhere")
    if "account" in (arguments or sys.argv[1:])[:1]:
        return _account(parser, commands, arguments)
    commands.add_parser("account", help="look after accounts from the machine itself", add_help=False)
    if "secrets" in (arguments or sys.argv[1:])[:1]:
        return _secrets(parser, commands, arguments)
    commands.add_parser("secrets", help="change the keys that seal secrets in the database", add_help=False)
    if "toy" in (arguments or sys.argv[1:])[:1]:
        return _toy(parser, commands, arguments)
    commands.add_parser("toy", help="a board in software: talk to a server without hardware", add_help=False)
    command = parser.parse_args(arguments).command
    if command == "asr-server":
        return _serve(_asr_server, "ASR_SERVER_")
    if command == "tts-server":
        return _tts_server()
    return _serve()


def _toy(
    parser: argparse.ArgumentParser,
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    arguments: list[str] | None,
) -> int:
    from toy.cli import add_toy_command, run  # a toy needs none of the server, nor the server a toy

    add_toy_command(commands)
    return run(parser.parse_args(arguments))


def _account(
    parser: argparse.ArgumentParser,
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    arguments: list[str] | None,
) -> int:
    from main_server.account_command import add_account_command, run

    add_account_command(commands)
    return _do(run, parser.parse_args(arguments))


def _secrets(
    parser: argparse.ArgumentParser,
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    arguments: list[str] | None,
) -> int:
    from main_server.secrets_command import add_secrets_command, run

    add_secrets_command(commands)
    return _do(run, parser.parse_args(arguments))


def _do(command: Callable[[argparse.Namespace, Settings], str], chosen: argparse.Namespace) -> int:
    """Does one thing to this installation and says what was done."""
    try:
        print(command(chosen, load_settings()))
    except ZhiyinError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _main_server(settings: Settings) -> None:
    from main_server.app import run  # seconds of imports that --help need not wait for

    run(settings)


def _asr_server(settings: Settings) -> None:
    from main_server.asr_service import run_asr_server

    run_asr_server(settings)


def _serve(run: Callable[[Settings], None] = _main_server, port_of: str = "") -> int:
    """`port_of` is what stands before HOST and PORT in the names of this program's settings."""
    from main_server.logs import configure_logging

    try:
        settings = load_settings()
    except ZhiyinError as error:
        print(f"Zhiyin cannot start.\n{error}", file=sys.stderr)
        return 2
    for name in unknown_settings():
        print(f"{name} is no setting of Zhiyin and is ignored: see docs/settings.md.", file=sys.stderr)
    writer = configure_logging(settings.log)
    try:
        run(settings)
    except ZhiyinError as error:
        print(f"Zhiyin cannot start: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Zhiyin cannot start: {_listening_problem(error, settings, port_of)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        writer.close()
    return 0


def _tts_server() -> int:
    from main_server.logs import configure_logging
    from tts_server.serving import listening_problem, run
    from tts_server.settings import load_settings as load_tts_settings

    try:
        settings = load_tts_settings()
    except ZhiyinError as error:
        print(f"The speech service cannot start.\n{error}", file=sys.stderr)
        return 2
    writer = configure_logging(settings.log)
    try:
        run(settings)
    except ZhiyinError as error:
        print(f"The speech service cannot start: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The speech service cannot start: {listening_problem(error, settings)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        writer.close()
    return 0


def _listening_problem(error: OSError, settings: Settings, port_of: str) -> str:
    host, port = (getattr(settings, f"{port_of}{part}".lower()) for part in ("HOST", "PORT"))
    setting = f"ZHIYIN_{port_of}"
    where = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is taken by another program. Stop it, or choose another port: {setting}PORT={port + 1}."
    if error.errno == errno.EACCES:
        return f"{where} may not be used without special rights. Choose a port above 1023: {setting}PORT=8000."
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"{host} is not an address of this machine. {setting}HOST=0.0.0.0 listens on all of them."
    return f"{error}"


if __name__ == "__main__":
    sys.exit(main())
