"""`mobility init`: a directory with all that a front end needs to start."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from string import Template

import click

from mobility import pki
from mobility.commands.calls import Call, Conversation, content_of
from mobility.commands.options import json_option, show
from mobility.config import PUBLISHED_RULE, Config, load, published
from mobility.domain.addresses import is_domain
from mobility.errors import OperatorFault
from mobility.operate.paths import USERS as PATH
from mobility.operate.ports import HIGHEST_OFFSET

"""With a larger one the operator port would not be a port any more."""

DEMO_PASSWORD = "correct horse battery staple"  # noqa: S105  # published, for demonstrations
DEMO_USERS = {"alice": "+14255550101", "bob": "+14255550102", "carol": "+14255550103"}
"""Names of demo users, and their numbers, which are set aside for fiction (NANP 555-01XX)."""

FILES = ("mobility.toml", "tls/ca.pem", "tls/server.pem", "tls/server.key", "tls/peer.pem")

CONFIGURATION = Template("""\
# A mobility front end.  Start it with: twistd -n mobility --config $file
# Relative paths start at this file's directory.  SIGHUP reloads the certificates.

data_dir = "data"              # database, operator key, command log
sip_domains = [$domain]
server_fqdn = $fqdn

[web]
internal_url = $internal_url   # where clients inside reach the internal site
external_url = $external_url   # where all others reach the external site
# trusted_proxies = ["10.0.0.0/8"]   # whose X-Forwarded-For is believed
# cross_domain_origins = ["https://chat.example.com"]   # web pages that may use UCWA

# Everything listens on 127.0.0.1.  To serve a network, give interface=0.0.0.0 or another
# address (or leave interface out), and certificates that clients trust.

[[listen]]
name = "internal"
endpoint = "tcp:$internal_https:interface=127.0.0.1"
site = "internal"
tls = true
certificate = "tls/server.pem"
key = "tls/server.key"

[[listen]]
name = "internal-http"         # Autodiscover's first hop only
endpoint = "tcp:$internal_http:interface=127.0.0.1"
site = "internal"
tls = false

[[listen]]
name = "external"
endpoint = "tcp:$external_https:interface=127.0.0.1"
site = "external"
tls = true
certificate = "tls/server.pem"
key = "tls/server.key"

[[listen]]
name = "external-http"         # Autodiscover's first hop only
endpoint = "tcp:$external_http:interface=127.0.0.1"
site = "external"
tls = false

[[listen]]
name = "operator"              # health, metrics and the mobility command; loopback only
endpoint = "tcp:$operator:interface=127.0.0.1"
site = "operator"
tls = true
certificate = "tls/server.pem"
key = "tls/server.key"

[sip]
trusted_peers = [$peer]   # SIP servers, by certificate, that may send for anybody
peer_ca = "tls/ca.pem"         # who signs the certificates of those that are connected to

[[sip.listen]]                 # UcwaSipExternalListeningPort
name = "sip-external"
endpoint = "tcp:$sip_external:interface=127.0.0.1"
transport = "tls"
mutual_tls = "request"         # a client certificate is asked for, and not needed
certificate = "tls/server.pem"
key = "tls/server.key"
client_ca = "tls/ca.pem"

[[sip.listen]]                 # UcwaSipPrimaryListeningPort
name = "sip-primary"
endpoint = "tcp:$sip_primary:interface=127.0.0.1"
transport = "tls"
mutual_tls = "request"
certificate = "tls/server.pem"
key = "tls/server.key"
client_ca = "tls/ca.pem"

# [push]                       # wakes sleeping devices; "mobility push enable PLATFORM" allows it
# clearing_house = "https://push.example.com:8443"
# certificate = "tls/peer.pem" # by which the clearing house knows this front end
# key = "tls/peer.pem"
# ca = "tls/ca.pem"            # who signed the certificate of the clearing house

[log]
destination = "stdout"         # or a file name, which is opened anew on SIGUSR1
""")


def _published(_context: click.Context, _parameter: click.Parameter, url: str) -> str:
    if url and published(url) is None:
        raise click.BadParameter(PUBLISHED_RULE)
    return url


def _domain(_context: click.Context, _parameter: click.Parameter, domain: str) -> str:
    if not is_domain(domain) or domain != domain.lower() or not domain.isascii():
        raise click.BadParameter("must be a domain name in lower case")
    return domain


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option(
    "--sip-domain", default="example.test", show_default=True, callback=_domain, metavar="DOMAIN"
)
@click.option("--external-url", default="", callback=_published, metavar="URL")
@click.option("--internal-url", default="", callback=_published, metavar="URL")
@click.option(
    "--port-offset",
    default=10_000,
    show_default=True,
    type=click.IntRange(0, HIGHEST_OFFSET),
    help="Added to the standard ports.",
)
@click.option("--demo-users", is_flag=True, help="Add alice, bob and carol.")
@json_option
def init(
    directory: Path,
    sip_domain: str,
    external_url: str,
    internal_url: str,
    port_offset: int,
    demo_users: bool,
    as_json: bool,
) -> None:
    """Write a configuration, development certificates and an empty database into DIR."""
    external_url = external_url or f"https://localhost:{4443 + port_offset}"
    internal_url = internal_url or f"https://127.0.0.1:{443 + port_offset}"
    if external_url == internal_url:
        raise click.UsageError("--external-url and --internal-url must differ in host or port")
    config = set_up(directory, sip_domain, external_url, internal_url, port_offset)
    _make_store(config, demo_users)
    command = f"twistd -n mobility --config {config.source}"
    lines = [
        *(f"wrote {directory / name}" for name in FILES),
        f"wrote {config.store.path}, " + ("with demo users" if demo_users else "empty"),
        f"Listens on 127.0.0.1 only; {directory / FILES[0]} says how to change that.",
        f"Clients must trust {directory / 'tls/ca.pem'}.",
        f"Next: {command}",
    ]
    content = {
        "config": str(config.source),
        "ca": str(config.source.parent / "tls/ca.pem"),
        "database": str(config.store.path),
        "external_url": external_url,
        "internal_url": internal_url,
        "users": [f"sip:{name}@{sip_domain}" for name in DEMO_USERS] if demo_users else [],
        "next": command,
    }
    show(content, "\n".join(lines), as_json=as_json)


def set_up(
    directory: Path, sip_domain: str, external_url: str, internal_url: str, port_offset: int
) -> Config:
    """Write configuration and certificates; the configuration as it is read again.

    Raises OperatorFault when one of the files is there already or cannot be written.
    """
    for name in FILES:
        if (directory / name).exists():
            rule = (
                "is there already; init overwrites nothing: name another directory, "
                "or remove what an interrupted init has left of this one"
            )
            raise OperatorFault(str(directory / name), rule)
    hosts = [
        parts.hostname or "" for url in (external_url, internal_url) if (parts := published(url))
    ]
    try:
        (directory / "tls").mkdir(parents=True, exist_ok=True)
        _write_certificates(directory / "tls", sip_domain, hosts)
        file = directory / FILES[0]
        values = _values(sip_domain, external_url, internal_url, port_offset)
        text = CONFIGURATION.substitute(values, file=file, fqdn=json.dumps(_fqdn(hosts[0])))
        pki.write(file, text.encode(), mode=pki.PUBLIC)
    except OSError as error:
        raise OperatorFault(
            str(error.filename or directory), f"cannot be written: {error.strerror}"
        ) from error
    return load(file)


def _values(
    sip_domain: str, external_url: str, internal_url: str, port_offset: int
) -> Mapping[str, object]:
    ports = {
        "internal_http": 80,
        "internal_https": 443,
        "external_http": 8080,
        "external_https": 4443,
        "operator": 9443,
        "sip_external": 5088,
        "sip_primary": 5089,
    }
    return {
        "domain": json.dumps(sip_domain),
        "peer": json.dumps(_peer(sip_domain)),
        "external_url": json.dumps(external_url),
        "internal_url": json.dumps(internal_url),
        **{name: port + port_offset for name, port in ports.items()},
    }


def _peer(sip_domain: str) -> str:
    """The name of the SIP server that the development certificate `peer.pem` is for."""
    return f"sip.{sip_domain}"


def _fqdn(host: str) -> str:
    return host if is_domain(host) else "localhost"


def _write_certificates(directory: Path, sip_domain: str, hosts: list[str]) -> None:
    now = datetime.now(UTC)
    authority = pki.certificate_authority(f"mobility development CA for {sip_domain}", now)
    names = ["localhost", "127.0.0.1", "::1", sip_domain]
    names += [f"lyncdiscover.{sip_domain}", f"lyncdiscoverinternal.{sip_domain}", *hosts]
    server = pki.server_certificate(authority, names, now)
    peer = pki.peer_certificate(authority, _peer(sip_domain), now)
    pki.write(directory / "ca.pem", authority.certificate_pem, mode=pki.PUBLIC)
    pki.write(directory / "server.pem", server.certificate_pem, mode=pki.PUBLIC)
    pki.write(directory / "server.key", server.key_pem, mode=pki.PRIVATE)
    pki.write(directory / "peer.pem", peer.certificate_pem, peer.key_pem, mode=pki.PRIVATE)


def _make_store(config: Config, demo_users: bool) -> None:
    """The database, with the demo users if wanted."""
    from mobility.commands.alone import hold_alone  # its imports are long, and wrong use is quick

    hold_alone(config, _add_demo_users(config.sip_domains[0]) if demo_users else _nothing())


def _add_demo_users(domain: str) -> Conversation[None]:
    for name, phone in DEMO_USERS.items():
        body = {
            "uri": f"sip:{name}@{domain}",
            "name": name.capitalize(),
            "password": DEMO_PASSWORD,
            "work_phone": phone,
            "enterprise_voice": True,
            "sip_digest": True,
        }
        content_of((yield Call("POST", PATH, body)))


def _nothing() -> Conversation[None]:
    yield from ()
