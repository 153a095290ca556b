"""`mobility check`: looks at the deployment, from inside or from outside."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mobility.check.findings import PARTS, together
from mobility.commands.options import json_option, read_password, show
from mobility.config import load
from mobility.domain.addresses import is_domain, user_uri
from mobility.planning.deployment import Place, is_address
from mobility.urls import dns_name, parts_of

if TYPE_CHECKING:
    from mobility.check.resolvers import Server

HOLD_S = 75.0
"""How long an event is waited for: longer than what proxies are delivered with (60 s)."""
MAX_HOLD_S = 1860.0


def _server(_context: click.Context, _parameter: click.Parameter, text: str) -> "Server | None":
    """ADDRESS or ADDRESS:PORT; an IPv6 address with a port is in brackets."""
    if not text:
        return None
    from mobility.check.resolvers import DNS_PORT, Server  # its imports take long

    host, port = text, str(DNS_PORT)
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not is_address(host) or not (port.isdecimal() and 0 < int(port) < 65_536):
        raise click.BadParameter(f"{text!r} must be ADDRESS or ADDRESS:PORT")
    return Server(host, int(port))


def _start(_context: click.Context, _parameter: click.Parameter, url: str) -> Place | None:
    if not url:
        return None
    parts = parts_of(url)
    if parts is None or parts.scheme != "https":
        raise click.BadParameter(f"{url!r} must be an https URL")
    return Place(dns_name(parts.hostname or ""), parts.port or 443)


def _origin(_context: click.Context, _parameter: click.Parameter, url: str) -> str:
    parts = parts_of(url) if url else None
    if url and (parts is None or url != f"{parts.scheme}://{parts.netloc}"):
        raise click.BadParameter(f"{url!r} must be an origin such as https://chat.example.com")
    return url


def _user(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    uri = user_uri(text) if text else ""
    if uri is None:
        raise click.BadParameter(f"{text!r} is no SIP address")
    return uri.removeprefix("sip:")


def _authority(_context: click.Context, _parameter: click.Parameter, file: Path | None) -> bytes:
    if file is None:
        return b""
    from cryptography import x509

    try:
        pem = file.read_bytes()
        x509.load_pem_x509_certificates(pem)
    except OSError as error:
        raise click.BadParameter(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise click.BadParameter(f"{file} holds no PEM certificate") from error
    return pem


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(["all", *PARTS]), metavar="[all|PART]...")
@click.option("--config", "file", metavar="FILE", envvar="MOBILITY_CONFIG", show_envvar=True)
@click.option(
    "--inside-resolver",
    default="",
    callback=_server,
    metavar="IP[:PORT]",
    help="The DNS server of the network.  [default: this machine's]",
)
@click.option(
    "--outside-resolver",
    default="",
    callback=_server,
    metavar="IP[:PORT]",
    help="A DNS server that knows what the Internet knows.",
)
@click.option(
    "--from-outside",
    "start",
    default="",
    callback=_start,
    metavar="URL",
    help="This machine is outside: look at this published URL as a client would.",
)
@click.option(
    "--sip-domain", "domains", multiple=True, metavar="DOMAIN",
    help="Without a configuration: a SIP domain that the URL serves.",
)  # fmt: skip
@click.option(
    "--authority",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_authority,
    metavar="FILE",
    help="The certificate authorities that clients trust.  [default: this machine's]",
)
@click.option(
    "--discovery-over-http",
    is_flag=True,
    help="The certificates have no lyncdiscover names (not recommended).",
)
@click.option(
    "--http-port",
    default=0,
    type=click.IntRange(0, 65_535),
    help="The public HTTP port.  [default: 80 where HTTPS is on 443]",
)
@click.option(
    "--origin", default="", callback=_origin, metavar="ORIGIN", help="A web page that may use UCWA."
)
@click.option(
    "--sign-in",
    "user",
    default="",
    callback=_user,
    metavar="SIP_URI",
    help="Sign in as this user, whose password is on standard input, and wait for an event.",
)
@click.option(
    "--hold",
    default=HOLD_S,
    show_default=True,
    type=click.FloatRange(0, MAX_HOLD_S),
    help="Seconds for which the event is waited for.",
)
@json_option
def check(  # each is an option
    parts: tuple[str, ...],
    file: str | None,
    inside_resolver: "Server | None",
    outside_resolver: "Server | None",
    start: Place | None,
    domains: tuple[str, ...],
    authority: bytes,
    discovery_over_http: bool,
    http_port: int,
    origin: str,
    user: str,
    hold: float,
    as_json: bool,
) -> int:
    """Look at the deployment: topology, dns, certificates, ports, proxy, push, host.

    Each finding says what is wrong, why it matters, and what to do.  Exit status 0: nothing was
    found; 1: something was; 2: wrong use.
    """
    if file is None and start is None:
        raise click.UsageError("Missing option '--config', or --from-outside")
    config = load(Path(file)) if file is not None else None
    from cryptography import x509  # these take long

    from mobility.check.looking import Wishes
    from mobility.commands.check_reports import lines, reports_of

    wishes = Wishes(
        inside=(inside_resolver,) if inside_resolver else (),
        outside=(outside_resolver,) if outside_resolver else (),
        start=start,
        authority_pem=authority,
        authorities=tuple(x509.load_pem_x509_certificates(authority)) if authority else (),
        discovery_over_http=discovery_over_http,
        http_port=http_port,
        origin=origin,
        user=user,
        password=read_password() if user else "",
        hold_s=hold,
    )
    known = _known(start, domains) if config is None and start is not None else ()
    wanted = PARTS if not parts or "all" in parts else tuple(p for p in PARTS if p in parts)
    reports = reports_of(config, known, wishes, wanted)
    whole = together(reports.values())
    content = {
        "findings": [finding.as_json() for finding in whole.findings],
        "parts": {part: report.as_json() for part, report in reports.items()},
    }
    show(content, "\n".join(lines(reports)), as_json=as_json)
    return 1 if whole.findings else 0


def _known(start: Place, domains: tuple[str, ...]) -> tuple[str, ...]:
    """The SIP domains that are named, or that of a lyncdiscover name."""
    for domain in domains:
        if not is_domain(domain):
            raise click.UsageError(f"--sip-domain {domain!r} is no domain name")
    _, dot, rest = start.host.partition("lyncdiscover.")
    found = tuple(dns_name(domain) for domain in domains) or ((rest,) if dot and rest else ())
    if not found:
        raise click.UsageError("--sip-domain is missing, and the URL does not tell it")
    return found
