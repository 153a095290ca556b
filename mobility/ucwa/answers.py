"""The answers of the event channel as bytes, in JSON or XML.

An answer that tells of watched presence, or of what all in a conversation hear alike, differs
between applications only in their hrefs: it is encoded once for all that hear of the same, and
filled in for each.
"""

import re
import secrets
from collections.abc import Sequence
from functools import lru_cache, partial
from urllib.parse import quote

import attrs

from mobility.domain.applications import Endpoint
from mobility.domain.call_policy import CallPolicies
from mobility.domain.facts import Fact
from mobility.domain.guests import Guests
from mobility.domain.ledger import Entry
from mobility.domain.networks import source_network
from mobility.domain.presence import PresenceBook
from mobility.domain.privacy import Privacy
from mobility.domain.records import Message
from mobility.domain.subscriptions import Subscriptions
from mobility.domain.users import Users
from mobility.http.message import Document, Media, Response
from mobility.http.render import encode, encode_text
from mobility.ucwa.channel import ORIGIN, Answer, Cursor
from mobility.ucwa.facts import Renderer, Sent, changed_parts, is_shared, part_event, shared_events
from mobility.ucwa.hrefs import Hrefs
from mobility.ucwa.scopes import without_closed

TEMPLATES = 64
"""Answers that are remembered to be filled in (our choice: 2 KB each for one contact or message of
the usual size, 12 MB if all hold the longest messages)."""

_NONCE = secrets.token_hex(8)
_APPLICATION, _SELF, _NEXT = (f"{{{_NONCE} {name}}}" for name in ("application", "self", "next"))
"""What is filled in: nothing that a user can write holds the nonce."""

_PLACES = re.compile(f"({_APPLICATION}|{_SELF}|{_NEXT})".encode())

Changes = tuple[tuple[str, tuple[str, ...]], ...]
"""Whose presence changed: the URI, and the rels of the parts."""

Told = tuple[tuple[Fact, Message | None], ...]
"""What is told, with the message that belongs to it."""


@attrs.frozen(slots=True)
class Rendered:
    """The bytes of an answer, kept until the client confirms that it has them."""

    body: bytes
    content_type: str

    def response(self) -> Response:
        return Response(body=self.body, content_type=f"{self.content_type}; charset=utf-8")


def events_href(endpoint: Endpoint, instance_id: str, number: int, cursor: Cursor) -> str:
    """The link of answer `number` of an instance, which begins at `cursor`.

    It ends with the number: deployed clients take the digits at its end for that.
    """
    href = f"{Hrefs(endpoint.id).application}/events?ack={number}"
    if instance_id:
        href += f"&instanceId={quote(instance_id, safe='')}"
    if number > 1 or cursor != ORIGIN:
        href += f"&p={cursor.position}&n={cursor.number}&of={number}"
    return href


class Answers:
    """Renders what the channels answer."""

    def __init__(
        self,
        users: Users,
        guests: Guests,
        subscriptions: Subscriptions,
        presence: PresenceBook,
        privacy: Privacy,
        call_policies: CallPolicies,
    ) -> None:
        self._call_policies = call_policies
        self._users = users
        self._guests = guests
        self._subscriptions = subscriptions
        self._presence = presence
        self._privacy = privacy
        self._template = lru_cache(TEMPLATES)(_template)

    @property
    def encoded_once(self) -> int:
        """How many answers were encoded to be filled in for all who hear of the same."""
        return self._template.cache_info().misses

    def rendered(
        self, endpoint: Endpoint, instance_id: str, answer: Answer, media: Media
    ) -> Rendered:
        """The answer to a request of `endpoint`, whose link it begins with."""
        own = events_href(endpoint, instance_id, answer.number, answer.since)
        following = events_href(endpoint, instance_id, answer.number + 1, answer.cursor)
        entries: list[Entry] = [pending.event for pending in answer.events]  # type: ignore[misc]
        limits = self._call_policies.scopes_of(endpoint.user_uri)
        if not entries or (_are_shared(entries) and limits is None):
            told = tuple([(entry.fact, entry.message) for entry in entries])
            html = endpoint.record.shows_html and any(
                entry.message is not None and entry.message.format == "Html" for entry in entries
            )
            changes = self._changes(endpoint, answer)
            texts = {_APPLICATION.encode(): endpoint.id, _SELF.encode(): own}
            texts[_NEXT.encode()] = following
            body = b"".join(
                [
                    part if text is None else encode_text(text, media)
                    for part in self._template(told, changes, media.xml, html, endpoint.guest)
                    for text in (texts.get(part),)
                ]
            )
        else:
            events = self._events(endpoint, entries, self._changes(endpoint, answer))
            if limits is not None:
                events = [(rel, href, without_closed(event, limits)) for rel, href, event in events]
            body = encode(_document(own, following, events), media)
        return Rendered(body, media.content_type)

    def _events(self, endpoint: Endpoint, entries: Sequence[Entry], changes: Changes) -> list[Sent]:
        user = self._users.find(endpoint.user_uri) or self._guests.user(endpoint.user_uri)
        if user is None:
            return []
        network_of = partial(source_network, reader_uri=user.uri, users=self._users)
        renderer = Renderer(endpoint, user, self._subscriptions, self._call_policies, network_of)
        events = [event for entry in entries for event in renderer.events(entry)]
        return _with_changes(events, Hrefs(endpoint.id), changes)

    def _changes(self, endpoint: Endpoint, answer: Answer) -> Changes:
        if answer.cursor.number == answer.since.number:
            return ()
        since, watcher = answer.since.number, endpoint.user_uri
        return tuple(
            (uri, parts)
            for uri in sorted(self._subscriptions.watched(endpoint.id))
            if (
                parts := changed_parts(
                    self._presence.of(uri), since, self._privacy.hidden(uri, watcher)
                )
            )
        )


def _are_shared(entries: Sequence[Entry]) -> bool:
    """Whether others are told the same, so that it is worth to be encoded for all at once."""
    return any(entry.shared for entry in entries) and all(is_shared(one.fact) for one in entries)


def _template(told: Told, changes: Changes, xml: bool, html: bool, guest: bool) -> list[bytes]:
    """An answer that tells of these alone, in parts: between them what is the client's own.

    With `html` it is for applications that show messages in HTML.
    """
    hrefs = Hrefs(_APPLICATION, guest=guest)
    events = [
        event for fact, message in told for event in shared_events(hrefs, fact, message, html=html)
    ]
    document = _document(_SELF, _NEXT, _with_changes(events, hrefs, changes))
    return _PLACES.split(encode(document, Media("", xml)))


def _with_changes(events: list[Sent], hrefs: Hrefs, changes: Changes) -> list[Sent]:
    """`events` and those of the changes that they do not show."""
    if not changes:
        return events
    shown = {event[2]["link"]["href"] for event in events}
    of_contacts = _of_contacts(hrefs, changes)
    return events + [event for event in of_contacts if event[2]["link"]["href"] not in shown]


def _of_contacts(hrefs: Hrefs, changes: Changes) -> list[Sent]:
    return [part_event(hrefs, uri, rel) for uri, parts in changes for rel in parts]


def _document(own: str, following: str, events: list[Sent]) -> Document:
    """An answer.  `sender` is there without events too: deployed clients go through it unasked."""
    return {
        "_links": {"self": {"href": own}, "next": {"href": following}},
        "sender": _by_sender(events),
    }


def _by_sender(events: list[Sent]) -> list[Document]:
    """The `sender` array: consecutive events of one sender share a block, order is kept."""
    senders: list[Document] = []
    for rel, href, event in events:
        if senders and senders[-1]["href"] == href:
            senders[-1]["events"].append(event)
        else:
            senders.append({"rel": rel, "href": href, "events": [event]})
    return senders
