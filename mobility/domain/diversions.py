"""Why a call rings where it does: who has sent it there."""

import attrs

from mobility.domain.records import Call

SOON_S = 2.0
"""Who sent a call on within this, before anything has rung, had it do so at once: whoever is to
answer first has five seconds at least (UCWA `unansweredCallToContact`)."""

UNCONDITIONAL, NO_ANSWER = 302, 408
"""Causes of diversions, as RFC 4458 section 4 numbers them."""


@attrs.frozen(slots=True)
class Diversion:
    """Who has sent a call on, by its URI, and for which cause."""

    by: str = attrs.field(repr=False)
    cause: int


def diversion_of(call: Call | None, now: float) -> Diversion | None:
    """That of a call that begins to ring somewhere now; None where nobody has sent it on."""
    if call is None or not call.forwarded_by:
        return None
    soon = now - call.started_at < SOON_S and call.state != "Alerting"
    return Diversion(call.forwarded_by, UNCONDITIONAL if soon else NO_ANSWER)
