"""What subcommands share: options, the password on standard input, and how results are shown."""

import json
import os
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
    say(json.dumps(content) if as_json else text)


def say(text: str, *, nl: bool = True) -> None:
    """Print a text.  Raises Problem for a disk that is full, say."""
    try:
        click.echo(text, nl=nl)
    except BrokenPipeError:  # whoever read it has enough, which click knows
        raise
    except OSError as error:
        with open(os.devnull, "wb") as nowhere:  # else Python writes the rest again as it ends
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        raise Problem(f"standard output cannot be written: {error.strerror}") from error


def read_password() -> str:
    """A password: asked for twice on a terminal, else the first line of standard input."""
    if sys.stdin is None:  # whoever started the command has closed it
        raise click.UsageError("standard input holds no password")
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
