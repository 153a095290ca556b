"""Whether what is configured fits together, before anything is looked at."""

from collections.abc import Collection, Iterator, Sequence
from ipaddress import ip_address

import attrs

from mobility.check.findings import Finding, Report, Rule, Severity
from mobility.planning.deployment import Deployment, Place, is_address

SAME_WEB_NAME = Rule(
    "topology.same-web-name",
    Severity.ERROR,
    "the internal and the external web FQDN are one name",
    "The internal web FQDN is found within the network only and leads to the front end, the "
    "external one leads to the reverse proxy, for users inside as well: one name cannot do both.",
    "Give web.internal_url a host of its own, with its own record in internal DNS.",
)
WEB_NAME = Rule(
    "topology.web-name",
    Severity.WARNING,
    "a published URL has no name that other machines can find",
    "Public certificates are for names; a phone on another network cannot use an address of this "
    "one, and localhost is another machine on each machine.",
    "Put a host name with a domain into web.internal_url and web.external_url.",
)
ALL_ADDRESSES = Rule(
    "topology.all-addresses",
    Severity.WARNING,
    "a listener takes all addresses of a machine with several network interfaces",
    "A front end with a collocated Mediation Server supports mobility only when each service is "
    "bound to the address that it is for; with all addresses each answers on the other's network.",
    "Give each listener its interface=ADDRESS, and name the addresses in topology.interfaces: then "
    "the front end refuses to start with a listener on all of them.",
)
LOOPBACK = Rule(
    "topology.loopback",
    Severity.ERROR,
    "a web site that is published listens on loopback only",
    "Nobody but this machine reaches it: the reverse proxy, or clients inside, get no connection.",
    "Give the listeners interface=ADDRESS of this machine, or name the proxy on this machine in "
    "web.trusted_proxies.",
)
PROXY_UNKNOWN = Rule(
    "topology.proxy-unknown",
    Severity.WARNING,
    "the external site is published by a proxy that the front end does not know",
    "All phones then count as one client at the proxy's address: one of them that tries wrong "
    "passwords can lock the sign-in of all for a while, and the log does not tell who it was.",
    "Name the proxy's address in web.trusted_proxies, or use haproxy: endpoints.",
)
POOL_NAMES = Rule(
    "topology.pool-names",
    Severity.ERROR,
    "two pools share a web FQDN",
    "Discovery sends users to their home pool by its web FQDN: each pool needs an external one of "
    "its own, apart from every internal one, or clients end at the wrong pool and are sent in "
    "circles.",
    "Give each pool its own external web FQDN, and its root in topology.pools that host.",
)
NO_HTTPS = Rule(
    "topology.no-https",
    Severity.ERROR,
    "a web site has no HTTPS listener",
    "Plain HTTP answers the first hop of discovery and nothing else.",
    "Add a [[listen]] table with tls = true for the site.",
)
GATEWAY_ACCOUNT = Rule(
    "topology.gateway-account",
    Severity.ERROR,
    "a gateway names an account that the configuration does not have",
    "A gateway that challenges (401, 407) is not answered then, and no call by it succeeds; the "
    "log says sip.credentials_refused with the reason account.",
    "Write the [[sip.account]] table and restart, or give the gateway another account with "
    "`mobility voice gateway set NAME --account`; '' takes it back.",
)
RULES = (
    SAME_WEB_NAME,
    WEB_NAME,
    ALL_ADDRESSES,
    LOOPBACK,
    PROXY_UNKNOWN,
    POOL_NAMES,
    NO_HTTPS,
    GATEWAY_ACCOUNT,
)

HAIRPIN_NOTE = (
    "hairpin: clients inside use {url}, too, so that a phone which leaves the building keeps its "
    "URLs.  Their packets leave the network and come back through the reverse proxy; a firewall "
    "rule against spoofing must not drop them, which is best done by a proxy apart from the "
    "firewall with its own DNS record inside.  `mobility check proxy` tries it"
)


@attrs.frozen(slots=True)
class GatewayUse:
    """An enabled gateway of the voice routes, its account ("" for none) and the routes by it."""

    name: str
    account: str
    routes: tuple[str, ...] = ()


def judge_gateways(used: Sequence[GatewayUse], accounts: Collection[str]) -> Report:
    """Whether there is what is to be proven to gateways; `accounts` are those that there are."""
    findings: list[Finding] = []
    for one in used:
        if one.account and one.account not in accounts:
            what = f"{one.name} has the account {one.account}, and no [[sip.account]] is called so"
            if one.routes:
                what += f" (voice routes: {', '.join(one.routes)})"
            findings.append(Finding(GATEWAY_ACCOUNT, one.name, what))
    return Report(tuple(findings), (f"accounts of {len(used)} gateways",))


def judge(deployment: Deployment, addresses: Sequence[str] = ()) -> Report:
    """What does not fit together.  `addresses` are those of this machine's network interfaces."""
    findings = [
        *_names(deployment),
        *_pools(deployment),
        *_listeners(deployment),
        *_interfaces(deployment, addresses),
        *_proxy(deployment),
    ]
    looked = (
        f"SIP domains {', '.join(deployment.sip_domains)}",
        f"internal {deployment.internal.url}, external {deployment.external.url}",
        f"{len(deployment.web)} web and {len(deployment.sip)} SIP listeners",
        *(f"pool {pool.name} at {pool.place.url}" for pool in deployment.pools),
    )
    return Report(tuple(findings), looked, (), (HAIRPIN_NOTE.format(url=deployment.external.url),))


def _names(deployment: Deployment) -> Iterator[Finding]:
    internal, external = deployment.internal, deployment.external
    if internal.host == external.host:
        what = f"{external.host} is the host of both web.internal_url and web.external_url"
        yield Finding(SAME_WEB_NAME, external.host, what)
    places = [("web.internal_url", internal), ("web.external_url", external)]
    for key, place in places:
        if is_address(place.host) or "." not in place.host:
            what = f"{key} is {place.url}, whose host is no name with a domain"
            yield Finding(WEB_NAME, key, what)


def _listeners(deployment: Deployment) -> Iterator[Finding]:
    places = {"internal": deployment.internal, "external": deployment.external}
    for site in places:
        if not deployment.listeners(site, secure=True):
            yield Finding(NO_HTTPS, site, f"no listener serves the {site} site over HTTPS")
    for site, place in places.items():
        local = [
            one.name for one in deployment.web if one.site == site and is_loopback(one.address)
        ]
        if local and not _is_local(place) and not _proxy_is_here(deployment, site):
            what = f"{', '.join(local)} listen on loopback, and clients are sent to {place.url}"
            yield Finding(LOOPBACK, site, what)


def _interfaces(deployment: Deployment, addresses: Sequence[str]) -> Iterator[Finding]:
    if len(addresses) < 2:
        return
    bound = [(one.name, one.address) for one in deployment.web if not one.path and one.port]
    bound += [(one.name, one.address) for one in deployment.sip if one.port]
    every = [name for name, address in bound if is_any(address)]
    if every:
        what = (
            f"{', '.join(every)} listen on all addresses, and this machine has "
            f"{' and '.join(addresses)}"
        )
        yield Finding(ALL_ADDRESSES, ", ".join(every), what)


def _pools(deployment: Deployment) -> Iterator[Finding]:
    owners = {deployment.internal.host: "this pool", deployment.external.host: "this pool"}
    for pool in deployment.pools:
        other = owners.setdefault(pool.place.host, pool.name)
        if other != pool.name:
            what = f"{pool.place.host} is the host of {pool.name} and of {other}"
            yield Finding(POOL_NAMES, pool.name, what)


def _proxy(deployment: Deployment) -> Iterator[Finding]:
    secure = deployment.listeners("external", secure=True)
    if deployment.trusted_proxies or any(one.proxy_protocol for one in secure):
        return
    elsewhere = [one for one in secure if one.port and one.port != deployment.external.port]
    if secure and len(elsewhere) == len(secure):
        what = (
            f"{deployment.external.url} is not where a listener of the external site is "
            f"(port {', '.join(str(one.port) for one in elsewhere)}), and web.trusted_proxies is "
            "empty"
        )
        yield Finding(PROXY_UNKNOWN, "web.trusted_proxies", what)


def _proxy_is_here(deployment: Deployment, site: str) -> bool:
    """Whether a proxy on this machine publishes the site."""
    if any(one.proxy_protocol for one in deployment.listeners(site, secure=True)):
        return True
    return any(
        one == "unix" or is_loopback(one.partition("/")[0]) for one in deployment.trusted_proxies
    )


def _is_local(place: Place) -> bool:
    return is_loopback(place.host)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and nobody else; "" is not."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_any(address: str) -> bool:
    """Whether a listener with this address takes connections to every one."""
    try:
        return not address or ip_address(address).is_unspecified
    except ValueError:
        return False
