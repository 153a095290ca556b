"""Who still asks for the Mobility Service (Mcx): counted by User-Agent, so that operators see which
apps must be upgraded.

Anybody can ask and say anything, so names are cut and only so many are kept: the rest counts
together.  Counting costs no write; what was counted is stored now and then.
"""

import unicodedata
from collections.abc import Iterable

import attrs

from mobility.domain.ledger import Ledger, Unit
from mobility.domain.records import LegacyClient

MAX_AGENTS = 200
"""User agents that are counted by name (our choice)."""

MAX_AGENT_CHARACTERS = 200
"""Characters of a User-Agent that are kept (our choice: apps say name, version and device)."""

NAMELESS = "(none)"
"""Clients that send no User-Agent."""

OTHERS = "(others)"
"""All that came when `MAX_AGENTS` were known."""


class LegacyClients:
    """The counts since the first request, those of earlier runs included."""

    def __init__(self, ledger: Ledger, stored: Iterable[LegacyClient] = ()) -> None:
        self._ledger = ledger
        self._counts = {one.user_agent: one for one in stored}
        self._changed: set[str] = set()

    def __len__(self) -> int:
        return len(self._counts)

    def all(self) -> list[LegacyClient]:
        """Those that asked last come first."""
        return sorted(self._counts.values(), key=lambda one: (-one.last_seen_at, one.user_agent))

    def count(self, user_agent: str, now: float) -> None:
        """One more request."""
        name = _cut(user_agent)
        if name not in self._counts and len(self._counts) >= MAX_AGENTS:
            name = OTHERS
        before = self._counts.get(name) or LegacyClient(name, 0, now, now)
        self._counts[name] = attrs.evolve(before, requests=before.requests + 1, last_seen_at=now)
        self._changed.add(name)

    async def store(self) -> None:
        """Store what was counted since the last time.  Raises Unavailable; then it is tried again
        the next time."""
        changed, self._changed = self._changed, set()
        if not changed:
            return
        unit = Unit()
        unit.save(*(self._counts[name] for name in sorted(changed)))
        try:
            await self._ledger.commit(unit)
        except BaseException:
            self._changed |= changed & self._counts.keys()
            raise

    async def forget(self) -> None:
        """Begin anew: the counts were of apps that have been upgraded, it is hoped."""
        unit = Unit()
        unit.remove(*self._counts.values())
        self._changed = set()
        self._counts = {}
        if unit:
            await self._ledger.commit(unit)


def _cut(user_agent: str) -> str:
    text = "".join(
        " " if unicodedata.category(character) in ("Cc", "Cs") else character
        for character in user_agent[:MAX_AGENT_CHARACTERS]
    ).strip()
    return text or NAMELESS
