"""The section `push_switches`: which platforms may be woken, for all and for a site's users."""

from collections.abc import Iterator, Sequence

from mobility.domain.push_rules import SWITCHES
from mobility.domain.push_switches import GLOBAL, SITE, PushSwitches
from mobility.domain.records import PushSwitch
from mobility.domain.setting_rules import nearest
from mobility.operate.push import MAX_SITE
from mobility.transfer.people import later
from mobility.transfer.staging import Held, Item, Staging, unknown_keys


class PushSwitchSection:
    """The switches that somebody set; a platform without one is off."""

    name = "push_switches"

    def __init__(self, switches: PushSwitches) -> None:
        self._switches = switches

    def export(self, *, secrets: bool) -> Iterator[Item]:  # noqa: ARG002  # there are none
        for switch in self._switches.all():
            site = {} if switch.scope == GLOBAL else {"site": switch.scope.removeprefix(SITE)}
            yield {"platform": switch.platform, **site, "enabled": switch.enabled}

    def locks(self, items: Sequence[object]) -> Iterator[Held]:
        if items:
            yield "push switches", self._switches.lock

    async def stage(self, items: Sequence[object], staging: Staging) -> None:
        stored = {(one.scope.casefold(), one.platform): one for one in self._switches.all()}
        seen: set[tuple[str, str]] = set()
        saved: list[PushSwitch] = []
        for number, item in await staging.each(items, self.name):
            switch = self._read(number, item, staging)
            if switch is None:
                continue
            key = (switch.scope.casefold(), switch.platform)
            if key in seen:
                staging.refuse(self.name, number, "platform", "is there twice for its scope")
                continue
            seen.add(key)
            if staging.takes(self.name, number, stored.get(key), switch):
                saved.append(switch)

        async def build() -> None:
            staging.settlements.append(later(self._switches.stage(saved, staging.unit)))

        if saved:
            staging.builders.append(build)

    def _read(self, number: int, item: Item, staging: Staging) -> PushSwitch | None:
        wrong = list(unknown_keys(item, ("platform", "site", "enabled")))
        platform, site, enabled = item.get("platform"), item.get("site", ""), item.get("enabled")
        if not isinstance(platform, str) or platform not in SWITCHES:
            near = nearest(platform, SWITCHES) if isinstance(platform, str) else ""
            wrong.append(("platform", f"must be one of {', '.join(SWITCHES)}{near}"))
        if not isinstance(site, str) or len(site) > MAX_SITE or not site.isprintable():
            wrong.append(("site", f"must be the name of a site of at most {MAX_SITE} characters"))
        if not isinstance(enabled, bool):
            wrong.append(("enabled", "must be true or false"))
        for key, rule in wrong:
            staging.refuse(self.name, number, key, rule)
        if wrong:
            return None
        return PushSwitch(f"{SITE}{site}" if site else GLOBAL, str(platform), bool(enabled))
