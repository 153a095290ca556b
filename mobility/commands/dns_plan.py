"""`mobility dns-plan`: the records that internal and public DNS need, as zone file fragments."""

import attrs
import click

from mobility.commands.options import config_option, json_option
from mobility.commands.planning_options import addresses, show_text
from mobility.config import Config
from mobility.planning.deployment import Deployment, deployment_of, is_address
from mobility.planning.records import (
    INSIDE,
    OUTSIDE,
    Addresses,
    Record,
    fragments,
    inside,
    outside,
)


@click.command()
@click.option(
    "--internal-address",
    multiple=True,
    callback=addresses,
    metavar="IP",
    help="Of the internal web site: front end or load balancer.  [default: its listeners']",
)
@click.option(
    "--proxy-address",
    multiple=True,
    required=True,
    callback=addresses,
    metavar="IP",
    help="Of the reverse proxy, as the Internet sees it.",
)
@click.option(
    "--proxy-inside-address",
    multiple=True,
    callback=addresses,
    metavar="IP",
    help="Of the reverse proxy, as it is reached from inside.  [default: --proxy-address]",
)
@click.option(
    "--edge-address",
    multiple=True,
    callback=addresses,
    metavar="IP",
    help="Of the Access Edge that the topology names, as the Internet sees it.",
)
@click.option("--cname", is_flag=True, help="CNAME records where a name stays in its domain.")
@click.option("--side", type=click.Choice([INSIDE, OUTSIDE]), help="Only this side.")
@config_option
@json_option
def dns_plan(
    config: Config,
    internal_address: tuple[str, ...],
    proxy_address: tuple[str, ...],
    proxy_inside_address: tuple[str, ...],
    edge_address: tuple[str, ...],
    cname: bool,
    side: str | None,
    as_json: bool,
) -> None:
    """Print zone file fragments: what internal and what public DNS must hold.

    The names of each side must not be seen from the other one; the web name outside has a record
    of its own inside, which leads to the reverse proxy (the hairpin).
    """
    deployment = deployment_of(config)
    internal_address = internal_address or _listening(deployment)
    if not internal_address:
        raise click.UsageError(
            "--internal-address is missing, and the internal listeners have no address of their own"
        )
    edge = deployment.edge.host if deployment.edge is not None else ""
    if bool(edge) != bool(edge_address):
        raise click.UsageError("--edge-address and topology.edge.name belong together")
    given = Addresses(
        internal_address, proxy_address, proxy_inside_address or proxy_address, edge, edge_address
    )
    sides: dict[str, list[Record]] = {
        INSIDE: inside(deployment, given, cname=cname),
        OUTSIDE: outside(deployment, given, cname=cname),
    }
    if side is not None:
        sides = {side: sides[side]}
    text = "\n".join(
        fragment
        for name, records in sides.items()
        for fragment in fragments(records, name, deployment.sip_domains).values()
    )
    content = {
        name: {
            "records": [attrs.asdict(record) for record in records],
            "zones": fragments(records, name, deployment.sip_domains),
        }
        for name, records in sides.items()
    }
    show_text(content, text, as_json=as_json)


def _listening(deployment: Deployment) -> tuple[str, ...]:
    """The addresses of the internal listeners, where they have one that others can reach."""
    found = [one.address for one in deployment.web if one.site == "internal"]
    return tuple(
        dict.fromkeys(
            one
            for one in found
            if is_address(one)
            and not one.startswith("127.")
            and one not in ("::1", "::", "0.0.0.0")  # noqa: S104
        )
    )
