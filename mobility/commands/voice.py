"""`mobility voice policy|route|usage|dialplan|gateway|emergency add|set|list|remove|show`,
`mobility voice rule add|set|remove`, `mobility voice grant` and `mobility voice test`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import attrs
import click

from mobility.commands.calls import Call, Conversation, content_of
from mobility.commands.operator import ask, hold
from mobility.commands.options import config_option, json_option, show
from mobility.config import Config
from mobility.domain.voice import EVERYWHERE
from mobility.domain.voice_objects import KINDS, SCOPED, SINGULAR, NormalisationRule
from mobility.operate.voice import GRANTS_PATH, PATH, TEST_PATH

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


def _options(cls: type[Any]) -> Callable[[Any], Any]:
    """An option for each field; those not given are None."""

    def decorate(command: Any) -> Any:
        for field in reversed(attrs.fields(cls)):
            if field.name in ("name", "rules"):
                continue
            dashed = f"--{field.name.replace('_', '-')}"
            if field.type is bool:
                option = click.option(f"{dashed}/--no-{dashed[2:]}", field.name, default=None)
            elif field.type is int:
                option = click.option(dashed, field.name, type=int, metavar="NUMBER")
            elif field.type is str:
                option = click.option(dashed, field.name, metavar="TEXT")
            else:
                text = "In this order; an empty list is ''."
                option = click.option(dashed, field.name, metavar="NAME,...", help=text)
            command = option(command)
        return command

    return decorate


def _version_option(command: Any) -> Any:
    text = "The version that you have seen: refused when somebody has changed it since."
    return click.option("--version", type=int, metavar="N", help=text)(command)


def _given(cls: type[Any], fields: Mapping[str, object]) -> dict[str, object]:
    """What was given, lists as lists."""
    lists = {one.name for one in attrs.fields(cls) if one.type not in (bool, int, str)}
    return {
        name: [one.strip() for one in str(value).split(",") if one.strip()]
        if name in lists
        else value
        for name, value in fields.items()
        if value is not None
    }


def _add_group(word: str, kind: str) -> None:
    cls, what = KINDS[kind], SINGULAR[kind]
    scopes = "  NAME is global, site:SITE, or a name alone for users." if kind in SCOPED else ""

    @voice.group(name=word, help=f"Administer each {what}.{scopes}", no_args_is_help=False)
    def group() -> None:
        pass

    @group.command(name="add", help=f"Add a {what}.")
    @click.argument("name")
    @_options(cls)
    @config_option
    @json_option
    def add(config: Config, name: str, as_json: bool, **fields: object) -> None:
        body = {"name": name, **_given(cls, fields)}
        added = ask(config, Call("POST", f"{PATH}/{kind}", body))
        show(added, f"added {added['name']}", as_json=as_json)

    @group.command(name="set", help=f"Change a {what}.")
    @click.argument("name")
    @_options(cls)
    @_version_option
    @config_option
    @json_option
    def set_one(
        config: Config, name: str, version: int | None, as_json: bool, **fields: object
    ) -> None:
        changes = _given(cls, fields)
        if not changes:
            raise click.UsageError("nothing to change: give an option")
        changed = hold(config, _changed(_path(kind, name), version, lambda _: changes))
        text = f"changed {changed['name']}, now at version {changed['version']}"
        show(changed, text, as_json=as_json)

    @group.command(name="list", help=f"List each {what}.")
    @config_option
    @json_option
    def list_all(config: Config, as_json: bool) -> None:
        content = ask(config, Call("GET", f"{PATH}/{kind}"))
        lines = [_line(one) for one in content[kind]]
        show(content, "\n".join(lines) or NONE.get(kind, f"no {what}"), as_json=as_json)

    @group.command(name="show", help=f"Show everything about a {what}.")
    @click.argument("name")
    @config_option
    @json_option
    def show_one(config: Config, name: str, as_json: bool) -> None:
        one = ask(config, Call("GET", _path(kind, name)))
        show(one, "\n".join(_details(one)), as_json=as_json)

    @group.command(name="remove", help=f"Forget a {what}; a global one gets its defaults back.")
    @click.argument("name")
    @_version_option
    @config_option
    @json_option
    def remove(config: Config, name: str, version: int | None, as_json: bool) -> None:
        hold(config, _removed(_path(kind, name), version))
        show({"removed": name}, f"removed {name}", as_json=as_json)


for _word, _kind in GROUPS.items():
    _add_group(_word, _kind)


@voice.group(no_args_is_help=False)
def rule() -> None:
    """Administer the normalisation rules of a dial plan; the first that matches is used."""


@rule.command(name="add")
@click.argument("plan")
@click.argument("name")
@_options(NormalisationRule)
@click.option("--position", type=click.IntRange(1), help="Its place; else it is the last.")
@_version_option
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
    new = {"name": name, **_given(NormalisationRule, fields)}

    def change(before: dict[str, Any]) -> dict[str, object]:
        rules: list[Any] = before["rules"]
        rules.insert(len(rules) if position is None else position - 1, new)
        return {"rules": rules}

    changed = hold(config, _changed(_path("dial-plans", plan), version, change))
    show(changed, f"added {name} to {changed['name']}", as_json=as_json)


@rule.command(name="set")
@click.argument("plan")
@click.argument("name")
@_options(NormalisationRule)
@click.option("--position", type=click.IntRange(1), help="Its place.")
@_version_option
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
    given = _given(NormalisationRule, fields)
    if not given and position is None:
        raise click.UsageError("nothing to change: give an option")

    def change(before: dict[str, Any]) -> dict[str, object]:
        rules: list[Any] = before["rules"]
        at = _place(rules, plan, name)
        changed = {**rules.pop(at), **given}
        rules.insert(at if position is None else position - 1, changed)
        return {"rules": rules}

    changed = hold(config, _changed(_path("dial-plans", plan), version, change))
    show(changed, f"changed {name} of {changed['name']}", as_json=as_json)


@rule.command(name="remove")
@click.argument("plan")
@click.argument("name")
@_version_option
@config_option
@json_option
def remove_rule(config: Config, plan: str, name: str, version: int | None, as_json: bool) -> None:
    """Take a rule out of a dial PLAN."""

    def change(before: dict[str, Any]) -> dict[str, object]:
        rules: list[Any] = before["rules"]
        rules.pop(_place(rules, plan, name))
        return {"rules": rules}

    changed = hold(config, _changed(_path("dial-plans", plan), version, change))
    show(changed, f"removed {name} from {changed['name']}", as_json=as_json)


@voice.command()
@click.argument("sip_uri")
@click.option("--policy", "voice_policy", metavar="NAME", help="A voice policy; '' takes it back.")
@click.option("--dial-plan", metavar="NAME", help="A dial plan; '' takes it back.")
@_version_option
@config_option
@json_option
def grant(
    config: Config, sip_uri: str, version: int | None, as_json: bool, **fields: object
) -> None:
    """Grant a voice policy or a dial plan to a user; without an option, show what is in force."""
    changes = {name: value for name, value in fields.items() if value is not None}
    path = f"{GRANTS_PATH}/{quote(sip_uri, safe='')}"
    if changes:
        granted = hold(config, _changed(path, version, lambda _: changes))
    else:
        granted = ask(config, Call("GET", path))
    text = (
        f"{granted['user']}  Enterprise Voice {'on' if granted['enterprise_voice'] else 'off'}  "
        f"policy {granted['effective_voice_policy']}  dial plan {granted['effective_dial_plan']}"
    )
    show(granted, text, as_json=as_json)


@voice.command()
@click.argument("number")
@click.option("--from", "caller", metavar="SIP_URI", required=True, help="Who dials.")
@config_option
@json_option
def test(config: Config, number: str, caller: str, as_json: bool) -> int:
    """Explain where a NUMBER leads that a user dials; exit 1 when it leads nowhere."""
    found = ask(config, Call("POST", TEST_PATH, {"from": caller, "number": number}))
    show(found, "\n".join(_explained(found)), as_json=as_json)
    return 1 if found["failure"] else 0


def _path(kind: str, name: str) -> str:
    return f"{PATH}/{kind}/{quote(name, safe='')}"


def _changed(
    path: str, version: int | None, change: Callable[[dict[str, Any]], Mapping[str, object]]
) -> Conversation[dict[str, Any]]:
    """Change what is at `path`: from the version that was seen, else from the one there is."""
    before: dict[str, Any] = content_of((yield Call("GET", path)))
    seen = before["version"] if version is None else version
    changes = change(before)
    changed: dict[str, Any] = content_of((yield Call("PATCH", path, {**changes, "version": seen})))
    return changed


def _removed(path: str, version: int | None) -> Conversation[None]:
    if version is None:
        version = content_of((yield Call("GET", path)))["version"]
    content_of((yield Call("DELETE", f"{path}?version={version}")))


def _place(rules: list[Any], plan: str, name: str) -> int:
    for place, one in enumerate(rules):
        if one["name"].casefold() == name.casefold():
            return place
    raise click.UsageError(f"dial plan {plan} has no rule {name!r}")


def _line(one: Mapping[str, Any]) -> str:
    """One object for a person's eyes: what is not as it is by default."""
    parts = [one["name"]]
    for name, value in one.items():
        if name == "rules":
            parts.append(f"rules {', '.join(rule['name'] for rule in value) or 'none'}")
        elif name not in ("name", "version") and value not in ("", [], False):
            shown = ", ".join(value) if isinstance(value, list) else value
            word = name.replace("_", " ")
            parts.append(word if value is True else f"{word} {shown}")
    return "  ".join(parts)


def _details(one: Mapping[str, Any]) -> Iterator[str]:
    for name, value in one.items():
        if name == "rules":
            for rule in value:
                yield f"rule {rule['name']}: {rule['pattern']} gives {rule['translation']}"
        else:
            shown = ", ".join(value) if isinstance(value, list) else value
            yield f"{name.replace('_', ' ')}: {shown}"


def _explained(found: Mapping[str, Any]) -> Iterator[str]:
    """The steps of a test for a person's eyes."""
    yield f"{found['from']} dials {found['dialled']}"
    if found["emergency"]:
        yield f"{found['emergency']} is an emergency number: no policy forbids it"
    else:
        yield _normalisation(found)
    if found["user"]:
        yield f"{found['user']} has this number: the call stays here"
        return
    if found["usages"] or found["voice_policy"]:
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
