"""Hears from the clearing house what providers said, each verdict once.

How far it has been heard is stored with what follows from it, in one unit of work.
"""

import random
from collections.abc import Awaitable, Callable

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mobility.domain.devices import Devices
from mobility.domain.ledger import Archive, Unit
from mobility.domain.push_notices import Draft, Heard
from mobility.domain.push_outbox import PushOutbox
from mobility.domain.records import PushCursor, PushNotice
from mobility.errors import Unavailable
from mobility.events import Catalogue, EventLog
from mobility.push.breaker import Random, backoff_s
from mobility.push.clearing_house import ClearingHouse, HouseFailed
from mobility.push.wire import (
    DEAD,
    DEAD_TOKEN,
    DELIVERED,
    EXPIRED,
    VERDICTS_PAGE,
    Verdict,
    VerdictPage,
)

EVENTS: Catalogue = {
    "push.device_dropped": {
        "user": "pseudonym of the user",
        "device": "id of the subscription that ended, or that rings no more",
        "token": "which of its tokens the provider does not know any more",
        "id": "of the notification that the provider refused",
        "reason": "the provider's own words",
    },
    "push.verdicts_failed": {
        "house": "where verdicts are heard",
        "reason": "why they could not be; told once until they can be again",
    },
    "push.verdicts_lost": {"failure": "the traceback of what went wrong here"},
}

BASE_S, MOST_S = 1.0, 60.0
"""The first and the longest wait after a failure (our choice)."""

TOGETHER_S = 0.2
"""Verdicts that come within it are heard together (our choice: a question costs more than many of
its answers, and nobody waits for them)."""

TAKEN_BACK = ("withdrawn", "superseded")
"""Why something was not sent that nobody wants any more."""


class Verdicts(Service):
    """Asks one clearing house again and again."""

    def __init__(
        self,
        outbox: PushOutbox,
        devices: Devices,
        archive: Archive,
        house: ClearingHouse,
        cursor: PushCursor | None,
        *,
        clock: IReactorTime,
        epoch: Callable[[], float],
        log: EventLog,
        pseudonym: Callable[[str], str],
        chance: Random = random.random,
    ) -> None:
        self._outbox = outbox
        self._devices = devices
        self._archive = archive
        self._house = house
        self.cursor = cursor or PushCursor(house.name, "", 0)
        self._clock = clock
        self._epoch = epoch
        self._log = log
        self._pseudonym = pseudonym
        self._chance = chance
        self._asking: Deferred[None] | None = None
        self._pause: Deferred[None] | None = None
        self._failed = 0
        self.failure = ""
        """Why the last question came to nothing, "" for one that was answered."""

    def startService(self) -> None:
        super().startService()
        self._asking = ensureDeferred(self._ask())

    def stopService(self) -> None:
        super().stopService()
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    async def _ask(self) -> None:
        while self.running:
            try:
                page = await self._house.verdicts(self.cursor.stream, self.cursor.after)
                await self.hear(page)
                self._failed, self.failure = 0, ""
                if 0 < len(page.verdicts) < VERDICTS_PAGE:  # a full one is not the last
                    await deferLater(self._clock, TOGETHER_S)
                continue
            except CancelledError:
                return
            except HouseFailed as failed:
                if not self.running:
                    return
                self.failure = reason = failed.reason
                if not self._failed:
                    self._log.emit("push.verdicts_failed", house=self._house.name, reason=reason)
            except Unavailable:
                pass  # the store says so itself
            except Exception as error:  # whatever it is, the next ones must be heard
                self._log.failure("push.verdicts_lost", error)
            wait_s = backoff_s(self._failed, BASE_S, MOST_S, self._chance)
            self._failed += 1
            try:
                await self._rest(wait_s)
            except CancelledError:
                return

    async def _rest(self, seconds: float) -> None:
        """Wait, unless `hurry` ends it."""
        pause = self._pause = Deferred()
        late = self._clock.callLater(seconds, self.hurry)
        try:
            await pause
        finally:
            self._pause = None
            if late.active():
                late.cancel()

    def hurry(self) -> None:
        """The clearing house answers: ask now what was not answered before."""
        pause, self._pause = self._pause, None
        if pause is not None:
            pause.callback(None)

    async def hear(self, page: VerdictPage) -> None:
        """Act on a page of verdicts."""
        if page.stream != self.cursor.stream:
            self.cursor = PushCursor(self._house.name, page.stream, 0)
        draft = Draft(Unit(), self._epoch())
        last = self.cursor.after
        for verdict in page.verdicts:
            if verdict.sequence <= last:
                continue
            last = verdict.sequence
            notice = self._outbox.heard(draft, verdict.id, _heard(verdict))
            if verdict.outcome == DEAD:
                notice = notice or await self._archive.push_notice(verdict.id)
                await self._dead(draft, verdict, notice)
                draft = Draft(Unit(), self._epoch())
        if last > self.cursor.after:
            await self._store(draft, last, self._outbox.commit)

    async def _dead(self, draft: Draft, verdict: Verdict, notice: PushNotice | None) -> None:
        """A provider does not know a token any more; the subscription ends with the same unit."""
        if notice is None:
            await self._store(draft, verdict.sequence, self._outbox.commit)
            return
        dropped = False

        async def commit(draft: Draft) -> None:
            nonlocal dropped
            try:
                dropped = await self._devices.given_up(
                    notice.user_uri,
                    notice.subscription_id,
                    float(verdict.dead_since or verdict.at),
                    draft.unit,
                    token=verdict.token_field,
                    asked_at=notice.handed_at or notice.created_at,
                )
            except BaseException:
                draft.failed()
                raise
            draft.stored()

        await self._store(draft, verdict.sequence, commit)
        if dropped:
            self._log.emit(
                "push.device_dropped",
                user=self._pseudonym(notice.user_uri),
                device=notice.subscription_id,
                token=verdict.token_field or "token",
                id=verdict.id,
                reason=verdict.status or verdict.reason,
            )

    async def _store(
        self, draft: Draft, after: int, commit: Callable[[Draft], Awaitable[None]]
    ) -> None:
        cursor = PushCursor(self._house.name, self.cursor.stream, after)
        draft.unit.save(cursor)
        await commit(draft)
        self.cursor = cursor


def _heard(verdict: Verdict) -> Heard:
    """What a verdict means for its notification."""
    if verdict.outcome == DELIVERED:
        return Heard(verdict.status)
    late = verdict.outcome == EXPIRED
    reason = verdict.reason or verdict.outcome
    if verdict.outcome == DEAD:
        reason = DEAD_TOKEN
    elif late and reason not in TAKEN_BACK:
        reason = EXPIRED  # what kept it there is the status
    if verdict.status:
        reason = f"{reason}: {verdict.status}"
    return Heard(verdict.status, reason, "ended" if late else "refused")
