"""Watcher information about presence (RFC 3857): users see who watches them.

Watchers are subscriptions of phones and servers, and the applications that watch.  Privacy
relationships decide at once what a watcher may see, so that all are active and none waits to be
allowed.
"""

from collections import deque
from collections.abc import Callable, Iterator
from hashlib import sha256

import attrs

from mobility.domain.applications import Applications
from mobility.domain.presence import PresenceBook
from mobility.sip.identity import Identity, Sender
from mobility.sip.notifications import Notifications, Subscription
from mobility.sip.presence_package import PRESENCE
from mobility.sip.refusal import SipRefusal
from mobility.sip.subscription import State
from mobility.sip.watcher_info import CAUSES, CONTENT_TYPE, Watcher, WatcherInfo, WatcherList

PRESENCE_WINFO = "presence.winfo"

INTERVAL_S = 5.0
"""RFC 3857 section 4.10."""

MAX_CHANGES = 500
"""Changes that are remembered for who is told late; who missed some is told everything (our
choice)."""

WATCHERS_TOLD = 200
"""Watchers of one notification, of some 200 bytes each; what is left goes into the next (our
choice: a message of 64 KiB is what SIP elements take)."""


@attrs.define(slots=True, eq=False)
class _Changes:
    """What has changed for one user since somebody has begun to look: `number` changes so far."""

    number: int = 0
    last: deque[Watcher] = attrs.Factory(lambda: deque(maxlen=MAX_CHANGES))

    def add(self, watcher: Watcher) -> None:
        self.number += 1
        self.last.append(watcher)


class Watchers:
    """Who watches whom.

    Changes are kept for those users alone whose watchers somebody looks at.
    """

    def __init__(
        self,
        notifications: Notifications,
        identity: Identity,
        presence: PresenceBook,
        applications: Applications,
        now: Callable[[], float],
    ) -> None:
        self._notifications = notifications
        self._identity = identity
        self._presence = presence
        self._applications = applications
        self._now = now
        self._changes: dict[str, _Changes] = {}
        notifications.subscribed = self._subscribed
        presence.watchings.append(self._watched)

    def observed(self, package: str, uri: str, observed: bool) -> None:
        """Somebody has begun to look at the watchers of a user, or nobody does any more."""
        if package == PRESENCE_WINFO:
            if observed:
                self._changes[uri] = _Changes()
            else:
                self._changes.pop(uri, None)

    def of(self, uri: str) -> Iterator[Watcher]:
        """The watchers of a user."""
        for one in self._notifications.of(PRESENCE, uri):
            if one.machine.state is not State.TERMINATED:
                yield self._subscriber(one)
        for application_id in self._presence.watchers(uri):
            watcher = self._application(uri, application_id)
            if watcher is not None:
                yield watcher

    def number(self, uri: str) -> int:
        """How many changes there have been."""
        changes = self._changes.get(uri)
        return 0 if changes is None else changes.number

    def since(self, uri: str, number: int) -> list[Watcher] | None:
        """Those that have changed after so many changes; None where that is not known any more."""
        changes = self._changes.get(uri)
        if changes is None or changes.number - number > len(changes.last):
            return None
        return list(changes.last)[len(changes.last) - (changes.number - number) :]

    def _subscribed(self, subscription: Subscription, reason: str) -> None:
        """A subscription has begun, or ended for a reason."""
        if subscription.package.name != PRESENCE:
            return
        for uri in subscription.uris:
            if uri in self._changes:
                watcher = self._subscriber(subscription)
                self._changed(uri, _ended(watcher, reason) if reason else watcher)

    def _watched(self, uri: str, application_id: str, watches: bool) -> None:
        """An application has begun to watch a user, or stopped."""
        if uri in self._changes:
            watcher = self._application(uri, application_id)
            if watcher is not None:
                self._changed(uri, watcher if watches else _ended(watcher, "timeout"))

    def _changed(self, uri: str, watcher: Watcher) -> None:
        self._changes[uri].add(watcher)
        self._notifications.changed(PRESENCE_WINFO, uri)

    def _subscriber(self, one: Subscription) -> Watcher:
        now = self._now()
        return Watcher(
            id=f"s{one.number}",
            uri=one.sender.uri,
            name=self._identity.name_of(one.sender.uri),
            subscribed_s=max(round(now - one.began_at), 0),
            expires_s=max(round(one.machine.expires_at - now), 0),
        )

    def _application(self, uri: str, application_id: str) -> Watcher | None:
        endpoint = self._applications.find(application_id)
        if endpoint is None:
            return None
        number = sha256(f"{application_id} {uri}".encode()).hexdigest()[:16]
        own = endpoint.user_uri
        return Watcher(id=f"a{number}", uri=own, name=self._identity.name_of(own))


def _ended(watcher: Watcher, reason: str) -> Watcher:
    """A watcher that is one no more."""
    event = reason if reason in CAUSES else "timeout"
    return attrs.evolve(watcher, status="terminated", event=event, expires_s=None)


class WatchersTold:
    """What one subscriber has been told of a user's watchers (a Partial)."""

    def __init__(self, watchers: Watchers, uri: str) -> None:
        self._watchers = watchers
        self._uri = uri
        self._full = True
        self._number = 0
        self._untold: dict[str, Watcher] = {}

    @property
    def untold(self) -> bool:
        return bool(self._untold)

    def begin(self) -> None:
        self._full = True

    def body(self, version: int) -> bytes:
        changed = None if self._full else self._watchers.since(self._uri, self._number)
        full, self._full = changed is None, False
        if changed is None:
            self._untold = {one.id: one for one in self._watchers.of(self._uri)}
        else:
            self._untold.update((one.id, one) for one in changed)
        self._number = self._watchers.number(self._uri)
        told = list(self._untold)[:WATCHERS_TOLD]
        watchers = [self._untold.pop(one) for one in told]
        return bytes(_info(self._uri, version, watchers, full=full))


class WinfoPackage:
    """Each user sees its own watchers, and nobody else's."""

    name = PRESENCE_WINFO
    kind = CONTENT_TYPE
    interval_s = INTERVAL_S
    listed = False

    def __init__(self, identity: Identity, watchers: Watchers) -> None:
        self._identity = identity
        self._watchers = watchers

    def check(self, uri: str, sender: Sender) -> None:
        if not self._identity.is_there(uri):
            raise SipRefusal(404)
        if sender.uri != uri:
            raise SipRefusal(403, "Forbidden: another user's watchers")

    def body(self, uri: str, watcher: str, version: int) -> bytes:  # noqa: ARG002  # a Package
        return bytes(_info(uri, version, list(self._watchers.of(uri)), full=True))

    def told(self, uri: str) -> WatchersTold:
        """What a new subscriber has been told: nothing."""
        return WatchersTold(self._watchers, uri)


def _info(uri: str, version: int, watchers: list[Watcher], *, full: bool) -> WatcherInfo:
    return WatcherInfo(version, full, (WatcherList(uri, PRESENCE, watchers),))
