"""The answers of the event channel as bytes, in JSON or XML.

An answer that tells of watched presence alone differs between watchers only in the hrefs of their
applications: it is encoded once for all that hear of the same changes, and filled in for each.
"""

from functools import lru_cache
from urllib.parse import quote

import attrs

from mobility.domain.applications import Endpoint
from mobility.domain.presence import PresenceBook
from mobility.domain.subscriptions import Subscriptions
from mobility.domain.users import Users
from mobility.http.message import Document, Media, Response
from mobility.http.render import encode, encode_text
from mobility.ucwa.channel import ORIGIN, Answer, Cursor
from mobility.ucwa.facts import Renderer, Sent, changed_parts, part_event
from mobility.ucwa.hrefs import Hrefs

TEMPLATES = 64
"""Answers that are remembered to be filled in (our choice: 2 KB each for one contact)."""

_APPLICATION, _SELF, _NEXT = "{application}", "{self}", "{next}"
"""What is filled in: braces never stand in an href, and never around a bare word in JSON."""

Changes = tuple[tuple[str, tuple[str, ...]], ...]
"""Whose presence changed: the URI, and the rels of the parts."""


@attrs.frozen(slots=True)
class Rendered:
    """The bytes of an answer, kept until the client confirms that it has them."""

    body: bytes
    content_type: str

    def response(self) -> Response:
        return Response(body=self.body, content_type=f"{self.content_type}; charset=utf-8")


def events_href(endpoint: Endpoint, instance_id: str, number: int, cursor: Cursor) -> str:
    """The link of answer `number` of an instance, which begins at `cursor`."""
    href = f"{Hrefs(endpoint.id).application}/events?ack={number}"
    if instance_id:
        href += f"&instanceId={quote(instance_id, safe='')}"
    if number > 1 or cursor != ORIGIN:
        href += f"&of={number}&p={cursor.position}&n={cursor.number}"
    return href


class Answers:
    """Renders what the channels answer."""

    def __init__(self, users: Users, subscriptions: Subscriptions, presence: PresenceBook) -> None:
        self._users = users
        self._subscriptions = subscriptions
        self._presence = presence

    def rendered(
        self, endpoint: Endpoint, instance_id: str, answer: Answer, media: Media
    ) -> Rendered:
        """The answer to a request of `endpoint`, whose link it begins with."""
        own = events_href(endpoint, instance_id, answer.number, answer.since)
        following = events_href(endpoint, instance_id, answer.number + 1, answer.cursor)
        if answer.events:
            body = encode(_document(own, following, self._events(endpoint, answer)), media)
        else:
            body = _of_changes(self._changes(endpoint, answer), media.xml)
            for place, text in (_APPLICATION, endpoint.id), (_SELF, own), (_NEXT, following):
                body = body.replace(place.encode(), encode_text(text, media))
        return Rendered(body, media.content_type)

    def _events(self, endpoint: Endpoint, answer: Answer) -> list[Sent]:
        user = self._users.find(endpoint.user_uri)
        if user is None:
            return []
        renderer = Renderer(endpoint, user, self._subscriptions)
        events = [
            event
            for entry in answer.events
            for event in renderer.events(entry.event)  # type: ignore[arg-type]  # always an Entry
        ]
        shown = {event[2]["link"]["href"] for event in events}
        changes = _of_contacts(Hrefs(endpoint.id), self._changes(endpoint, answer))
        return events + [event for event in changes if event[2]["link"]["href"] not in shown]

    def _changes(self, endpoint: Endpoint, answer: Answer) -> Changes:
        if answer.cursor.number == answer.since.number:
            return ()
        return tuple(
            (uri, parts)
            for uri in sorted(self._subscriptions.watched(endpoint.id))
            if (parts := changed_parts(self._presence.of(uri), answer.since.number))
        )


@lru_cache(TEMPLATES)
def _of_changes(changes: Changes, xml: bool) -> bytes:
    """An answer that tells of `changes` alone, with places for what is the client's own."""
    events = _of_contacts(Hrefs(_APPLICATION), changes)
    return encode(_document(_SELF, _NEXT, events), Media("", xml))


def _of_contacts(hrefs: Hrefs, changes: Changes) -> list[Sent]:
    return [part_event(hrefs, uri, rel) for uri, parts in changes for rel in parts]


def _document(own: str, following: str, events: list[Sent]) -> Document:
    document: Document = {"_links": {"self": {"href": own}, "next": {"href": following}}}
    if events:
        document["sender"] = _by_sender(events)
    return document


def _by_sender(events: list[Sent]) -> list[Document]:
    """The `sender` array: consecutive events of one sender share a block, order is kept."""
    senders: list[Document] = []
    for rel, href, event in events:
        if senders and senders[-1]["href"] == href:
            senders[-1]["events"].append(event)
        else:
            senders.append({"rel": rel, "href": href, "events": [event]})
    return senders
