"""A clearing house that is reached by SIP MESSAGE requests through an Access Edge.

How a MESSAGE gets there is somebody else's business (`Messenger`): this room knows no SIP.
"""

import time
from collections.abc import Sequence
from typing import Protocol

from mobility.push.clearing_house import HouseFailed
from mobility.push.wire import (
    MAX_WAIT_S,
    Health,
    Notification,
    Result,
    VerdictPage,
    Whereabouts,
    WireFault,
)
from mobility.push.wire_json import (
    decode_health,
    decode_results,
    decode_verdicts,
    decode_whereabouts,
    encode_batches,
)
from mobility.push.wire_sip import (
    MESSAGE_BYTES,
    MESSAGE_ITEMS,
    Refused,
    answered,
    encode_health_wanted,
    encode_verdicts_wanted,
    encode_whereabouts_wanted,
    fitting,
)

MARGIN_S = 10.0
"""How much longer than it asks the house to wait a poll for verdicts waits (as over HTTPS)."""


SETTING, ALLOWED, PARTNER, PROVIDER = "setting", "allowed domain", "SRV", "hosting provider"
ADDRESS, CONNECTION, ANSWER, REPLY = "address", "connection", "answer", "reply"
"""The hops on the way through an Access Edge, in their order."""


class HopFailed(HouseFailed):
    """A question got no further than to `hop`; `status` is what SIP answered, 0 for nothing."""

    def __init__(self, hop: str, reason: str, status: int = 0, retry_after_s: float = 0.0) -> None:
        super().__init__(f"{hop}: {reason}", retry_after_s)
        self.hop = hop
        self.status = status
        self.told = reason


class Messenger(Protocol):
    """Brings questions to the clearing house and answers back."""

    async def ask(self, body: bytes, timeout_s: float) -> bytes:
        """The answer to a question.  Raises HopFailed."""
        ...


class MessageClearingHouse:
    """A ClearingHouse (`mobility.push.clearing_house`) at a SIP address; `reader` is who hears its
    verdicts, among several front ends of one organisation."""

    def __init__(
        self, uri: str, messenger: Messenger, *, timeout_s: float, reader: str = ""
    ) -> None:
        self._uri = uri
        self._reader = reader
        self._messenger = messenger
        self._timeout_s = timeout_s

    @property
    def name(self) -> str:
        return self._uri

    async def deliver(self, notifications: list[Notification]) -> list[Result]:
        fitted = [fitting(one) for one in notifications]
        told = [one for one in fitted if isinstance(one, Notification)]
        results: list[Result] = []
        for body, count in encode_batches(told, time.time(), MESSAGE_ITEMS, MESSAGE_BYTES):
            try:
                found = decode_results(await self._ask(body, self._timeout_s))
            except WireFault as fault:
                raise _unreadable(fault) from fault
            if len(found) != count:
                raise HouseFailed(f"it answered {len(found)} results for {count} notifications")
            results += found
        left = iter(results)
        return [one if isinstance(one, Result) else next(left) for one in fitted]

    async def verdicts(self, stream: str, after: int) -> VerdictPage:
        body = encode_verdicts_wanted(after, stream, self._reader)
        try:
            return decode_verdicts(await self._ask(body, MAX_WAIT_S + MARGIN_S))
        except WireFault as fault:
            raise _unreadable(fault) from fault

    async def health(self) -> Health:
        try:
            return decode_health(await self._ask(encode_health_wanted(), self._timeout_s))
        except WireFault as fault:
            raise _unreadable(fault) from fault

    async def whereabouts(self, ids: Sequence[str]) -> list[Whereabouts]:
        try:
            body = encode_whereabouts_wanted(ids)
            return decode_whereabouts(await self._ask(body, self._timeout_s))
        except WireFault as fault:
            raise _unreadable(fault) from fault

    async def _ask(self, body: bytes, timeout_s: float) -> bytes:
        try:
            return answered(await self._messenger.ask(body, timeout_s))
        except Refused as refused:
            raise HouseFailed(str(refused), refused.retry_after_s) from refused


def _unreadable(fault: WireFault) -> HouseFailed:
    return HouseFailed(f"its answer cannot be read: {fault.message}")
