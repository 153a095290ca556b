"""Who calls over SIP, and who is called (RFC 3261 section 8.2.2, RFC 3325).

A user proves with digest who it is.  A trusted peer says for whom it calls: in P-Asserted-Identity,
or in From where it asserts nothing.
"""

from collections.abc import Callable, Collection, Iterable

import attrs

from mobility.domain.addresses import is_guest, user_uri
from mobility.domain.phones import normalised
from mobility.domain.records import User
from mobility.domain.users import Users
from mobility.domain.voice_objects import Gateway
from mobility.domain.voice_routing import looks_dialled
from mobility.sip.admission import Admission
from mobility.sip.core import Incoming
from mobility.sip.flow import Flow
from mobility.sip.grammar import Malformed, readable, storable
from mobility.sip.gruu import Gruus, NamedPhone
from mobility.sip.headers import NameAddr
from mobility.sip.message import Request
from mobility.sip.refusal import SipRefusal
from mobility.sip.uri import SipUri, TelUri, Uri, parse_uri

MAX_NAME = 128
"""Characters of a display name that are shown (our choice)."""

UNKNOWN = "sip:unknown@unknown.invalid"
"""Under which somebody is known here who does not say who it is."""

NAMELESS = "Anonymous"
"""The name of who does not say one, and is not to be known otherwise."""

WITHHELD = frozenset({"id", "header", "user"})
"""Values of Privacy that keep back who calls (RFC 3323 section 4.2, RFC 3325 section 9.3)."""

ANONYMOUS = "sip:anonymous@anonymous.invalid"
"""How it is named to others (RFC 3323 section 4.1.1.3)."""


@attrs.define(slots=True)
class Caller:
    """Who calls: a user here, or somebody beyond under a SIP or tel URI and a name.

    It is not to be changed, and not frozen only because making it costs less so.
    """

    uri: str = attrs.field(repr=False)
    name: str = attrs.field(repr=False)
    user: User | None = None


@attrs.frozen(slots=True)
class Callee:
    """Who is called: the URI of a user here, or a number as it was dialled, the other "".

    `phone` is the only phone of the user that may ring, None for whatever rings for it.
    """

    uri: str = ""
    dialled: str = attrs.field(repr=False, default="")
    phone: NamedPhone | None = None


class Parties:
    """Finds them."""

    def __init__(
        self,
        users: Users,
        domains: Collection[str],
        admission: Admission,
        gateways: Callable[[], Iterable[Gateway]],
        speaks_for: Callable[[str, Collection[str]], bool] | None = None,
        gruus: Gruus | None = None,
    ) -> None:
        """`speaks_for` says whether a server with a certificate for these names may send for
        people of a domain that is not served here.  Without `gruus` no URI is one."""
        self._gruus = gruus
        self._gateways = gateways
        self._speaks_for = speaks_for
        self._users = users
        self._domains = frozenset(domains)
        self._admission = admission

    def caller(self, incoming: Incoming) -> Caller:
        """Who sends a request.  Raises SipRefusal (407, 403) and Malformed."""
        request = incoming.request
        from_ = request.from_
        if self._admission.trusts(incoming.flow) or self._is_gateway(incoming.flow):
            return self._asserted(request, from_)
        uri = from_.sip
        host = uri.host
        if host not in self._domains:
            if self._speaks_for is not None and self._speaks_for(host, incoming.flow.names):
                return Caller(_of_domain(from_), readable(from_.name)[:MAX_NAME] or from_.sip.user)
            raise SipRefusal(403, "Forbidden: a domain that is not served here")
        user = self._admission.caller(incoming, host)
        if user.uri != uri.aor:
            raise SipRefusal(403, "Forbidden: another user's address")
        return Caller(user.uri, user.name, user)

    def user(self, uri: str) -> User | None:
        """A user here, None for somebody beyond."""
        return self._users.find(uri)

    def callee(self, request: Request, caller: Caller) -> Callee:
        """Whom a request is for.  Raises SipRefusal (404, 416, 480 for a phone that is not
        registered) and Malformed."""
        uri = parse_uri(request.uri)
        phone = self.phone(uri)
        if phone is not None:
            return Callee(phone.user_uri, phone=phone)
        if isinstance(uri, TelUri):
            return self._numbered(uri.number, caller)
        if not isinstance(uri, SipUri):
            raise SipRefusal(416)
        if not uri.user:
            raise SipRefusal(404)
        user = self._users.find(uri.aor) if uri.host in self._domains else None
        if user is not None:
            return Callee(user.uri)
        if caller.user is None or uri.host in self._domains:
            dialled = uri.user.partition(";")[0]
            if looks_dialled(dialled):
                return self._numbered(dialled, caller)
        raise SipRefusal(404)

    def is_gruu(self, uri: Uri) -> bool:
        """Whether a URI is a GRUU of a domain here, of a phone that there is or not."""
        return self._gruus is not None and self._gruus.is_one(uri)

    def phone(self, uri: Uri) -> NamedPhone | None:
        """The phone that a GRUU names, None for another URI.  Raises SipRefusal (404, 480)."""
        return None if self._gruus is None else self._gruus.find(uri)

    def _is_gateway(self, flow: Flow) -> bool:
        """Whether a gateway of the voice routes is at the other end: by its certificate, or one
        that is reached over TCP by its address."""
        for gateway in self._gateways():
            plain = gateway.transport == "tcp" and not flow.secure
            if gateway.name in flow.names or (plain and gateway.name == flow.source[0]):
                return True
        return False

    def _numbered(self, dialled: str, caller: Caller) -> Callee:
        """A number: users dial by their dial plans, gateways say which line they are called on."""
        if caller.user is not None:
            return Callee(dialled=dialled)
        for number in (dialled, f"+{dialled}"):
            found = self._users.of_line(normalised(number) or "")
            if found is not None:
                return Callee(found.uri)
        raise SipRefusal(404)

    def _asserted(self, request: Request, from_: NameAddr) -> Caller:
        """Whom a trusted peer speaks for; a user here is first among several."""
        named = [*request.addresses("P-Asserted-Identity"), from_]
        for one in named:
            uri = uri_of(one)
            user = self._users.find(uri)
            if user is not None and user.enabled:
                return Caller(user.uri, user.name, user)
        if request.method == "INVITE" and _withheld(request):
            return Caller(UNKNOWN, NAMELESS)
        first = named[0]
        uri = uri_of(first)
        name = readable(first.name or from_.name)[:MAX_NAME]
        return Caller(uri, name or (uri.partition(":")[2] if uri != UNKNOWN else NAMELESS))


def _withheld(request: Request) -> bool:
    """Whether who calls is not to be shown: what is asserted of it is for servers alone."""
    wanted = {one.strip().lower() for one in (request.first("Privacy") or "").split(";")}
    return not WITHHELD.isdisjoint(wanted)


def _of_domain(from_: NameAddr) -> str:
    """Somebody of a domain that speaks for its own people, and for nobody's numbers."""
    try:
        known = user_uri(from_.sip.aor) if storable(str(from_.uri)) else None
    except UnicodeError:
        known = None
    return UNKNOWN if known is None or is_guest(known) else known


def uri_of(address: NameAddr) -> str:
    """The URI under which somebody is known here: a number is a number, in whatever URI."""
    uri = address.uri
    if isinstance(uri, TelUri):
        return f"tel:{uri.number}"
    if not isinstance(uri, SipUri) or not storable(str(uri)):
        return UNKNOWN
    number = uri.user.partition(";")[0]
    is_number = uri.parameters.get("user") == "phone" or number[:1] == "+"
    if is_number and looks_dialled(number):
        return f"tel:{number}"
    try:
        known = user_uri(uri.aor)
    except (Malformed, UnicodeError):
        known = None
    return UNKNOWN if known is None or is_guest(known) else known


def address(uri: str, name: str, domain: str) -> NameAddr:
    """How somebody of this system or beyond is named in From and To; numbers are of `domain`."""
    name = "".join(letter for letter in name if letter.isprintable())[:MAX_NAME]
    if uri == UNKNOWN:
        return NameAddr(parse_uri(ANONYMOUS), name)
    if uri.startswith("tel:"):
        number = uri[4:].partition(";")[0]
        return NameAddr(SipUri(domain, number, parameters={"user": "phone"}), name)
    try:
        return NameAddr(parse_uri(uri), name)
    except Malformed:  # an address in letters that SIP does not have
        return NameAddr(parse_uri(ANONYMOUS), name)
