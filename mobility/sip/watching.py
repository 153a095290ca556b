"""Event subscriptions of ours (RFC 6665): SUBSCRIBE goes, NOTIFY comes.

Each is kept up for as long as it is wanted: refreshed in time, made anew when the other side has
forgotten it, and asked for again after longer and longer waits while it is refused.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from mobility.events import Catalogue, EventLog
from mobility.sip.client import Client
from mobility.sip.core import Core, Incoming
from mobility.sip.dialog import Dialog
from mobility.sip.flow import Flow
from mobility.sip.grammar import Malformed
from mobility.sip.headers import NameAddr, Parametrised, seconds
from mobility.sip.message import Request, Response
from mobility.sip.refusal import SipRefusal
from mobility.sip.routing import Way, ways_of
from mobility.sip.subscription import Ask, State, Subscriber, SubscriptionState, event_of
from mobility.sip.uri import SipUri, parse_uri

EVENTS: Catalogue = {
    "sip.watching": {
        "package": "the event package that is subscribed to",
        "target": "a pseudonym of what is watched",
        "state": "active, or terminated when it is not told of any more",
        "reason": "why it was terminated, as the other side said, or the status of its answer",
    },
    "sip.report_failed": {
        "package": "the event package",
        "failure": "the traceback",
    },
}

EXPIRES_S = 3_600
"""How long subscriptions are asked for (the default of most event packages)."""

MAX_WATCHED = 50_000
"""Subscriptions of ours at once (our choice: about 150 MB of them)."""

STARTED_A_SECOND = 50
"""New subscriptions a second, when there are many to make (our choice)."""


class Report(Protocol):
    """What is done with what is notified for one event package; `kind` is its Content-Type."""

    name: str
    kind: str

    def told(self, uri: str, body: bytes) -> Awaitable[None] | None:
        """Something was said of `uri`.  Raises Malformed."""

    def lost(self, uri: str) -> Awaitable[None] | None:
        """Nothing is known of `uri` any more, for now."""


@attrs.define(slots=True, eq=False)
class Watch:
    """One subscription of ours.

    `uri` is what it is about, `target` the URI that is subscribed to, `watcher` who asks.
    """

    watching: "Watching" = attrs.field(repr=False)
    report: Report
    uri: str
    target: SipUri
    watcher: str
    machine: Subscriber
    dialog: Dialog | None = None
    flow: Flow | None = None
    asked: Request | None = None
    timer: IDelayedCall | None = None
    shown: str = ""


@attrs.define(slots=True, eq=False)
class _Ear:
    """The dialog of a subscription of ours (a Conversant)."""

    watch: Watch
    dialog: Dialog

    def requested(self, incoming: Incoming) -> Awaitable[None] | None:
        return self.watch.watching.notified(self.watch, incoming)

    def acknowledged(self, ack: Request) -> None:
        """There is no INVITE in such a dialog."""


class Watching:
    """The subscriptions of ours.

    `ways` says how a URI is reached, and raises SipRefusal where nothing leads there.
    `unsolicited` takes a NOTIFY that belongs to none of them.
    """

    def __init__(
        self,
        core: Core,
        client: Client,
        ways: Callable[[SipUri], Sequence[Way]],
        unsolicited: Callable[[Incoming], Awaitable[None] | None],
        clock: IReactorTime,
        log: EventLog,
        pseudonym: Callable[[str], str],
    ) -> None:
        self._core = core
        self._client = client
        self._ways = ways
        self._unsolicited = unsolicited
        self._clock = clock
        self._log = log
        self._pseudonym = pseudonym
        self._watches: dict[tuple[str, str], Watch] = {}
        self._of_call: dict[tuple[str, str], Watch] = {}
        """Of each Call-ID and tag of ours what it is for, while there is no dialog yet."""
        self._start_at = 0.0
        self._closed = False
        core.serve("NOTIFY", self._notify)

    def __len__(self) -> int:
        return len(self._watches)

    def watch(self, report: Report, uri: str, target: SipUri, watcher: str) -> None:
        """See to it that `report` hears of `uri`; once more makes no difference."""
        key = report.name, uri
        if key in self._watches or self._closed or len(self._watches) >= MAX_WATCHED:
            return
        watch = Watch(self, report, uri, target, watcher, Subscriber(EXPIRES_S))
        self._watches[key] = watch
        now = self._clock.seconds()
        self._start_at = max(self._start_at + 1 / STARTED_A_SECOND, now)
        watch.timer = self._clock.callLater(self._start_at - now, self._woken, watch)

    def unwatch(self, name: str, uri: str) -> None:
        """Nobody needs to hear of `uri` any more."""
        watch = self._watches.pop((name, uri), None)
        if watch is not None:
            watch.machine.unwanted()
            self._proceed(watch)

    def close(self) -> None:
        """The front end stops: the others are told, while there are connections."""
        self._closed = True
        for name, uri in list(self._watches):
            self.unwatch(name, uri)

    # -- what goes ------------------------------------------------------------------------------

    def _woken(self, watch: Watch) -> None:
        watch.timer = None
        self._proceed(watch)

    def _proceed(self, watch: Watch) -> None:
        """Send what is due, and come back when the next is."""
        ask = watch.machine.due(self._clock.seconds())
        if ask is not None:
            self._ask(watch, ask)
        if watch.timer is not None:
            watch.timer.cancel()
            watch.timer = None
        at = watch.machine.wake_at()
        if watch.machine.over or (at is None and not watch.machine.wanted and self._closed):
            self._forget_dialog(watch)
        elif at is not None:
            wait_s = max(at - self._clock.seconds(), 0.0)
            watch.timer = self._clock.callLater(wait_s, self._woken, watch)

    def _ask(self, watch: Watch, ask: Ask) -> None:
        if ask is Ask.SUBSCRIBE or watch.dialog is None:
            self._forget_dialog(watch)
            from_ = NameAddr(parse_uri(watch.watcher))
            to = NameAddr(watch.target)
            request = self._client.request("SUBSCRIBE", str(watch.target), from_, to)
            watch.asked = request
            self._of_call[request.call_id, request.from_.tag] = watch
        else:
            request = watch.dialog.request("SUBSCRIBE")
        request.set("Event", watch.report.name)
        request.set("Accept", watch.report.kind)
        request.set("Expires", "0" if ask is Ask.LEAVE else str(watch.machine.expires_s))
        try:
            ways = (
                self._ways(watch.target) if watch.dialog is None else self._within(watch, request)
            )
        except SipRefusal as refusal:
            self._refused(watch, refusal.status, None)
            return

        def answered(response: Response) -> None:
            if response.is_final:
                watch.flow = sending.flow if sending is not None else watch.flow
                self._answered(watch, request, response)

        sending = None
        sending = self._client.send(request, ways, answered, follows=watch.dialog is None)
        watch.flow = sending.flow or watch.flow

    def _within(self, watch: Watch, request: Request) -> Sequence[Way]:
        try:
            return ways_of(request, watch.flow)
        except Malformed:
            return self._ways(watch.target)

    def _answered(self, watch: Watch, request: Request, response: Response) -> None:
        now, machine = self._clock.seconds(), watch.machine
        if response.status >= 300:
            least = _seconds(response.first("Min-Expires"))
            if response.status == 423 and least:
                machine.too_brief(least, now)
                self._proceed(watch)
                return
            self._refused(watch, response.status, _seconds(response.first("Retry-After")))
            return
        if watch.dialog is None:
            try:
                dialog = Dialog.calling(request, response, secure=False)
            except Malformed:
                self._refused(watch, 500, None)
                return
            self._join(watch, dialog)
        granted = _seconds(response.first("Expires"))
        machine.accepted(machine.expires_s if granted is None else granted, now)
        self._proceed(watch)

    def _refused(self, watch: Watch, status: int, retry_after_s: int | None) -> None:
        watch.machine.refused(status, self._clock.seconds(), retry_after_s)
        self._ended(watch, str(status))

    def _ended(self, watch: Watch, reason: str) -> None:
        if watch.machine.state is State.TERMINATED:
            self._forget_dialog(watch)
            self._show(watch, "terminated", reason)
            if (watch.report.name, watch.uri) in self._watches:
                self._hand_on(watch, watch.report.lost(watch.uri))
        self._proceed(watch)

    # -- what comes -----------------------------------------------------------------------------

    def _notify(self, incoming: Incoming) -> Awaitable[None] | None:
        """A NOTIFY that is in no dialog: one that was faster than its answer, or unsolicited."""
        request = incoming.request
        watch = self._of_call.get((request.call_id, request.to.tag))
        if watch is None or watch.asked is None:
            if request.to.tag:
                raise SipRefusal(481)
            return self._unsolicited(incoming)
        dialog = Dialog(
            call_id=request.call_id,
            local=request.to,
            remote=request.from_,
            target=request.addresses("Contact")[0].sip,
            routes=tuple(request.addresses("Record-Route")),
            local_number=watch.asked.cseq.number,
        )
        self._join(watch, dialog)
        dialog.check(request)
        return self.notified(watch, incoming)

    async def notified(self, watch: Watch, incoming: Incoming) -> None:
        """A request within the dialog of a subscription of ours."""
        request = incoming.request
        if request.method != "NOTIFY":
            raise SipRefusal(405, fields={"Allow": ["NOTIFY"]})
        if event_of(request.first("Event"))[0] != watch.report.name:
            raise SipRefusal(489)
        told = SubscriptionState.parse(request.need("Subscription-State"))
        if request.body:
            kind = Parametrised.parse(request.first("Content-Type") or "none").value.lower()
            if kind != watch.report.kind:
                raise SipRefusal(415, fields={"Accept": [watch.report.kind]})
            if watch.machine.wanted:
                handed = watch.report.told(watch.uri, request.body)
                if handed is not None:
                    await handed
        if watch.dialog is not None and request.first("Contact") is not None:
            watch.dialog.refresh(request)
        watch.flow = incoming.flow
        incoming.respond(200)
        watch.machine.notified(told, self._clock.seconds())
        if told.state is State.TERMINATED:
            self._ended(watch, told.reason or "terminated")
        else:
            self._show(watch, "active", "")
            self._proceed(watch)

    def _join(self, watch: Watch, dialog: Dialog) -> None:
        if watch.dialog is not None:
            return
        watch.dialog = dialog
        self._core.dialogs[dialog.id] = _Ear(watch, dialog)

    def _forget_dialog(self, watch: Watch) -> None:
        if watch.asked is not None:
            self._of_call.pop((watch.asked.call_id, watch.asked.from_.tag), None)
            watch.asked = None
        if watch.dialog is not None:
            self._core.dialogs.pop(watch.dialog.id, None)
            watch.dialog = None

    def _show(self, watch: Watch, state: str, reason: str) -> None:
        """One log line when a subscription is there, and one when it is not any more."""
        if f"{state} {reason}" != watch.shown:
            watch.shown = f"{state} {reason}"
            target = self._pseudonym(watch.uri)
            self._log.emit(
                "sip.watching",
                package=watch.report.name,
                target=target,
                state=state,
                reason=reason,
            )

    def _hand_on(self, watch: Watch, handed: Awaitable[None] | None) -> None:
        if handed is None:
            return

        def failed(failure: Failure) -> None:
            self._log.failure("sip.report_failed", failure, package=watch.report.name)

        Deferred.fromCoroutine(_awaited(handed)).addErrback(failed)


def _seconds(text: str | None) -> int | None:
    try:
        return None if text is None else seconds(text)
    except Malformed:
        return None


async def _awaited(handed: Awaitable[None]) -> None:
    await handed
