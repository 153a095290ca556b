"""What DNS must say on each side, and what it says."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network

import attrs

from mobility.check.findings import Finding, Report, Rule, Severity, Skipped
from mobility.planning.deployment import (
    Deployment,
    discovery_external,
    discovery_internal,
    is_address,
)
from mobility.planning.records import FEDERATION_PORT, INSIDE, OUTSIDE

DISCOVERY_INSIDE_MISSING = Rule(
    "dns.discovery-inside-missing",
    Severity.ERROR,
    "lyncdiscoverinternal of a SIP domain is not found inside",
    "Clients inside ask for this name first; each SIP domain needs its own record, or they must "
    "find their way from outside.",
    "Make an A, AAAA or CNAME record in internal DNS that leads to the internal web site; "
    "`mobility dns-plan` writes it.",
)
DISCOVERY_OUTSIDE_MISSING = Rule(
    "dns.discovery-outside-missing",
    Severity.ERROR,
    "lyncdiscover of a SIP domain is not found outside",
    "Clients outside find the service by this name alone; each SIP domain needs its own record.",
    "Make an A, AAAA or CNAME record in public DNS that leads to the reverse proxy; "
    "`mobility dns-plan` writes it.",
)
INTERNAL_SEEN_OUTSIDE = Rule(
    "dns.internal-seen-outside",
    Severity.WARNING,
    "an internal name is found outside",
    "The internal web FQDN and the internal discovery name must be found from within the network "
    "only: a client outside that finds them tries addresses it cannot reach, and waits.",
    "Take the record out of public DNS.",
)
EXTERNAL_SEEN_INSIDE = Rule(
    "dns.external-seen-inside",
    Severity.ADVICE,
    "lyncdiscover is found inside",
    "The external discovery name need not be reachable inside.  Clients do not suffer, since they "
    "try the internal name first, but what they are told then depends on which one answered.",
    "Take the record out of internal DNS, if it can be.",
)
WEB_INSIDE_MISSING = Rule(
    "dns.internal-web-missing",
    Severity.ERROR,
    "the internal web FQDN is not found inside",
    "Discovery inside leads clients to this name.",
    "Make a record for it in internal DNS; `mobility dns-plan` writes it.",
)
WEB_OUTSIDE_MISSING = Rule(
    "dns.external-web-missing",
    Severity.ERROR,
    "the external web FQDN is not found outside",
    "All mobility URLs are on this name: without it no client outside gets past discovery.",
    "Make a record for it in public DNS that leads to the reverse proxy.",
)
HAIRPIN_MISSING = Rule(
    "dns.hairpin-missing",
    Severity.ERROR,
    "the external web FQDN is not found inside",
    "Mobility URLs are on the external web FQDN for users inside, too, so that a phone which "
    "leaves the building keeps its URLs.  Inside clients must find the reverse proxy under it.",
    "Define the reverse proxy in internal DNS by a host or CNAME record of its own, which leads "
    "to the proxy and not to the firewall.",
)
HAIRPIN_PAST_PROXY = Rule(
    "dns.hairpin-past-proxy",
    Severity.ERROR,
    "inside, the external web FQDN leads to the internal web site",
    "All mobility traffic, of users inside as well, goes through the reverse proxy to the external "
    "web site.  The internal site has other ports, and tells clients that they are inside.",
    "Let the record in internal DNS lead to the reverse proxy.",
)
CNAME_ELSEWHERE = Rule(
    "dns.cname-other-domain",
    Severity.ERROR,
    "a discovery name is a CNAME for a name in another domain",
    "Over HTTPS the certificate that is found there does not fit the name that was asked for, "
    "and clients refuse it.",
    "Use an address record, or a CNAME for a name in the same SIP domain; a CNAME into another "
    "domain works for the first hop over HTTP only.",
)
PRIVATE_OUTSIDE = Rule(
    "dns.private-address-outside",
    Severity.ERROR,
    "a public name has a private address",
    "Nobody on the Internet can reach it.",
    "Put the reverse proxy's public address into public DNS.",
)
SRV_MISSING = Rule(
    "dns.srv-missing",
    Severity.ERROR,
    "an SRV record that a configured service needs is not found",
    "The push clearing house and federated partners find the Access Edge of each SIP domain by "
    "_sipfederationtls._tcp, SIP clients find their server by _sip._tls and _sipinternaltls._tcp.",
    "Make the record; `mobility dns-plan --edge-address` writes the one for federation.",
)
SRV_ELSEWHERE = Rule(
    "dns.srv-elsewhere",
    Severity.ERROR,
    "an SRV record leads to another host or port than is configured",
    "Who looks the service up connects to where nobody, or somebody else, answers.",
    "Correct the record, or the configuration.",
)
RESOLVER = Rule(
    "dns.resolver",
    Severity.ERROR,
    "a resolver gives no answer",
    "Whether a name exists cannot be told; clients that ask this resolver wait and give up.",
    "Look at the resolver, and at whether this machine may ask it.",
)
RULES = (
    DISCOVERY_INSIDE_MISSING,
    DISCOVERY_OUTSIDE_MISSING,
    INTERNAL_SEEN_OUTSIDE,
    EXTERNAL_SEEN_INSIDE,
    WEB_INSIDE_MISSING,
    WEB_OUTSIDE_MISSING,
    HAIRPIN_MISSING,
    HAIRPIN_PAST_PROXY,
    CNAME_ELSEWHERE,
    PRIVATE_OUTSIDE,
    SRV_MISSING,
    SRV_ELSEWHERE,
    RESOLVER,
)

PRIVATE = tuple(
    ip_network(network)
    for network in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        *("127.0.0.0/8", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"),
    )
)
"""What is not routed on the Internet (RFC 1918, 6598, 3927, 4193, 4291)."""


@attrs.frozen(slots=True)
class Host:
    """What one name has: addresses, and the CNAME targets on the way to them in order.

    `failure` is "" when the resolver answered, be it that there is no such name.
    """

    addresses: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    failure: str = ""

    @property
    def found(self) -> bool:
        return bool(self.addresses or self.aliases)


@attrs.frozen(slots=True)
class Service:
    """What one SRV name has: hosts and ports."""

    targets: tuple[tuple[str, int], ...] = ()
    failure: str = ""


@attrs.frozen(slots=True)
class View:
    """What one side's resolver says; `resolver` names it."""

    resolver: str
    hosts: Mapping[str, Host]
    services: Mapping[str, Service] = attrs.Factory(dict)


@attrs.frozen(slots=True)
class Expected:
    """An SRV record that a configured service needs."""

    name: str
    side: str
    host: str
    port: int


def expected_services(
    deployment: Deployment, *, edge: str, sip_internal: str, sip_external: str
) -> list[Expected]:
    """The SRV records that the configuration calls for, of each SIP domain.

    `edge` is the Access Edge's host; `sip_internal` and `sip_external` are `host:port` of where
    SIP clients connect; each "" when there is none.
    """
    found: list[Expected] = []
    for domain in deployment.sip_domains:
        if edge:
            name = f"_sipfederationtls._tcp.{domain}"
            found.append(Expected(name, OUTSIDE, edge, FEDERATION_PORT))
        for service, side, place in (
            ("_sipinternaltls._tcp", INSIDE, sip_internal),
            ("_sip._tls", OUTSIDE, sip_external),
        ):
            if place:
                host, _, port = place.rpartition(":")
                found.append(Expected(f"{service}.{domain}", side, host.lower(), int(port)))
    return found


def names_to_ask(deployment: Deployment) -> list[str]:
    """The host names that each side is asked for."""
    names = [deployment.internal.host, deployment.external.host, deployment.meet_host]
    for domain in deployment.sip_domains:
        names += [discovery_internal(domain), discovery_external(domain)]
    return [name for name in dict.fromkeys(names) if name and not is_address(name)]


def judge(
    deployment: Deployment,
    expected: list[Expected],
    inside: View | None,
    outside: View | None,
) -> Report:
    """What is wrong with each side that was looked at."""
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    looked: list[str] = []
    for side, view in ((INSIDE, inside), (OUTSIDE, outside)):
        if view is None:
            skipped.append(Skipped(f"dns {side}", f"no --{side}-resolver was given"))
            continue
        looked.append(f"dns {side}, as {view.resolver} tells it: {', '.join(view.hosts)}")
        findings += _failures(side, view)
        findings += _aliases(deployment, side, view)
        findings += _services(expected, side, view)
    if inside is not None:
        findings += _inside(deployment, inside)
    if outside is not None:
        findings += _outside(deployment, outside)
    return Report(tuple(findings), tuple(looked), tuple(skipped))


def _inside(deployment: Deployment, view: View) -> Iterator[Finding]:
    yield from _missing(
        DISCOVERY_INSIDE_MISSING, view, map(discovery_internal, deployment.sip_domains)
    )
    yield from _missing(WEB_INSIDE_MISSING, view, [deployment.internal.host])
    published = [deployment.external.host, deployment.meet_host]
    yield from _missing(HAIRPIN_MISSING, view, published)
    for domain in deployment.sip_domains:
        name = discovery_external(domain)
        host = view.hosts.get(name)
        if host is not None and host.found:
            yield Finding(EXTERNAL_SEEN_INSIDE, name, f"{name} is found inside: {_said(host)}")
    own = view.hosts.get(deployment.internal.host)
    for name in published:
        host = view.hosts.get(name)
        if host is None or own is None or name == deployment.internal.host:
            continue
        shared = sorted(set(host.addresses) & set(own.addresses))
        if shared:
            yield Finding(
                HAIRPIN_PAST_PROXY,
                name,
                f"inside, {name} leads to {', '.join(shared)}, as {deployment.internal.host} does",
            )


def _outside(deployment: Deployment, view: View) -> Iterator[Finding]:
    discovered = [discovery_external(domain) for domain in deployment.sip_domains]
    published = [deployment.external.host, deployment.meet_host]
    yield from _missing(DISCOVERY_OUTSIDE_MISSING, view, discovered)
    yield from _missing(WEB_OUTSIDE_MISSING, view, published)
    internal = [discovery_internal(domain) for domain in deployment.sip_domains]
    if deployment.internal.host != deployment.external.host:
        internal.append(deployment.internal.host)
    for name in internal:
        host = view.hosts.get(name)
        if host is not None and host.found:
            yield Finding(INTERNAL_SEEN_OUTSIDE, name, f"{name} is found outside: {_said(host)}")
    for name in (*discovered, *published):
        host = view.hosts.get(name)
        hidden = [one for one in host.addresses if is_private(one)] if host else []
        if hidden:
            yield Finding(PRIVATE_OUTSIDE, name, f"outside, {name} leads to {', '.join(hidden)}")


def _missing(
    rule: Rule, view: View, names: "Iterator[str] | list[str] | map[str]"
) -> Iterator[Finding]:
    for name in names:
        host = view.hosts.get(name)
        if host is None or host.failure:
            continue
        if not host.found:
            yield Finding(rule, name, f"{view.resolver} knows no address of {name}")
        elif not host.addresses:
            yield Finding(
                rule, name, f"{name} is an alias of {host.aliases[-1]}, which has no address"
            )


def _failures(side: str, view: View) -> Iterator[Finding]:
    """One finding for each way in which a resolver fails."""
    failed: dict[str, list[str]] = {}
    answers = [(name, host.failure) for name, host in view.hosts.items()]
    answers += [(name, service.failure) for name, service in view.services.items()]
    for name, failure in answers:
        if failure:
            failed.setdefault(failure, []).append(name)
    for failure, names in failed.items():
        what = f"{view.resolver} ({side}) does not answer for {', '.join(names)}: {failure}"
        yield Finding(RESOLVER, view.resolver, what)


def _aliases(deployment: Deployment, side: str, view: View) -> Iterator[Finding]:
    for domain in deployment.sip_domains:
        for name in (discovery_internal(domain), discovery_external(domain)):
            host = view.hosts.get(name)
            for target in host.aliases if host else ():
                if target != domain and not target.endswith(f".{domain}"):
                    what = f"{side}, {name} is a CNAME for {target}, which is not in {domain}"
                    yield Finding(CNAME_ELSEWHERE, name, what)


def _services(expected: list[Expected], side: str, view: View) -> Iterator[Finding]:
    for one in expected:
        service = view.services.get(one.name)
        if one.side != side or service is None or service.failure:
            continue
        wanted = f"{one.host}:{one.port}"
        if not service.targets:
            what = f"{side}, {one.name} is not there; it should name {wanted}"
            yield Finding(SRV_MISSING, one.name, what)
        elif (one.host, one.port) not in service.targets:
            named = ", ".join(f"{host}:{port}" for host, port in service.targets)
            what = f"{side}, {one.name} names {named}, and not {wanted}"
            yield Finding(SRV_ELSEWHERE, one.name, what)


def is_private(address: str) -> bool:
    """Whether an address is not routed on the Internet."""
    found = ip_address(address)
    return any(found in network for network in PRIVATE if network.version == found.version)


def _said(host: Host) -> str:
    return ", ".join((*host.aliases, *host.addresses))
