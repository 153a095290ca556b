"""Devices of users that can be woken by a push notification.

A subscription lives apart from applications: it is renewed while its device is used, and ends
when it was not for long, when the user takes it away or is removed, and when the same device is
somebody else's.  Which events wake a device is decided elsewhere; `of` is what that asks.
"""

import secrets
from collections.abc import Callable, Iterable

import attrs

from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locks import Locks
from mobility.domain.records import PushSubscription, User
from mobility.errors import Refusal

RENEWAL_S = 86_400.0
"""The use of a device renews its subscription once a day at most, and three times in a life that is
shorter than three days (our choice: one small write a day)."""

MOST_FORMER = 1_000
"""Ended subscriptions that are remembered (our choice: what is to be taken back goes at once)."""

SETTLED_S = 3_600.0
"""A provider that refuses a token means this registration of it, whatever time it names, once that
is so old (our choice: longer than clocks differ, and than a provider takes to know a device)."""

TOKENS = {"address", "voip_token"}
"""What the platform gives a device, and takes back."""

Seen = Callable[[str], Iterable[tuple[str, float]]]
"""The endpoint ids of a user's applications, and when a request of each came last."""


@attrs.frozen(slots=True)
class Device:
    """What a device says of itself; the fields are those of `PushSubscription`."""

    platform: str
    app_id: str
    address: str = attrs.field(repr=False)
    p256dh: str = attrs.field(repr=False, default="")
    auth: str = attrs.field(repr=False, default="")
    environment: str = "production"
    device_name: str = attrs.field(repr=False, default="")
    collapse: str = "conversation"
    quiet_from: str = ""
    quiet_until: str = ""
    time_zone: str = ""
    voip_token: str = attrs.field(repr=False, default="")

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells the device from others, whoever uses it."""
        return self.platform, self.app_id, self.address


class Devices:
    """The push subscriptions of all users, in memory and in the store.

    A subscription lives `lifetime_s` after it was renewed; with more than `per_user` the one that
    would end first goes.
    """

    def __init__(
        self,
        ledger: Ledger,
        lifetime_s: float,
        per_user: int,
        stored: Iterable[PushSubscription] = (),
    ) -> None:
        self._ledger = ledger
        self._lifetime_s = lifetime_s
        self._renewal_s = min(RENEWAL_S, lifetime_s / 3)
        self._per_user = per_user
        self._of_user: dict[str, dict[str, PushSubscription]] = {}
        self._by_key: dict[tuple[str, str, str], PushSubscription] = {}
        self._former: dict[tuple[str, str], PushSubscription] = {}
        """Subscriptions that ended not long ago, and not because their device is dead."""
        self._locks = Locks()
        self.changes: list[Callable[[str], None]] = []
        """Called with the URI of a user whose set of devices has changed."""
        for one in stored:
            self._remember(one)

    def __len__(self) -> int:
        return len(self._by_key)

    def has(self, uri: str) -> bool:
        """Whether a user has any, those included that have just expired."""
        return uri in self._of_user

    def users(self) -> list[str]:
        """The URIs of all users that have any."""
        return list(self._of_user)

    def of(self, uri: str, now: float) -> list[PushSubscription]:
        """The subscriptions of a user that hold, oldest first."""
        found = [one for one in self._of_user.get(uri, {}).values() if one.expires_at > now]
        return sorted(found, key=lambda one: (one.created_at, one.id))

    def known(self, uri: str, subscription_id: str, now: float) -> PushSubscription | None:
        """One subscription of a user that holds, or None."""
        found = self._of_user.get(uri, {}).get(subscription_id)
        return None if found is None or found.expires_at <= now else found

    def former(self, uri: str, subscription_id: str) -> PushSubscription | None:
        """One subscription of a user that ended not long ago: what is on its way to the device can
        still be taken back."""
        return self._former.get((uri, subscription_id))

    def find(self, uri: str, subscription_id: str, now: float) -> PushSubscription:
        """One subscription of a user; 404 ResourceNotFound without such a one."""
        found = self.known(uri, subscription_id, now)
        if found is None:
            raise Refusal("NotFound", "ResourceNotFound", "There is no such subscription.")
        return found

    async def subscribe(
        self, uri: str, device: Device, endpoint_id: str, now: float
    ) -> tuple[PushSubscription, bool]:
        """The subscription of a device, renewed and as the device says now, and whether it is new.

        A device has one subscription: that of somebody else who used it before ends.
        """
        async with self._locks.of("devices"):
            before = self._by_key.get(device.key)
            known = before is not None and before.user_uri == uri
            after = PushSubscription(
                user_uri=uri,
                id=before.id if before is not None and known else secrets.token_hex(8),
                created_at=before.created_at if before is not None and known else now,
                renewed_at=now,
                expires_at=now + self._lifetime_s,
                endpoint_id=endpoint_id,
                **attrs.asdict(device),
            )
            unit = Unit()
            unit.save(after)
            gone = [before] if before is not None and not known else []
            if not known:
                own = self._of_user.get(uri, {}).values()
                first = sorted(own, key=lambda one: (one.expires_at, one.id))
                gone += first[: max(0, len(first) + 1 - self._per_user)]
            unit.remove(*gone)
            await self._ledger.commit(unit)
            for one in gone:
                self._forget(one)
            self._remember(after)
        if not known:
            for uri_changed in {uri, *(one.user_uri for one in gone)}:
                self._tell(uri_changed)
        return after, not known

    async def change(
        self, uri: str, subscription_id: str, now: float, **changes: str
    ) -> PushSubscription:
        """Renew a subscription, with other preferences if `changes` has any, or with the `address`
        and keys that the device has been given in place of the former ones.

        404 ResourceNotFound without such a one.
        """
        async with self._locks.of("devices"):
            before = self.find(uri, subscription_id, now)
            after = attrs.evolve(
                before,
                expires_at=now + self._lifetime_s,
                renewed_at=now if TOKENS & changes.keys() else before.renewed_at,
                **changes,  # type: ignore[arg-type]  # text fields only
            )
            other = self._by_key.get(_key_of(after))
            gone = [] if other is None or other.id == before.id else [other]
            unit = Unit()
            unit.save(after)
            unit.remove(*gone)
            await self._ledger.commit(unit)
            for one in gone:
                self._forget(one)
            if _key_of(before) != _key_of(after):
                del self._by_key[_key_of(before)]
            self._remember(after)
        for one in gone:
            self._tell(one.user_uri)
        return after

    async def came_back(self, uri: str, endpoint_id: str, now: float) -> None:
        """A device of the user registers an application: what it subscribed to is renewed."""
        async with self._locks.of("devices"):
            await self._replace(
                [
                    attrs.evolve(one, expires_at=now + self._lifetime_s)
                    for one in self.of(uri, now)
                    if one.endpoint_id == endpoint_id and self._is_due(one, now)
                ]
            )

    async def used(self, seen: Seen, now: float) -> None:
        """Renew the subscriptions of devices whose applications are used, though they have long
        been registered: each lives on from when its device was last seen."""
        async with self._locks.of("devices"):
            renewed = []
            for one in self._by_key.values():
                if one.expires_at > now and self._is_due(one, now):
                    times = [at for name, at in seen(one.user_uri) if name == one.endpoint_id]
                    last = min(now, max(times, default=0.0))
                    if self._is_due(one, last):
                        renewed.append(attrs.evolve(one, expires_at=last + self._lifetime_s))
            await self._replace(renewed)

    async def signed_out(self, uri: str, endpoint_id: str, now: float) -> None:
        """A device of the user signs out on purpose: it is not to be woken any more."""
        async with self._locks.of("devices"):
            await self._drop([one for one in self.of(uri, now) if one.endpoint_id == endpoint_id])

    async def given_up(
        self,
        uri: str,
        subscription_id: str,
        as_of: float,
        unit: Unit,
        token: str = "",
        *,
        asked_at: float,
    ) -> bool:
        """The provider that was asked after `asked_at` does not know the device any more since
        `as_of`, which `unit` says.

        Whether the subscription ended: one that was renewed after either holds, unless that was
        SETTLED_S before it was asked.  Where `token` is voip_token alone, the device is not rung
        any more, and holds too.
        """
        async with self._locks.of("devices"):
            found = self._of_user.get(uri, {}).get(subscription_id)
            if found is None or _renewed_since(found, as_of, asked_at):
                if unit:
                    await self._ledger.commit(unit)
                return False
            if token == "voip_token":  # noqa: S105  # a field's name
                silent = attrs.evolve(found, voip_token="")
                unit.save(silent)
                await self._ledger.commit(unit)
                self._remember(silent)
                return True
            unit.remove(found)
            await self._ledger.commit(unit)
            self._forget(found)
            del self._former[uri, found.id]
        self._tell(uri)
        return True

    def is_fresh(self, uri: str, device: Device, now: float) -> bool:
        """Whether a device is known as it says, and was renewed not long ago."""
        found = self._by_key.get(device.key)
        return (
            found is not None
            and found.user_uri == uri
            and found.voip_token == device.voip_token
            and now - found.renewed_at < self._renewal_s
        )

    async def unsubscribe(self, uri: str, device: Device, now: float) -> None:
        """A device of the user is not to be woken any more; nothing if it was not."""
        async with self._locks.of("devices"):
            await self._drop([one for one in self.of(uri, now) if _key_of(one) == device.key])

    async def remove(self, uri: str, subscription_id: str, now: float) -> None:
        """End a subscription of a user; 404 ResourceNotFound without such a one."""
        async with self._locks.of("devices"):
            found = self.find(uri, subscription_id, now)
            await self._drop([found])

    async def purge(self, now: float) -> None:
        """Forget the subscriptions that were not renewed in time."""
        async with self._locks.of("devices"):
            await self._drop([one for one in self._by_key.values() if one.expires_at <= now])

    async def forget(self, user: User, unit: Unit) -> Callable[[], None]:
        """A user is removed, and its subscriptions with it (a Farewell)."""
        own = list(self._of_user.get(user.uri, {}).values())
        unit.remove(*own)

        def forget() -> None:
            for one in own:
                self._forget(one)
            if own:
                self._tell(user.uri)

        return forget

    def _is_due(self, one: PushSubscription, now: float) -> bool:
        """Whether it was not renewed for long."""
        return now + self._lifetime_s - one.expires_at >= self._renewal_s

    async def _replace(self, several: list[PushSubscription]) -> None:
        """Store subscriptions as they are now."""
        if several:
            unit = Unit()
            unit.save(*several)
            await self._ledger.commit(unit)
            for one in several:
                self._remember(one)

    async def _drop(self, gone: list[PushSubscription]) -> None:
        if gone:
            unit = Unit()
            unit.remove(*gone)
            await self._ledger.commit(unit)
            for one in gone:
                self._forget(one)
            for uri in {one.user_uri for one in gone}:
                self._tell(uri)

    def _tell(self, uri: str) -> None:
        for told in self.changes:
            told(uri)

    def _remember(self, one: PushSubscription) -> None:
        self._of_user.setdefault(one.user_uri, {})[one.id] = one
        self._by_key[_key_of(one)] = one

    def _forget(self, one: PushSubscription) -> None:
        self._former[one.user_uri, one.id] = one
        if len(self._former) > MOST_FORMER:
            del self._former[next(iter(self._former))]
        own = self._of_user.get(one.user_uri, {})
        own.pop(one.id, None)
        if not own:
            self._of_user.pop(one.user_uri, None)
        key = _key_of(one)
        known = self._by_key.get(key)
        if known is not None and (known.user_uri, known.id) == (one.user_uri, one.id):
            del self._by_key[key]


def _renewed_since(one: PushSubscription, as_of: float, asked_at: float) -> bool:
    """Whether it was renewed after its provider did not know it: `as_of` may be by another clock,
    `asked_at` is by ours."""
    settled = asked_at - one.renewed_at >= SETTLED_S
    return not settled and one.renewed_at > min(as_of, asked_at)


def _key_of(one: PushSubscription) -> tuple[str, str, str]:
    """What tells the device of a subscription from others."""
    return one.platform, one.app_id, one.address
