"""`mobility status`: whether the front end runs and is ready, and what it holds."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from mobility.commands.calls import Call, content_of
from mobility.commands.operator import reach
from mobility.commands.options import Problem, config_option, json_option, show
from mobility.config import Config
from mobility.operate.paths import STATUS as PATH


@click.command()
@config_option
@json_option
def status(config: Config, as_json: bool) -> int:
    """Show whether the front end runs and is ready (exit 1 when it is not)."""
    running = reach(config)
    if running is None:
        raise Problem("no front end runs with this configuration")
    with running:
        content = content_of(running.ask(Call("GET", PATH)))
    lines = [
        f"mobility {content['version']}, running since {_time(content['started_at'])}",
        "ready" if content["ready"] else "not ready: " + "; ".join(content["reasons"]),
        *content.get("remarks", ()),
        *(
            f"{content[name]:>8} {name}"
            for name in ("users", "tokens", "applications", "parked", "connections")
        ),
        *_directory(content.get("directory")),
        _mcx(content["mcx"]),
        *(
            f"{name}: {address or 'closed'}"
            for kind in ("listeners", "sip_listeners")
            for name, address in content[kind].items()
        ),
        *(f"{one['route']}: {one['peer']} is {one['state']}" for one in content["sip_peers"]),
    ]
    show(content, "\n".join(lines), as_json=as_json)
    return 0 if content["ready"] else 1


def _directory(standing: Mapping[str, Any] | None) -> Iterator[str]:
    """How the directory stands, in one line when there is one."""
    if standing is not None:
        at = standing["synced_at"]
        read = f"read {_time(at)} from {standing['server']}" if at else "not read yet"
        problem = f"; {standing['problem']}" if standing["problem"] else ""
        yield f"directory: {read}{problem}"


def _mcx(standing: Mapping[str, Any]) -> str:
    """What becomes of clients of the Mobility Service."""
    if standing["retired"]:
        return f"mcx: retired; {standing['clients']} kinds of clients have asked for it"
    state = {True: "answers", False: "does not answer", None: "was not asked yet"}
    return f"mcx: passed on to {standing['forward_to']}, which {state[standing['reachable']]}"


def _time(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds")
