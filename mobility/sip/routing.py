"""Where a request goes next, before anybody asks the DNS (RFC 3261 section 8.1.2, RFC 3263).

Sans-IO.  A `Target` is what a URI says of the next element; `mobility.sip.locating` finds the
`Hop`s that it stands for: addresses that can be connected to.
"""

from collections.abc import Callable, Sequence

import attrs

from mobility.sip.flow import Flow
from mobility.sip.message import Request
from mobility.sip.uri import SipUri, UnknownScheme, parse_sip_uri

PORTS = {"UDP": 5060, "TCP": 5060, "TLS": 5061}
"""Of a host that names none (RFC 3261 section 19.1.2)."""


@attrs.frozen(slots=True)
class Target:
    """A host that a request is to be sent to.

    `host` is in lower case, IPv6 in brackets.  `port` None and `transport` "" are for the DNS to
    say; `transport` is else UDP, TCP or TLS.  Over TLS the peer's certificate must be for
    `identity`, which is the host unless something else is asked for.  `account` names that with
    which its challenges are answered (`mobility.sip.accounts`).  `gateway` says that it is one.
    """

    host: str
    port: int | None = None
    transport: str = ""
    identity: str = ""
    account: str = ""
    gateway: bool = attrs.field(default=False, eq=False)

    @property
    def name(self) -> str:
        """Whom the peer has to be."""
        return self.identity or self.host.strip("[]")


@attrs.frozen(slots=True)
class Hop:
    """An address that a request can be sent to.

    `name` is that of its certificate over TLS; `gateway` says that there is one.
    """

    transport: str
    address: str
    port: int
    name: str
    gateway: bool = attrs.field(default=False, eq=False)


@attrs.frozen(slots=True)
class PhoneFlow:
    """One of several flows of a phone (RFC 5626), which may come back over another connection.

    `find` makes a request one to the phone's Contact and Path of this flow, and says where that
    leads by now, if it does.  `suffix` is what its Request-URI has beside.
    """

    find: Callable[[Request], Sequence[Flow | Target]] = attrs.field(repr=False)
    suffix: str = attrs.field(repr=False, default="")

    def address(self, request: Request) -> Flow | Target | None:
        """Make `request` one that goes over this flow; where to, None where there is none."""
        request.set("Route")
        found = self.find(request)
        request.uri += self.suffix
        return found[0] if found else None

    def moved(self, way: Flow | Target) -> bool:
        """Whether the phone has come back over another connection than this one."""
        found = self.find(Request(method="OPTIONS", uri=""))
        return bool(found) and found[0] is not way and not isinstance(found[0], Target)


Way = Flow | Target | PhoneFlow
"""A connection that is there, or a host that one can be opened to."""


def target_of(uri: SipUri) -> Target:
    """Where a URI leads.  Raises UnknownScheme for a transport that is not spoken here."""
    transport = uri.transport.upper()
    if uri.secure and transport in ("", "TCP"):
        transport = "TLS"
    if transport not in ("", *PORTS) or (uri.secure and transport == "UDP"):
        raise UnknownScheme("a URI of a transport that is not spoken here")
    host = uri.parameters.get("maddr") or uri.host
    return Target(host, uri.port, transport)


def next_hop(request: Request) -> SipUri:
    """The URI of the element that gets a request first.  Raises Malformed, UnknownScheme."""
    if "Route" in request.fields:
        return request.addresses("Route")[0].sip
    return parse_sip_uri(request.uri)


def ways_of(request: Request, flow: Flow | None = None) -> list[Flow | Target]:
    """How a request reaches the element that its Route or Request-URI names.

    `flow` is the connection over which the other side has been heard.  A phone behind NAT can be
    reached over nothing else, so it comes first, unless it is that of a SIP server (which has a
    certificate) and leads to another one than is named.  Raises Malformed, UnknownScheme.
    """
    if flow is None:
        return [target_of(next_hop(request))]
    try:
        target = target_of(next_hop(request))
    except UnknownScheme:
        return [flow]
    host = target.host.strip("[]")
    if not flow.names or host in flow.names or host == flow.source[0]:
        return [flow, target]
    return [target, flow]
