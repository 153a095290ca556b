"""The section `forwarding`: what users want done with their incoming calls."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import attrs

from mobility.config.meetings import E164
from mobility.domain.addresses import user_uri
from mobility.domain.forwarding import (
    CONTACT,
    DELEGATES,
    DISABLED,
    ENABLED,
    FORWARD,
    NONE,
    RING,
    RING_DELAY_S,
    TEAM,
    UNANSWERED_DELAY_S,
    VOICEMAIL_TARGET,
    Forwarding,
)
from mobility.domain.records import CallForwarding
from mobility.domain.setting_rules import quoted
from mobility.domain.users import Users
from mobility.transfer.people import later
from mobility.transfer.staging import Held, Item, Staging, unknown_keys

WORDS = {
    "active_setting": (NONE, FORWARD, RING),
    "active_period": ("Always", "Workhours"),
    "forward_target": (NONE, CONTACT, DELEGATES, VOICEMAIL_TARGET),
    "ring_target": (NONE, CONTACT, DELEGATES, TEAM),
    "unanswered": ("", ENABLED, DISABLED),
    "unanswered_target": (NONE, CONTACT, VOICEMAIL_TARGET),
}
"""The fields that take a word of an enumeration of UCWA."""

CONTACTS = {
    "forward_contact": "forward_target",
    "ring_contact": "ring_target",
    "unanswered_contact": "unanswered_target",
}
"""The fields that name somebody, each with the field whose `Contact` means it."""

DELAYS = {"ring_delay_s": RING_DELAY_S, "unanswered_delay_s": UNANSWERED_DELAY_S}
KEYS = (*WORDS, *CONTACTS, *DELAYS)


class ForwardingSection:
    """The settings of those users who have changed theirs."""

    name = "forwarding"

    def __init__(self, forwarding: Forwarding, users: Users) -> None:
        self._forwarding = forwarding
        self._users = users

    def export(self, *, secrets: bool) -> Iterator[Item]:  # noqa: ARG002  # there are none
        for user in self._users.all():
            settings = self._forwarding.of(user.uri)
            if settings.version:
                usual = CallForwarding(user.uri)
                changed = {
                    key: getattr(settings, key)
                    for key in KEYS
                    if getattr(settings, key) != getattr(usual, key)
                }
                yield {"user": user.uri, **changed}

    def locks(self, items: Sequence[object]) -> Iterator[Held]:
        uris = {
            uri
            for item in items
            if isinstance(item, dict) and isinstance(item.get("user"), str)
            if (uri := user_uri(item["user"])) is not None
        }
        for uri in sorted(uris):
            yield f"forwarding {uri}", self._forwarding.lock(uri)

    async def stage(self, items: Sequence[object], staging: Staging) -> None:
        settings: list[CallForwarding] = []
        seen: set[str] = set()
        for number, item in await staging.each(items, self.name):
            uri = user_uri(item["user"]) if isinstance(item.get("user"), str) else None
            if uri is None or (uri not in staging.users and self._users.find(uri) is None):
                named = quoted(item.get("user", ""))
                rule = f"is {named}, who is no user here or in this document"
                staging.refuse(self.name, number, "user", rule)
                continue
            if uri in seen:
                staging.refuse(self.name, number, "user", "is there twice")
                continue
            seen.add(uri)
            values = self._values(number, item, staging)
            before = self._forwarding.of(uri)
            base = CallForwarding(uri, version=before.version) if staging.whole else before
            after = attrs.evolve(base, **cast(Any, values))
            for key, target in CONTACTS.items():
                if getattr(after, target) == CONTACT and not getattr(after, key):
                    staging.refuse(self.name, number, key, f"is missing, and {target} is Contact")
            if staging.takes(self.name, number, before if before.version else None, after):
                settings.append(after)

        async def build() -> None:
            settle: list[Callable[[], None]] = [
                self._forwarding.stage(one, staging.unit) for one in settings
            ]
            staging.settlements += [later(one) for one in settle]

        staging.builders.append(build)

    def _values(self, number: int, item: Item, staging: Staging) -> Item:
        """The fields that are right; the others are refused."""
        wrong = dict(unknown_keys(item, ("user", *KEYS)))
        values: Item = {}
        for key in KEYS:
            if key not in item:
                continue
            value, rule = _read(key, item[key])
            if rule:
                wrong[key] = rule
            else:
                values[key] = value
        for key, rule in wrong.items():
            staging.refuse(self.name, number, key, rule)
        return values


def _read(key: str, value: object) -> tuple[object, str]:
    """A value in the system's spelling, and what is wrong with it."""
    if key in WORDS:
        words = WORDS[key]
        return value, "" if value in words else f"must be {' or '.join(filter(None, words))}"
    if key in DELAYS:
        least, most = DELAYS[key]
        good = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return value, "" if good else f"must be a whole number of seconds from {least} to {most}"
    rule = "must be a SIP URI, or tel: and a number such as +14255550100"
    if not isinstance(value, str):
        return value, rule
    if not value:
        return "", ""
    if value.startswith("tel:"):
        return value, "" if E164.fullmatch(value[4:]) else rule
    uri = user_uri(value)
    return uri, rule if uri is None else ""
