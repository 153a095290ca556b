"""`mobility policy get|list|new|set|grant|remove`: mobility policy (CsMobilityPolicy)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import click

from mobility.commands.calls import Call, Conversation, content_of
from mobility.commands.operator import ask, hold
from mobility.commands.options import config_option, json_option, show
from mobility.commands.settings import (
    after_removal,
    changed,
    details,
    given,
    line,
    options_of,
    removed,
    version_option,
)
from mobility.config import Config
from mobility.domain.directory_names import group_uri
from mobility.domain.mobility_policy import GROUP_KIND, KIND, MobilityPolicy
from mobility.domain.setting_rules import nearest, shown_names
from mobility.operate.paths import GROUPS as GROUPS_PATH
from mobility.operate.paths import MOBILITY as PATH
from mobility.operate.paths import MOBILITY_GRANTS as GRANTS_PATH

TRUTHS = {"true": True, "$true": True, "false": False, "$false": False}
"""How true and false are written, PowerShell's way included."""


@click.group(no_args_is_help=False)
def policy() -> None:
    """Administer mobility policies.  A front end that runs is told; else its store is opened.

    A NAME is global, site:SITE, or a name alone (tag:NAME) for users to whom it is granted.
    Parameters have the names of CsMobilityPolicy in any case: EnableMobility=false, or as an
    option.
    """


def _parameters(command: Any) -> Any:
    """Parameters as PARAMETER=VALUE, and as options."""
    command = click.argument("pairs", nargs=-1, metavar="[PARAMETER=VALUE]...")(command)
    return options_of(MobilityPolicy)(command)


@policy.command()
@click.argument("name")
@_parameters
@config_option
@json_option
def new(config: Config, name: str, pairs: tuple[str, ...], as_json: bool, **fields: object) -> None:
    """Add a policy; what is not given has its documented default."""
    body = {"name": name, **_values(pairs, fields)}
    added = ask(config, Call("POST", f"{PATH}/{KIND}", body))
    show(added, f"added {added['name']}", as_json=as_json)


@policy.command(name="set")
@click.argument("name")
@_parameters
@version_option
@config_option
@json_option
def set_one(
    config: Config,
    name: str,
    pairs: tuple[str, ...],
    version: int | None,
    as_json: bool,
    **fields: object,
) -> None:
    """Change the parameters of a policy that are given."""
    values = _values(pairs, fields)
    if not values:
        raise click.UsageError("nothing to change: give a PARAMETER=VALUE or an option")
    after = hold(config, changed(_path(name), version, lambda _: values))
    text = f"changed {after['name']}, now at version {after['version']}"
    show(after, text, as_json=as_json)


@policy.command()
@click.argument("name", default="global")
@click.option("--user", "sip_uri", metavar="SIP_URI", help="The policy that rules this user.")
@config_option
@json_option
def get(config: Config, name: str, sip_uri: str | None, as_json: bool) -> None:
    """Show everything about a policy (the global one), or about the one that rules a user."""

    def conversation() -> Conversation[Any]:
        ruling = name
        if sip_uri is not None:
            granted = content_of((yield Call("GET", _grant_path(sip_uri))))
            ruling = granted["effective_mobility_policy"]
        return content_of((yield Call("GET", _path(ruling))))

    one = hold(config, conversation())
    show(one, "\n".join(details(one)), as_json=as_json)


@policy.command(name="list")
@config_option
@json_option
def list_all(config: Config, as_json: bool) -> None:
    """List each policy with what differs from the documented defaults."""
    content = ask(config, Call("GET", f"{PATH}/{KIND}"))
    text = "\n".join(line(_differing(one)) for one in content[KIND])
    show(content, text, as_json=as_json)


@policy.command()
@click.argument("sip_uri")
@click.argument("name", required=False)
@version_option
@config_option
@json_option
def grant(
    config: Config, sip_uri: str, name: str | None, version: int | None, as_json: bool
) -> None:
    """Grant policy NAME to a user; '' takes it back.  Without a NAME, show what is in force."""
    path = _grant_path(sip_uri)
    if name is not None:
        wanted = {"mobility_policy": "" if name.casefold() == "$null" else name}
        granted = hold(config, changed(path, version, lambda _: wanted))
    else:
        granted = ask(config, Call("GET", path))
    text = f"{granted['user']}  policy {granted['effective_mobility_policy']}"
    show(granted, text, as_json=as_json)


@policy.command()
@click.argument("name")
@version_option
@config_option
@json_option
def remove(config: Config, name: str, version: int | None, as_json: bool) -> None:
    """Forget a policy; who held it gets that of the site or the global one.

    The global policy gets its defaults back.
    """
    hold(config, removed(_path(name), version))
    show({"removed": name}, after_removal(name), as_json=as_json)


@policy.command(name="grant-group")
@click.argument("group")
@click.argument("name", required=False)
@click.option("--rank", type=click.IntRange(1, 10_000), help="Of several groups the lowest counts.")
@version_option
@config_option
@json_option
def grant_group(
    config: Config,
    group: str,
    name: str | None,
    rank: int | None,
    version: int | None,
    as_json: bool,
) -> None:
    """Grant policy NAME to the members of a GROUP; '' takes it back.

    GROUP is an address, or a directory's group by its distinguished name, or any group by its
    name.  A policy that is granted to the user itself comes before it, that of the site after it.
    """
    values: dict[str, object] = {} if name is None else {"policy": name}
    if rank is not None:
        values["rank"] = rank

    def conversation() -> Conversation[Any]:
        uri = group_uri(group) or (yield from _called(group))
        path = f"{PATH}/{GROUP_KIND}/{quote(uri, safe='')}"
        if name == "":
            yield from removed(path, version)
            return {"name": uri, "policy": ""}
        before = yield Call("GET", path)
        if before.status == 404 and name is not None:
            body = {"name": uri, **values}
            return content_of((yield Call("POST", f"{PATH}/{GROUP_KIND}", body)))
        if not values:
            return content_of(before)
        seen = content_of(before)["version"] if version is None else version
        return content_of((yield Call("PATCH", path, {**values, "version": seen})))

    granted = hold(config, conversation())
    show(granted, _of_group(granted), as_json=as_json)


@policy.command(name="list-groups")
@config_option
@json_option
def list_groups(config: Config, as_json: bool) -> None:
    """List the groups whose members have a policy, the lowest rank first."""
    content = ask(config, Call("GET", f"{PATH}/{GROUP_KIND}"))
    found = sorted(content[GROUP_KIND], key=lambda one: (one["rank"], one["name"]))
    text = "\n".join(_of_group(one) for one in found) or "no group has a policy"
    show(content, text, as_json=as_json)


def _called(name: str) -> Conversation[str]:
    """The URI of the one group of a name, in any case."""
    groups = content_of((yield Call("GET", GROUPS_PATH)))["groups"]
    found = [one["uri"] for one in groups if one["name"].casefold() == name.casefold()]
    if len(found) > 1:
        raise click.UsageError(f"several groups are called {name!r}: {', '.join(found)}")
    if not found:
        near = nearest(name, [one["name"] for one in groups])
        raise click.UsageError(f"no group is called {name!r}, and it is no address or DN{near}")
    uri: str = found[0]
    return uri


def _of_group(one: Mapping[str, Any]) -> str:
    rank = f"  rank {one['rank']}" if "rank" in one else ""
    return f"{one['name']}  policy {one['policy'] or 'none'}{rank}"


def _values(pairs: tuple[str, ...], fields: Mapping[str, object]) -> dict[str, object]:
    """What was given in either form; wrong names and values are for the front end to refuse."""
    values = given(MobilityPolicy, fields)
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"{pair!r} is not PARAMETER=VALUE")
        if key in values:
            raise click.UsageError(f"{key} is given twice")
        values[key] = TRUTHS.get(value.casefold(), value)
    return values


def _differing(one: Mapping[str, Any]) -> dict[str, Any]:
    """A policy without what is as documented."""
    plain = MobilityPolicy(one["name"])
    defaults = {shown: getattr(plain, key) for key, shown in shown_names(MobilityPolicy).items()}
    return {
        key: str(value).lower() if value is False else value
        for key, value in one.items()
        if key == "name" or value != defaults.get(key, value)
    }


def _path(name: str) -> str:
    return f"{PATH}/{KIND}/{quote(name, safe='')}"


def _grant_path(sip_uri: str) -> str:
    return f"{GRANTS_PATH}/{quote(sip_uri, safe='')}"
