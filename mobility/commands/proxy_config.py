"""`mobility proxy-config nginx|haproxy`: the configuration of a reverse proxy or load balancer."""

import json

import click

from mobility.commands.options import config_option, json_option
from mobility.commands.planning_options import (
    NOT_RECOMMENDED,
    discovery_option,
    show_text,
    warn,
)
from mobility.config import Config
from mobility.domain.addresses import is_domain
from mobility.planning.deployment import HTTP_PORT, deployment_of, is_address
from mobility.planning.proxies import FrontEnd, haproxy, nginx, publication, site_listeners

WRITERS = {"nginx": nginx, "haproxy": haproxy}


def _file(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    """A file name that both programs read as one word."""
    if any(character.isspace() or character in "\"'\\;{}#$" for character in name):
        raise click.BadParameter(f"{name!r} has characters that cannot stand in a configuration")
    return name


def _address(_context: click.Context, _parameter: click.Parameter, address: str) -> str:
    if address and not is_address(address):
        raise click.BadParameter(f"{address!r} is no IP address")
    return address


def _front_end(text: str, https_port: int, http_port: int) -> FrontEnd:
    """ADDRESS, or ADDRESS:HTTPS:HTTP with ports of its own; IPv6 addresses in brackets."""
    host, ports = text, [https_port, http_port]
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        given = rest.split(":")[1:] if bracket and rest.startswith(":") else []
        wrong = not bracket or (rest != "" and not given)
    else:
        host, *given = text.split(":")
        wrong = False
    if given:
        wrong = wrong or len(given) > 2 or not all(_is_port(one) for one in given)
        ports = [int(one) for one in given if _is_port(one)] + [0]
    if wrong or not (is_address(host) or is_domain(host)):
        raise click.BadParameter(f"{text!r} must be ADDRESS or ADDRESS:HTTPS-PORT:HTTP-PORT")
    return FrontEnd(host, ports[0], ports[1])


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) < 65_536


@click.command()
@click.argument("program", type=click.Choice(sorted(WRITERS)))
@click.option(
    "--site",
    type=click.Choice(["external", "internal"]),
    default="external",
    show_default=True,
    help="internal: a load balancer inside, before several front ends.",
)
@click.option(
    "--front-end",
    "front_ends",
    multiple=True,
    metavar="ADDRESS[:HTTPS[:HTTP]]",
    help="A front end; several share the load.  [default: this one]",
)
@click.option(
    "--listen",
    default="",
    callback=_address,
    metavar="IP",
    help="Where the proxy listens.  [default: all addresses]",
)
@click.option("--http-port", default=HTTP_PORT, show_default=True, type=click.IntRange(1, 65_535))
@click.option(
    "--certificate",
    default="",
    callback=_file,
    metavar="FILE",
    help="Of the proxy; for HAProxy with the key in it.",
)
@click.option("--key", default="", callback=_file, metavar="FILE")
@click.option(
    "--authority",
    default="",
    callback=_file,
    metavar="FILE",
    help="Who signed the front ends' certificates.",
)
@discovery_option
@config_option
@json_option
def proxy_config(  # each is an option
    config: Config,
    program: str,
    site: str,
    front_ends: tuple[str, ...],
    listen: str,
    http_port: int,
    certificate: str,
    key: str,
    authority: str,
    discovery_over_http: bool,
    as_json: bool,
) -> None:
    """Print a configuration that publishes a web site of one or more front ends.

    It keeps the Host header, waits longer than the longest request for events, passes answers on
    as they come, and keeps each client with one front end.
    """
    deployment = deployment_of(config)
    secure, plain = site_listeners(deployment, site)
    ports = (secure.port, plain.port if plain else 0)
    if front_ends and not ports[0] and any(":" not in one for one in front_ends):
        raise click.UsageError("--front-end must name its ports: the listeners here have none")
    directory = f"/etc/{program}"
    name = (deployment.external if site == "external" else deployment.internal).host
    wanted = publication(
        deployment,
        [_front_end(one, *ports) for one in front_ends],
        site=site,
        address=listen,
        http_port=http_port,
        files=(
            certificate or f"{directory}/tls/{name}.pem",
            key or f"{directory}/tls/{name}.key",
            authority or f"{directory}/tls/mobility-ca.pem",
        ),
        discovery=not discovery_over_http,
    )
    text = WRITERS[program](wanted)
    if discovery_over_http:
        warn(json.dumps({"warning": NOT_RECOMMENDED}) if as_json else NOT_RECOMMENDED)
    show_text({"program": program, "configuration": text}, text, as_json=as_json)
