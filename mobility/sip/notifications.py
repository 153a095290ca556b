"""Event subscriptions of others (RFC 6665): SUBSCRIBE comes, NOTIFY goes.

What there is to be told is an event package's business.  Subscriptions are in memory alone: after
a restart the next SUBSCRIBE within an old dialog is answered 481, upon which every subscriber
subscribes anew (RFC 6665 section 4.1.2.3); one that stops in good order says so to all.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mobility.config import SipConfig
from mobility.events import Catalogue, EventLog
from mobility.sip.client import Client
from mobility.sip.core import Core, Incoming
from mobility.sip.dialog import Dialog
from mobility.sip.event_package import Package, Partial
from mobility.sip.flow import Flow, contact_over
from mobility.sip.grammar import Malformed
from mobility.sip.headers import Parametrised, seconds
from mobility.sip.identity import Identity, Sender
from mobility.sip.limits import BUSY_RETRY_S
from mobility.sip.list_state import ListState
from mobility.sip.message import Request, Response
from mobility.sip.refusal import SipRefusal
from mobility.sip.resource_lists import LISTS_TYPE, RELATED_TYPE, Part, Resource, parse_list
from mobility.sip.routing import ways_of
from mobility.sip.subscription import (
    Notifier,
    State,
    SubscriptionState,
    event_of,
    expires_of,
)
from mobility.sip.uri import parse_sip_uri

EVENTS: Catalogue = {
    "sip.subscribed": {
        "package": "the event package",
        "watcher": "a pseudonym of who subscribed",
        "resources": "how many things it is told of",
        "expires_s": "how long the subscription lasts if it is not renewed",
    },
    "sip.subscription_ended": {
        "package": "the event package",
        "watcher": "a pseudonym of who had subscribed",
        "reason": "as the last NOTIFY had it, or the status with which that was refused",
    },
}

MAX_SUBSCRIPTIONS = 100_000
"""Subscriptions at once; one beyond is answered 503 (our choice: some 200 MB of them)."""

MAX_OF_USER = 500
"""Of one user, all its phones together (our choice)."""

MAX_OF_PEER = 50_000
"""Of one trusted peer, which watches for many (our choice)."""

MAX_LIST = 200
"""Resources of one list subscription (our choice)."""

NOTIFIED_A_TURN = 50
"""Notifications that are made before other work has its turn (our choice: about 5 ms)."""

CONTACTS = "contacts"
"""The user part that stands for a watcher's own contact list, where no user is called so."""


ContactsOf = Callable[[str], Awaitable[Sequence[str]]]
"""The URIs on the contact list of a user."""


@attrs.define(slots=True, eq=False)
class Subscription:
    """One subscription (a Conversant); `list` is None where one resource is watched."""

    notifications: "Notifications" = attrs.field(repr=False)
    dialog: Dialog
    package: Package
    event: str
    sender: Sender
    uris: Sequence[str]
    flow: Flow
    machine: Notifier
    list: ListState | None = None
    partial: Partial | None = None
    number: int = 0
    began_at: float = 0.0
    version: int = 0
    queued: bool = False
    timer: IDelayedCall | None = None

    def requested(self, incoming: Incoming) -> None:
        """A request within the dialog."""
        self.notifications.refreshed(self, incoming)

    def acknowledged(self, ack: Request) -> None:
        """There is no INVITE in such a dialog."""

    def told(self, tag: str, name_of: Callable[[str], str]) -> tuple[str, bytes]:
        """Content-Type and body of the next notification; `tag` is unique."""
        package, watcher, version = self.package, self.sender.uri, self.version
        self.version += 1
        if self.partial is not None:
            return package.kind, self.partial.body(version)
        if self.list is None:
            return package.kind, package.body(self.uris[0], watcher, version)

        def member(uri: str, content_id: str) -> tuple[Resource, Part | None]:
            try:
                package.check(uri, self.sender)
            except SipRefusal as refusal:
                reason = "noresource" if refusal.status == 404 else "rejected"
                return Resource(uri, state="terminated", reason=reason), None
            resource = Resource(uri, name_of(uri), content_id=content_id)
            return resource, (content_id, package.kind, package.body(uri, watcher, version))

        return self.list.told(version, tag, member)


class Notifications:
    """Serves SUBSCRIBE, and notifies.

    `contacts_of` gives the contact list of a user, for lists.
    """

    def __init__(
        self,
        core: Core,
        client: Client,
        identity: Identity,
        contacts_of: ContactsOf,
        settings: SipConfig,
        clock: IReactorTime,
        log: EventLog,
        pseudonym: Callable[[str], str],
    ) -> None:
        self._core = core
        self._client = client
        self._identity = identity
        self._contacts_of = contacts_of
        self._settings = settings
        self._clock = clock
        self._log = log
        self._pseudonym = pseudonym
        self._packages: dict[str, Package] = {}
        self._partials: dict[str, Callable[[str], Partial]] = {}
        self._of_resource: dict[tuple[str, str], dict[Subscription, None]] = {}
        self._of_account: dict[str, set[Subscription]] = {}
        self._count = self._made = 0
        self.subscribed: Callable[[Subscription, str], None] = _nobody_subscribed
        """Told of each subscription that has begun, with "", and that has ended, with the reason.
        """
        self.watched: Callable[[str, str, bool], None] = _nobody
        """Told of each package and resource that has its first subscription, or has lost its last.
        """
        self._queue: deque[Subscription] = deque()
        self._turn: IDelayedCall | None = None
        core.serve("SUBSCRIBE", self.subscribe)

    def add(self, package: Package, partial: Callable[[str], Partial] | None = None) -> None:
        """Serve an event package; `partial` begins what a subscriber to a resource is told where
        that is not everything each time."""
        self._packages[package.name] = package
        if partial is not None:
            self._partials[package.name] = partial
        self._core.offers["Allow-Events"] = ", ".join(sorted(self._packages))

    def __len__(self) -> int:
        return self._count

    def of(self, name: str, uri: str) -> Iterable[Subscription]:
        """The subscriptions to a resource."""
        return self._of_resource.get((name, uri), ())

    # -- what has changed -----------------------------------------------------------------------

    def changed(self, name: str, uri: str) -> None:
        """What there is to be told of `uri` is another for those who watch it."""
        for subscription in self._of_resource.get((name, uri), ()):
            self._change(subscription, uri)

    def changed_for(self, name: str, uri: str, watcher: str) -> None:
        """Likewise, for one watcher."""
        for subscription in self._of_resource.get((name, uri), ()):
            if subscription.sender.uri == watcher:
                self._change(subscription, uri)

    def gone(self, uri: str) -> None:
        """There is no such resource, and no such watcher, any more."""
        for name in self._packages:
            for subscription in self._of_resource.get((name, uri), ()):
                if subscription.list is None:
                    self._end(subscription, "noresource")
                else:
                    self._change(subscription, uri)
        for subscription in self._of_account.get(uri, ()):
            self._end(subscription, "rejected")

    def close(self) -> None:
        """The front end stops: everybody is told to subscribe anew."""
        for accounts in list(self._of_account.values()):
            for subscription in list(accounts):
                subscription.machine.end("deactivated")
                self._notify(subscription)

    def _change(self, subscription: Subscription, uri: str) -> None:
        if subscription.list is not None:
            subscription.list.untold[uri] = None
        subscription.machine.change()
        self._enqueue(subscription)

    def _end(self, subscription: Subscription, reason: str) -> None:
        subscription.machine.end(reason)
        self._enqueue(subscription)

    # -- SUBSCRIBE ------------------------------------------------------------------------------

    async def subscribe(self, incoming: Incoming) -> None:
        """A SUBSCRIBE outside of a dialog came."""
        request = incoming.request
        name, event_id = event_of(request.first("Event"))
        package = self._packages.get(name)
        if package is None:
            raise SipRefusal(489, fields={"Allow-Events": [", ".join(sorted(self._packages))]})
        sender = self._identity.sender(incoming)
        expires_s = self._expires(request)
        uris, listed = await self._resources(package, request, sender)
        _check_accept(package, request, listed)
        if listed is None:
            package.check(uris[0], sender)
        self._check_room(sender)
        incoming.tag = self._core.new_tag()
        response = request.respond(200, incoming.tag)
        dialog = Dialog.called(request, response, secure=incoming.flow.secure)
        subscription = Subscription(
            self,
            dialog,
            package,
            f"{name};id={event_id}" if event_id else name,
            sender,
            uris,
            incoming.flow,
            Notifier(package.interval_s, self._clock.seconds() + expires_s),
            listed,
            number=self._made,
            began_at=self._clock.seconds(),
        )
        if listed is None and name in self._partials:
            subscription.partial = self._partials[name](uris[0])
        self._made += 1
        self._keep(subscription)
        self._log.emit(
            "sip.subscribed",
            package=name,
            watcher=self._pseudonym(sender.uri),
            resources=len(uris),
            expires_s=expires_s,
        )
        self._accept(subscription, incoming, response, expires_s)

    def refreshed(self, subscription: Subscription, incoming: Incoming) -> None:
        """A request within a subscription's dialog came: SUBSCRIBE, or what has no place there."""
        request = incoming.request
        if request.method != "SUBSCRIBE":
            raise SipRefusal(405, fields={"Allow": ["SUBSCRIBE, NOTIFY"]})
        if event_of(request.first("Event"))[0] != subscription.package.name:
            raise SipRefusal(489)
        if subscription.machine.state is State.TERMINATED:
            raise SipRefusal(481)
        if incoming.flow is not subscription.flow:  # whoever has overheard the dialog's tags
            sender = self._identity.sender(incoming)
            if sender.uri != subscription.sender.uri:
                raise SipRefusal(403, "Forbidden: another watcher's subscription")
        expires_s = self._expires(request)
        subscription.dialog.refresh(request)
        subscription.flow = incoming.flow
        subscription.machine.refresh(self._clock.seconds() + expires_s)
        response = request.respond(200, subscription.dialog.local.tag)
        self._accept(subscription, incoming, response, expires_s)

    def _accept(
        self, subscription: Subscription, incoming: Incoming, response: Response, expires_s: int
    ) -> None:
        response.set("Expires", str(expires_s))
        response.set("Contact", f"<{contact_over(incoming.flow)}>")
        if subscription.list is not None:
            response.set("Require", "eventlist")
            subscription.list.begin()
        if subscription.partial is not None:
            subscription.partial.begin()
        incoming.send(response)
        self._notify(subscription)

    def _expires(self, request: Request) -> int:
        """How long a subscription lasts that asks so.  Raises SipRefusal (423)."""
        asked = expires_of(request.first("Expires"), self._settings.max_expires_s)
        least = self._settings.min_expires_s
        if 0 < asked < least:
            raise SipRefusal(423, fields={"Min-Expires": [str(least)]})
        return min(asked, self._settings.max_expires_s)

    async def _resources(
        self, package: Package, request: Request, sender: Sender
    ) -> tuple[Sequence[str], ListState | None]:
        """What is to be watched, and the list if it is one.  Raises SipRefusal, Malformed."""
        uri = parse_sip_uri(request.uri)
        sent = "recipient-list-subscribe" in request.tokens("Require")
        own = uri.user.lower() == CONTACTS and not self._identity.is_there(uri.aor)
        if not sent and not (own and uri.host in self._identity.domains):
            return [self._identity.resource(uri, self._packages)], None
        if not package.listed:
            raise SipRefusal(489, "Bad Event: not for lists")
        if "eventlist" not in request.tokens("Supported"):
            raise SipRefusal(421, fields={"Require": ["eventlist"]})
        if sent:
            kind = Parametrised.parse(request.first("Content-Type") or "none")
            if kind.value.lower() != LISTS_TYPE or request.first("Content-Encoding"):
                raise SipRefusal(415, fields={"Accept": [LISTS_TYPE]})
            uris = [parse_sip_uri(one).aor for one in parse_list(request.body)]
        else:
            uris = list(await self._contacts_of(sender.uri))
        if len(uris) > MAX_LIST:
            raise SipRefusal(413, "Request Entity Too Large: too many resources")
        unique = tuple(dict.fromkeys(uris))
        return unique, ListState(str(uri.bare()), unique)

    def _check_room(self, sender: Sender) -> None:
        if self._count >= MAX_SUBSCRIPTIONS:
            raise SipRefusal(503, fields={"Retry-After": [str(BUSY_RETRY_S)]})
        most = MAX_OF_PEER if sender.trusted else MAX_OF_USER
        if len(self._of_account.get(sender.account, ())) >= most:
            raise SipRefusal(403, "Forbidden: too many subscriptions")

    # -- what is kept ---------------------------------------------------------------------------

    def _keep(self, subscription: Subscription) -> None:
        self._core.dialogs[subscription.dialog.id] = subscription
        self._of_account.setdefault(subscription.sender.account, set()).add(subscription)
        for uri in subscription.uris:
            key = subscription.package.name, uri
            of_resource = self._of_resource.setdefault(key, {})
            of_resource[subscription] = None
            if len(of_resource) == 1:
                self.watched(*key, True)
        self._count += 1
        self.subscribed(subscription, "")

    def _forget(self, subscription: Subscription, reason: str) -> None:
        if self._core.dialogs.pop(subscription.dialog.id, None) is None:
            return
        self._count -= 1
        if subscription.timer is not None:
            subscription.timer.cancel()
            subscription.timer = None
        account = subscription.sender.account
        self._of_account[account].discard(subscription)
        if not self._of_account[account]:
            del self._of_account[account]
        for uri in subscription.uris:
            key = subscription.package.name, uri
            of_resource = self._of_resource.get(key, {})
            of_resource.pop(subscription, None)
            if not of_resource:
                self._of_resource.pop(key, None)
                self.watched(*key, False)
        self.subscribed(subscription, reason)
        self._log.emit(
            "sip.subscription_ended",
            package=subscription.package.name,
            watcher=self._pseudonym(subscription.sender.uri),
            reason=reason,
        )

    # -- NOTIFY ---------------------------------------------------------------------------------

    def _enqueue(self, subscription: Subscription) -> None:
        if not subscription.queued:
            subscription.queued = True
            self._queue.append(subscription)
        if self._turn is None:
            self._turn = self._clock.callLater(0, self._take_turn)

    def _take_turn(self) -> None:
        """Notify some, and the others after what else waits."""
        self._turn = None
        for _ in range(min(NOTIFIED_A_TURN, len(self._queue))):
            subscription = self._queue.popleft()
            subscription.queued = False
            self._notify(subscription)
        if self._queue:
            self._turn = self._clock.callLater(0, self._take_turn)

    def _notify(self, subscription: Subscription) -> None:
        """Send what is due, and see to it that the rest is sent when its time has come."""
        told = subscription.machine.due(self._clock.seconds())
        if told is not None:
            self._send(subscription, told)
        self._watch(subscription)

    def _send(self, subscription: Subscription, told: SubscriptionState) -> None:
        request = subscription.dialog.request("NOTIFY")
        request.set("Contact", f"<{contact_over(subscription.flow)}>")
        request.set("Event", subscription.event)
        request.set("Subscription-State", str(told))
        if told.state is not State.TERMINATED or told.reason == "timeout":
            kind, request.body = subscription.told(self._core.new_tag(), self._identity.name_of)
            request.set("Content-Type", kind)
            if subscription.list is not None:
                request.set("Require", "eventlist")
        try:
            ways = ways_of(request, subscription.flow)
        except Malformed:
            ways = [subscription.flow]

        def answered(response: Response) -> None:
            if response.is_final:
                self._answered(subscription, told, response)

        self._client.send(request, ways, answered)

    def _answered(
        self, subscription: Subscription, told: SubscriptionState, response: Response
    ) -> None:
        retry = response.first("Retry-After")
        try:
            retry_s = None if retry is None else seconds(retry)
        except Malformed:
            retry_s = None
        subscription.machine.answered(response.status, self._clock.seconds(), retry_s)
        if subscription.machine.over:
            refused = response.status >= 300
            self._forget(subscription, str(response.status) if refused else told.reason)
            return
        told_of = subscription.partial if subscription.list is None else subscription.list
        if told_of is not None and told_of.untold:
            subscription.machine.change()
        self._notify(subscription)

    def _watch(self, subscription: Subscription) -> None:
        if subscription.timer is not None:
            subscription.timer.cancel()
            subscription.timer = None
        at = subscription.machine.wake_at()
        if at is not None:
            wait_s = max(at - self._clock.seconds(), 0.0)
            subscription.timer = self._clock.callLater(wait_s, self._woken, subscription)

    def _woken(self, subscription: Subscription) -> None:
        subscription.timer = None
        self._enqueue(subscription)


def _check_accept(package: Package, request: Request, listed: ListState | None) -> None:
    """406 for who does not take what it would get."""
    wanted = package.kind if listed is None else RELATED_TYPE
    accepted = {Parametrised.parse(one).value.lower() for one in request.values("Accept")}
    if accepted and accepted.isdisjoint((wanted, "*/*", f"{wanted.partition('/')[0]}/*")):
        raise SipRefusal(406, fields={"Accept": [wanted]})


def _nobody_subscribed(subscription: Subscription, reason: str) -> None:
    """Nobody needs to know."""


def _nobody(name: str, uri: str, watched: bool) -> None:
    """Nobody needs to know."""
