"""Presence documents: PIDF (RFC 3863) with the data model and RPID (RFC 4479, RFC 4480).

Only what this system knows of is kept of a document that is read; what is written is valid against
the schemas of these RFCs.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Self

import attrs

from mobility.sip.grammar import Malformed, readable
from mobility.sip.xml_elements import Element, document, element, parse_xml, words

CONTENT_TYPE = "application/pidf+xml"

PIDF = "urn:ietf:params:xml:ns:pidf"
DATA_MODEL = "urn:ietf:params:xml:ns:pidf:data-model"
RPID = "urn:ietf:params:xml:ns:pidf:rpid"
LOCATION_TYPE = "urn:ietf:params:xml:ns:location-type"

MAX_NOTE = 1_000
"""Characters that are kept of a note (our choice: as long as a UCWA note may be shown whole)."""

MAX_ACTIVITIES = 16
"""Activities that are kept of a document (our choice: RPID knows 27)."""

ACTIVITIES = frozenset(
    {
        "appointment",
        "away",
        "breakfast",
        "busy",
        "dinner",
        "holiday",
        "in-transit",
        "looking-for-work",
        "meal",
        "meeting",
        "on-the-phone",
        "performance",
        "permanent-absence",
        "playing",
        "presentation",
        "shopping",
        "sleeping",
        "spectator",
        "steering",
        "travel",
        "tv",
        "unknown",
        "vacation",
        "working",
        "worship",
    }
)
"""Those of RFC 4480 section 3.2, without `other`."""


@attrs.frozen(slots=True)
class Pidf:
    """A presence document.

    `entity` is the URI it is about; `open` whether any of its tuples is.  `activities` are names of
    RPID in lower case, `activity_notes` what is said beside them in words (of `other`, too).
    `idle` is the RPID user-input, `last_input` its time in epoch seconds, 0 where it is not told.
    `contact` is the URI of the tuple, "" without one.
    """

    entity: str
    open: bool = False
    activities: frozenset[str] = frozenset()
    activity_notes: tuple[str, ...] = ()
    idle: bool = False
    last_input: float = 0.0
    note: str = attrs.field(default="", repr=False)
    place: str = attrs.field(default="", repr=False)
    contact: str = attrs.field(default="", repr=False)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a document.  Raises Malformed for what is none."""
        root = parse_xml(body)
        if root.name != "presence" or not root.namespace.startswith(PIDF):
            raise Malformed("no presence document")
        tuples = list(root.all("tuple"))
        statuses = [status for one in tuples for status in one.all("status")]
        basics = [basic.text.lower() for status in statuses for basic in status.all("basic")]
        persons = list(root.all("person"))
        places = [*persons, *tuples, *statuses]
        if not basics and not persons:
            raise Malformed("a presence document without a tuple's status and a person")
        found, notes = _activities(places)
        inputs = [one for place in places for one in place.all("user-input")]
        return cls(
            entity=root.get("entity"),
            open="open" in basics or not basics,
            activities=found,
            activity_notes=notes,
            idle=any(one.text.lower() == "idle" for one in inputs),
            last_input=max((_epoch(one.get("last-input")) for one in inputs), default=0.0),
            note=_kept(next((t for p in (*persons, *tuples, root) if (t := p.words("note"))), "")),
            place=_place(places),
            contact=readable(next((t for one in tuples if (t := one.words("contact"))), "")),
        )

    def __bytes__(self) -> bytes:
        basic = element("status", {}, words("basic", "open" if self.open else "closed"))
        contact = [words("contact", self.contact)] if self.contact else []
        names = {"xmlns": PIDF, "xmlns:dm": DATA_MODEL, "xmlns:rpid": RPID, "entity": self.entity}
        service = element("tuple", {"id": "service"}, basic, *contact)
        return document(element("presence", names, service, self._person()))

    def _person(self) -> str:
        content: list[str] = []
        named = sorted(self.activities & ACTIVITIES)
        if named or self.activity_notes:
            notes = [words("rpid:note", note) for note in self.activity_notes]
            activities = [element(f"rpid:{name}") for name in named or ["unknown"]]
            content.append(element("rpid:activities", {}, *notes, *activities))
        if self.place:
            other = words("lt:other", self.place)
            content.append(element("rpid:place-type", {"xmlns:lt": LOCATION_TYPE}, other))
        if self.idle or self.last_input:
            times = {"last-input": _timestamp(self.last_input)} if self.last_input else {}
            content.append(words("rpid:user-input", "idle" if self.idle else "active", times))
        if self.note:
            content.append(words("dm:note", self.note))
        return element("dm:person", {"id": "person"}, *content)


def _activities(places: Iterable[Element]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The activities of a document and what is said of them in words."""
    found: dict[str, None] = {}
    notes: dict[str, None] = {}
    for child in _activity_elements(places):
        if child.name == "activity":  # of the drafts before RFC 4480
            found[child.text.lower()] = None
        elif child.name != "note":
            found[child.name.lower()] = None
        if child.text and child.name != "activity":
            notes[_kept(child.text)] = None
    names = [name for name in found if len(name) <= 32][:MAX_ACTIVITIES]
    return frozenset(names), tuple(notes)[:MAX_ACTIVITIES]


def _activity_elements(places: Iterable[Element]) -> Iterator[Element]:
    for place in places:
        for activities in place.all("activities"):
            yield from activities.children


def _place(places: Iterable[Element]) -> str:
    """Where the person is, in words, "" where it is not told."""
    for place in places:
        for kind in place.all("place-type"):
            for child in kind.children:
                return _kept(child.text or child.name)
    return ""


def _kept(text: str) -> str:
    return readable(text)[:MAX_NOTE]


def _epoch(text: str) -> float:
    """An RFC 3339 time in epoch seconds, 0 for what is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        return 0.0
    try:
        return max(moment.timestamp(), 0.0)
    except OverflowError:
        return 0.0


def _timestamp(epoch_s: float) -> str:
    moment = datetime.fromtimestamp(epoch_s, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
