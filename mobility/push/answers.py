"""What an HTTP peer answers: its body, within bounds of size and time, and its Retry-After."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IResponse

LONGEST_RETRY_AFTER_S = 3_600.0
"""Whoever asks for longer is asked again all the same (our choice)."""

DIGITS = 10
"""Of a Retry-After that is a number; more is longer than the longest anyway."""


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds of a Retry-After field, which is a number or a date (RFC 9110 section 10.2.3); None
    for what is neither."""
    text = (value or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        number = text.lstrip("0") or "0"
        seconds = float(number) if len(number) <= DIGITS else LONGEST_RETRY_AFTER_S
    else:
        try:
            when = parsedate_to_datetime(text)
            seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, OverflowError):  # a year or offset beyond all calendars
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)


T = TypeVar("T")


def within(asking: Deferred[T], seconds: float, clock: IReactorTime) -> Deferred[T]:
    """What is asked, cancelled when it takes longer; then it fails with Twisted's TimeoutError,
    whatever error its cancelling ends with (a request that waits for its answer has one of its
    own)."""

    def too_late(result: T | Failure, _seconds: float) -> T:
        if isinstance(result, Failure):
            raise defer.TimeoutError(f"no answer in {seconds:g} s")
        return result

    return asking.addTimeout(seconds, clock, too_late)


class BodyTooLong(Exception):
    """There is more than was asked for; `beginning` is what was."""

    def __init__(self, beginning: bytes) -> None:
        super().__init__(f"more than {len(beginning)} bytes")
        self.beginning = beginning


def read_body(response: IResponse, most_bytes: int) -> Deferred[bytes]:
    """The body of an answer.

    Fails with BodyTooLong, and with what has cut it.  The connection of one that is too long, or
    that is cancelled because it takes too long, is cut: a peer that sends a byte now and then, or
    bytes without end, keeps nothing open.
    """
    reader = _Reader(most_bytes)
    response.deliverBody(reader)
    return reader.done


class _Reader(Protocol):
    def __init__(self, most_bytes: int) -> None:
        self.done: Deferred[bytes] = Deferred(self._cut)
        self._most_bytes = most_bytes
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        if self.done.called:
            return
        self._data += data
        if len(self._data) > self._most_bytes:
            self.done.errback(BodyTooLong(self._data[: self._most_bytes]))
            self._cut(self.done)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.done.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(self._data)
        else:
            self.done.errback(reason)

    def _cut(self, _done: Deferred[bytes]) -> None:
        """At once: a peer that wants to keep the connection does not answer TLS's good-bye.

        The transport of a body offers an orderly end only, so it is asked for what it stands for.
        """
        proxy: Any = self.transport
        connection = getattr(proxy, "_producer", None)
        if connection is not None:
            connection.abortConnection()
