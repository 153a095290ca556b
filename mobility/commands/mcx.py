"""`mobility mcx report|forget`: which apps still ask for the Mobility Service (Mcx)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from mobility.commands.calls import Call
from mobility.commands.operator import ask
from mobility.commands.options import config_option, json_option, show
from mobility.config import Config
from mobility.operate.paths import MCX_CLIENTS as PATH


@click.group(no_args_is_help=False)
def mcx() -> None:
    """See who still uses the Mobility Service of Lync 2010."""


@mcx.command()
@config_option
@json_option
def report(config: Config, as_json: bool) -> None:
    """Show which apps have asked for /Mcx/, how often and when: who uses them must upgrade."""
    content = ask(config, Call("GET", PATH))
    show(content, "\n".join(_lines(content["clients"])), as_json=as_json)


@mcx.command()
@config_option
@json_option
def forget(config: Config, as_json: bool) -> None:
    """Forget what was counted, to see who still asks from now on."""
    ask(config, Call("DELETE", PATH))
    show({"forgotten": True}, "forgot the counts", as_json=as_json)


def _lines(clients: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not clients:
        yield "nobody has asked for the Mobility Service (/Mcx/)"
        return
    requests = sum(one["requests"] for one in clients)
    yield f"{requests} requests of {len(clients)} kinds of clients; who uses them must upgrade"
    for one in clients:
        first, last = _day(one["first_seen_at"]), _day(one["last_seen_at"])
        yield f"{one['requests']:>8}  {first} to {last}  {one['user_agent']}"


def _day(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).date().isoformat()
