"""`mobility user delegate|team add|remove|list`."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import click

from mobility.commands.calls import Call
from mobility.commands.operator import ask
from mobility.commands.options import config_option, json_option, show
from mobility.config import Config
from mobility.operate.paths import USERS as PATH


@click.group(no_args_is_help=False)
def delegate() -> None:
    """Say who may make and take calls on a user's behalf."""


@delegate.command(name="add")
@click.argument("user")
@click.argument("delegate")
@config_option
@json_option
def add_delegate(config: Config, user: str, delegate: str, as_json: bool) -> None:
    """Let DELEGATE act for USER."""
    ask(config, Call("PUT", _path(user, "delegates", delegate)))
    done = {"user": user, "delegate": delegate}
    show(done, f"{delegate} is a delegate of {user}", as_json=as_json)


@delegate.command(name="remove")
@click.argument("user")
@click.argument("delegate")
@config_option
@json_option
def remove_delegate(config: Config, user: str, delegate: str, as_json: bool) -> None:
    """Let DELEGATE act for USER no longer."""
    ask(config, Call("DELETE", _path(user, "delegates", delegate)))
    done = {"user": user, "removed": delegate}
    show(done, f"{delegate} is no delegate of {user}", as_json=as_json)


@delegate.command(name="list")
@click.argument("user")
@config_option
@json_option
def list_delegates(config: Config, user: str, as_json: bool) -> None:
    """List who may act for USER, and for whom USER may act."""
    found: Mapping[str, Any] = ask(config, Call("GET", _path(user, "delegates")))
    lines = [f"delegate {uri}" for uri in found["delegates"]]
    lines += [f"delegate of {uri}" for uri in found["delegators"]]
    show(found, "\n".join(lines) or "no delegates", as_json=as_json)


@click.group(no_args_is_help=False)
def team() -> None:
    """Say who is in the group that may ring along with a user."""


@team.command(name="add")
@click.argument("user")
@click.argument("member")
@config_option
@json_option
def add_member(config: Config, user: str, member: str, as_json: bool) -> None:
    """Put MEMBER into the team-call group of USER."""
    ask(config, Call("PUT", _path(user, "team", member)))
    show({"user": user, "member": member}, f"{member} is in the team of {user}", as_json=as_json)


@team.command(name="remove")
@click.argument("user")
@click.argument("member")
@config_option
@json_option
def remove_member(config: Config, user: str, member: str, as_json: bool) -> None:
    """Take MEMBER out of the team-call group of USER."""
    ask(config, Call("DELETE", _path(user, "team", member)))
    done = {"user": user, "removed": member}
    show(done, f"{member} is not in the team of {user}", as_json=as_json)


@team.command(name="list")
@click.argument("user")
@config_option
@json_option
def list_team(config: Config, user: str, as_json: bool) -> None:
    """List the team-call group of USER."""
    found: Mapping[str, Sequence[str]] = ask(config, Call("GET", _path(user, "team")))
    show(found, "\n".join(found["team"]) or "no team", as_json=as_json)


def _path(user: str, *rest: str) -> str:
    return "/".join([PATH, *(quote(part, safe="") for part in (user, *rest))])
