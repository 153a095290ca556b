"""The state machines of calls, beside those of conversations in `mobility.domain.states`."""

from enum import StrEnum

import attrs

from mobility.domain.mixed_part import MixedPart
from mobility.domain.records import Call, Leg, Renegotiation
from mobility.domain.states import Machine


class Called(StrEnum):
    """What happens to a call."""

    ALERTED = "alerted"
    ANSWERED = "answered"
    ENDED = "ended"


CALL = Machine(
    "call",
    "A call between two parties.  It is alerting once a device of the callee has received it, "
    "rings audibly or sends early media, and it is answered by one device.",
    ("Ringing",),
    {
        ("Ringing", Called.ALERTED): "Alerting",
        ("Ringing", Called.ANSWERED): "Established",
        ("Alerting", Called.ANSWERED): "Established",
        ("Ringing", Called.ENDED): "Ended",
        ("Alerting", Called.ENDED): "Ended",
        ("Established", Called.ENDED): "Ended",
    },
)


class Negotiated(StrEnum):
    """What happens to the session descriptions of a call."""

    ANSWERED_PROVISIONALLY = "answered provisionally"
    ANSWERED = "answered"
    OFFERED = "offered anew"
    DISMISSED = "dismissed"
    EXPIRED = "expired"


NEGOTIATION = Machine(
    "negotiation",
    "Offers and answers of a call (RFC 3264).  One offer is open at a time: that of the invitation "
    "first, answered once for good, then new ones of either side.",
    ("Offered",),
    {
        ("Offered", Negotiated.ANSWERED_PROVISIONALLY): "Offered",
        ("Offered", Negotiated.ANSWERED): "Agreed",
        ("Agreed", Negotiated.OFFERED): "Reoffered",
        ("Reoffered", Negotiated.ANSWERED): "Agreed",
        ("Reoffered", Negotiated.DISMISSED): "Agreed",
        ("Reoffered", Negotiated.EXPIRED): "Agreed",
    },
)


class Replied(StrEnum):
    """What happens to one new offer."""

    ANSWERED = "answered"
    DISMISSED = "dismissed"
    EXPIRED = "expired"


RENEGOTIATION = Machine(
    "renegotiation",
    "One new offer within a call.  What was agreed before stays so unless it is answered.",
    ("Offered",),
    {
        ("Offered", Replied.ANSWERED): "Answered",
        ("Offered", Replied.DISMISSED): "Dismissed",
        ("Offered", Replied.EXPIRED): "Dismissed",
    },
)


class Replacing(StrEnum):
    """What happens to a telephone that is to take the place of an application's audio."""

    ANSWERED = "answered"
    OFFERED = "offered to the other party"
    TAKEN = "taken"
    ENDED = "ended"


REPLACEMENT = Machine(
    "telephone in place of audio",
    "A telephone that its user wants in place of the application's audio in a call between two "
    "parties.  Once it is answered the other party is offered its media, as soon as no other new "
    "offer is open; two telephones of a network that carries media itself are joined at once.  The "
    "call goes on as it was until the telephone is in it.",
    ("Ringing",),
    {
        ("Ringing", Replacing.ANSWERED): "Answered",
        ("Answered", Replacing.OFFERED): "Offered",
        ("Answered", Replacing.TAKEN): "Taken",
        ("Offered", Replacing.TAKEN): "Taken",
        ("Ringing", Replacing.ENDED): "Ended",
        ("Answered", Replacing.ENDED): "Ended",
        ("Offered", Replacing.ENDED): "Ended",
    },
)


class Mixing(StrEnum):
    """What happens to a device's call with the mixer of a conference."""

    LET_IN = "let in"
    OFFERED = "offered anew by the device"
    ASKED = "offered anew by the mixer"
    AGREED = "answered"
    FAILED = "not agreed"
    ENDED = "ended"


MIXING = Machine(
    "call with the mixer",
    "The call of one device in a conference.  The device offers, the mixer lets it in; then either "
    "may offer anew, one at a time.  What was agreed before stays so unless the offer is answered.",
    ("Joining",),
    {
        ("Joining", Mixing.LET_IN): "Mixed",
        ("Mixed", Mixing.OFFERED): "Offering",
        ("Mixed", Mixing.ASKED): "Asked",
        ("Offering", Mixing.AGREED): "Mixed",
        ("Offering", Mixing.FAILED): "Mixed",
        ("Asked", Mixing.AGREED): "Mixed",
        ("Asked", Mixing.FAILED): "Mixed",
        ("Joining", Mixing.ENDED): "Ended",
        ("Mixed", Mixing.ENDED): "Ended",
        ("Offering", Mixing.ENDED): "Ended",
        ("Asked", Mixing.ENDED): "Ended",
    },
)


class Calling(StrEnum):
    """What happens to a device's part in a call."""

    CALLS = "calling"
    RUNG = "rung"
    CONNECTED = "connected"
    LEFT = "left"


CALL_MODALITY = Machine(
    "call modality",
    "UCWA CallState of audio and video, as one device sees it; one that rings is shown as "
    "Connecting.",
    ("Disconnected", "Connecting", "Ringing"),
    {
        ("Disconnected", Calling.CALLS): "Connecting",
        ("Disconnected", Calling.RUNG): "Ringing",
        ("Connecting", Calling.CONNECTED): "Connected",
        ("Ringing", Calling.CONNECTED): "Connected",
        ("Connecting", Calling.LEFT): "Disconnected",
        ("Ringing", Calling.LEFT): "Disconnected",
        ("Connected", Calling.LEFT): "Disconnected",
    },
)


def call_after(call: Call, event: Called) -> Call:
    """The call after `event`.  Raises IllegalTransition."""
    return attrs.evolve(call, state=CALL.after(call.state, event))


def negotiated(call: Call, event: Negotiated) -> Call:
    """The call after `event` of its negotiation.  Raises IllegalTransition."""
    return attrs.evolve(call, negotiation=NEGOTIATION.after(call.negotiation, event))


def renegotiation_after(renegotiation: Renegotiation, event: Replied) -> Renegotiation:
    """The renegotiation after `event`.  Raises IllegalTransition."""
    state = RENEGOTIATION.after(renegotiation.state, event)
    return attrs.evolve(renegotiation, state=state)


def mixing_after(part: MixedPart, event: Mixing) -> MixedPart:
    """The part after `event`.  Raises IllegalTransition."""
    return attrs.evolve(part, state=MIXING.after(part.state, event))


def calling_after(leg: Leg, event: Calling) -> Leg:
    """The leg after `event` of its call.  Raises IllegalTransition."""
    return attrs.evolve(leg, call=CALL_MODALITY.after(leg.call, event))


MACHINES = (CALL, CALL_MODALITY, NEGOTIATION, RENEGOTIATION, REPLACEMENT, MIXING)
"""Every machine of this module, as the diagrams show them."""
