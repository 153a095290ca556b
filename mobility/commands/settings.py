"""What commands about settings share: an option for each field, versions, and how one is shown."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import click

from mobility.commands.calls import Call, Conversation, content_of
from mobility.commands.setting_help import HELP
from mobility.domain.setting_rules import GLOBAL


def options_of(cls: type[Any]) -> Callable[[Any], Any]:
    """An option for each field; those not given are None."""

    def decorate(command: Any) -> Any:
        for field in reversed(attrs.fields(cls)):
            if field.name in ("name", "rules"):
                continue
            dashed = f"--{field.name.replace('_', '-')}"
            text = HELP[field.name]
            if field.type is bool:
                option = click.option(
                    f"{dashed}/--no-{dashed[2:]}", field.name, default=None, help=text
                )
            elif field.type is int:
                option = click.option(dashed, field.name, type=int, metavar="NUMBER", help=text)
            elif field.type is str:
                option = click.option(dashed, field.name, metavar="TEXT", help=text)
            else:
                text += "  In this order; an empty list is ''."
                option = click.option(dashed, field.name, metavar="NAME,...", help=text)
            command = option(command)
        return command

    return decorate


def version_option(command: Any) -> Any:
    text = "The version that you have seen: refused when somebody has changed it since."
    return click.option("--version", type=int, metavar="N", help=text)(command)


def given(cls: type[Any], fields: Mapping[str, object]) -> dict[str, object]:
    """What was given, lists as lists."""
    lists = {one.name for one in attrs.fields(cls) if one.type not in (bool, int, str)}
    return {
        name: [one.strip() for one in str(value).split(",") if one.strip()]
        if name in lists
        else value
        for name, value in fields.items()
        if value is not None
    }


def changed(
    path: str, version: int | None, change: Callable[[dict[str, Any]], Mapping[str, object]]
) -> Conversation[dict[str, Any]]:
    """Change what is at `path`: from the version that was seen, else from the one there is."""
    before: dict[str, Any] = content_of((yield Call("GET", path)))
    seen = before["version"] if version is None else version
    changes = change(before)
    after: dict[str, Any] = content_of((yield Call("PATCH", path, {**changes, "version": seen})))
    return after


def removed(path: str, version: int | None) -> Conversation[None]:
    """Forget what is at `path`, as `changed` changes it."""
    if version is None:
        version = content_of((yield Call("GET", path)))["version"]
    content_of((yield Call("DELETE", f"{path}?version={version}")))


def after_removal(name: str, *, scoped: bool = True) -> str:
    """What there is to say of a removal; of a kind with scopes the global one is always there."""
    if scoped and name.casefold() == GLOBAL:
        return f"{GLOBAL} has its defaults again"
    return f"removed {name}"


def line(one: Mapping[str, Any]) -> str:
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


def details(one: Mapping[str, Any]) -> Iterator[str]:
    """Everything about one object, a line a field."""
    for name, value in one.items():
        if name == "rules":
            for rule in value:
                yield f"rule {rule['name']}: {rule['pattern']} gives {rule['translation']}"
        else:
            shown = ", ".join(value) if isinstance(value, list) else value
            yield f"{name.replace('_', ' ')}: {shown}"
