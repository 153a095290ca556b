"""Where redirects (3xx) of servers elsewhere lead (RFC 3261 section 8.1.3.4).

A request that a route or a gateway led to is sent on to the Contacts of a 300, 301 or 302, one
after the other, the preferred ones first.  A redirect leads nowhere but to

- the server that redirects, and the other targets of the same route;
- people of domains to which a route leads, or, where the configuration has requests go where the
  DNS says, of any domain.  Numbers are not called so: who redirects would choose what they cost.

It does not lead to people here, and not to addresses.  Those of users' phones are another thing
(`mobility.sip.deflecting`).
"""

from collections.abc import Callable, Collection, Sequence

import attrs

from mobility.domain.voice_routing import looks_dialled
from mobility.events import Catalogue, EventLog
from mobility.sip.grammar import Malformed
from mobility.sip.locating import is_address
from mobility.sip.message import Request, Response
from mobility.sip.refusal import SipRefusal
from mobility.sip.routing import Target, Way, target_of
from mobility.sip.uri import SipUri, UnknownScheme, Uri

EVENTS: Catalogue = {
    "sip.redirected": {
        "method": "of the request",
        "status": "of the response that redirects",
        "host": "where its Contact leads",
        "followed": "whether the request is sent there",
        "reason": "why not: scheme, inside, number, route, seen or limit; for a user's phone "
        "nobody or policy",
    },
}

MAX_CONTACTS = 16
"""Contacts of one redirect that are looked at (our choice)."""

FOLLOWED = frozenset({300, 301, 302})
"""305 names a proxy, and 380 something else to do."""


class NotFollowed(Exception):
    """A Contact leads where no redirect may lead; the text is the reason in the log."""


@attrs.define(slots=True)
class Redirection:
    """What is known of a request that may be redirected: `ways` are those that it was given,
    `seen` the URIs that it was sent to, `left` those that are to be tried."""

    ways: Sequence[Way]
    seen: set[str] = attrs.Factory(set)
    left: list[SipUri] = attrs.Factory(list)
    followed: int = 0


class Redirects:
    """Decides where redirects lead; `limit` is how many are followed for one request."""

    def __init__(
        self,
        ways: Callable[[Uri], Sequence[Way]],
        domains: Collection[str],
        limit: int,
        log: EventLog,
    ) -> None:
        """`ways` says how a URI is reached by the routes, and raises SipRefusal."""
        self._ways = ways
        self._domains = frozenset(domains)
        self._limit = limit
        self._log = log

    def next(
        self, redirection: Redirection, request: Request, response: Response
    ) -> tuple[SipUri, Sequence[Way]] | None:
        """Where a request goes that was answered so, None when nowhere."""
        if response.status in FOLLOWED:
            redirection.seen.add(request.uri)
            found = [_for_request(one) for one in contacts_of(response) if isinstance(one, SipUri)]
            redirection.left = [*found, *redirection.left][:MAX_CONTACTS]
        elif response.status < 300 or response.status >= 600:
            return None
        while redirection.left:
            uri = redirection.left.pop(0)
            try:
                ways = self._lead(redirection, request, uri)
            except NotFollowed as why:
                self._tell(request, response, uri, str(why))
                continue
            redirection.seen.add(str(uri))
            redirection.followed += 1
            self._tell(request, response, uri, "")
            return uri, ways
        return None

    def _lead(self, redirection: Redirection, request: Request, uri: SipUri) -> Sequence[Way]:
        """How a Contact is reached.  Raises NotFollowed."""
        if redirection.followed >= self._limit:
            raise NotFollowed("limit")
        if str(uri) in redirection.seen:
            raise NotFollowed("seen")
        if request.uri.lower().startswith("sips:") and not uri.secure:
            raise NotFollowed("scheme")
        if uri.host in self._domains or "maddr" in uri.parameters:
            raise NotFollowed("inside")
        own = [one for one in redirection.ways if isinstance(one, Target) and one.host == uri.host]
        try:
            if own:
                return [_beside(own[0], target_of(uri))]
            if is_address(uri.host.strip("[]")) or "." not in uri.host:
                raise NotFollowed("inside")
            user = uri.aor.partition(":")[2].partition("@")[0]
            if uri.parameters.get("user") == "phone" or looks_dialled(user.partition(";")[0]):
                raise NotFollowed("number")
            ways = self._ways(uri)
        except (SipRefusal, UnknownScheme):
            raise NotFollowed("route") from None
        if uri.secure:
            ways = [one for one in ways if isinstance(one, Target) and one.transport == "TLS"]
        if not ways:
            raise NotFollowed("scheme")
        return ways

    def _tell(self, request: Request, response: Response, uri: SipUri, reason: str) -> None:
        self._log.emit(
            "sip.redirected",
            method=request.method[:32],
            status=response.status,
            host=uri.host,
            followed=not reason,
            reason=reason,
        )


def _beside(known: Target, named: Target) -> Target:
    """What a Contact names at a server that is known: it is spoken to as before where that does not
    say how, and never without TLS where it was with it.  Raises UnknownScheme."""
    if named.port is None and not named.transport:
        return known
    transport = named.transport or known.transport
    if known.transport == "TLS" and transport != "TLS":
        raise UnknownScheme("a redirect away from TLS")
    return attrs.evolve(known, port=named.port, transport=transport)


def contacts_of(response: Response) -> list[Uri]:
    """The Contacts of a redirect, those with the highest q first; none where they cannot be
    read."""
    try:
        found = response.addresses("Contact")[:MAX_CONTACTS]
    except Malformed:
        return []
    ranked = [(_q(one.parameters.get("q")), one.uri) for one in found]
    ranked.sort(key=lambda one: -one[0])
    return [uri for _, uri in ranked]


def _q(text: str | None) -> float:
    """qvalue (RFC 3261 section 25.1): 1 without one, or for what is none."""
    try:
        value = float(text) if text is not None and len(text) <= 5 else 1.0
    except ValueError:
        return 1.0
    return value if 0 <= value <= 1 else 1.0


def _for_request(uri: SipUri) -> SipUri:
    """A Contact's URI as a Request-URI (RFC 3261 section 19.1.1)."""
    kept = {name: value for name, value in uri.parameters.items() if name != "method"}
    return attrs.evolve(uri, parameters=kept, headers="")
