"""MESSAGE requests that come (RFC 3428): to people here, and through from a phone.

- A message to a user is the domain's (`mobility.domain.correspondence`): the answer is 200 once it
  is durable and some device shows it now, 202 once it is durable and waits.
- Between two who have phones and no application the message is passed on without being kept, and
  the answer is the phone's.  Where no phone is there, it is kept as missed (202).
- Users' phones may write to people elsewhere by the routes; others may not write through here.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

import attrs

from mobility.domain.applications import Applications
from mobility.domain.carriers import Page, Received
from mobility.domain.correspondence import Correspondence
from mobility.domain.phones import normalised
from mobility.domain.reach import Reach
from mobility.domain.users import Users
from mobility.errors import Refusal, Unavailable
from mobility.sip.carrier import AWAY, SipCarrier, status_back
from mobility.sip.core import Incoming
from mobility.sip.flow import Flow
from mobility.sip.gruu import NamedPhone
from mobility.sip.imdn import Notice
from mobility.sip.message import Request, Response
from mobility.sip.message_bodies import Typing, Written, read_content
from mobility.sip.parties import Caller, Parties
from mobility.sip.phones import Phone
from mobility.sip.refusal import SipRefusal
from mobility.sip.uri import SipUri, TelUri, Uri, parse_uri

DEFAULT_FORWARDS: Final = 70

PASSED_ON = (
    "Content-Type",
    "Content-Disposition",
    "Content-Language",
    "Date",
    "Expires",
    "In-Reply-To",
    "Priority",
    "Subject",
)
"""Header fields that a message keeps from one phone to the other."""


@attrs.frozen(slots=True)
class PageDomain:
    """What the domain decides about messages."""

    users: Users
    applications: Applications
    reach: Reach
    correspondence: Correspondence


class Pages:
    """Serves MESSAGE."""

    def __init__(
        self,
        domain: PageDomain,
        domains: Collection[str],
        parties: Parties,
        carrier: SipCarrier,
        epoch: Callable[[], float],
    ) -> None:
        self._users = domain.users
        self._applications = domain.applications
        self._reach = domain.reach
        self._correspondence = domain.correspondence
        self._domains = frozenset(domains)
        self._parties = parties
        self._carrier = carrier
        self._epoch = epoch
        domain.correspondence.carrier = carrier

    def message(self, incoming: Incoming) -> Awaitable[None] | None:
        """A MESSAGE came.  Raises SipRefusal, Refusal and Malformed."""
        request = incoming.request
        sender = self._parties.caller(incoming)
        uri = parse_uri(request.uri)
        phone = self._parties.phone(uri)
        if phone is not None:
            return self._pass_to_phone(incoming, sender, phone)
        to_uri = self.user_of(uri, incoming.flow)
        if not to_uri:
            if sender.user is None or _is_here(uri, self._domains):
                raise SipRefusal(404)
            return self._route(incoming, sender, uri)
        phones = self._carrier.phones_of(to_uri)
        if phones and self._is_between_phones(sender, to_uri):
            return self._pass(incoming, sender, to_uri, phones)
        return self._take(incoming, sender, to_uri, phones=True)

    async def _route(self, incoming: Incoming, sender: Caller, uri: Uri) -> None:
        response = await self._carrier.route(lambda: self._passed_on(incoming.request, sender), uri)
        _answer(incoming, response)

    async def _pass_to_phone(self, incoming: Incoming, sender: Caller, phone: NamedPhone) -> None:
        """What is for one phone alone is the phone's to answer, and nobody keeps it."""
        if self._reach.obstacle(phone.user_uri, sender.uri) is not None:
            raise SipRefusal(480)
        made = self._passed_on(incoming.request, sender)
        _answer(incoming, await self._carrier.to_phone(made, phone))

    def begins_with(self, uri: Uri, flow: Flow) -> str:
        """The URI of the user with whom a session begins, "" for nobody here.  Raises SipRefusal
        (416; 404, 480 and 488 for a GRUU, since phones are in no sessions)."""
        if self._parties.phone(uri) is not None:
            raise SipRefusal(488)
        return self.user_of(uri, flow)

    def user_of(self, uri: Uri, flow: Flow) -> str:
        """The URI of the user who is meant by a Request-URI that came over a flow, "" if it is
        nobody here.  Raises SipRefusal (416)."""
        if isinstance(uri, TelUri):
            found = self._users.of_line(normalised(uri.number) or "")
            return found.uri if found is not None else ""
        if not isinstance(uri, SipUri):
            raise SipRefusal(416)
        aors = [uri.aor]
        if uri.host == flow.local[0]:  # our own address, which has no users
            aors = [
                f"sip:{uri.bare().aor.partition(':')[2].partition('@')[0]}@{one}"
                for one in self._domains
            ]
        for aor in aors:
            user = self._users.find(aor)
            if user is not None and user.enabled:
                return user.uri
        return ""

    # -- between phones ---------------------------------------------------------------------------

    def _is_between_phones(self, sender: Caller, to_uri: str) -> bool:
        """Whether nobody has an application that could show the message, now or later."""
        applications = self._applications.of_user
        return (
            not applications(to_uri)
            and not (sender.user is not None and applications(sender.user.uri))
            and self._reach.obstacle(to_uri, sender.uri) is None
        )

    def _pass(
        self, incoming: Incoming, sender: Caller, to_uri: str, phones: Sequence[Phone]
    ) -> Awaitable[None] | None:
        """Most users have one phone, and then nothing has to be waited for here."""
        if len(phones) > 1:
            return self._pass_to_all(incoming, sender, to_uri)

        def answered(response: Response) -> None:
            if response.status in AWAY:
                later = self._take(incoming, sender, to_uri, phones=False)
                incoming.core.follow(incoming, later)
            elif response.is_final:
                _answer(incoming, response)

        request = self._passed_on(incoming.request, sender)
        self._carrier.relay(request, phones[0], answered)
        return None

    async def _pass_to_all(self, incoming: Incoming, sender: Caller, to_uri: str) -> None:
        response = await self._carrier.deliver(
            lambda: self._passed_on(incoming.request, sender), to_uri
        )
        if response.status in AWAY:
            await self._take(incoming, sender, to_uri, phones=False)
        else:
            _answer(incoming, response)

    def _passed_on(self, request: Request, sender: Caller) -> Request:
        """The same message, still without a way to go: with the Call-ID, CSeq and tag that it came
        with, so that what refers to it does so at both ends, and from whom it is known to be."""
        fields = request.fields
        left = int(request.first("Max-Forwards") or DEFAULT_FORWARDS) - 1
        if left < 0:
            raise SipRefusal(483)
        to = request.to
        passed = {
            "Max-Forwards": [str(left)],
            "From": [self._carrier.named(sender.uri, sender.name, request.from_.tag)],
            "To": [str(attrs.evolve(to, parameters={}))] if to.parameters else fields["To"],
            "Call-ID": fields["Call-ID"],
            "CSeq": fields["CSeq"],
        }
        for name in PASSED_ON:
            if name in fields:
                passed[name] = fields[name]
        return Request(passed, request.body, request.method, request.uri)

    # -- to the domain ----------------------------------------------------------------------------

    async def _take(self, incoming: Incoming, sender: Caller, to_uri: str, *, phones: bool) -> None:
        content = read_content(incoming.request)
        now = self._epoch()
        match content:
            case Notice():
                await self._told(content, sender.uri, to_uri)
                incoming.respond(200)
            case Typing():
                if content.active:
                    await self._correspondence.receive_typing(sender.uri, to_uri, now)
                incoming.respond(200)
            case Written():
                if sender.uri == to_uri:
                    raise SipRefusal(403, "Forbidden: a message to oneself")
                page = Page(sender.uri, sender.name, to_uri, now, content.text, wish=content.wish)
                received = await self._receive(page, now, phones=phones)
                incoming.respond(200 if received is Received.SHOWN else 202)

    async def _told(self, notice: Notice, from_uri: str, to_uri: str) -> None:
        if notice.disposition is not None:
            await self._correspondence.dispositions.notified(
                from_uri, to_uri, notice.message_id, notice.disposition
            )

    async def _receive(self, page: Page, now: float, *, phones: bool) -> Received:
        try:
            return await self._correspondence.receive(page, now, phones=phones)
        except Unavailable:
            raise
        except Refusal as refusal:
            raise SipRefusal(404 if refusal.status == 404 else 480) from refusal


def _is_here(uri: Uri, domains: Collection[str]) -> bool:
    return isinstance(uri, SipUri) and uri.host in domains


_TOLD_ON = ("Accept", "Accept-Encoding", "Warning")
"""Header fields of a phone's answer that its sender hears of."""
_TOLD = frozenset(_TOLD_ON)


def _answer(incoming: Incoming, response: Response) -> None:
    """Pass an answer back."""
    if response.heard:
        incoming.tag = response.to.tag
    incoming.respond(
        status_back(response.status),
        ()
        if _TOLD.isdisjoint(response.fields)
        else [(name, one) for name in _TOLD_ON for one in response.fields.get(name, ())],
    )
