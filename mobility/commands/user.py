"""`mobility user add|list|set|remove|import`; for `delegate` and `team` see `delegates`."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import click

from mobility.commands.calls import Call, Conversation, content_of
from mobility.commands.delegates import delegate, team
from mobility.commands.operator import ask, hold
from mobility.commands.options import (
    config_option,
    json_option,
    read_password,
    show,
)
from mobility.commands.user_import import import_users
from mobility.config import Config
from mobility.operate.paths import PAGE_USERS
from mobility.operate.paths import USERS as PATH
from mobility.operate.profile import FLAGS, PHONES, TEXTS

F = TypeVar("F", bound=Callable[..., Any])


@click.group(no_args_is_help=False)
def user() -> None:
    """Administer users.  A front end that runs is told; else its store is opened."""


user.add_command(delegate)
user.add_command(team)


def profile_options(command: F) -> F:
    """The options that set a field of a user; those not given are None."""
    for name in reversed((*TEXTS, *PHONES[1:])):
        command = click.option(f"--{name.replace('_', '-')}", metavar="TEXT")(command)
    for option, variable, text, metavar in (
        ("--pool", "pool", "The name of a pool, branch or hosting provider.", "NAME"),
        ("--home", "home", "here, none, or another pool's Autodiscover root URL.", "HOME"),
        ("--manager", "manager", "The SIP URI of the user's manager, or nothing.", "URI"),
        ("--email", "email", "The mail address.", "ADDRESS"),
        ("--phone", "work_phone", "The number at work.", "E164"),
        ("--name", "name", "The display name.", "NAME"),
    ):
        command = click.option(option, variable, metavar=metavar, help=text)(command)
    return command


def flag_options(command: F) -> F:
    """Switches that may be turned both ways."""
    for name in reversed(FLAGS[1:]):
        dashed = name.replace("_", "-")
        command = click.option(f"--{dashed}/--no-{dashed}", name, default=None)(command)
    return command


@user.command()
@click.argument("sip_uri")
@profile_options
@flag_options
@config_option
@json_option
def add(config: Config, sip_uri: str, as_json: bool, **fields: object) -> None:
    """Add a user; the password is read from standard input."""
    body = {"uri": sip_uri, "password": read_password(), **_given(fields)}
    added = ask(config, Call("POST", PATH, body))
    show(added, f"added {added['uri']}", as_json=as_json)


@user.command(name="list")
@config_option
@json_option
def list_users(config: Config, as_json: bool) -> None:
    """List all users."""
    users = hold(config, _all_users())
    show({"users": users}, "\n".join(_line(one) for one in users) or "no users", as_json=as_json)


def _all_users() -> Conversation[list[dict[str, Any]]]:
    users: list[dict[str, Any]] = []
    while True:
        after = users[-1]["uri"] if users else ""
        query = urlencode({"after": after, "limit": PAGE_USERS})
        page = content_of((yield Call("GET", f"{PATH}?{query}")))["users"]
        users += page
        if len(page) < PAGE_USERS:
            return users


@user.command(name="set")
@click.argument("sip_uri")
@profile_options
@flag_options
@click.option("--enable/--disable", "enabled", default=None, help="Whether it may sign in.")
@click.option("--password", "new_password", is_flag=True, help="Read a new one from stdin.")
@config_option
@json_option
def set_user(
    config: Config, sip_uri: str, new_password: bool, as_json: bool, **fields: object
) -> None:
    """Change a user; a new password and --disable sign it out everywhere."""
    changes = _given(fields)
    if new_password:
        changes["password"] = read_password()
    if not changes:
        raise click.UsageError("nothing to change: give an option")
    changed = ask(config, Call("PATCH", _path(sip_uri), changes))
    show(changed, f"changed {changed['uri']}", as_json=as_json)


@user.command()
@click.argument("sip_uri")
@config_option
@json_option
def remove(config: Config, sip_uri: str, as_json: bool) -> None:
    """Sign a user out everywhere and forget it."""
    ask(config, Call("DELETE", _path(sip_uri)))
    show({"removed": sip_uri}, f"removed {sip_uri}", as_json=as_json)


user.add_command(import_users)


def _given(fields: Mapping[str, object]) -> dict[str, object]:
    given = {name: value for name, value in fields.items() if value is not None}
    if "pool" in given:
        if "home" in given:
            raise click.UsageError("--pool and --home say the same: give one")
        given["home"] = given.pop("pool")
    return given


def _path(sip_uri: str) -> str:
    return f"{PATH}/{quote(sip_uri, safe='')}"


def _line(one: Mapping[str, Any]) -> str:
    """One user for a person's eyes."""
    marks = [
        "" if one["enabled"] else "disabled",
        "" if one["home"] == "here" else f"home {one['home']}",
        "Enterprise Voice" if one["enterprise_voice"] else "",
        "SIP digest" if one["sip_digest"] else "",
        "" if one["source"] == "local" else one["source"],
    ]
    return "  ".join(filter(None, (one["uri"], one["name"], one["work_phone"], *marks)))
