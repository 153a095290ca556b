"""How invitations and calls end, and what each side is told then."""

import attrs

from mobility.domain.facts import Reason
from mobility.domain.records import Leg
from mobility.domain.states import Invited

ENDED = Reason("Informational", "Ended", "The conversation is over.")
HUNG_UP = Reason("Informational", "CallTerminated", "The call is over.")
REMOVED = Reason("Informational", "Removed", "The conversation goes on without messages.")


@attrs.frozen(slots=True)
class Outcome:
    """How an invitation ends unanswered: what happened, and what each side is told."""

    event: Invited
    caller: Reason
    callee: Reason
    outcome: str = "Completed"
    """How a call that was answered is remembered to have ended."""
    ending: Reason = ENDED
    """Why a conversation is over for who was in it (UCWA "Asynchronous informational messages")."""


CANCELLED = Outcome(
    Invited.CANCELLED,
    Reason("LocalFailure", "Canceled", "The caller gave up."),
    Reason("RemoteFailure", "Canceled", "The caller gave up."),
)
DECLINED = Outcome(
    Invited.DECLINED,
    Reason("RemoteFailure", "Declined", "The invitation was declined."),
    Reason("LocalFailure", "Declined", "The invitation was declined."),
)
UNANSWERED = Outcome(
    Invited.UNANSWERED,
    Reason("RemoteFailure", "Timeout", "Nobody answered in time."),
    Reason("LocalFailure", "Missed", "The invitation was not answered in time."),
)
SIGNED_OUT = Outcome(
    Invited.SIGNED_OUT,
    Reason("RemoteFailure", "Unavailable", "The person's last device signed out."),
    Reason("LocalFailure", "Unavailable", "The device signed out."),
)
LOST = Outcome(
    Invited.UNREACHABLE,
    Reason("RemoteFailure", "Unreachable", "The other end was lost."),
    Reason("RemoteFailure", "Unreachable", "The other end was lost."),
    ending=Reason("RemoteFailure", "Unreachable", "The other end was lost."),
)
OVER = Outcome(
    Invited.CANCELLED,
    Reason("RemoteFailure", "CallTerminated", "The call is over."),
    Reason("RemoteFailure", "CallTerminated", "The call is over."),
)
ESCALATION_FAILED = Outcome(
    Invited.UNANSWERED,
    Reason("RemoteFailure", "EscalationFailed", "The device has not followed to the conference."),
    Reason("LocalFailure", "EscalationFailed", "The device has not followed to the conference."),
    ending=Reason(
        "LocalFailure", "EscalationFailed", "The device has not followed to the conference."
    ),
)
TIMED_OUT = Outcome(
    Invited.UNANSWERED,
    Reason("RemoteFailure", "MediaNegotiationTimeOut", "The mixer has said nothing in time."),
    Reason("RemoteFailure", "MediaNegotiationTimeOut", "The mixer has said nothing in time."),
    ending=Reason(
        "RemoteFailure", "MediaNegotiationTimeOut", "The mixer has said nothing in time."
    ),
)
IDLE = Outcome(
    Invited.UNANSWERED,
    Reason("RemoteFailure", "Timeout", "Nobody has used the conversation for long."),
    Reason("RemoteFailure", "Timeout", "Nobody has used the conversation for long."),
)
ELSEWHERE = Reason("LocalFailure", "ConnectedElsewhere", "Another device answered.")
COMPLETED_ELSEWHERE = Outcome(
    Invited.CANCELLED,
    Reason("LocalFailure", "ConnectedElsewhere", "Another device answered."),
    ELSEWHERE,
)
"""The caller's side says that somebody answered whom it has called too: nobody has missed it."""
UNABLE = Outcome(
    Invited.UNREACHABLE,
    Reason("RemoteFailure", "Unavailable", "The person has no device that can answer."),
    Reason("LocalFailure", "Unavailable", "The device cannot answer."),
)
UNREACHABLE = Reason("RemoteFailure", "Unavailable", "The person has no device that can answer.")
UNDELIVERED = Reason("RemoteFailure", "Unavailable", "The message did not reach everybody.")
DO_NOT_DISTURB = Reason("RemoteFailure", "DoNotDisturb", "The person is not to be disturbed.")
UNKNOWN = Reason("NotFound", "DestinationNotFound", "Nobody has this address.")


def declined(subcode: str) -> Outcome:
    """Declined for a reason of which the caller is told the UCWA subcode."""
    return attrs.evolve(
        DECLINED, caller=Reason("RemoteFailure", subcode, "The invitation was declined.")
    )


def outcome_of(leg: Leg, unanswered: Outcome) -> Outcome:
    """How an invitation ends when `leg` goes: a caller cancels it, a callee that rings does not
    answer it."""
    return unanswered if leg.state == "Incoming" else CANCELLED
