"""Keys within a leg: INFO that comes is for the other end of the call, and its keys go as INFO."""

from typing import TYPE_CHECKING

from mobility.domain.tones import Told, Tone
from mobility.sip.core import Incoming
from mobility.sip.message import Response
from mobility.sip.tones import ACCEPT, RELAY, body_of, tone_of

if TYPE_CHECKING:
    from mobility.sip.leg import Leg


def informed(leg: "Leg", incoming: Incoming) -> None:
    """INFO: a key that the other end is to take, else it is 415.

    Raises SipRefusal and Malformed.
    """
    tone = tone_of(incoming.request)

    def told(taken: bool) -> None:
        if incoming.answered:
            return
        if taken:
            incoming.respond(200)
        else:
            incoming.respond(415, [("Accept", ACCEPT)])

    if tone is None:
        incoming.respond(200)
    elif leg.state == "Confirmed":
        leg.owner.pressed(leg, tone, told)
    else:
        told(False)


def press(leg: "Leg", tone: Tone, told: Told) -> None:
    """Let the peer of a leg hear a key; `told` hears whether it has taken that."""
    if leg.state != "Confirmed":
        told(False)
        return
    info = leg.dialog.request("INFO")
    info.set("Content-Type", RELAY)
    info.body = body_of(tone)

    def answered(response: Response) -> None:
        if response.status >= 200:
            told(response.status < 300)

    leg.path.send(info, answered)
