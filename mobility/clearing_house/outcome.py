"""What a provider said about one push, in the terms that every provider shares."""

from typing import Protocol

import attrs

from mobility.clearing_house.breaker import LEAST_WAIT_S
from mobility.push.wire import Notification

DELIVERED, FAILED, DEAD, RETRY = "delivered", "failed", "dead", "retry"

PUSH, DESTINATION, CREDENTIAL = "push", "destination", "credential"
QUOTA, QUOTA_OF_ALL = "quota", "quota of all"
"""What a trouble is to be blamed on: this push or its device, the whole destination, the
credential that the destination refuses, or a quota: of all devices together, or of this one alone
for all that the answer says."""

STATUS_CHARACTERS = 120


def _words(status: str) -> str:
    """A provider's own words as they may travel on: bounded, and nothing but printable ASCII, so
    that no word of one provider can keep the verdicts on the others from being stored or read."""
    if not (status.isascii() and status.isprintable()):
        status = "".join(
            c if c.isascii() and c.isprintable() else "?" for c in status[:STATUS_CHARACTERS]
        )
    return status[:STATUS_CHARACTERS]


@attrs.frozen(slots=True)
class Outcome:
    """One provider's answer.

    `outcome` is delivered, failed, dead or retry; `reason` a key of `mobility.push.wire.REASONS`;
    `status` the provider's own words.  `unseen` means that the provider has not acted on it: try
    again at once, and count nothing.  `dead_since` is 0 when the provider names no time.  Without
    `retry_after_s` waits double from `least_wait_s`, or from half of it.
    """

    outcome: str
    status: str = attrs.field(default="", converter=_words)
    reason: str = ""
    blames: str = PUSH
    retry_after_s: float | None = None
    token_field: str = ""
    dead_since: int = 0
    unseen: bool = False
    least_wait_s: float = LEAST_WAIT_S


def retry(
    status: str,
    blames: str = DESTINATION,
    retry_after_s: float | None = None,
    *,
    unseen: bool = False,
    least_wait_s: float = LEAST_WAIT_S,
) -> Outcome:
    """To be tried again later."""
    reason = "credential" if blames == CREDENTIAL else "provider"
    return Outcome(
        RETRY, status, reason, blames, retry_after_s, unseen=unseen, least_wait_s=least_wait_s
    )


def failed(status: str, reason: str = "provider") -> Outcome:
    """Never to be tried again, and the token is kept."""
    return Outcome(FAILED, status, reason)


@attrs.frozen(slots=True)
class Job:
    """One push on its way to a provider."""

    organisation: str
    notification: Notification
    accepted_at: int


class Provider(Protocol):
    """One module a provider; one object for each app id and, on the open web, each host."""

    @property
    def room(self) -> int:
        """How many more pushes it takes now."""
        ...

    async def deliver(self, job: Job) -> Outcome:
        """Send one push.  Never raises but for a bug."""
        ...

    async def probe(self) -> Outcome:
        """Try the credential: `delivered` when the provider takes it, with `blames` CREDENTIAL
        where that says nothing of the server that takes pushes."""
        ...

    async def close(self, *, now: bool) -> None:
        """Let go of connections that are its own: `now`, or once what is under way is answered."""
        ...
