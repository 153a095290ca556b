"""Session timers (RFC 4028): whether the other end of a call is still there."""

from typing import Self

import attrs

from mobility.sip.grammar import Malformed, number
from mobility.sip.headers import MAX_SECONDS, Parametrised
from mobility.sip.message import Request, Response

MIN_SE_S = 90
"""The shortest session interval that is taken (RFC 4028 section 5)."""

SESSION_EXPIRES_S = 1_800
"""The session interval that is asked for (RFC 4028 section 4 recommends it)."""

MAX_SESSION_EXPIRES_S = 86_400
"""A longer one is not asked for, whatever the peer's Min-SE (our choice: a day)."""

UAC, UAS = "uac", "uas"


@attrs.frozen(slots=True)
class SessionExpires:
    """The header field: the interval, and who refreshes ("" for not said)."""

    interval_s: int
    refresher: str = ""

    @classmethod
    def of(cls, message: Request | Response) -> Self | None:
        """That of a message, None without one.  Raises Malformed."""
        line = message.first("Session-Expires")
        if line is None:
            return None
        value = Parametrised.parse(line)
        refresher = value.parameter("refresher").lower()
        if refresher not in ("", UAC, UAS):
            raise Malformed("a refresher that is neither uac nor uas")
        return cls(number(value.value, MAX_SECONDS), refresher)

    def __str__(self) -> str:
        return (
            f"{self.interval_s};refresher={self.refresher}"
            if self.refresher
            else str(self.interval_s)
        )


@attrs.frozen(slots=True)
class Agreed:
    """What both ends agreed on; `ours` says that this end refreshes.

    `kept` says that another one than this end counts, too: the peer, or a proxy.
    """

    interval_s: int
    ours: bool
    kept: bool = True

    @property
    def due_s(self) -> float:
        """When who refreshes does it: at half the interval (RFC 4028 section 10)."""
        return self.interval_s / 2

    @property
    def expires_s(self) -> float:
        """When the session is given up: a little before the interval is over (section 10)."""
        return self.interval_s - min(32.0, self.interval_s / 3)


ALONE = Agreed(SESSION_EXPIRES_S, ours=True, kept=False)
"""What this end does on its own where the peer keeps no timer: it asks whether it is there."""


def answer(request: Request) -> tuple[Agreed, list[tuple[str, str]]]:
    """What a UAS agrees to, and the header fields of the 2xx that say so (section 9).

    The interval of the request must be MIN_SE_S at least.  Raises Malformed.
    """
    asked = SessionExpires.of(request)
    able = "timer" in request.tokens("Supported")
    if not able:
        interval_s = asked.interval_s if asked is not None else SESSION_EXPIRES_S
        said = SessionExpires(interval_s, UAS)
        agreed = Agreed(interval_s, ours=True, kept=asked is not None)
        return agreed, [("Session-Expires", str(said))]
    interval_s = min(asked.interval_s if asked is not None else SESSION_EXPIRES_S, MAX_SECONDS)
    refresher = (asked.refresher if asked is not None else "") or UAC
    fields = [("Session-Expires", str(SessionExpires(interval_s, refresher)))]
    if refresher == UAC:
        fields.append(("Require", "timer"))
    return Agreed(interval_s, refresher == UAS), fields


def too_small(request: Request) -> bool:
    """Whether the interval asked for is below what is taken (422).  Raises Malformed."""
    asked = SessionExpires.of(request)
    return asked is not None and asked.interval_s < MIN_SE_S


def agreed(response: Response) -> Agreed | None:
    """What a 2xx says to the UAC; None where the peer keeps no timer (section 7.2).

    Raises Malformed.
    """
    said = SessionExpires.of(response)
    if said is None or said.interval_s < MIN_SE_S:
        return None
    return Agreed(said.interval_s, said.refresher != UAS)


def wanted(response: Response) -> int | None:
    """The interval a UAC asks for after a 422, None where that is out of reach.

    Raises Malformed.
    """
    line = response.first("Min-SE")
    if line is None:
        return None
    least = number(Parametrised.parse(line).value, MAX_SECONDS)
    return max(least, SESSION_EXPIRES_S) if least <= MAX_SESSION_EXPIRES_S else None
