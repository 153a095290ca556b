"""`mobility service-account add|list|show|set|rotate|remove`."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import click

from mobility.commands.calls import Call, Conversation, content_of
from mobility.commands.operator import ask, hold
from mobility.commands.options import config_option, json_option, show
from mobility.commands.settings import changed, removed, version_option
from mobility.config import Config
from mobility.domain.scopes import SCOPES
from mobility.domain.service_accounts import DEFAULT_OVERLAP_S, OVERLAP_S
from mobility.operate.paths import SERVICE_ACCOUNTS as PATH

HOUR_S = 3_600


@click.group(no_args_is_help=False)
def service_account() -> None:
    """Administer the accounts of bots, kiosks and boards.

    They sign in with the grant `password`, their SIP URI and their secret.
    """


def _scope_option(command: Any) -> Any:
    text = f"May be given several times: {', '.join(SCOPES)}."
    return click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help=text)(command)


@service_account.command()
@click.argument("sip_uri")
@click.option("--name", default="", metavar="NAME", help="The display name.")
@_scope_option
@config_option
@json_option
def add(config: Config, sip_uri: str, name: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Add an account; its secret is printed once, on standard output."""
    body = {"uri": sip_uri, "name": name, "scopes": list(scopes)}
    added = ask(config, Call("POST", PATH, body))
    show(added, f"added {added['uri']}\nsecret {added['secret']}", as_json=as_json)


@service_account.command(name="list")
@config_option
@json_option
def list_all(config: Config, as_json: bool) -> None:
    """List all accounts."""
    content = ask(config, Call("GET", PATH))
    lines = [_line(one) for one in content["service_accounts"]]
    show(content, "\n".join(lines) or "no service accounts", as_json=as_json)


@service_account.command(name="set")
@click.argument("sip_uri")
@_scope_option
@click.option("--enabled/--disabled", default=None, help="Turn it on or off.")
@version_option
@config_option
@json_option
def set_one(
    config: Config,
    sip_uri: str,
    scopes: tuple[str, ...],
    enabled: bool | None,
    version: int | None,
    as_json: bool,
) -> None:
    """Change the scopes of an account, or turn it off and on."""
    values: dict[str, object] = {"scopes": list(scopes)} if scopes else {}
    if enabled is not None:
        values["enabled"] = enabled
    if not values:
        raise click.UsageError("nothing to change: give --scope, --enabled or --disabled")
    after = hold(config, changed(_path(sip_uri), version, lambda _: values))
    show(after, f"changed {_line(after)}", as_json=as_json)


@service_account.command()
@click.argument("sip_uri")
@click.option(
    "--overlap-hours",
    type=click.FloatRange(0, OVERLAP_S[1] / HOUR_S),
    default=DEFAULT_OVERLAP_S / HOUR_S,
    show_default=True,
    help="How long the secret before stays good; 0 ends it, and its tokens, at once.",
)
@version_option
@config_option
@json_option
def rotate(
    config: Config, sip_uri: str, overlap_hours: float, version: int | None, as_json: bool
) -> None:
    """Make a new secret, which is printed once; the one before it stays good for a while."""
    path = _path(sip_uri)

    def conversation() -> Conversation[dict[str, Any]]:
        seen = version
        if seen is None:
            seen = content_of((yield Call("GET", path)))["version"]
        body = {"version": seen, "overlap_s": round(overlap_hours * HOUR_S)}
        after: dict[str, Any] = content_of((yield Call("POST", f"{path}/secret", body)))
        return after

    after = hold(config, conversation())
    text = f"rotated {after['uri']}: {len(after['secrets'])} good\nsecret {after['secret']}"
    show(after, text, as_json=as_json)


@service_account.command()
@click.argument("sip_uri")
@version_option
@config_option
@json_option
def remove(config: Config, sip_uri: str, version: int | None, as_json: bool) -> None:
    """Sign an account out everywhere and forget it."""
    hold(config, removed(_path(sip_uri), version))
    show({"removed": sip_uri}, f"removed {sip_uri}", as_json=as_json)


def _line(one: Mapping[str, Any]) -> str:
    state = "" if one["enabled"] else "  disabled"
    return f"{one['uri']}  {one['name']}  {', '.join(one['scopes'])}{state}"


def _path(sip_uri: str) -> str:
    return f"{PATH}/{quote(sip_uri, safe='')}"
