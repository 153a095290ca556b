"""Which platforms may be woken: a switch for each, for all users and for those of a site.

As CsPushNotificationConfiguration: off unless somebody turned it on, global or for a site, never
for one user.  Whether a user gets push notifications at all is the mobility policy's business.
"""

from collections.abc import Callable, Iterable, Sequence

from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locks import Lock
from mobility.domain.push_rules import SHUT_OUT, SWITCHES
from mobility.domain.records import PushSubscription, PushSwitch
from mobility.domain.setting_rules import nearest
from mobility.domain.topology import Topology
from mobility.domain.users import Users
from mobility.errors import Refusal

GLOBAL = "global"
SITE = "site:"
"""A scope is global, or this and the name of a site."""

Permission = Callable[[str], bool]
"""Whether policy lets a user have push notifications (EnablePushNotifications), by its URI."""


class PushSwitches:
    """The switches of all platforms, in memory and in the store."""

    def __init__(
        self,
        ledger: Ledger,
        users: Users,
        stored: Iterable[PushSwitch],
        permitted: Permission,
        topology: Topology,
    ) -> None:
        """`topology` says to which site a user belongs that has none of its own."""
        self._ledger = ledger
        self._users = users
        self._topology = topology
        self._switches = {_key(one.scope, one.platform): one for one in stored}
        self.lock = Lock()
        """What decisions about switches wait for."""
        self.permitted = permitted
        self.changes: list[Callable[[], None]] = []
        """Called once a switch is another."""

    def all(self) -> list[PushSwitch]:
        """The switches that somebody set."""
        return sorted(self._switches.values(), key=lambda one: (one.scope, one.platform))

    def is_on(self, platform: str, site: str = "") -> bool:
        """Whether devices of a platform may be woken whose users belong to `site`."""
        switch = self._of_site(platform, site) or self._switches.get(_key(GLOBAL, platform))
        return switch is not None and switch.enabled

    def scope_of(self, device: PushSubscription) -> str:
        """The scope whose switch counts for a device: its user's site, if that has one of its
        own for the platform, else global."""
        user = self._users.find(device.user_uri)
        site = "" if user is None else self._topology.site_of(user)
        switch = self._of_site(device.platform, site)
        return GLOBAL if switch is None else switch.scope

    def obstacle(self, device: PushSubscription) -> str:
        """What keeps a device from being woken, "" for nothing."""
        user = self._users.find(device.user_uri)
        if user is None or not user.enabled:
            return SHUT_OUT
        if not self.is_on(device.platform, self._topology.site_of(user)):
            return f"{SWITCHES[device.platform]} is off"
        if not self.permitted(user.uri):
            return "EnablePushNotifications is off"
        return ""

    async def turn(self, platform: str, enabled: bool, site: str = "") -> PushSwitch:
        """Turn a platform on or off, for all or for a site, whose name is taken in any case.

        400 for a platform nobody knows, 404 for a site to which nobody can belong.
        """
        if platform not in SWITCHES:
            raise Refusal("BadRequest", None, f"{platform!r} is no platform.")
        async with self.lock:
            scope = f"{SITE}{self._site(platform, site)}" if site else GLOBAL
            switch = PushSwitch(scope, platform, enabled)
            unit = Unit()
            settle = self.stage([switch], unit)
            await self._ledger.commit(unit)
            settle()
        return switch

    def stage(self, switches: Sequence[PushSwitch], unit: Unit) -> Callable[[], None]:
        """Put switches into a unit of work, while `lock` is held; what is answered must be called
        once that is stored."""
        before = [self._switches.get(_key(one.scope, one.platform)) for one in switches]
        unit.remove(
            *(
                old
                for old, new in zip(before, switches, strict=True)
                if old is not None and old.scope != new.scope  # it was written in another case
            )
        )
        unit.save(*switches)

        def settle() -> None:
            self._switches.update((_key(one.scope, one.platform), one) for one in switches)
            for told in self.changes:
                told()

        return settle

    async def forget(self, platform: str, site: str) -> None:
        """A site has no switch of its own any more; 404 if it had none."""
        async with self.lock:
            switch = self._of_site(platform, site)
            if switch is None:
                scopes = [one.scope for one in self.all() if one.platform == platform]
                sites = [one.removeprefix(SITE) for one in scopes if one != GLOBAL]
                near = nearest(site, sites) or "."
                what = f"The site {site!r} has no such switch of its own"
                raise Refusal("NotFound", None, f"{what}{near}")
            unit = Unit()
            unit.remove(switch)
            await self._ledger.commit(unit)
            del self._switches[_key(switch.scope, platform)]
        for told in self.changes:
            told()

    def _of_site(self, platform: str, site: str) -> PushSwitch | None:
        """The switch that a site has of its own; None for no site."""
        return self._switches.get(_key(f"{SITE}{site}", platform)) if site else None

    def _site(self, platform: str, site: str) -> str:
        """The name of a site as it is written elsewhere."""
        if (switch := self._of_site(platform, site)) is not None:
            return switch.scope.removeprefix(SITE)
        named = (*self._topology.sites(), *(user.site for user in self._users.all()))
        known = {name.casefold(): name for name in reversed(named) if name}
        if site.casefold() in known:
            return known[site.casefold()]
        where = "a site is in the topology, or some user's"
        near = nearest(site, known.values()) or f": {where}."
        raise Refusal("NotFound", None, f"There is no site {site!r}{near}")


def _key(scope: str, platform: str) -> tuple[str, str]:
    """Names of sites are the same in any case."""
    return scope.casefold(), platform
