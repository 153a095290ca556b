"""The subject alternative names that each certificate of a deployment must have."""

import enum

from mobility.planning.deployment import (
    Deployment,
    discovery_external,
    discovery_internal,
)


class Role(enum.Enum):
    """Whose certificate it is."""

    FRONT_END = "front-end"
    DIRECTOR = "director"
    PROXY = "proxy"


def names_of_role(deployment: Deployment, role: Role, *, discovery: bool = True) -> tuple[str, ...]:
    """All names for the one certificate of a front end, a Director or the reverse proxy.

    The first is the common name.  Without `discovery` the lyncdiscover names are left out, for
    clients that take their first hop over port 80.
    """
    if role is Role.PROXY:
        names = names_of_site(deployment, "external", discovery=discovery)
    else:
        names = (
            *([deployment.pool] if deployment.pool else []),
            deployment.server_fqdn,
            *names_of_site(deployment, "internal", discovery=discovery),
            *names_of_site(deployment, "external", discovery=discovery),
        )
        if role is Role.FRONT_END and any(one.transport == "tls" for one in deployment.sip):
            names += names_of_sip(deployment)
    return tuple(dict.fromkeys(names))


def names_of_site(deployment: Deployment, site: str, *, discovery: bool = True) -> tuple[str, ...]:
    """The names under which clients reach a web site over HTTPS."""
    if site == "internal":
        first = [deployment.internal.host]
        discovered = [discovery_internal(domain) for domain in deployment.sip_domains]
    else:
        first = [deployment.external.host]
        if deployment.meet_host:
            first.append(deployment.meet_host)
        discovered = [discovery_external(domain) for domain in deployment.sip_domains]
    return tuple(dict.fromkeys([*first, *(discovered if discovery else [])]))


def names_of_sip(deployment: Deployment) -> tuple[str, ...]:
    """The names of a SIP server's certificate: the domains it serves (RFC 5922 section 7)."""
    return deployment.sip_domains


def fits(pattern: str, name: str) -> bool:
    """Whether a name in a certificate covers a host (RFC 9525 section 6.3).

    A star stands for the whole first label, and for one label only.
    """
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if pattern.startswith("*."):
        first, dot, rest = name.partition(".")
        return bool(first and dot) and rest == pattern[2:]
    return pattern == name
