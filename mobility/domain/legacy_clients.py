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
        self._add(LegacyClient(_cut(user_agent), 1, now, now))

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
        """Begin anew: the counts were of apps that have been upgraded, it is hoped.

        Raises Unavailable; then nothing is forgotten.
        """
        unit = Unit()
        unit.remove(*self._counts.values())
        counts, self._counts = self._counts, {}
        changed, self._changed = self._changed, set()
        if not unit:
            return
        try:
            await self._ledger.commit(unit)
        except BaseException:
            meanwhile, self._counts, self._changed = self._counts, counts, changed
            for one in meanwhile.values():
                self._add(one)
            raise

    def _add(self, one: LegacyClient) -> None:
        name = one.user_agent
        if name not in self._counts and len(self._counts) >= MAX_AGENTS:
            name = OTHERS
        before = self._counts.get(name)
        self._counts[name] = (
            attrs.evolve(one, user_agent=name)
            if before is None
            else attrs.evolve(
                before, requests=before.requests + one.requests, last_seen_at=one.last_seen_at
            )
        )
        self._changed.add(name)


def _cut(user_agent: str) -> str:
    text = "".join(
        " " if unicodedata.category(character) in ("Cc", "Cs") else character
        for character in user_agent[:MAX_AGENT_CHARACTERS]
    ).strip()
    return text or NAMELESS
