"""What tells devices how much is unread now, where nothing else does."""

import secrets
from collections.abc import Sequence

import attrs

from mobility.domain.push_notices import WAITING, Draft, Kept, ended_by
from mobility.domain.push_rules import BADGE, BADGED, COUNT
from mobility.domain.push_states import renewed
from mobility.domain.records import PushNotice


def counts(several: Sequence[Kept], draft: Draft, life_s: float) -> list[PushNotice]:
    """A notification for each device of a user that shows something and is told nothing by what
    the unit has done: its badge may be another.

    `several` are all of the user's notifications.
    """
    if not several:
        return []
    over = ended_by(draft.unit)
    told = {
        one.subscription_id
        for one in draft.unit.saves
        if type(one) is PushNotice and one.kind == BADGE and one.state == WAITING
    }
    shown: dict[str, PushNotice] = {}
    for kept in several:
        notice = kept.notice
        if notice.kind == BADGE:
            if notice.state == WAITING and not kept.taken and notice.id not in over:
                told.add(notice.subscription_id)
        elif notice.kind in BADGED and notice.state != WAITING and notice.id not in over:
            shown[notice.subscription_id] = notice
    return [
        attrs.evolve(
            renewed(notice, secrets.token_hex(16), draft.now),
            kind=BADGE,
            topic=COUNT,
            cause=COUNT,
            conversation_id="",
            first=0,
            number=0,
            from_uri="",
            expires_at=draft.now + life_s,
            rule="badge: something was read",
        )
        for device, notice in shown.items()
        if device not in told
    ]
