"""The way in: what an organisation sends is checked, stored, answered and queued.

Nothing is answered `accepted` before it is on the disk.
"""

import hashlib
import time
from collections.abc import Callable, Sequence

import attrs

from mobility.clearing_house import store
from mobility.clearing_house.destination import Destination
from mobility.clearing_house.endpoints import EndpointRefused
from mobility.clearing_house.house import ClearingHouse, token_of
from mobility.clearing_house.organisations import Organisation
from mobility.clearing_house.writer import Writer
from mobility.errors import Unavailable
from mobility.events import Catalogue, EventLog
from mobility.push import wire
from mobility.push.wire import Notification, Result
from mobility.push.wire_json import encode_notification

EVENTS: Catalogue = {
    "clearing.accepted": {
        "id": "the push; unique in its organisation, and the same at each try",
        "trace": "joins the lines of every hop",
        "organisation": "who sent it",
        "kind": "call, message, missedCall, voicemail, meeting, badge or withdraw",
        "destination": "the provider, the app id and, on the open web, the host",
    },
    "clearing.refused": {
        "id": "the push, as far as it could be read",
        "trace": "joins the lines of every hop",
        "organisation": "who sent it",
        "outcome": "rejected, duplicate or retry",
        "reason": "why",
    },
}

FULL_RETRY_S = 30
"""What an organisation is told to wait when too much waits already (our choice)."""

SKEW_S = 2
"""A difference of clocks up to this is not corrected: it is the time on the way."""


def number_of(*parts: str) -> int:
    """A hash of 64 bits, signed as SQLite keeps numbers, and never 0."""
    data = "\0".join(parts).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(data, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True) or 1


def _addressed(notification: Notification) -> str:
    """The token or endpoint that a push will go to, as `payloads` chooses it."""
    device = notification.device
    if device.voip_token and (notification.kind == "call" or not device.token):
        return device.voip_token
    return device.token or device.endpoint


@attrs.define(slots=True, eq=False)
class _Taken:
    """A push of a request on its way into the store."""

    at: int
    """Its place in the request."""
    notification: Notification
    row: store.Row


class Intake:
    """`max_queued` is for all organisations together; `epoch` is the time of day."""

    def __init__(
        self,
        house: ClearingHouse,
        writer: Writer,
        *,
        max_queued: int,
        log: EventLog,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self._house = house
        self._writer = writer
        self.max_queued = max_queued
        self._log = log
        self._epoch = epoch

    def skew_s(self, sent_at: int | None) -> int:
        """How far our clock is ahead of a sender's, 0 for what is the time on the way."""
        skew = 0 if sent_at is None else int(self._epoch()) - sent_at
        return skew if abs(skew) > SKEW_S else 0

    async def take(
        self, organisation: Organisation, items: Sequence[Notification | Result], skew_s: int = 0
    ) -> list[Result]:
        """Store what may be taken; a result for each.

        `skew_s` is how far our clock is ahead of the sender's.
        """
        results: list[Result | None] = []
        taken: list[_Taken] = []
        now = int(self._epoch())
        for item in items:
            if isinstance(item, Notification):
                expires = min(item.expires + skew_s, now + wire.MAX_LIFE_S)
                if (expires, skew_s) != (item.expires, item.ahead_s):
                    item = attrs.evolve(item, expires=expires, ahead_s=skew_s)
                found = self._check(organisation, item, now)
                if isinstance(found, store.Row):
                    taken.append(_Taken(len(results), item, found))
                    results.append(None)
                else:
                    results.append(found)
            else:
                results.append(item)
        if taken:
            await self._store(organisation, taken, results)
        told = [one for one in results if one is not None]
        for result, item in zip(told, items, strict=True):
            if result.outcome != wire.ACCEPTED:
                self._refused(organisation, result, item)
        return told

    def _check(
        self, organisation: Organisation, notification: Notification, now: int
    ) -> store.Row | Result:
        """Its row, or why it is not taken."""
        device = notification.device

        def rejected(reason: str) -> Result:
            return Result(notification.id, wire.REJECTED, reason)

        if not organisation.may_push_to(device.app_id):
            return rejected("app_not_allowed")
        app = self._house.apps.get((device.platform, device.app_id))
        if app is None:
            return rejected("platform_not_served")
        if notification.expires <= now:
            return rejected("already_expired")
        try:
            host = app.route(device)
        except EndpointRefused as error:
            return rejected(f"endpoint_not_allowed: {error}")
        if self.max_queued <= self._house.queued:
            return Result(notification.id, wire.RETRY, "queue_full", FULL_RETRY_S)
        destination = ":".join(filter(None, (device.platform, device.app_id, host)))
        if not organisation.has_room(destination):
            return Result(notification.id, wire.RETRY, "quota", FULL_RETRY_S)
        if wait_s := organisation.wait_s():
            return Result(notification.id, wire.RETRY, "quota", int(wait_s) + 1)
        organisation.waits(destination)
        self._house.queued += 1
        identity = (
            organisation.name,
            device.platform,
            device.app_id,
            device.token,
            device.voip_token,
            device.endpoint,
        )
        collapse = "\1badge" if notification.kind == "badge" else notification.collapse_key
        return store.Row(
            organisation=organisation.name,
            id=notification.id,
            destination=destination,
            kind=notification.kind,
            device=number_of(*identity),
            collapse=number_of(*identity, collapse) if collapse else 0,
            accepted_at=now,
            expires=notification.expires,
            token=token_of(organisation.name, device, _addressed(notification)),
            registered=device.registered,
            body=encode_notification(notification),
        )

    async def _store(
        self, organisation: Organisation, taken: Sequence[_Taken], results: list[Result | None]
    ) -> None:
        rows = [one.row for one in taken]
        try:
            numbers = await self._writer.run(lambda cursor: store.insert(cursor, rows))
        except Unavailable as error:
            self._give_back(organisation, taken)
            for one in taken:
                results[one.at] = Result(one.row.id, wire.RETRY, "unavailable", error.retry_after_s)
            return
        except BaseException:
            self._give_back(organisation, taken)
            raise
        touched: dict[str, Destination] = {}
        for one, number in zip(taken, numbers, strict=True):
            if number > 0:
                results[one.at] = Result(one.row.id, wire.ACCEPTED)
                destination = self._accepted(one, number)
                touched[destination.name] = destination
                continue
            self._give_back(organisation, [one])
            results[one.at] = (
                Result(one.row.id, wire.REJECTED, "dead_token")
                if number == store.BURIED
                else Result(one.row.id, wire.DUPLICATE)
            )
        for destination in touched.values():
            destination.pump()

    def _accepted(self, one: _Taken, number: int) -> Destination:
        row, notification = one.row, one.notification
        self._house.figures.accepted.add(row.organisation, notification.device.platform, row.kind)
        self._log.emit(
            "clearing.accepted",
            id=row.id,
            trace=notification.trace,
            organisation=row.organisation,
            kind=row.kind,
            destination=row.destination,
        )
        return self._house.queue(number, row, notification)

    def _give_back(self, organisation: Organisation, taken: Sequence[_Taken]) -> None:
        for one in taken:
            organisation.waits_no_more(one.row.destination)
        self._house.queued -= len(taken)

    def _refused(
        self, organisation: Organisation, result: Result, item: Notification | Result
    ) -> None:
        reason = result.reason.partition(":")[0] or result.outcome
        self._house.figures.refused.add(organisation.name, result.outcome, reason)
        self._log.emit(
            "clearing.refused",
            id=result.id,
            trace=item.trace if isinstance(item, Notification) else "",
            organisation=organisation.name,
            outcome=result.outcome,
            reason=result.reason,
        )
