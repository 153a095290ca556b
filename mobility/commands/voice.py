"""`mobility voice policy|route|usage|dialplan|gateway|emergency add|set|list|remove|show`,
`mobility voice rule add|set|remove`, `mobility voice grant` and `mobility voice test`."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import click

from mobility.commands.calls import Call
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
from mobility.domain.voice import EVERYWHERE
from mobility.domain.voice_objects import KINDS, SCOPED, SINGULAR, NormalisationRule
from mobility.operate.paths import VOICE as PATH
from mobility.operate.paths import VOICE_GRANTS as GRANTS_PATH
from mobility.operate.paths import VOICE_TEST as TEST_PATH

GROUPS = {
    "policy": "policies",
    "route": "routes",
    "usage": "usages",
    "dialplan": "dial-plans",
    "gateway": "gateways",
    "emergency": "emergency-numbers",
}
"""Name of a group of commands to the kind of object that they administer."""

NONE = {
    "emergency-numbers": "none is set, so these are emergency numbers: "
    + ", ".join(one.name for one in EVERYWHERE)
}
"""What to say where there is none of a kind, if that means more than nothing."""


@click.group(no_args_is_help=False)
def voice() -> None:
    """Administer voice routing.  A front end that runs is told; else its store is opened."""


def _add_group(word: str, kind: str) -> None:
    cls, what = KINDS[kind], SINGULAR[kind]
    scopes = "  NAME is global, site:SITE, or a name alone for users." if kind in SCOPED else ""

    @voice.group(name=word, help=f"Administer each {what}.{scopes}", no_args_is_help=False)
    def group() -> None:
        pass

    @group.command(name="add", help=f"Add a {what}.")
    @click.argument("name")
    @options_of(cls)
    @config_option
    @json_option
    def add(config: Config, name: str, as_json: bool, **fields: object) -> None:
        body = {"name": name, **given(cls, fields)}
        added = ask(config, Call("POST", f"{PATH}/{kind}", body))
        show(added, f"added {added['name']}", as_json=as_json)

    @group.command(name="set", help=f"Change a {what}.")
    @click.argument("name")
    @options_of(cls)
    @version_option
    @config_option
    @json_option
    def set_one(
        config: Config, name: str, version: int | None, as_json: bool, **fields: object
    ) -> None:
        changes = given(cls, fields)
        if not changes:
            raise click.UsageError("nothing to change: give an option")
        after = hold(config, changed(_path(kind, name), version, lambda _: changes))
        text = f"changed {after['name']}, now at version {after['version']}"
        show(after, text, as_json=as_json)

    @group.command(name="list", help=f"List each {what}.")
    @config_option
    @json_option
    def list_all(config: Config, as_json: bool) -> None:
        content = ask(config, Call("GET", f"{PATH}/{kind}"))
        lines = [line(one) for one in content[kind]]
        show(content, "\n".join(lines) or NONE.get(kind, f"no {what}"), as_json=as_json)

    @group.command(name="show", help=f"Show everything about a {what}.")
    @click.argument("name")
    @config_option
    @json_option
    def show_one(config: Config, name: str, as_json: bool) -> None:
        one = ask(config, Call("GET", _path(kind, name)))
        show(one, "\n".join(details(one)), as_json=as_json)

    @group.command(name="remove", help=f"Forget a {what}; a global one gets its defaults back.")
    @click.argument("name")
    @version_option
    @config_option
    @json_option
    def remove(config: Config, name: str, version: int | None, as_json: bool) -> None:
        hold(config, removed(_path(kind, name), version))
        show({"removed": name}, after_removal(name, scoped=kind in SCOPED), as_json=as_json)


for _word, _kind in GROUPS.items():
    _add_group(_word, _kind)


@voice.group(no_args_is_help=False)
def rule() -> None:
    """Administer the normalisation rules of a dial plan; the first that matches is used."""


@rule.command(name="add")
@click.argument("plan")
@click.argument("name")
@options_of(NormalisationRule)
@click.option("--position", type=click.IntRange(1), help="Its place; else it is the last.")
@version_option
@config_option
@json_option
def add_rule(
    config: Config,
    plan: str,
    name: str,
    position: int | None,
    version: int | None,
    as_json: bool,
    **fields: object,
) -> None:
    """Add a rule to a dial PLAN."""
    new = {"name": name, **given(NormalisationRule, fields)}

    def change(before: dict[str, Any]) -> dict[str, object]:
        rules: list[Any] = before["rules"]
        rules.insert(len(rules) if position is None else position - 1, new)
        return {"rules": rules}

    after = hold(config, changed(_path("dial-plans", plan), version, change))
    show(after, f"added {name} to {after['name']}", as_json=as_json)


@rule.command(name="set")
@click.argument("plan")
@click.argument("name")
@options_of(NormalisationRule)
@click.option("--position", type=click.IntRange(1), help="Its place.")
@version_option
@config_option
@json_option
def set_rule(
    config: Config,
    plan: str,
    name: str,
    position: int | None,
    version: int | None,
    as_json: bool,
    **fields: object,
) -> None:
    """Change a rule of a dial PLAN."""
    values = given(NormalisationRule, fields)
    if not values and position is None:
        raise click.UsageError("nothing to change: give an option")

    def change(before: dict[str, Any]) -> dict[str, object]:
        rules: list[Any] = before["rules"]
        at = _place(rules, plan, name)
        moved = {**rules.pop(at), **values}
        rules.insert(at if position is None else position - 1, moved)
        return {"rules": rules}

    after = hold(config, changed(_path("dial-plans", plan), version, change))
    show(after, f"changed {name} of {after['name']}", as_json=as_json)


@rule.command(name="remove")
@click.argument("plan")
@click.argument("name")
@version_option
@config_option
@json_option
def remove_rule(config: Config, plan: str, name: str, version: int | None, as_json: bool) -> None:
    """Take a rule out of a dial PLAN."""

    def change(before: dict[str, Any]) -> dict[str, object]:
        rules: list[Any] = before["rules"]
        rules.pop(_place(rules, plan, name))
        return {"rules": rules}

    after = hold(config, changed(_path("dial-plans", plan), version, change))
    show(after, f"removed {name} from {after['name']}", as_json=as_json)


@voice.command()
@click.argument("sip_uri")
@click.option("--policy", "voice_policy", metavar="NAME", help="A voice policy; '' takes it back.")
@click.option("--dial-plan", metavar="NAME", help="A dial plan; '' takes it back.")
@version_option
@config_option
@json_option
def grant(
    config: Config, sip_uri: str, version: int | None, as_json: bool, **fields: object
) -> None:
    """Grant a voice policy or a dial plan to a user; without an option, show what is in force."""
    changes = {name: value for name, value in fields.items() if value is not None}
    path = f"{GRANTS_PATH}/{quote(sip_uri, safe='')}"
    if changes:
        granted = hold(config, changed(path, version, lambda _: changes))
    else:
        granted = ask(config, Call("GET", path))
    text = (
        f"{granted['user']}  Enterprise Voice {'on' if granted['enterprise_voice'] else 'off'}  "
        f"policy {granted['effective_voice_policy']}  dial plan {granted['effective_dial_plan']}"
    )
    show(granted, text, as_json=as_json)


@voice.command()
@click.argument("number", required=False)
@click.option("--from", "caller", metavar="SIP_URI", required=True, help="Who dials.")
@click.option(
    "--meeting",
    is_flag=True,
    help="Explain how a meeting rings the user at NUMBER, or else at the mobile one.",
)
@config_option
@json_option
def test(config: Config, number: str | None, caller: str, meeting: bool, as_json: bool) -> int:
    """Explain where a NUMBER leads that a user dials; exit 1 when it leads nowhere."""
    if number is None and not meeting:
        raise click.UsageError("Missing argument 'NUMBER'.")
    body: dict[str, object] = {"from": caller, "meeting": meeting}
    if number is not None:
        body["number"] = number
    found = ask(config, Call("POST", TEST_PATH, body))
    show(found, "\n".join(_explained(found)), as_json=as_json)
    return 1 if found["failure"] else 0


def _path(kind: str, name: str) -> str:
    return f"{PATH}/{kind}/{quote(name, safe='')}"


def _place(rules: list[Any], plan: str, name: str) -> int:
    for place, one in enumerate(rules):
        if one["name"].casefold() == name.casefold():
            return place
    raise click.UsageError(f"dial plan {plan} has no rule {name!r}")


def _explained(found: Mapping[str, Any]) -> Iterator[str]:
    """The steps of a test for a person's eyes."""
    if found["meeting"]:
        yield f"a meeting rings {found['from']} at {found['dialled']}"
    else:
        yield f"{found['from']} dials {found['dialled']}"
    if found["emergency"]:
        yield f"{found['emergency']} is an emergency number: no policy forbids it"
    else:
        yield _normalisation(found)
    if found["user"] and not found["meeting"]:
        yield f"{found['user']} has this number: the call stays here"
        return
    if found["user"]:
        yield f"{found['user']} has this number"
    elif found["usages"] or found["voice_policy"]:
        usages = ", ".join(step["usage"] for step in found["usages"]) or "none"
        yield f"voice policy {found['voice_policy']}: usages {usages}"
    for step in found["usages"]:
        if not step["routes"]:
            others = step["routes_that_do_not_match"]
            yield f"  usage {step['usage']}: no route of {others} matches"
        for route in step["routes"]:
            gateways = ", ".join(route["gateways"]) or "no gateway"
            yield (
                f"  usage {step['usage']}: route {route['route']} (priority {route['priority']}) "
                f"matches {route['number_pattern']}: {gateways}"
            )
    if found["failure"]:
        yield f"no way: {found['reason']} ({found['failure']})"
    else:
        ways = ", then ".join(_way(one) for one in found["attempts"])
        yield f"call {found['number']} through {ways}"
        if found["meeting"]:
            yield f"once it answers, put it through to {found['conference_server']}"


def _normalisation(found: Mapping[str, Any]) -> str:
    plan = f"dial plan {found['dial_plan']}"
    if found["rule"]:
        how = f"{plan}: rule {found['rule']}, {found['pattern']} gives {found['translation']}"
        return f"{how}: {found['number'] or 'no number'}"
    if found["number"]:
        return f"{found['number']} needs no rule of {plan}"
    return f"{plan}: no rule matches"


def _way(attempt: Mapping[str, Any]) -> str:
    """A gateway, and the number it is to show."""
    shown = attempt["caller_id"] or "no number"
    return f"{attempt['gateway']} showing {shown}"
