"""Looking at what the configuration names: files, listeners, and the way through the proxy."""

import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
from cryptography import x509
from OpenSSL import SSL
from twisted.internet.threads import deferToThreadPool

from mobility.check import certificates, ports, proxy
from mobility.check.connections import Reply, Target, connect, fetch, handshake, is_found, trusting
from mobility.check.findings import Rule, Skipped
from mobility.check.resolvers import Asker, Server
from mobility.check.session import Session, hold_session
from mobility.config import Config
from mobility.planning.deployment import (
    HTTP_PORT,
    HTTPS_PORT,
    Deployment,
    OtherPool,
    Place,
    WebListener,
    discovery_external,
    is_address,
)
from mobility.planning.names import names_of_sip, names_of_site
from mobility.urls import dns_name, parts_of

T = TypeVar("T")

START = "/Autodiscover/AutodiscoverService.svc/root"
CHALLENGED = START + "/oauth/user"
APPLICATIONS = "/ucwa/v1/applications"
TRIES = 6
"""Connections of one client that should all reach one front end (our choice)."""

STRANGER = "https://stranger.invalid"
"""The origin of a web page that nobody allows (RFC 2606)."""

OLD_VERSIONS = (("TLS 1.0", SSL.TLS1_VERSION), ("TLS 1.1", SSL.TLS1_1_VERSION))
MAX_FILE_BYTES = 1024 * 1024


@attrs.frozen(slots=True)
class Wishes:
    """How the operator wants it looked at.

    `inside` and `outside` are resolvers, none for this machine's own way of resolving.  `start` is
    the published URL to look at from outside, None to look from inside.  `password` is asked of
    nobody else than the published URL.  `http_port` is 0 when it is not known.
    """

    inside: tuple[Server, ...] = ()
    outside: tuple[Server, ...] = ()
    start: Place | None = None
    authority_pem: bytes = b""
    authorities: tuple[x509.Certificate, ...] = ()
    discovery_over_http: bool = False
    http_port: int = 0
    origin: str = ""
    user: str = ""
    password: str = attrs.field(default="", repr=False)
    hold_s: float = 0.0


async def published(wishes: Wishes, reactor: Any) -> Place:
    """Where the discovery root at the published URL leads, which is all that a client knows.

    The URL's own place when it gives no links.
    """
    start = wishes.start or Place("", HTTPS_PORT)
    lookout = Lookout(Deployment((), "", start, start, "", (), ()), wishes, reactor)
    address = await lookout.address(start.host)
    if address is None:
        return start
    reply = await lookout.get(Target(address, start.port, start.host))
    for href in (proxy.root_of(reply) or {}).values():
        parts = parts_of(href)
        if parts is not None and parts.scheme == "https":
            return Place(dns_name(parts.hostname or ""), parts.port or HTTPS_PORT)
    return start


class Lookout:
    """Observes one deployment.  Everything that blocks runs in the reactor's threads."""

    def __init__(self, deployment: Deployment, wishes: Wishes, reactor: Any) -> None:
        self._deployment = deployment
        self._wishes = wishes
        self._reactor = reactor
        self.outside = wishes.start is not None

    async def see_certificates(
        self, config: Config | None
    ) -> tuple[list[certificates.Presented], list[Skipped]]:
        """The certificates of this front end's listeners and of the reverse proxy."""
        skipped: list[Skipped] = []
        found: list[certificates.Presented] = []
        if config is not None and not self.outside:
            found += await self._of_listeners(config)
        address = await self.address(self._deployment.external.host)
        if address is None:
            host = self._deployment.external.host
            skipped.append(Skipped("certificate of the reverse proxy", f"{host} has no address"))
        else:
            found += await self._of_proxy(address, skipped)
        return found, skipped

    async def _of_listeners(self, config: Config) -> list[certificates.Presented]:
        web = {one.name: one for one in self._deployment.web}
        found = []
        for listener in config.listeners:
            site = listener.site.name
            if listener.certificate is None or site == "operator":
                continue
            names = names_of_site(
                self._deployment, site, discovery=not self._wishes.discovery_over_http
            )
            subject = f"listener {listener.name}"
            target = _target(web[listener.name], names[0])
            found.append(
                await self._presented(
                    subject,
                    certificates.FRONT_END_NAME,
                    names,
                    listener.certificate,
                    target,
                )
            )
        sip = {one.name: one for one in self._deployment.sip}
        for one in config.sip.listeners:
            if one.certificate is None:
                continue
            at = sip[one.name]
            target = Target(_reachable(at.address), at.port, "") if at.port else None
            found.append(
                await self._presented(
                    f"SIP listener {one.name}",
                    certificates.SIP_NAME,
                    names_of_sip(self._deployment),
                    one.certificate,
                    target,
                )
            )
        return found

    async def _presented(
        self, subject: str, rule: Rule, names: tuple[str, ...], file: Path, target: Target | None
    ) -> certificates.Presented:
        chain, failure = read_chain(file)
        shown = None
        if target is not None and not failure:
            shown = await self._in_thread(handshake, target)
        return certificates.Presented(subject, rule, names, chain, failure, shown)

    async def _of_proxy(self, address: str, skipped: list[Skipped]) -> list[certificates.Presented]:
        """One handshake for each name that clients ask for; the same chain is told once."""
        place = self._deployment.external
        names = names_of_site(
            self._deployment, "external", discovery=not self._wishes.discovery_over_http
        )
        by_chain: dict[tuple[x509.Certificate, ...], list[str]] = {}
        subject = f"reverse proxy {place.host}"
        for name in names:
            shown = await self._in_thread(handshake, Target(address, place.port, name))
            if shown.failure and await self._in_thread(connect, Target(address, place.port, name)):
                reason = f"no connection to {place.url}; the proxy check says more"
                skipped.append(Skipped(f"certificate of {subject}", reason))
                return []
            if shown.failure:
                what = f"no TLS handshake for {name}: {shown.failure}"
                return [certificates.Presented(subject, certificates.PROXY_NAME, names, (), what)]
            by_chain.setdefault(shown.chain, []).append(name)
        old = ""
        for version, number in OLD_VERSIONS:
            target = Target(address, place.port, place.host)
            tried = await self._in_thread(handshake, target, oldest=number, newest=number)
            if not tried.failure:
                old = old or version
        return [
            certificates.Presented(
                subject, certificates.PROXY_NAME, tuple(asked), chain, old_tls=old
            )
            for chain, asked in by_chain.items()
        ]

    async def see_ports(self) -> tuple[list[ports.Probed], list[Skipped]]:
        """Whether each listener of this front end takes connections, and the Edge as well."""
        found: list[ports.Probed] = []
        skipped: list[Skipped] = []
        for web in self._deployment.web:
            target = _target(web, self._place_of(web).host)
            if target is None:
                where = web.path or "a socket that systemd opens"
                skipped.append(Skipped(f"listener {web.name}", f"{where} is no TCP port"))
            elif web.site == "operator":
                failure = await self._in_thread(connect, target)
                found.append(ports.Probed("web", web.name, str(target), failure))
            else:
                found.append(await self._web_port(web, target))
        for sip in self._deployment.sip:
            if sip.transport == "udp" or not sip.port:
                skipped.append(Skipped(f"SIP listener {sip.name}", "it is no TCP port"))
                continue
            target = Target(_reachable(sip.address), sip.port, "")
            failure = await self._in_thread(connect, target)
            found.append(ports.Probed("sip", sip.name, str(target), failure))
        edge = self._deployment.edge
        if edge is not None:
            found.append(await self._place("edge", "Access Edge", edge))
        for branch in self._deployment.branches:
            found.append(await self._place("branch", f"branch appliance {branch.host}", branch))
        for pool in self._deployment.pools:
            found.append(await self._pool(pool))
        for mixer in self._deployment.mixers:
            name = f"conference server {mixer.place.host}"
            if mixer.transport == "udp":
                reason = "it is asked over UDP: sip.peer_down in the log says when it is not there"
                skipped.append(Skipped(name, reason))
            else:
                found.append(await self._place("mixer", name, mixer.place))
        return found, skipped

    async def _web_port(self, web: WebListener, target: Target) -> ports.Probed:
        failure = await self._in_thread(connect, target)
        if failure:
            return ports.Probed("web", web.name, str(target), failure)
        reply = await self._in_thread(fetch, target, START, tls=web.tls)
        site = proxy.access_location(reply).lower()
        ours = (
            proxy.root_of(reply) is not None
            and reply.header(proxy.SERVER).lower() == self._deployment.server_fqdn
            and site == web.site
        )
        return ports.Probed("web", web.name, str(target), ours=ours)

    async def _place(self, kind: str, name: str, place: Place) -> ports.Probed:
        """Whether a connection to another server opens."""
        shown = f"{place.host}:{place.port}"
        address = await self.address(place.host)
        if address is None:
            return ports.Probed(kind, name, shown, "it has no address")
        failure = await self._in_thread(connect, Target(address, place.port, place.host))
        return ports.Probed(kind, name, shown, failure)

    async def _pool(self, pool: OtherPool) -> ports.Probed:
        """Whether the root of another pool is one."""
        probed = await self._place("pool", f"pool {pool.name}", pool.place)
        if probed.failure:
            return probed
        address = await self.address(pool.place.host) or pool.place.host
        target = Target(address, pool.place.port, pool.place.host)
        reply = await self.get(target, pool.path)
        if proxy.root_of(reply) is None:
            return attrs.evolve(probed, failure=f"answers {proxy.shown(reply)} without a root")
        return probed

    async def see_proxy(
        self, origins: Sequence[str], sip_domains: Sequence[str]
    ) -> tuple[proxy.Seen, list[Skipped]]:
        """What a client gets through the published URL.

        `origins` are the pages that may use UCWA, "*" for all; empty when it is not known.
        """
        place = self._deployment.external
        start = self._wishes.start or place
        where = "outside" if self.outside else "inside"
        seen = proxy.Seen(start, place, where, tuple(sip_domains), proxy.NOTHING)
        at_start = await self.address(start.host)
        if at_start is None:
            failure = Reply(failure=f"{start.host} has no address")
            return attrs.evolve(seen, root=failure), []
        root = await self.get(Target(at_start, start.port, start.host))
        seen = attrs.evolve(seen, root=root)
        address = at_start if place == start else await self.address(place.host)
        if proxy.root_of(root) is None or address is None:
            return seen, []
        return await self._through(seen, address, origins)

    async def _through(
        self, seen: proxy.Seen, address: str, origins: Sequence[str]
    ) -> tuple[proxy.Seen, list[Skipped]]:
        place = seen.place
        target = Target(address, place.port, place.host)
        skipped: list[Skipped] = []
        discovery: dict[str, Reply] = {}
        plain: dict[str, Reply] = {}
        http_port = self._wishes.http_port or (HTTP_PORT if place.port == HTTPS_PORT else 0)
        if not http_port:
            reason = f"{place.url} is not on port 443: give --http-port"
            skipped.append(Skipped("discovery over HTTP", reason))
        for domain in seen.sip_domains:
            name = discovery_external(domain)
            at = (await self.address(name) if self.outside else None) or address
            if not self._wishes.discovery_over_http:
                discovery[domain] = await self.get(Target(at, place.port, name), "/")
            if http_port:
                plain[domain] = await self.get(Target(at, http_port, name), "/", tls=False)
        origin = self._wishes.origin or next((o for o in origins if o != "*"), place.url)
        stranger = "" if not origins or "*" in origins else STRANGER
        wish = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        }
        session = None
        if self._wishes.user:
            session = await self._session(place, address)
        else:
            reason = "nobody signs in without --sign-in"
            skipped.append(
                Skipped("the mobility URL, and how long events may be waited for", reason)
            )
        return (
            attrs.evolve(
                seen,
                lower_case=await self.get(target, START.lower()),
                discovery=discovery,
                plain=plain,
                challenge=await self.get(target, CHALLENGED),
                origin=origin,
                preflight=await self.get(target, APPLICATIONS, method="OPTIONS", headers=wish),
                allowed=await self.get(target, START, headers={"Origin": origin}),
                stranger=stranger,
                foreign=await self.get(target, START, headers={"Origin": STRANGER}),
                methods={
                    method: await self.get(target, APPLICATIONS, method=method, body=b"")
                    for method in ("POST", "PUT", "DELETE", "OPTIONS")
                },
                servers=tuple(
                    [(await self.get(target)).header(proxy.SERVER) for _ in range(TRIES)]
                ),
                session=session,
            ),
            skipped,
        )

    async def _session(self, place: Place, address: str) -> Session:
        wishes = self._wishes
        trust: ssl.SSLContext = trusting(wishes.authority_pem)
        return await self._in_thread(
            hold_session, place, address, wishes.user, wishes.password, wishes.hold_s, trust
        )

    async def address(self, host: str) -> str | None:
        """Where a host is, as the side that is looked from sees it; None when nowhere.

        Without resolvers of that side this machine finds it when it connects to the name.
        """
        if is_address(host):
            return host
        servers = self._wishes.outside if self.outside else self._wishes.inside
        if servers:
            found = await Asker(servers, self._reactor).host(host)
            return next(iter(found.addresses), None)
        return host if await self._in_thread(is_found, host) else None

    async def get(self, target: Target, path: str = START, **more: Any) -> Reply:
        """One request, for discovery unless another path is given."""
        return await self._in_thread(fetch, target, path, **more)

    async def _in_thread(self, work: Callable[..., T], *arguments: Any, **named: Any) -> T:
        pool = self._reactor.getThreadPool()
        result: T = await deferToThreadPool(self._reactor, pool, work, *arguments, **named)
        return result

    def _place_of(self, web: WebListener) -> Place:
        return self._deployment.internal if web.site == "internal" else self._deployment.external


def read_chain(file: Path) -> tuple[tuple[x509.Certificate, ...], str]:
    """The certificates of a PEM file, or why it has none."""
    try:
        with open(file, "rb") as stream:
            data = stream.read(MAX_FILE_BYTES)
    except OSError as error:
        return (), f"{file} cannot be read: {error.strerror}"
    try:
        return tuple(x509.load_pem_x509_certificates(data)), ""
    except ValueError:
        return (), f"{file} holds no PEM certificate"


def _target(web: WebListener, name: str) -> Target | None:
    """Where a listener of this machine is reached, None when it is no TCP port."""
    if not web.port:
        return None
    return Target(_reachable(web.address), web.port, name, web.proxy_protocol)


def _reachable(address: str) -> str:
    """An address at which this machine reaches a listener on `address`."""
    if address in ("", "0.0.0.0"):  # noqa: S104  # what is compared with
        return "127.0.0.1"
    return "::1" if address == "::" else address
