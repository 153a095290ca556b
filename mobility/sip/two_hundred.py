"""2xx responses to INVITEs, which their sender repeats until the ACK comes."""

from collections.abc import Callable

from mobility.sip.core import Core, Incoming
from mobility.sip.message import Response
from mobility.sip.transaction import LIFETIME_S, T1_S, T2_S
from mobility.sip.transactions import Timer


class TwoHundred:
    """A 2xx to an INVITE, sent again until its ACK comes (RFC 3261 section 13.3.1.4)."""

    def __init__(
        self, core: Core, incoming: Incoming, response: Response, vain: Callable[[], None]
    ) -> None:
        """`vain` is called when no ACK has come in time."""
        self.number = incoming.request.cseq.number
        self._core = core
        self._incoming = incoming
        self._response = response
        self._vain = vain
        self._interval_s = T1_S
        self._left_s = LIFETIME_S
        self._timer: Timer | None = None
        incoming.send(response)
        self._wait()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = self._core.later(min(self._interval_s, self._left_s), self._again)

    def _again(self) -> None:
        self._timer = None
        self._left_s -= self._interval_s
        if self._left_s <= 0:
            self._vain()
            return
        self._incoming.send(self._response)
        self._interval_s = min(self._interval_s * 2, T2_S)
        self._wait()
