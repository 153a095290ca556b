"""Bodies of watcher information (RFC 3858): who is subscribed to what there is to be known."""

from collections.abc import Sequence
from typing import Self

import attrs

from mobility.sip.grammar import Malformed
from mobility.sip.xml_elements import Element, document, element, parse_xml, words

CONTENT_TYPE = "application/watcherinfo+xml"
NAMESPACE = "urn:ietf:params:xml:ns:watcherinfo"

STATUSES = ("pending", "active", "waiting", "terminated")

CAUSES = (
    "subscribe",
    "approved",
    "deactivated",
    "probation",
    "rejected",
    "timeout",
    "giveup",
    "noresource",
)
"""Why a watcher has come into its status (RFC 3857 section 4.7.1)."""

MAX_WATCHERS = 1_000
"""Watchers of a document that are read (our choice)."""

MAX_ID = 256
"""Characters of an id (our choice)."""

MAX_SECONDS = 2**32 - 1


@attrs.frozen(slots=True)
class Watcher:
    """One subscription: its id within the lists, its status of `STATUSES` and why, of `CAUSES`.

    `subscribed_s` is for how long it has been there, `expires_s` how long it lasts if it is not
    renewed; None where that is not told.
    """

    id: str
    uri: str = attrs.field(repr=False)
    status: str = "active"
    event: str = "subscribe"
    name: str = attrs.field(repr=False, default="")
    subscribed_s: int | None = None
    expires_s: int | None = None


@attrs.frozen(slots=True)
class WatcherList:
    """The watchers of one resource for one event package."""

    resource: str
    package: str
    watchers: Sequence[Watcher] = ()


@attrs.frozen(slots=True)
class WatcherInfo:
    """A document.  A partial one tells of the watchers that have changed only."""

    version: int
    full: bool = True
    lists: Sequence[WatcherList] = ()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a document.  Raises Malformed for what is none."""
        root = parse_xml(body)
        if root.name != "watcherinfo" or root.namespace != NAMESPACE:
            raise Malformed("no watcherinfo document")
        version, state = _number(root, "version"), root.get("state")
        if version is None:
            raise Malformed("a watcherinfo document without a version")
        if state not in ("full", "partial"):
            raise Malformed("a watcherinfo document of a wrong state")
        lists: list[WatcherList] = []
        left = MAX_WATCHERS
        for one in root.all("watcher-list", NAMESPACE):
            watchers = [_watcher(each) for each in one.all("watcher", NAMESPACE)][:left]
            left -= len(watchers)
            lists.append(WatcherList(one.get("resource"), one.get("package"), tuple(watchers)))
        return cls(version, state == "full", tuple(lists))

    def __bytes__(self) -> bytes:
        attributes = {
            "xmlns": NAMESPACE,
            "version": str(self.version),
            "state": "full" if self.full else "partial",
        }
        return document(element("watcherinfo", attributes, *map(_written, self.lists)))


def _watcher(one: Element) -> Watcher:
    """Raises Malformed."""
    identity, status, event = one.get("id"), one.get("status"), one.get("event")
    if status not in STATUSES or event not in CAUSES:
        raise Malformed("a watcher of an unknown status")
    if not identity or len(identity) > MAX_ID or not one.text:
        raise Malformed("a watcher without an id or a URI")
    return Watcher(
        identity,
        one.text,
        status,
        event,
        one.get("display-name"),
        _number(one, "duration-subscribed"),
        _number(one, "expiration"),
    )


def _number(one: Element, attribute: str) -> int | None:
    """Raises Malformed."""
    text = one.get(attribute)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10) or int(text) > MAX_SECONDS:
        raise Malformed(f"a watcherinfo document with a wrong {attribute}")
    return int(text)


def _written(one: WatcherList) -> str:
    attributes = {"resource": one.resource, "package": one.package}
    return element("watcher-list", attributes, *map(_written_watcher, one.watchers))


def _written_watcher(one: Watcher) -> str:
    attributes = {"id": one.id, "status": one.status, "event": one.event}
    if one.expires_s is not None:
        attributes["expiration"] = str(one.expires_s)
    if one.subscribed_s is not None:
        attributes["duration-subscribed"] = str(one.subscribed_s)
    if one.name:
        attributes["display-name"] = one.name
    return words("watcher", one.uri, attributes)
