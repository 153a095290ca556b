"""Bodies of the conference event package (RFC 4575): who is in a conference, with which media.

Only what tells endpoints and their media apart is read: the dialog of each endpoint with the focus,
and the synchronisation source (SSRC) by which its media are known to the others.
"""

from collections.abc import Iterator, Sequence
from typing import Self

import attrs

from mobility.sip.grammar import Malformed
from mobility.sip.xml_elements import Element, parse_xml

CONTENT_TYPE = "application/conference-info+xml"
NAMESPACE = "urn:ietf:params:xml:ns:conference-info"

MAX_ENDPOINTS = 1_000
"""Endpoints of a document that are read (our choice: four times a full meeting)."""

MAX_MEDIA = 16
"""Media of an endpoint that are read (our choice: as of a session description)."""

MAX_ID = 256
"""Characters of an id (our choice)."""

MAX_SSRC = 2**32 - 1

STATES = ("full", "partial", "deleted")


@attrs.frozen(slots=True)
class EndpointMedia:
    """One stream of an endpoint: `medium` as descriptions name it (audio, video), `direction` of
    theirs or "" where it is not told, `source` the SSRC, 0 where it is not told."""

    medium: str
    direction: str = ""
    source: int = 0


@attrs.frozen(slots=True)
class ConferenceEndpoint:
    """One endpoint of a user in a conference.

    `call_id` is that of its dialog with the focus, "" where it is not told; `user` the URI of the
    user.  `media` is None where a partial document does not tell of them.
    """

    user: str = attrs.field(repr=False)
    entity: str = attrs.field(repr=False)
    call_id: str = ""
    deleted: bool = False
    media: tuple[EndpointMedia, ...] | None = None


@attrs.frozen(slots=True)
class ConferenceInfo:
    """A document about `entity`.  A partial one tells of some of its users and endpoints only."""

    entity: str
    version: int
    full: bool = True
    over: bool = False
    endpoints: Sequence[ConferenceEndpoint] = ()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a document.  Raises Malformed for what is none."""
        root = parse_xml(body)
        if root.name != "conference-info" or root.namespace != NAMESPACE:
            raise Malformed("no conference-info document")
        state = _state(root)
        version = root.get("version", "0")
        if not (version.isascii() and version.isdigit() and len(version) <= 10):
            raise Malformed("a conference-info document with a wrong version")
        return cls(
            root.get("entity")[:MAX_ID],
            int(version),
            state == "full",
            state == "deleted",
            tuple(_endpoints(root))[:MAX_ENDPOINTS],
        )


def _endpoints(root: Element) -> Iterator[ConferenceEndpoint]:
    for users in root.all("users", NAMESPACE):
        for user in users.all("user", NAMESPACE):
            gone = _state(user) == "deleted"
            for one in user.all("endpoint", NAMESPACE):
                yield _endpoint(user, one, gone=gone)
            if gone and user.first("endpoint", NAMESPACE) is None:
                yield ConferenceEndpoint(user.get("entity")[:MAX_ID], "", deleted=True)


def _endpoint(user: Element, one: Element, *, gone: bool) -> ConferenceEndpoint:
    sip = [
        dialog for call in one.all("call-info", NAMESPACE) for dialog in call.all("sip", NAMESPACE)
    ]
    call_id = next((dialog.words("call-id") for dialog in sip), "")
    state = _state(one)
    left = one.words("status") == "disconnected"
    media = tuple(_media(each) for each in one.all("media", NAMESPACE))[:MAX_MEDIA]
    return ConferenceEndpoint(
        user.get("entity")[:MAX_ID],
        one.get("entity")[:MAX_ID],
        call_id if len(call_id) <= MAX_ID else "",
        gone or left or state == "deleted",
        media if media or state == "full" else None,
    )


def _media(one: Element) -> EndpointMedia:
    source = one.words("src-id")
    known = source.isascii() and source.isdigit() and len(source) <= 10
    number = int(source) if known else 0
    return EndpointMedia(
        one.words("type").lower()[:MAX_ID],
        one.words("status").lower()[:MAX_ID],
        number if number <= MAX_SSRC else 0,
    )


def _state(one: Element) -> str:
    state = one.get("state", "full")
    if state not in STATES:
        raise Malformed("a conference-info document of a wrong state")
    return state
