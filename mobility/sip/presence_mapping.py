"""What a presence document means here, and the document for what somebody shows.

RPID has no activity for DoNotDisturb, BeRightBack and Offwork: they are `busy` or `away` with a
note that says so.
"""

import attrs

from mobility.domain.presence import CALL, CONFERENCE, MEETING
from mobility.domain.records import Presence
from mobility.sip.pidf import Pidf

DO_NOT_DISTURB_NOTE = "Do not disturb"
BE_RIGHT_BACK_NOTE = "Be right back"
OFF_WORK_NOTE = "Off work"

OFF_WORK = "off-work"

_DISTURB_WORDS = frozenset({"do not disturb", "donotdisturb", "do-not-disturb", "dnd"})
_BACK_WORDS = frozenset({"be right back", "berightback", "brb"})
_OFF_WORDS = frozenset({"off work", "offwork", "off-work"})

_CALLS = frozenset({"on-the-phone"})
_MEETINGS = frozenset({"appointment", "meeting", "performance", "presentation"})
_BUSY = frozenset({"busy", *_CALLS, *_MEETINGS})
_AWAY = frozenset(
    {
        "away",
        "breakfast",
        "dinner",
        "holiday",
        "in-transit",
        "meal",
        "permanent-absence",
        "playing",
        "shopping",
        "sleeping",
        "spectator",
        "steering",
        "travel",
        "tv",
        "vacation",
        "worship",
    }
)

_WRITTEN = {
    "Online": ((), "", False),
    "IdleOnline": ((), "", True),
    "Busy": (("busy",), "", False),
    "IdleBusy": (("busy",), "", True),
    "DoNotDisturb": (("busy",), DO_NOT_DISTURB_NOTE, False),
    "BeRightBack": (("away",), BE_RIGHT_BACK_NOTE, False),
    "Away": (("away",), "", True),
}
"""Activities, what is said beside them, and whether the user's input is idle."""

_ENGAGED = {CALL: "on-the-phone", CONFERENCE: "meeting", MEETING: "meeting"}


@attrs.frozen(slots=True)
class Shown:
    """What a document says: `availability` and `activity` as in `Presence`."""

    availability: str
    activity: str = ""
    note: str = attrs.field(default="", repr=False)
    location: str = attrs.field(default="", repr=False)
    last_active_at: float = 0.0


def document_of(uri: str, seen: Presence) -> Pidf:
    """The document for what a watcher sees of `uri`."""
    written = _WRITTEN.get(seen.availability)
    if written is None:
        return Pidf(uri, open=False, note=seen.note)
    activities, said, idle = written
    engaged = _ENGAGED.get(seen.activity)
    if engaged is not None:
        activities = (*activities, engaged)
    if seen.activity == OFF_WORK:
        said = OFF_WORK_NOTE
    return Pidf(
        uri,
        open=True,
        activities=frozenset(activities),
        activity_notes=(said,) if said else (),
        idle=idle,
        last_input=seen.last_active_at,
        note=seen.note,
        place=seen.location,
        contact=uri,
    )


def meaning_of(document: Pidf) -> Shown:
    """What somebody shows who has published this document.

    Of several activities that which keeps most from answering counts.
    """
    availability, activity = _state_of(document)
    return Shown(availability, activity, document.note, document.place, document.last_input)


def _state_of(document: Pidf) -> tuple[str, str]:
    if not document.open:
        return "Offline", ""
    found = document.activities
    said = {note.lower() for note in (*document.activity_notes, document.note)}
    if "dnd" in found or (found & _BUSY and not said.isdisjoint(_DISTURB_WORDS)):
        return "DoNotDisturb", ""
    if found & _BUSY:
        activity = CALL if found & _CALLS else MEETING if found & _MEETINGS else ""
        return ("IdleBusy" if document.idle and not activity else "Busy"), activity
    if found & _AWAY:
        if not said.isdisjoint(_BACK_WORDS):
            return "BeRightBack", ""
        return "Away", "" if said.isdisjoint(_OFF_WORDS) else OFF_WORK
    return ("IdleOnline" if document.idle else "Online"), ""
