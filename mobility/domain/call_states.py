"""The state machines of calls, beside those of conversations in `mobility.domain.states`."""

from enum import StrEnum

import attrs

from mobility.domain.records import Call, Leg, Renegotiation
from mobility.domain.states import Machine


class Called(StrEnum):
    """What happens to a call."""

    ALERTED = "alerted"
    ANSWERED = "answered"
    ENDED = "ended"


CALL = Machine(
    "call",
    "A call between two parties.  It is alerting once a device of the callee rings audibly or "
    "sends early media, and it is answered by one device.",
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


def calling_after(leg: Leg, event: Calling) -> Leg:
    """The leg after `event` of its call.  Raises IllegalTransition."""
    return attrs.evolve(leg, call=CALL_MODALITY.after(leg.call, event))


MACHINES = (CALL, CALL_MODALITY, NEGOTIATION, RENEGOTIATION)
"""Every machine of this module, as the diagrams show them."""
