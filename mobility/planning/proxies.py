"""Configurations for reverse proxies and load balancers: nginx and HAProxy.

Both publish one web site on one or more front ends: HTTPS on its HTTPS port, HTTP on its HTTP
port, each client kept with one front end by its address, and time-outs above the longest request
for events.
"""

from collections.abc import Iterator, Sequence

import attrs

from mobility.errors import OperatorFault
from mobility.planning.deployment import (
    PROXY_TIMEOUT_S,
    Deployment,
    WebListener,
)
from mobility.planning.names import names_of_site

PROBE_INTERVAL_S = 2
LEFT_OUT_S = 10
"""How long nginx leaves a front end out that failed."""
MAX_BODY_MIB = 2
"""No request of a client is longer (the front end's own bound is lower)."""
KEPT_CONNECTIONS = 256
MOST_CONNECTIONS = 40_000

ALL = ("", "0.0.0.0", "::")  # noqa: S104  # what is compared with
LOOPBACK = ("127.", "::1", "localhost")


@attrs.frozen(slots=True)
class FrontEnd:
    """One front end as the proxy reaches it; a port of 0 is not there.

    With `path` it is reached on that UNIX socket instead of `address` and `https_port`.
    """

    address: str
    https_port: int
    http_port: int
    path: str = ""


@attrs.frozen(slots=True)
class Publication:
    """All that a configuration is written from.

    `names` are the host names that are published.  `address` is where the proxy listens, "" for
    all addresses.  `back_end` is the name in the front ends' certificates.  `tls_behind` says
    whether the front ends speak TLS, `proxy_protocol` whether they expect a PROXY header.
    """

    site: str
    names: tuple[str, ...]
    plain_names: tuple[str, ...]
    back_end: str
    front_ends: tuple[FrontEnd, ...]
    address: str
    https_port: int
    http_port: int
    certificate: str
    key: str
    authority: str
    tls_behind: bool = True
    proxy_protocol: bool = False


def publication(  # each is a decision of the operator's
    deployment: Deployment,
    front_ends: Sequence[FrontEnd],
    *,
    site: str,
    address: str,
    http_port: int,
    files: tuple[str, str, str],
    discovery: bool,
) -> Publication:
    """What publishes a site of `deployment`.  Raises OperatorFault.

    `files` are certificate, key and authority, as the proxy's machine names them.  Without
    `discovery` the lyncdiscover names are published over HTTP only.
    """
    place = deployment.external if site == "external" else deployment.internal
    secure, plain = site_listeners(deployment, site)
    return Publication(
        site=site,
        names=names_of_site(deployment, site, discovery=discovery),
        plain_names=names_of_site(deployment, site),
        back_end=place.host,
        front_ends=tuple(front_ends) or (_front_end(deployment, secure, plain),),
        address=address,
        https_port=place.port,
        http_port=http_port,
        certificate=files[0],
        key=files[1],
        authority=files[2],
        tls_behind=secure.tls,
        proxy_protocol=secure.proxy_protocol,
    )


def site_listeners(deployment: Deployment, site: str) -> tuple[WebListener, WebListener | None]:
    """The listeners of a site that a proxy leads to: for HTTPS, and for HTTP if there is one."""
    secure = deployment.listeners(site, secure=True)
    if not secure:
        raise OperatorFault("listen", f'has none with site = "{site}" that serves HTTPS')
    plain = deployment.listeners(site, secure=False)
    return secure[0], plain[0] if plain else None


def _front_end(deployment: Deployment, secure: WebListener, plain: WebListener | None) -> FrontEnd:
    """This front end, where its listeners or its name say it is."""
    if not secure.path and not secure.port:
        raise OperatorFault(
            f"listener {secure.name}", "has no port here: name the front ends with --front-end"
        )
    address = plain.address if secure.path and plain else secure.address
    if address in ALL:
        address = deployment.server_fqdn
    return FrontEnd(address, secure.port, plain.port if plain else 0, secure.path)


def nginx(wanted: Publication) -> str:
    """A file for nginx's http block.  Raises OperatorFault."""
    if wanted.proxy_protocol:
        raise OperatorFault(
            "nginx",
            "sends no PROXY header on HTTP connections: take haproxy, or an endpoint without "
            "haproxy: and web.trusted_proxies",
        )
    return "\n".join(_nginx_lines(wanted)) + "\n"


def _nginx_lines(wanted: Publication) -> Iterator[str]:
    several = len(wanted.front_ends) > 1
    yield f"# nginx in front of the {wanted.site} web site of a mobility front end."
    yield "# Goes into the http block: /etc/nginx/conf.d/mobility.conf."
    yield "# The front end must name this proxy's address in web.trusted_proxies."
    yield ""
    yield from _nginx_upstream(f"mobility_{wanted.site}_https", wanted, plain=False)
    if _plain(wanted):
        yield from _nginx_upstream(f"mobility_{wanted.site}_http", wanted, plain=True)
    yield "server {"
    yield f"    listen {_socket(wanted.address, wanted.https_port)} ssl;"
    yield f"    server_name {' '.join(wanted.names)};"
    yield f"    ssl_certificate {wanted.certificate};"
    yield f"    ssl_certificate_key {wanted.key};"
    yield "    ssl_protocols TLSv1.2 TLSv1.3;"
    yield ""
    yield f"    client_max_body_size {MAX_BODY_MIB}m;"
    yield ""
    yield "    location / {"
    scheme = "https" if wanted.tls_behind else "http"
    yield f"        proxy_pass {scheme}://mobility_{wanted.site}_https;"
    yield from _nginx_exchange()
    if wanted.tls_behind:
        yield ""
        yield "        # The front end must be the one that its certificate names."
        yield "        proxy_ssl_verify on;"
        yield f"        proxy_ssl_trusted_certificate {wanted.authority};"
        yield f"        proxy_ssl_name {wanted.back_end};"
        yield "        proxy_ssl_server_name on;"
    yield ""
    yield "        # An event request may wait for 1800 s, the longest a client may ask for, and"
    yield "        # its answer goes on as it comes."
    yield f"        proxy_read_timeout {PROXY_TIMEOUT_S}s;"
    yield "        proxy_send_timeout 60s;"
    yield "        proxy_connect_timeout 5s;"
    yield "        proxy_buffering off;"
    yield ""
    if several:
        yield "        # A front end that cannot be reached is left out; what was sent to one by"
        yield "        # POST is not sent to another as well."
        yield "        proxy_next_upstream error;"
    else:
        yield "        # What was handed to the front end is not handed on once more."
        yield "        proxy_next_upstream off;"
    yield "    }"
    yield "}"
    if _plain(wanted):
        yield ""
        yield "server {"
        yield f"    listen {_socket(wanted.address, wanted.http_port)};"
        yield f"    server_name {' '.join(wanted.plain_names)};"
        yield ""
        yield "    # Answers 200 with a link to HTTPS.  Do not redirect here: clients take a 3xx"
        yield "    # for a failure."
        yield "    location / {"
        yield f"        proxy_pass http://mobility_{wanted.site}_http;"
        yield from _nginx_exchange()
        yield "    }"
        yield "}"


def _nginx_upstream(name: str, wanted: Publication, *, plain: bool) -> Iterator[str]:
    yield f"upstream {name} {{"
    if len(wanted.front_ends) > 1:
        yield "    # Source affinity: the connections of one client go to one front end."
        yield "    hash $binary_remote_addr consistent;"
    for one in wanted.front_ends:
        where = (
            f"unix:{one.path}"
            if one.path and not plain
            else _socket(one.address, one.http_port if plain else one.https_port)
        )
        probe = f" max_fails=1 fail_timeout={LEFT_OUT_S}s"
        yield f"    server {where}{probe if len(wanted.front_ends) > 1 else ''};"
    yield f"    keepalive {KEPT_CONNECTIONS};"
    yield "}"
    yield ""


def _nginx_exchange() -> Iterator[str]:
    yield "        proxy_http_version 1.1;"
    yield '        proxy_set_header Connection "";'
    yield "        # Autodiscover reads the SIP domain from the name that the client asked for."
    yield "        proxy_set_header Host $http_host;"
    yield "        # The front end believes this header only from its trusted_proxies."
    yield "        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"


def haproxy(wanted: Publication) -> str:
    """A whole configuration for HAProxy.

    In HTTP mode HAProxy ends TLS; in front of listeners that expect a PROXY header it passes TLS
    on to the front ends, which end it.
    """
    return "\n".join(_haproxy_lines(wanted)) + "\n"


def _haproxy_lines(wanted: Publication) -> Iterator[str]:
    tcp = wanted.proxy_protocol
    yield f"# HAProxy in front of the {wanted.site} web site of a mobility front end."
    if tcp:
        yield "# TLS ends at the front end, and the PROXY protocol tells it the client's address:"
        yield "# let nobody but this proxy reach those listeners."
    else:
        yield "# The front end must name this proxy's address in web.trusted_proxies."
        yield f"# {wanted.certificate} holds the certificate, its issuers and the key."
    yield ""
    yield "global"
    yield f"    maxconn {MOST_CONNECTIONS}"
    yield ""
    yield "defaults"
    yield f"    mode {'tcp' if tcp else 'http'}"
    yield "    timeout connect 5s"
    yield "    # An event request may wait for 1800 s, the longest a client may ask for."
    yield f"    timeout client {PROXY_TIMEOUT_S}s"
    yield f"    timeout server {PROXY_TIMEOUT_S}s"
    if not tcp:
        yield "    timeout http-request 30s"
        yield "    timeout http-keep-alive 120s"
    yield "    # Another front end is tried when one cannot be reached, and only then: what was"
    yield "    # sent is not sent again."
    yield "    option redispatch"
    if not tcp:
        yield "    retry-on conn-failure"
    names = [f"{wanted.site}_https"]
    yield ""
    yield f"frontend {names[0]}"
    bind = f"    bind {_bind(wanted.address, wanted.https_port)}"
    yield bind if tcp else f"{bind} ssl crt {wanted.certificate} ssl-min-ver TLSv1.2 alpn http/1.1"
    if not tcp:
        yield from _haproxy_rules(wanted.names)
    yield f"    default_backend {names[0]}"
    yield ""
    yield from _haproxy_back_end(names[0], wanted, plain=False)
    if _plain(wanted):
        names.append(f"{wanted.site}_http")
        yield ""
        yield f"frontend {names[1]}"
        yield f"    bind {_bind(wanted.address, wanted.http_port)}"
        if not tcp:
            yield from _haproxy_rules(wanted.plain_names)
        yield f"    default_backend {names[1]}"
        yield ""
        yield from _haproxy_back_end(names[1], wanted, plain=True)


def _haproxy_rules(names: Sequence[str]) -> Iterator[str]:
    yield "    # Only these names are published."
    yield f"    acl published hdr(host),field(1,:) -i {' '.join(names)}"
    yield "    http-request deny deny_status 404 unless published"
    yield "    # The front end believes this header only from its trusted_proxies."
    yield "    option forwardfor"


def _haproxy_back_end(name: str, wanted: Publication, *, plain: bool) -> Iterator[str]:
    yield f"backend {name}"
    if len(wanted.front_ends) > 1:
        yield "    # Source affinity: the connections of one client go to one front end."
        yield "    balance source"
        yield "    hash-type consistent"
    yield "    # A front end that is being stopped takes no new connections."
    yield "    option httpchk"
    yield f"    http-check send meth GET uri / ver HTTP/1.1 hdr Host {wanted.back_end}"
    yield "    http-check expect status 200"
    words = [f"check inter {PROBE_INTERVAL_S}s fall 2 rise 1"]
    if wanted.proxy_protocol:
        words.insert(0, "send-proxy-v2")
        words.append("check-send-proxy")
    if wanted.tls_behind and not plain:
        names = f"check-sni {wanted.back_end}"
        verify = f"verify required verifyhost {wanted.back_end} ca-file {wanted.authority}"
        if wanted.proxy_protocol:
            words.append(f"check-ssl {names} {verify}")
        else:
            words.append(f"ssl sni str({wanted.back_end}) {names} {verify}")
    for number, one in enumerate(wanted.front_ends, 1):
        where = (
            f"unix@{one.path}"
            if one.path and not plain
            else _socket(one.address, one.http_port if plain else one.https_port)
        )
        yield f"    server fe{number} {where} {' '.join(words)}"


def _plain(wanted: Publication) -> bool:
    """Whether each front end can be given the first hop over HTTP."""
    return all(one.http_port and one.address for one in wanted.front_ends)


def _socket(address: str, port: int) -> str:
    """Where a program listens or connects; an address of "" is left out."""
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{port}" if host else str(port)


def _bind(address: str, port: int) -> str:
    """HAProxy's form of it: all addresses, of IPv6 too, as [::]."""
    return _socket(address, port) if address else f"[::]:{port} v4v6"
