"""What subcommands share: options, the password on standard input, and how results are shown."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from mobility.config import Config, load

F = TypeVar("F", bound=Callable[..., Any])


class Problem(click.ClickException):
    """The command was right, and what it found or met was not: exit 1."""

    exit_code = 1


def _load(_context: click.Context, _parameter: click.Parameter, file: str) -> Config:
    return load(Path(file))


def config_option(command: F) -> F:
    """`--config FILE`, handed to the command as a loaded `Config` named `config`."""
    return click.option(
        "--config",
        metavar="FILE",
        envvar="MOBILITY_CONFIG",
        show_envvar=True,
        required=True,
        callback=_load,
        help="The configuration of the front end.",
    )(command)


def json_option(command: F) -> F:
    """`--json`, handed to the command as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(command)


def show(content: object, text: str, *, as_json: bool) -> None:
    """Print `content` for a machine or `text` for a person."""
    click.echo(json.dumps(content) if as_json else text)


def read_password() -> str:
    """A password: asked for twice on a terminal, else the first line of standard input."""
    if sys.stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    from mobility.auth.passwords import MAX_PASSWORD_BYTES  # its imports take long

    line = sys.stdin.buffer.readline(MAX_PASSWORD_BYTES + 3)
    try:
        password = line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise click.UsageError("the password on standard input is no UTF-8 text") from None
    if not password:
        raise click.UsageError("standard input holds no password")
    return password
