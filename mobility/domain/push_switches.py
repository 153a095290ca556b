"""Which platforms may be woken: a switch for each, for all users and for those of a site.

As CsPushNotificationConfiguration: off unless somebody turned it on, global or for a site, never
for one user.  Whether a user gets push notifications at all is the mobility policy's business.
"""

from collections.abc import Callable, Iterable, Sequence

from mobility.domain.ledger import Ledger, Unit
from mobility.domain.locks import Lock
from mobility.domain.push_rules import SWITCHES
from mobility.domain.records import PushSubscription, PushSwitch
from mobility.domain.setting_rules import nearest
from mobility.domain.users import Users
from mobility.errors import Refusal

GLOBAL = "global"

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
    ) -> None:
        self._ledger = ledger
        self._users = users
        self._switches = {(one.scope, one.platform): one for one in stored}
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
        switch = self._switches.get((f"site:{site}", platform)) if site else None
        switch = switch or self._switches.get((GLOBAL, platform))
        return switch is not None and switch.enabled

    def scope_of(self, device: PushSubscription) -> str:
        """The scope whose switch counts for a device: its user's site, if that has one of its
        own for the platform, else global."""
        user = self._users.find(device.user_uri)
        site = f"site:{user.site}" if user is not None and user.site else GLOBAL
        return site if (site, device.platform) in self._switches else GLOBAL

    def obstacle(self, device: PushSubscription) -> str:
        """What keeps a device from being woken, "" for nothing."""
        user = self._users.find(device.user_uri)
        if user is None or not user.enabled:
            return "the user may not sign in"
        if not self.is_on(device.platform, user.site):
            return f"{SWITCHES[device.platform]} is off"
        if not self.permitted(user.uri):
            return "EnablePushNotifications is off"
        return ""

    async def turn(self, platform: str, enabled: bool, site: str = "") -> PushSwitch:
        """Turn a platform on or off, for all or for a site.  400 for a platform nobody knows."""
        if platform not in SWITCHES:
            raise Refusal("BadRequest", None, f"{platform!r} is no platform.")
        switch = PushSwitch(f"site:{site}" if site else GLOBAL, platform, enabled)
        async with self.lock:
            unit = Unit()
            settle = self.stage([switch], unit)
            await self._ledger.commit(unit)
            settle()
        return switch

    def stage(self, switches: Sequence[PushSwitch], unit: Unit) -> Callable[[], None]:
        """Put switches into a unit of work, while `lock` is held; what is answered must be called
        once that is stored."""
        unit.save(*switches)

        def settle() -> None:
            self._switches.update(((one.scope, one.platform), one) for one in switches)
            for told in self.changes:
                told()

        return settle

    async def forget(self, platform: str, site: str) -> None:
        """A site has no switch of its own any more; 404 if it had none."""
        async with self.lock:
            switch = self._switches.get((f"site:{site}", platform))
            if switch is None:
                sites = [one.scope[5:] for one in self.all() if one.platform == platform]
                near = nearest(site, filter(None, sites)) or "."
                what = f"The site {site!r} has no such switch of its own"
                raise Refusal("NotFound", None, f"{what}{near}")
            unit = Unit()
            unit.remove(switch)
            await self._ledger.commit(unit)
            del self._switches[switch.scope, platform]
        for told in self.changes:
            told()
