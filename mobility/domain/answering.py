"""Which device may answer an invitation."""

from mobility.domain.conversation import CALL
from mobility.domain.records import Invitation, Leg
from mobility.domain.states import INVITATION, Invited
from mobility.errors import Refusal


def must_ring(invitation: Invitation, leg: Leg) -> None:
    """409 unless `leg` can answer the invitation now."""
    rings = leg.call == "Ringing" if invitation.kind == CALL else leg.state == "Incoming"
    if not rings or not INVITATION.allows(invitation.state, Invited.ANSWERED):
        raise Refusal("Conflict", None, "The invitation cannot be answered any more.")
