"""The states of a push notification (see `mobility.domain.push_outbox`)."""

from enum import StrEnum

import attrs

from mobility.domain.push_notices import ACCEPTED, ENDED, SENT, WAITING
from mobility.domain.records import PushNotice
from mobility.domain.states import Machine


class Noticed(StrEnum):
    """What happens to a notification."""

    TAKEN = "taken"
    SENT = "sent"
    OVER = "over"


NOTICE = Machine(
    "push notification",
    "It waits until the clearing house takes it, and is accepted until a provider has it.  It is "
    "over when nobody needs it any more: read, fetched, replaced, expired or refused.",
    (WAITING,),
    {
        (WAITING, Noticed.TAKEN): ACCEPTED,
        (ACCEPTED, Noticed.TAKEN): ACCEPTED,
        (WAITING, Noticed.SENT): SENT,
        (ACCEPTED, Noticed.SENT): SENT,
        (SENT, Noticed.SENT): SENT,
        (WAITING, Noticed.OVER): ENDED,
        (ACCEPTED, Noticed.OVER): ENDED,
        (SENT, Noticed.OVER): ENDED,
    },
)

MACHINES = (NOTICE,)


def notice_after(notice: PushNotice, event: Noticed, now: float) -> PushNotice:
    """The notification after `event`.  Raises IllegalTransition."""
    return attrs.evolve(notice, state=NOTICE.after(notice.state, event), changed_at=now)


def renewed(notice: PushNotice, notice_id: str, now: float) -> PushNotice:
    """Another notification to the same device about the same, which begins now."""
    return attrs.evolve(
        notice,
        id=notice_id,
        state=WAITING,
        created_at=now,
        due_at=now,
        changed_at=now,
        handed_at=0.0,
        reason="",
        attempts=0,
        answered_at=0.0,
        answer="",
        taken=False,
    )
