"""Event state that phones and servers publish (RFC 3903): PUBLISH comes, and what it says is used.

What is published is in memory alone: after a restart the entity-tags are unknown, and a publisher
that is answered 412 publishes anew (RFC 3903 section 4.1).
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mobility.config import SipConfig
from mobility.domain.phone_presence import PhonePresence, Published
from mobility.domain.voicemail import Voicemail
from mobility.sip import dialog_info, message_summary, pidf
from mobility.sip.core import Core, Incoming
from mobility.sip.dialog_info import DialogInfo
from mobility.sip.grammar import Malformed, is_token
from mobility.sip.headers import Parametrised
from mobility.sip.identity import Identity, Sender
from mobility.sip.limits import BUSY_RETRY_S
from mobility.sip.message import Request
from mobility.sip.message_summary import MessageSummary
from mobility.sip.pidf import Pidf
from mobility.sip.presence_mapping import meaning_of
from mobility.sip.publication import PublicationRefused, Publications
from mobility.sip.refusal import SipRefusal
from mobility.sip.subscription import event_of, expires_of
from mobility.sip.uri import parse_sip_uri

PUBLICATIONS_OF_USER = 20
"""Publications of one user for one event package (our choice: one a phone, and some forgotten)."""

MAX_PUBLICATIONS = 100_000
"""Of all users; a new one beyond is answered 503 (our choice: about 100 MB of them)."""

SWEEP_S = 2.0
"""How often what has expired is looked for (our choice)."""

T = TypeVar("T")


class State(Protocol[T]):
    """An event package whose state can be published.

    `kind` is the Content-Type that is read.
    """

    name: str
    kind: str

    def parse(self, body: bytes) -> T:
        """Read a body.  Raises Malformed."""

    def check(self, uri: str, sender: Sender) -> None:
        """Whether `sender` may publish about a user.  Raises SipRefusal."""

    def told(self, uri: str, contents: Sequence[T]) -> Awaitable[None] | None:
        """All that is published about a user is this now."""


class _Compositor(Generic[T]):
    """What is published for one package."""

    def __init__(self, state: State[T], new_etag: Callable[[], str]) -> None:
        self.state = state
        self.kept: Publications[T] = Publications(new_etag, PUBLICATIONS_OF_USER)

    def read(self, body: bytes) -> T | None:
        return self.state.parse(body) if body else None

    def tell(self, uri: str, now: float) -> Awaitable[None] | None:
        return self.state.told(uri, self.kept.of(uri, now))


class Publisher:
    """Serves PUBLISH."""

    def __init__(
        self, core: Core, identity: Identity, settings: SipConfig, clock: IReactorTime
    ) -> None:
        self._core = core
        self._identity = identity
        self._settings = settings
        self._clock = clock
        self._compositors: dict[str, _Compositor[Any]] = {}
        self._sweeping: IDelayedCall | None = None
        core.serve("PUBLISH", self.publish)

    def add(self, state: State[Any]) -> None:
        """Take publications for a package."""
        self._compositors[state.name] = _Compositor(state, self._core.new_tag)

    def __len__(self) -> int:
        return sum(len(one.kept) for one in self._compositors.values())

    def gone(self, uri: str) -> None:
        """There is no such user any more."""
        for one in self._compositors.values():
            one.kept.forget(uri)

    async def publish(self, incoming: Incoming) -> None:
        """A PUBLISH came."""
        request = incoming.request
        name, _ = event_of(request.first("Event"))
        compositor = self._compositors.get(name)
        if compositor is None:
            known = ", ".join(sorted(self._compositors))
            raise SipRefusal(489, fields={"Allow-Events": [known]})
        sender = self._identity.sender(incoming)
        uri = self._identity.resource(parse_sip_uri(request.uri), self._compositors)
        if not self._identity.is_there(uri):
            raise SipRefusal(404)
        compositor.state.check(uri, sender)
        expires_s = expires_of(request.first("Expires"), self._settings.max_expires_s)
        if 0 < expires_s < self._settings.min_expires_s:
            raise SipRefusal(423, fields={"Min-Expires": [str(self._settings.min_expires_s)]})
        expires_s = min(expires_s, self._settings.max_expires_s)
        if request.body:
            kind = Parametrised.parse(request.first("Content-Type") or "none").value.lower()
            if kind != compositor.state.kind or request.first("Content-Encoding"):
                raise SipRefusal(415, fields={"Accept": [compositor.state.kind]})
        content = compositor.read(request.body)
        etag = _entity_tag(request)
        if not etag and len(self) >= MAX_PUBLICATIONS:
            raise SipRefusal(503, fields={"Retry-After": [str(BUSY_RETRY_S)]})
        now = self._clock.seconds()
        try:
            made = compositor.kept.publish(uri, etag, content, now + expires_s, now)
        except PublicationRefused as refused:
            raise SipRefusal(refused.status) from None
        told = compositor.tell(uri, now)
        if told is not None:
            await told
        if made is not None and self._sweeping is None:
            self._sweeping = self._clock.callLater(SWEEP_S, self._sweep)
        tag = self._core.new_tag() if made is None else made.etag
        incoming.respond(200, [("SIP-ETag", tag), ("Expires", str(expires_s))])

    def close(self) -> None:
        """Look for nothing any more."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    def _sweep(self) -> None:
        self._sweeping = None
        now = self._clock.seconds()
        for one in self._compositors.values():
            for uri in one.kept.expire(now):
                one.tell(uri, now)
        if len(self):
            self._sweeping = self._clock.callLater(SWEEP_S, self._sweep)


def _entity_tag(request: Request) -> str:
    """What SIP-If-Match says, "" without it.  Raises Malformed where that is not one entity-tag
    (RFC 3903 section 6 step 3)."""
    if "SIP-If-Match" not in request.fields:
        return ""
    etag = request.need("SIP-If-Match").strip()
    if not is_token(etag):
        raise Malformed("a SIP-If-Match that is not one entity-tag")
    return etag


def _must_be_own(uri: str, sender: Sender) -> None:
    """Users publish about themselves, trusted peers about anybody."""
    if not sender.trusted and sender.uri != uri:
        raise SipRefusal(403, "Forbidden: another user's state")


class PresenceState:
    """What phones say of their users."""

    name = "presence"
    kind = pidf.CONTENT_TYPE

    def __init__(self, phones: PhonePresence) -> None:
        self._phones = phones

    def parse(self, body: bytes) -> Pidf:
        return Pidf.parse(body)

    def check(self, uri: str, sender: Sender) -> None:
        _must_be_own(uri, sender)

    def told(self, uri: str, contents: Sequence[Pidf]) -> None:
        shown = [meaning_of(one) for one in contents]
        self._phones.publish(
            uri, [Published(one.availability, one.activity, one.note) for one in shown]
        )


class DialogState:
    """The calls that phones say they are in."""

    name = "dialog"
    kind = dialog_info.CONTENT_TYPE

    def __init__(self, told: Callable[[str, Sequence[DialogInfo]], None]) -> None:
        self._told = told

    def parse(self, body: bytes) -> DialogInfo:
        return DialogInfo.parse(body)

    def check(self, uri: str, sender: Sender) -> None:
        _must_be_own(uri, sender)

    def told(self, uri: str, contents: Sequence[DialogInfo]) -> None:
        self._told(uri, contents)


class SummaryState:
    """What voicemail systems say of mailboxes."""

    name = "message-summary"
    kind = message_summary.CONTENT_TYPE

    def __init__(self, voicemail: Voicemail) -> None:
        self._voicemail = voicemail

    def parse(self, body: bytes) -> MessageSummary:
        summary = MessageSummary.parse(body)
        if not summary.counted:
            raise Malformed("a message summary without counts")
        return summary

    def check(self, uri: str, sender: Sender) -> None:  # noqa: ARG002  # a State
        if not sender.trusted:
            raise SipRefusal(403, "Forbidden: only voicemail systems count voicemails")

    def told(self, uri: str, contents: Sequence[MessageSummary]) -> Awaitable[None] | None:
        """What has expired, or is taken back, leaves the last count as it was."""
        if not contents:
            return None
        return self._voicemail.count(uri, contents[-1].new, contents[-1].old)
