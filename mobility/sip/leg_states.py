"""The state machine of one leg of a call over SIP: one INVITE and the dialog that it makes."""

from enum import StrEnum

from mobility.domain.states import Machine


class Legged(StrEnum):
    """What happens to a leg."""

    PROGRESSED = "1xx received"
    ACCEPTED = "2xx received"
    FAILED = "refused, timed out or unreachable"
    ANSWERED = "2xx sent"
    REFUSED = "300-699 sent"
    CANCELLED = "CANCEL received"
    ACK_SENT = "ACK sent"
    ACK_CAME = "ACK received"
    NO_ACK = "no ACK in time"
    HUNG_UP = "hung up here"
    BYE = "BYE received"
    LOST = "lost"


LEG = Machine(
    "leg of a call over SIP",
    "RFC 3261 sections 9, 13 and 15.  A 2xx that crosses a CANCEL is acknowledged and ended with "
    "BYE.  Who has sent a 2xx sends BYE once the ACK has come, or will not come (Leaving); who got "
    "one with an offer answers it in the ACK (Accepted).",
    ("Calling", "Ringing"),
    {
        ("Calling", Legged.PROGRESSED): "Proceeding",
        ("Calling", Legged.ACCEPTED): "Accepted",
        ("Calling", Legged.FAILED): "Ended",
        ("Calling", Legged.HUNG_UP): "Cancelled",
        ("Proceeding", Legged.PROGRESSED): "Proceeding",
        ("Proceeding", Legged.ACCEPTED): "Accepted",
        ("Proceeding", Legged.FAILED): "Ended",
        ("Proceeding", Legged.HUNG_UP): "Cancelled",
        ("Cancelled", Legged.PROGRESSED): "Cancelled",
        ("Cancelled", Legged.ACCEPTED): "Ended",
        ("Cancelled", Legged.FAILED): "Ended",
        ("Accepted", Legged.ACK_SENT): "Confirmed",
        ("Accepted", Legged.HUNG_UP): "Ended",
        ("Accepted", Legged.BYE): "Ended",
        ("Accepted", Legged.LOST): "Ended",
        ("Ringing", Legged.ANSWERED): "Answered",
        ("Ringing", Legged.REFUSED): "Ended",
        ("Ringing", Legged.CANCELLED): "Ended",
        ("Ringing", Legged.BYE): "Ended",
        ("Ringing", Legged.LOST): "Ended",
        ("Answered", Legged.ACK_CAME): "Confirmed",
        ("Answered", Legged.HUNG_UP): "Leaving",
        ("Answered", Legged.BYE): "Ended",
        ("Answered", Legged.NO_ACK): "Ended",
        ("Leaving", Legged.ACK_CAME): "Ended",
        ("Leaving", Legged.BYE): "Ended",
        ("Leaving", Legged.NO_ACK): "Ended",
        ("Confirmed", Legged.HUNG_UP): "Ended",
        ("Confirmed", Legged.BYE): "Ended",
        ("Confirmed", Legged.LOST): "Ended",
    },
)

MACHINES = (LEG,)
"""Every machine of this module, as the diagrams show them."""
