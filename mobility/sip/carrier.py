"""Messages out (RFC 3428): to the phones of users, and by routes to people elsewhere.

What the domain has to bring (`mobility.domain.correspondence.Carrier`) and what is passed from one
phone to another goes the same way: a request to each phone of a user at once, of which the first
that takes it decides, or one request to the servers of somebody's domain.
"""

from collections.abc import Callable, Sequence
from email.utils import formatdate
from functools import lru_cache

import attrs
from twisted.internet.defer import Deferred

from mobility.domain import outcomes
from mobility.domain.bindings import Bindings
from mobility.domain.carriers import Disposition, Page, Received
from mobility.domain.facts import Reason
from mobility.domain.outcomes import Outcome
from mobility.domain.records import DispositionRequest
from mobility.domain.states import Invited
from mobility.domain.users import Users
from mobility.events import EventLog
from mobility.sip import imdn, message_bodies
from mobility.sip.client import Client
from mobility.sip.grammar import Malformed
from mobility.sip.gruu import NamedPhone
from mobility.sip.headers import NameAddr
from mobility.sip.message import Request, Response
from mobility.sip.parties import address
from mobility.sip.phones import Phone, phones_of
from mobility.sip.refusal import SipRefusal
from mobility.sip.registrar import Registrar
from mobility.sip.routing import Way
from mobility.sip.sending import OnResponse
from mobility.sip.sessions import Sessions
from mobility.sip.static_routes import StaticRoutes
from mobility.sip.uri import UnknownScheme, Uri, parse_uri

TYPING_REFRESH_S = 60
"""How long a notice of typing holds (RFC 3994 section 5: 60 s at least)."""

MAX_SILENT = 1_000
"""People who do not take notices of typing that are remembered (our choice)."""

MAX_NAMED = 4_096
"""People whose From or To is remembered, since the same ones write again and again (our choice)."""

MAX_MODES = 1_000
"""People elsewhere of whom it is remembered how they take messages (our choice)."""

NO_PAGES = frozenset({405, 415, 489, 501})
"""Answers to a MESSAGE outside of a session of who takes them within one, perhaps."""

NO_SESSIONS = frozenset({405, 415, 488, 501, 606})
"""Answers to the INVITE of a session of who takes messages without one, perhaps."""

AWAY = frozenset({404, 408, 410, 430, 480, 500, 502, 503, 504})
"""Answers of a phone that say that it is not there, not that its user does not want it."""

NOT_WANTED = Outcome(
    Invited.DECLINED,
    Reason("RemoteFailure", "Declined", "The message was not taken."),
    Reason("LocalFailure", "Declined", "The message was not taken."),
)
NOBODY = Outcome(
    Invited.UNREACHABLE,
    outcomes.UNKNOWN,
    Reason("LocalFailure", "Unavailable", "Nobody has this address."),
)
UNTAKEN = Outcome(
    Invited.UNREACHABLE,
    Reason("RemoteFailure", "ModalityNotSupported", "The other side takes no such message."),
    Reason("LocalFailure", "ModalityNotSupported", "The other side takes no such message."),
)

_OUTCOMES = {
    403: NOT_WANTED,
    404: NOBODY,
    415: UNTAKEN,
    405: UNTAKEN,
    488: UNTAKEN,
    501: UNTAKEN,
    513: UNTAKEN,
    603: NOT_WANTED,
    604: NOBODY,
    606: UNTAKEN,
    607: NOT_WANTED,
}
"""What the domain is told of a final response; of any other, that nobody can be reached."""

Make = Callable[[], Request]
"""Makes one request, to be addressed; each phone gets one of its own."""


def outcome_of(status: int) -> Outcome | Received:
    """Who answers 202 keeps the message for later (RFC 3428 section 7)."""
    if status < 300:
        return Received.KEPT if status == 202 else Received.SHOWN
    return _OUTCOMES.get(status, outcomes.UNABLE)


def status_back(status: int) -> int:
    """How an answer is passed back: a server that is busy is not this one, one that does not know
    us does not ask who has sent the request, and where none is followed a redirect leads nobody on
    (RFC 3261 section 16.7)."""
    status = {401: 502, 407: 502, 503: 500}.get(status, status)
    return 480 if 300 <= status < 400 else status


class SipCarrier:
    """Brings messages to phones and to other servers."""

    def __init__(
        self,
        client: Client,
        registrar: Registrar,
        bindings: Bindings,
        users: Users,
        routes: StaticRoutes,
        domain: str,
        epoch: Callable[[], float],
        log: EventLog,
    ) -> None:
        self._client = client
        self._registrar = registrar
        self._bindings = bindings
        self._users = users
        self._routes = routes
        self._domain = domain
        self._epoch = epoch
        self._log = log
        self._silent: dict[str, None] = {}
        self._in_sessions: dict[str, bool] = {}
        """Who takes messages otherwise than the routes say."""
        self.sessions: Sessions | None = None
        """Begins sessions; without it there are none."""

    # -- what the domain asks for -----------------------------------------------------------------

    def leads_to(self, uri: str) -> bool:
        if self._users.find(uri) is not None:
            return bool(self._bindings.of(uri, self._epoch()))
        try:
            return bool(self._routes.ways(parse_uri(uri)))
        except (SipRefusal, Malformed):
            return False

    async def carry(self, page: Page) -> Outcome | Received:
        sessions, uri = self.sessions, page.to_uri
        there = sessions is not None and sessions.find(page.from_uri, uri) is not None
        if sessions is None or (not there and self._users.find(uri) is not None):
            return outcome_of(await self._carry_page(page))
        if self._users.find(uri) is not None:  # whose device has begun a session
            status = await sessions.carry(page, begins=False)
            lost = status in (408, 481)
            return outcome_of(await self._carry_page(page) if lost else status)
        known = uri in self._in_sessions
        if there or self._prefers_session(uri):
            status = await self._in_session(sessions, page)
            if status not in NO_SESSIONS or known:
                return outcome_of(status)
            status = await self._carry_page(page)
            self._learn(uri, status, in_sessions=False)
        else:
            status = await self._carry_page(page)
            if status not in NO_PAGES or known:
                return outcome_of(status)
            refused, status = status, await self._in_session(sessions, page)
            self._learn(uri, status, in_sessions=True)
            status = refused if status in NO_SESSIONS else status
        return outcome_of(status)

    async def _in_session(self, sessions: Sessions, page: Page) -> int:
        try:
            return await sessions.carry(page)
        except (SipRefusal, Malformed):
            return 404

    def _prefers_session(self, uri: str) -> bool:
        known = self._in_sessions.get(uri)
        return self._routes.has_sessions(parse_uri(uri)) if known is None else known

    def _learn(self, uri: str, status: int, *, in_sessions: bool) -> None:
        """Somebody takes messages otherwise than the route says."""
        if status < 300:
            if len(self._in_sessions) >= MAX_MODES:
                del self._in_sessions[next(iter(self._in_sessions))]
            self._in_sessions[uri] = in_sessions

    async def begin(self, from_uri: str, from_name: str, to_uri: str) -> Outcome | None:
        sessions = self.sessions
        if sessions is None or self._users.find(to_uri) is not None:
            return None
        if not self._prefers_session(to_uri):
            return None
        try:
            status = await sessions.begin(from_uri, from_name, to_uri, None)
        except (SipRefusal, Malformed):
            status = 404
        if status < 300 or status in NO_SESSIONS:
            return None
        return _OUTCOMES.get(status, outcomes.UNABLE)

    def answered(self, from_uri: str, to_uri: str, reason: Reason | None) -> None:
        if self.sessions is not None:
            self.sessions.answered(from_uri, to_uri, reason)

    def part(self, from_uri: str, to_uri: str) -> None:
        if self.sessions is not None:
            self.sessions.part(from_uri, to_uri)

    async def _carry_page(self, page: Page) -> int:
        """HTML goes as plain text to who does not take it."""
        text = page.text
        html = text.format == "Html"
        kind = message_bodies.HTML if html else message_bodies.PLAIN
        status = await self._carry(page, kind, text.body)
        if status == 415 and html:
            status = await self._carry(page, message_bodies.PLAIN, text.plain)
        return status

    async def _carry(self, page: Page, kind: str, text: str) -> int:
        """The final status.  Who says that it has the same one already (482, RFC 3261 section
        8.2.2.2) has got it before a restart."""
        html = page.text.format == "Html"

        def make() -> Request:
            request = self.request(page.from_uri, page.from_name, page.to_uri)
            if page.id:  # the same one again after a restart
                request.set("Call-ID", page.id)
                own = attrs.evolve(request.from_, parameters={"tag": page.id})
                request.set("From", str(own))
                request.renumber(11 if html and kind == message_bodies.PLAIN else 1)
            request.set("Date", formatdate(page.sent_at, usegmt=True))
            request.set("Content-Type", f"{kind};charset=UTF-8")
            request.body = text.encode()
            return request

        status = (await self.deliver(make, page.to_uri)).status
        return 200 if status == 482 and page.again else status

    def show_typing(self, from_uri: str, to_uri: str, *, typing: bool) -> None:
        if self.sessions is not None:
            session = self.sessions.find(from_uri, to_uri)
            if session is not None:
                self.sessions.show_typing(session, typing=typing)
                return
            if self._users.find(to_uri) is None and self._prefers_session(to_uri):
                return
        if to_uri not in self._silent:
            showing = Deferred.fromCoroutine(self._show_typing(from_uri, to_uri, typing=typing))
            showing.addErrback(
                lambda failure: self._log.failure("sip.failed", failure, method="MESSAGE")
            )

    async def _show_typing(self, from_uri: str, to_uri: str, *, typing: bool) -> None:
        def make() -> Request:
            request = self.request(from_uri, "", to_uri)
            request.set("Content-Type", message_bodies.COMPOSING)
            request.body = message_bodies.typing_body(active=typing, refresh_s=TYPING_REFRESH_S)
            return request

        response = await self.deliver(make, to_uri)
        if response.status in (405, 406, 415, 488, 501):
            if len(self._silent) >= MAX_SILENT:
                del self._silent[next(iter(self._silent))]
            self._silent[to_uri] = None

    async def notify(self, request: DispositionRequest, disposition: Disposition) -> None:
        """Tell the sender of a message what has become of it (RFC 5438): in the session that there
        is, or outside of one.  Whether that is taken makes no difference here."""
        now, from_uri, to_uri = self._epoch(), request.to_uri, request.from_uri
        notice = imdn.notification(request, disposition, self._client.new_tag(), now)
        if self.sessions is not None:
            session = self.sessions.find(from_uri, to_uri)
            if session is not None and session.established:
                await self.sessions.notify(session, notice)
                return

        def make() -> Request:
            made = self.request(from_uri, "", to_uri)
            made.set("Content-Type", message_bodies.CPIM)
            made.body = notice
            return made

        await self.deliver(make, to_uri)

    # -- requests ---------------------------------------------------------------------------------

    def request(self, from_uri: str, from_name: str, to_uri: str) -> Request:
        """A MESSAGE that is still to be addressed and filled."""
        from_ = self.named(from_uri, from_name, "")
        to = _named(to_uri, "", self._domain)
        return self._client.request_as("MESSAGE", to[1:-1], from_, to)

    def phones_of(self, uri: str) -> list[Phone]:
        """The phones of a user that are registered, the one used last first."""
        return phones_of(self._bindings.of(uri, self._epoch()))

    def relay(self, request: Request, phone: Phone, on_response: OnResponse) -> None:
        """Send somebody's request on to a phone."""
        self._client.relay(request, self._registrar.ways(request, phone), on_response)

    def named(self, uri: str, name: str, tag: str) -> str:
        """Somebody as the value of a From."""
        return f"{_named(uri, name, self._domain)};tag={tag or self._client.new_tag()}"

    async def to_phone(self, request: Request, phone: NamedPhone) -> Response:
        """Send a request to one phone of a user, which answers; 480 where it is gone."""
        flows = self._registrar.phone(phone)
        if not flows:
            return request.respond(480)
        return await self._client.ask(request, self._registrar.ways(request, flows))

    async def deliver(self, make: Make, uri: str) -> Response:
        """Send a request to all phones of a user, or on to somebody else; the best answer."""
        user = self._users.find(uri)
        if user is None:
            return await self.route(make, parse_uri(uri))
        sent: list[tuple[Request, Sequence[Way]]] = []
        for phone in self.phones_of(user.uri):
            request = make()
            sent.append((request, self._registrar.ways(request, phone)))
        if not sent:
            return make().respond(480)
        if len(sent) == 1:
            return await self._client.ask(*sent[0])
        return await _first_taken([self._client.ask(*one) for one in sent])

    async def route(self, make: Make, uri: Uri) -> Response:
        """Send a request on to the servers of somebody elsewhere."""
        request = make()
        try:
            ways = self._routes.ways(uri)
        except (SipRefusal, UnknownScheme):
            return request.respond(404)
        if "P-Asserted-Identity" not in request.fields:
            own = attrs.evolve(request.from_, parameters={})
            request.set("P-Asserted-Identity", str(NameAddr(own.uri, own.name)))
        return await self._client.ask(request, ways, follows=True)


@lru_cache(MAX_NAMED)
def _named(uri: str, name: str, domain: str) -> str:
    """Somebody as From or To says it; without a name that is the URI in brackets."""
    return str(address(uri, name, domain))


def _first_taken(asking: Sequence[object]) -> Deferred[Response]:
    """The first success of several requests, or else the best of their refusals."""
    best: Deferred[Response] = Deferred()
    refusals: list[Response] = []

    def answered(response: Response) -> None:
        if response.status < 300:
            if not best.called:
                best.callback(response)
            return
        refusals.append(response)
        if len(refusals) == len(asking) and not best.called:
            best.callback(min(refusals, key=_rank))

    for one in asking:
        Deferred.fromCoroutine(one).addCallback(answered)  # type: ignore[arg-type]
    return best


def _rank(response: Response) -> tuple[int, int]:
    """The better refusal is the lower (RFC 3261 section 16.7 step 6): 6xx first, then what says
    that somebody is there, then the lowest class."""
    if response.status >= 600:
        return 0, response.status
    return (2 if response.status in AWAY else 1), response.status
