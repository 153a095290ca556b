"""What the commands that write files for others share."""

import json
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, TypeVar

import click

from mobility.commands.options import say

F = TypeVar("F", bound=Callable[..., Any])

NOT_RECOMMENDED = (
    "not recommended: without lyncdiscover names in the certificate, clients find the service only "
    "over unencrypted HTTP on port 80, where anybody in between can send them elsewhere"
)


def discovery_option(command: F) -> F:
    """`--discovery-over-http`, handed to the command as `discovery_over_http`."""
    return click.option(
        "--discovery-over-http",
        is_flag=True,
        help="Not recommended: no lyncdiscover names in certificates; the first hop is HTTP.",
    )(command)


def addresses(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """The values of an option that takes IP addresses.  Raises BadParameter."""
    for value in values:
        try:
            ip_address(value)
        except ValueError as error:
            raise click.BadParameter(f"{value!r} is no IP address") from error
    return values


def warn(text: str) -> None:
    """A line on standard error."""
    click.echo(text, err=True)


def show_text(content: object, text: str, *, as_json: bool) -> None:
    """Print `content` for a machine, or `text`, which ends its own lines, for a person."""
    say(json.dumps(content) if as_json else text, nl=as_json)
