"""`mobility group set|remove|list`."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import click

from mobility.commands.calls import Call
from mobility.commands.operator import ask
from mobility.commands.options import config_option, json_option, show
from mobility.config import Config
from mobility.operate.paths import GROUPS as PATH


@click.group(no_args_is_help=False)
def group() -> None:
    """Administer distribution groups.  Those of a directory are changed there."""


@group.command(name="set")
@click.argument("address")
@click.option("--name", required=True, metavar="NAME", help="The display name.")
@click.option(
    "--member",
    "members",
    multiple=True,
    metavar="URI",
    help="A direct member, a user or another group; may be given often.",
)
@config_option
@json_option
def set_group(
    config: Config, address: str, name: str, members: Sequence[str], as_json: bool
) -> None:
    """Add the group of ADDRESS, or replace it."""
    body = {"name": name, "members": list(members)}
    ask(config, Call("PUT", _path(address), body))
    show({"group": address, **body}, f"{address} has {len(members)} members", as_json=as_json)


@group.command()
@click.argument("address")
@config_option
@json_option
def remove(config: Config, address: str, as_json: bool) -> None:
    """Remove the group of ADDRESS; it leaves the contact lists it is on."""
    ask(config, Call("DELETE", _path(address)))
    show({"removed": address}, f"removed {address}", as_json=as_json)


@group.command(name="list")
@config_option
@json_option
def list_groups(config: Config, as_json: bool) -> None:
    """List all groups."""
    found: Mapping[str, Any] = ask(config, Call("GET", PATH))
    lines = [f"{one['uri']}  {one['name']}  {len(one['members'])}" for one in found["groups"]]
    show(found, "\n".join(lines) or "no groups", as_json=as_json)


def _path(address: str) -> str:
    return f"{PATH}/{quote(address, safe='')}"
