"""Why a call rings where it does: who has sent it there, and what for."""

from enum import Enum

import attrs

from mobility.domain.outcomes import Outcome
from mobility.domain.records import Call


class Cause(Enum):
    """Why a call that was for somebody rings elsewhere."""

    UNCONDITIONAL = "all calls go there"
    FOLLOW_ME = "it rings there too"
    BUSY = "whoever was called is in another call"
    DO_NOT_DISTURB = "whoever was called is not to be disturbed"
    REFUSED = "it was declined before it rang"
    DECLINED = "it was declined while it rang"
    UNANSWERED = "nobody has answered"
    AWAY = "nobody was there"


_CAUSES = {
    "Busy": Cause.BUSY,
    "DoNotDisturb": Cause.DO_NOT_DISTURB,
    "Timeout": Cause.UNANSWERED,
}


def cause_after(outcome: Outcome, *, rang: bool) -> Cause:
    """Why a call is sent on that rings no longer because of this; `rang` says that it has done so
    audibly."""
    subcode = outcome.caller.subcode
    if subcode == "Declined":
        return Cause.DECLINED if rang else Cause.REFUSED
    return _CAUSES.get(subcode, Cause.UNANSWERED if rang else Cause.AWAY)


@attrs.frozen(slots=True)
class Diverter:
    """Who lets calls ring at a number: a user, and its own number, "" for none.

    With `beside` they ring there while the user's devices ring too.
    """

    uri: str
    number: str = attrs.field(repr=False, default="")
    beside: bool = False


@attrs.frozen(slots=True)
class Diversion:
    """Who has sent a call on, by its URI and, where calls to numbers go, its number, and why."""

    by: str = attrs.field(repr=False)
    cause: Cause
    number: str = attrs.field(repr=False, default="")


def diversion_of(
    call: Call | None, cause: Cause, diverter: Diverter | None = None
) -> Diversion | None:
    """That of a call that begins to ring somewhere, for a number that of its `diverter`.

    None where nobody has sent it on.
    """
    if diverter is not None:
        why = Cause.FOLLOW_ME if diverter.beside else cause
        return Diversion(diverter.uri, why, diverter.number)
    if call is None or not call.forwarded_by:
        return None
    return Diversion(call.forwarded_by, cause)
