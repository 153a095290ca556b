"""Messaging sessions (INVITE with `m=message ... sip`, as Lync has them), from and to people
elsewhere.

A session is an INVITE dialog in which each text is a MESSAGE, typing an INFO, and BYE the end.  Who
begins one rings as the domain says (`mobility.domain.correspondence`); those that begin here go to
servers of routes that have them.  There is one session between two persons at a time: a later one
takes the place of the one before.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from twisted.internet.defer import Deferred

from mobility.domain.carriers import Page, Received, Rung
from mobility.domain.correspondence import Correspondence
from mobility.domain.facts import Reason
from mobility.domain.messaging import Text
from mobility.errors import Refusal, Unavailable
from mobility.sip import imdn, message_bodies, session_bodies
from mobility.sip.call_reasons import status_of
from mobility.sip.calling_leg import Invitation
from mobility.sip.client import Client
from mobility.sip.core import Core, Handler, Incoming
from mobility.sip.flow import Flow
from mobility.sip.imdn import Notice
from mobility.sip.message import Response
from mobility.sip.message_bodies import Typing, Written, read_content
from mobility.sip.mid_dialog import ends_call
from mobility.sip.parties import Caller, Parties, address
from mobility.sip.path import ClientPath
from mobility.sip.refusal import SipRefusal
from mobility.sip.session import CalledSession, CallingSession, Key, Session
from mobility.sip.static_routes import StaticRoutes
from mobility.sip.uri import UnknownScheme, Uri, parse_uri

MAX_SESSIONS = 10_000
"""Sessions at once (our choice: as many as correspondences)."""

RING_S = 180.0
"""How long an INVITE of ours may ring (our choice, as timer C of RFC 3261 section 16.6)."""

MAX_TRIES = 2
"""Sessions in which a message is tried: one may be lost, or cross another one (our choice)."""


class Sessions:
    """Serves INVITEs of messaging sessions, and begins sessions with people elsewhere."""

    def __init__(
        self,
        core: Core,
        client: Client,
        parties: Parties,
        letters: Correspondence,
        routes: StaticRoutes,
        user_of: Callable[[Uri, Flow], str],
        domain: str,
        epoch: Callable[[], float],
        calls: Handler,
    ) -> None:
        """`user_of` finds the URI of the user whom a Request-URI means, "" for nobody; `calls`
        serves the INVITEs of calls."""
        self._core = core
        self._client = client
        self._parties = parties
        self._letters = letters
        self._routes = routes
        self._user_of = user_of
        self._domain = domain
        self._epoch = epoch
        self._calls = calls
        self._sessions: dict[Key, Session] = {}
        core.serve("INVITE", self.invite)

    def __len__(self) -> int:
        return len(self._sessions)

    def forget(self, session: Session) -> None:
        if self._sessions.get(session.key) is session:
            del self._sessions[session.key]

    def _keep(self, session: Session) -> None:
        """A session takes the place of the one before.  Raises SipRefusal where there are too
        many."""
        before = self._sessions.get(session.key)
        if before is None and len(self._sessions) >= MAX_SESSIONS:
            raise SipRefusal(503, fields={"Retry-After": ["60"]})
        self._sessions[session.key] = session
        if before is not None:
            before.close()

    # -- sessions that begin beyond --------------------------------------------------------------

    def invite(self, incoming: Incoming) -> Awaitable[None] | None:
        """An INVITE out of dialogs came.  Raises SipRefusal and Malformed."""
        if not session_bodies.asks_for_session(incoming.request):
            return self._calls(incoming)
        return self._invited(incoming)

    async def _invited(self, incoming: Incoming) -> None:
        request = incoming.request
        if "Replaces" in request.fields:
            raise SipRefusal(481)
        caller = self._parties.caller(incoming)
        user = self._user_of(parse_uri(request.uri), incoming.flow)
        if not user:
            raise SipRefusal(404)
        if caller.uri == user:
            raise SipRefusal(403, "Forbidden: a session with oneself")
        session = Session(self, caller.uri, user, caller.name, flow=incoming.flow)
        path = ClientPath(self._client, flow=incoming.flow)
        leg = session.leg = CalledSession(self._core, path, session, incoming)
        leg.session = session
        session.takes(leg.offer)
        try:
            self._keep(session)
            rung = await self._ring(session, caller, session_bodies.first_text(request))
        except SipRefusal as refusal:
            self._refuse(session, refusal.status)
        except Unavailable:
            self._refuse(session, 503)
        except BaseException:
            self._refuse(session, 500)
            raise
        else:
            self._rung(session, rung)

    async def _ring(self, session: Session, caller: Caller, first: Written | None) -> Rung:
        """Raises SipRefusal."""
        now, text = self._epoch(), first.text if first is not None else None
        wish = first.wish if first is not None else None
        body = text or Text("Plain", "")
        page = Page(caller.uri, caller.name, session.user, now, body, wish=wish)
        try:
            rung = await self._letters.ring(page, text, now)
        except Unavailable:
            raise
        except Refusal as refusal:
            raise SipRefusal(404 if refusal.status == 404 else 480) from refusal
        if isinstance(session.leg, CalledSession):
            session.leg.shown = text is not None
        return rung

    def _rung(self, session: Session, rung: Rung) -> None:
        leg = session.leg
        if leg.is_over:
            if self._sessions.get(session.key, session) is session:  # it was given up meanwhile
                self._letters.leaves(session.beyond, session.user, elsewhere=session.elsewhere)
        elif rung is Rung.NOBODY:
            self._refuse(session, 480)
        elif isinstance(leg, CalledSession):
            if rung is Rung.RINGS:
                leg.progress(180)
            else:
                self._accept(session, leg)

    def _accept(self, session: Session, leg: CalledSession) -> None:
        leg.answer(session_bodies.description(self._domain, leg.offer))
        session.settle(200)

    def _refuse(self, session: Session, status: int) -> None:
        self.forget(session)
        if isinstance(session.leg, CalledSession):
            session.leg.refuse(status)
        session.settle(status)

    def answered(self, user: str, beyond: str, reason: Reason | None) -> None:
        """The user has accepted an invitation of somebody beyond, or nobody does."""
        session = self._sessions.get((beyond, user))
        if session is None or not isinstance(session.leg, CalledSession):
            return
        if reason is None:
            self._accept(session, session.leg)
        elif session.leg.state == "Ringing":
            status = status_of(reason)
            self._refuse(session, 480 if status == 408 else status)

    # -- what goes on ----------------------------------------------------------------------------

    def came(self, session: Session, incoming: Incoming) -> None:
        """A MESSAGE or INFO within a session.  Raises SipRefusal and Malformed."""
        self._check(session, incoming)
        request = incoming.request
        if request.method == "INFO":
            if "Info-Package" in request.fields:
                raise SipRefusal(469, fields={"Recv-Info": [""]})
            incoming.core.follow(incoming, self._typed(session, incoming))
        else:
            incoming.core.follow(incoming, self._wrote(session, incoming))

    def _check(self, session: Session, incoming: Incoming) -> None:
        """Within a dialog the other side comes over the flow that it began on, or is again who it
        was.  Raises SipRefusal and Malformed."""
        flow = session.flow
        same = flow is incoming.flow or (
            flow is not None and bool(flow.names & incoming.flow.names)
        )
        if not same and self._parties.caller(incoming).uri != session.beyond:
            raise SipRefusal(403, "Forbidden: another one's session")

    async def _typed(self, session: Session, incoming: Incoming) -> None:
        typing = session_bodies.typing_of(incoming.request)
        await self._show(session, typing)
        incoming.respond(200)

    async def _show(self, session: Session, typing: Typing | None) -> None:
        if typing is not None and typing.active:
            await self._letters.receive_typing(session.beyond, session.user, self._epoch())

    async def _wrote(self, session: Session, incoming: Incoming) -> None:
        content, now = read_content(incoming.request), self._epoch()
        if isinstance(content, Notice) and content.disposition is not None:
            await self._letters.dispositions.notified(
                session.beyond, session.user, content.message_id, content.disposition
            )
        if not isinstance(content, Written):
            await self._show(session, content if isinstance(content, Typing) else None)
            incoming.respond(200)
            return
        text, wish = content.text, content.wish
        page = Page(session.beyond, session.name, session.user, now, text, wish=wish)
        try:
            received = await self._letters.receive(page, now)
        except Unavailable:
            raise
        except Refusal as refusal:
            raise SipRefusal(404 if refusal.status == 404 else 480) from refusal
        incoming.respond(200 if received is Received.SHOWN else 202)

    def left(self, session: Session, *, elsewhere: bool) -> None:
        """Who is beyond has ended it, because somebody has answered `elsewhere` or for another
        reason, or is lost."""
        current = self._sessions.get(session.key) is session
        self.forget(session)
        session.settle(487)
        if current:
            self._letters.leaves(session.beyond, session.user, elsewhere=elsewhere)

    # -- sessions that begin here ----------------------------------------------------------------

    def find(self, user: str, beyond: str) -> Session | None:
        """The session between two persons, one that rings among them."""
        return self._sessions.get((beyond, user))

    def part(self, user: str, beyond: str) -> None:
        """The conversation is over for who is beyond."""
        session = self._sessions.get((beyond, user))
        if session is not None:
            session.close()

    async def begin(self, user: str, name: str, beyond: str, text: Text | None) -> int:
        """Invite somebody; the final status.  Raises SipRefusal where nothing leads there."""
        session = Session(self, beyond, user)
        uri = parse_uri(beyond)
        try:
            ways = self._routes.ways(uri)
        except UnknownScheme:
            raise SipRefusal(404) from None
        caller = address(user, name, self._domain)
        callee = address(beyond, "", self._domain)
        fields = [
            ("P-Asserted-Identity", str(caller)),
            ("Ms-Conversation-ID", self._core.entropy(16).hex()),
            *(session_bodies.first_message(text) if text is not None else []),
        ]
        offer = session_bodies.description(self._domain)
        invitation = Invitation(str(callee.uri), caller, callee, offer, tuple(fields))
        path = ClientPath(self._client, ways, follows=True)
        leg = session.leg = CallingSession(self._core, path, session, invitation)
        leg.session = session
        self._keep(session)
        answer = session.answer_of()
        timer = self._core.later(RING_S, partial(session.close, 408))
        try:
            leg.invite()
            status = await answer
        finally:
            timer.cancel()
        session.flow = path.flow
        return status

    async def carry(self, page: Page, *, begins: bool = True) -> int:
        """Bring a message into the session; where there is none one `begins`, or it is 481.  The
        final status."""
        status = 487
        for _ in range(MAX_TRIES):
            session = self._sessions.get((page.to_uri, page.from_uri))
            if session is None and not begins:
                return 481
            if session is None:
                status = await self.begin(page.from_uri, page.from_name, page.to_uri, page.text)
                session = self._sessions.get((page.to_uri, page.from_uri))
                if session is None or (status < 300 and session.shown):
                    return status
            if not session.established:  # one that was begun beyond has crossed ours
                status = await session.answer_of()
            if session.established:
                status = await self._write(session, page)
                if status != 481:
                    return status
        return status

    async def _write(self, session: Session, page: Page) -> int:
        """In an envelope where its reader can tell what becomes of it; then it is accepted (202)
        until that is told."""
        text = page.text
        html = text.format == "Html"
        bodies = [(message_bodies.PLAIN, text.plain if html else text.body)]
        if html and session.html:
            bodies.insert(0, (message_bodies.HTML, text.body))
        for kind, body in bodies if session.tells and page.id else ():
            from_ = address(page.from_uri, page.from_name, self._domain)
            to = address(page.to_uri, "", self._domain)
            envelope = imdn.asking(page, from_, to, kind, body)
            status = await self._send(session, message_bodies.CPIM, envelope)
            if status != 415:
                return 202 if status < 300 else status
        session.tells = False
        for kind, body in bodies:
            status = await self._send(session, f"{kind};charset=UTF-8", body.encode())
            if status != 415:
                return status
        return 415

    async def notify(self, session: Session, notice: bytes) -> None:
        """Tell who is beyond what has become of a message."""
        await self._send(session, message_bodies.CPIM, notice)

    async def _send(self, session: Session, kind: str, body: bytes) -> int:
        response = await self._ask(session, "MESSAGE", kind, body)
        if ends_call(response) and not session.leg.is_over:
            session.leg.hang_up()
            self.forget(session)
        return response.status

    def show_typing(self, session: Session, *, typing: bool) -> None:
        """Tell who is beyond that the user types, or has stopped."""
        if session.established:
            body = session_bodies.keyboard_activity(active=typing)
            self._ask(session, "INFO", session_bodies.KEYBOARD, body)

    def _ask(self, session: Session, method: str, kind: str, body: bytes) -> Deferred[Response]:
        """Send a request within the dialog; its final response."""
        request = session.leg.dialog.request(method)
        request.set("Content-Type", kind)
        request.body = body
        final: Deferred[Response] = Deferred()

        def answered(response: Response) -> None:
            if response.is_final:
                final.callback(response)

        session.leg.path.send(request, answered)
        return final
