"""New offers of a caller before its call is answered (RFC 6337 section 3.2, RFC 3311).

Each device that rings and has sent early media has agreed on a session of its own with the caller,
and what the caller offers anew is for one of them.  Lines alone offer so, and both they and what
they have agreed early end with a restart, so that it is kept in memory.
"""

import attrs

from mobility.domain.call import call_of, renegotiation_fact
from mobility.domain.call_states import Replied, renegotiation_after
from mobility.domain.conversation import ActiveConversation, EarlySession
from mobility.domain.descriptions import Description, Stream, common_media, decoded, encoded
from mobility.domain.ledger import Unit
from mobility.domain.records import Renegotiation
from mobility.errors import Refusal

ANSWERED_MEANWHILE = "AnotherOperationPending"

TAKEN_OVER = ("RemoteFailure", ANSWERED_MEANWHILE, "The call was answered meanwhile.")
"""Why a new offer is over that was open when the call was answered."""


def target_of(conversation: ActiveConversation, caller_id: str, answered: str) -> str:
    """The device that rings and has given the caller this answer; 409 where there is none."""
    for side in conversation.sides.values():
        leg = conversation.legs.get(side.device_id)
        rings = leg is not None and leg.call == "Ringing"
        early = conversation.early.get(side.device_id)
        said = (side.description, early.answer if early is not None else "")
        if rings and side.device_id != caller_id and answered and answered in said:
            return side.device_id
    raise Refusal("Conflict", None, "Nothing that rings can take a new offer.")


def offered_to(
    conversation: ActiveConversation, device_id: str, answered: str
) -> tuple[Stream, ...]:
    """The streams of what a device that rings has answered so."""
    early = conversation.early.get(device_id)
    if early is not None and early.answer == answered:
        return decoded(early.streams)
    return conversation.streams_of(call_of(conversation).caller_id)


def agree_early(
    draft: ActiveConversation, renegotiation: Renegotiation, device_id: str, answer: Description
) -> None:
    """A device that rings has answered the caller's new offer."""
    side = draft.sides[device_id]
    draft.sides[device_id] = attrs.evolve(
        side, description=answer.text, streams=encoded(answer.streams)
    )
    session = EarlySession(renegotiation.offer, renegotiation.streams, answer.text)
    draft.early = {**draft.early, device_id: session}


def settle_early(
    unit: Unit, draft: ActiveConversation, device_id: str, answer: Description | None
) -> None:
    """A device answers the call: what it has agreed early with the caller holds, if that is what it
    answers, and other early offers are over."""
    session = draft.early.get(device_id)
    if session is not None and answer is not None and session.answer == answer.text:
        call = call_of(draft)
        caller = draft.sides[call.caller_id]
        draft.sides[call.caller_id] = attrs.evolve(
            caller, description=session.offer, streams=session.streams
        )
        media = common_media(decoded(session.streams), answer.streams)
        draft.call = attrs.evolve(call, media=",".join(media))
    open_one = draft.renegotiation
    if draft.early_to and open_one is not None and open_one.state == "Offered":
        draft.renegotiation = renegotiation_after(open_one, Replied.EXPIRED)
        tell_early(unit, draft, "completed", TAKEN_OVER)
    draft.early, draft.early_to = {}, ""


def tell_early(
    unit: Unit,
    draft: ActiveConversation,
    change: str,
    reason: tuple[str, str, str] | None = None,
) -> None:
    """The caller and the device that it offers hear of the new offer, but no application of what
    is for its user's telephone."""
    call = call_of(draft)
    for device_id in (call.caller_id, draft.early_to):
        leg = draft.legs.get(device_id)
        if leg is not None and not leg.by_phone:
            unit.append(device_id, renegotiation_fact(draft, leg, change, reason))
