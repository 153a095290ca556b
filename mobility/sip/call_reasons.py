"""How the ends of calls are said in SIP: status codes and Reasons, and what they mean here."""

from collections.abc import Iterable

from mobility.domain.facts import Reason
from mobility.domain.outcomes import DECLINED, UNABLE, UNANSWERED, UNKNOWN, Outcome, declined
from mobility.domain.states import Invited
from mobility.domain.telephone import Happening
from mobility.errors import Answerable
from mobility.sip.headers import Parametrised

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
"""Reason of the CANCEL to a device that rang while another one answered (RFC 3326 section 3.1)."""

DECLINED_ELSEWHERE = 'SIP;cause=603;text="Declined"'
"""Reason of the CANCEL to a device that rang while another one of its user declined."""

UNAVAILABLE = 480

STATUSES = {
    "Declined": 603,
    "Denied": 603,
    "Busy": 486,
    "DoNotDisturb": 486,
    "Timeout": 408,
    "Missed": 408,
    "Unavailable": UNAVAILABLE,
    "Unreachable": UNAVAILABLE,
    "DestinationNotFound": 404,
    "PstnCallFailed": 502,
    "Canceled": 487,
    "MediaDescriptionConflict": 488,
    "UnsupportedMediaType": 488,
    "InvalidMediaDescription": 488,
}
"""How who called is told by SIP why nobody answers, by the subcode of the reason; others are
480."""

REFUSALS = {
    "NormalizationFailed": 484,
    "TooManyConversations": 486,
    "InvalidMediaDescription": 488,
    "OperationNotSupported": 403,
}
"""How a call that could not begin is refused, by the subcode; others by the code."""

BUSY = Outcome(
    Invited.DECLINED,
    Reason("RemoteFailure", "Busy", "The person is busy."),
    Reason("LocalFailure", "Busy", "The device is busy."),
)
"""A phone that is in another call."""

NO_MEDIA = declined("MediaDescriptionConflict")
"""A phone that takes none of what is offered."""


def status_of(reason: Reason | None) -> int:
    """The final response to an INVITE that ends so."""
    return STATUSES.get(reason.subcode, UNAVAILABLE) if reason is not None else UNAVAILABLE


def status_of_refusal(refusal: Answerable) -> int:
    """The final response to an INVITE that was refused before anybody rang."""
    by_code = {"NotFound": 404, "Forbidden": 403, "BadRequest": 400, "Conflict": 486}
    subcode = refusal.subcode or ""
    return REFUSALS.get(subcode, by_code.get(refusal.code, UNAVAILABLE))


NOT_KNOWN = frozenset({404, 410, 484, 604})
"""Nobody has the address or the number; 484 is for one that lacks digits."""

NOBODY = Outcome(Invited.UNREACHABLE, UNKNOWN, UNABLE.callee)
"""Somebody elsewhere whom the other system does not know."""


def outcome_of_status(status: int, *, elsewhere: bool = False) -> Outcome:
    """How it ends for an invitation that a phone, or another system, has refused with a final
    response."""
    if elsewhere and status in NOT_KNOWN:
        return NOBODY
    if status in (486, 600):
        return BUSY
    if status in (408, 480, 487, 504):
        return UNANSWERED if status in (408, 487) else UNABLE
    if status in (403, 603, 607):
        return DECLINED
    if status in (415, 488, 606):
        return NO_MEDIA
    return UNABLE


RANK = {486: 1, 600: 1, 603: 0, 607: 0, 403: 2, 488: 3, 606: 3, 415: 3, 408: 4, 487: 4}
"""Which of several refusals says most to the caller: the lowest (RFC 3261 section 16.7 step 6 lets
a proxy choose among 4xx; a person's answer counts more than a device's)."""


def rank(status: int) -> int:
    return RANK.get(status, 5)


def happening_of_status(status: int, *, rang: bool = False) -> Happening:
    """What becomes of a call to a number that a gateway has refused, after it `rang` or before."""
    if status in (486, 600):
        return Happening.BUSY
    if status in NOT_KNOWN:
        return Happening.UNKNOWN
    if status == 480:
        return Happening.UNAVAILABLE
    if status == 487 or (status == 408 and rang):
        return Happening.UNANSWERED
    if status in (403, 603, 607):
        return Happening.DECLINED
    return Happening.UNREACHABLE


NO_CHANNEL = frozenset({"34", "38", "41", "42", "44", "47"})
"""Causes of Q.850 by which a gateway is out of channels or of order itself, whatever its status
(RFC 3398 section 7.2.4.1 makes 503 of them): another gateway may reach the number."""


def is_of_gateway(reasons: Iterable[Parametrised]) -> bool:
    """Whether a gateway that refuses a call says that the reason is with itself."""
    return any(
        reason.value.upper() == "Q.850" and reason.parameter("cause") in NO_CHANNEL
        for reason in reasons
    )


def is_for_all(status: int) -> bool:
    """Whether the refusal of one device speaks for all of its user's (RFC 3261 section 21.6)."""
    return status >= 600
