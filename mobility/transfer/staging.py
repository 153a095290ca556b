"""One document on its way into the store: what it changes, what is refused, what follows."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import attrs

from mobility.domain.ledger import Unit
from mobility.domain.setting_rules import nearest
from mobility.errors import PeerFault

Item = dict[str, Any]
"""One object of a section, as JSON has it."""

MAX_REFUSED = 1_000
"""Refusals that are listed; the rest is only counted (our choice)."""

SLICE = 250
"""Items that are looked at before others get their turn (our choice: some milliseconds)."""

MAX_SHOWN_KEY = 80
"""Characters of an unknown key that a refusal tells."""


@attrs.frozen(slots=True)
class Refused:
    """What is wrong with one value.

    `item` counts the items of the section from 1; `key` is the field, "" for the whole item.
    """

    section: str
    item: int
    key: str
    rule: str


@attrs.define(slots=True)
class Staging:
    """What the sections put together.

    `whole` says that an item holds all of its object: what it does not say has its default.
    Otherwise only what it says is changed.
    """

    now: float
    existing: str
    whole: bool
    dry_run: bool
    breathe: Callable[[], Awaitable[None]]
    unit: Unit = attrs.Factory(Unit)
    counts: dict[str, Counter[str]] = attrs.Factory(dict)
    """Of each section how many were "added", "changed", "unchanged" and "kept"."""
    refused: list[Refused] = attrs.Factory(list)
    more_refused: int = 0
    notes: list[Refused] = attrs.Factory(list)
    """What does not hinder, and somebody should know."""
    users: set[str] = attrs.Factory(set)
    """URIs of users that the document brings."""
    names: dict[str, set[str]] = attrs.Factory(dict)
    """Folded names of other objects that it brings, by kind."""
    checks: list[Callable[[], None]] = attrs.Factory(list)
    """What can be looked at only when every section has been."""
    builders: list[Callable[[], Awaitable[None]]] = attrs.Factory(list)
    """What fills `unit`, once nothing is refused: some of it takes effect at once."""
    settlements: list[Callable[[], Awaitable[None]]] = attrs.Factory(list)
    """What is to be kept in mind once all is stored."""

    def refuse(self, section: str, item: int, key: str, rule: str) -> None:
        if len(self.refused) < MAX_REFUSED:
            self.refused.append(Refused(section, item, key, rule))
        else:
            self.more_refused += 1

    def note(self, section: str, item: int, key: str, remark: str) -> None:
        if len(self.notes) < MAX_REFUSED:
            self.notes.append(Refused(section, item, key, remark))

    def refuse_as(self, section: str, item: int, fault: PeerFault) -> None:
        """Refuse what an API would answer with `fault`."""
        for one in fault.parameters:
            self.refuse(section, item, one.name, one.reason)
        if not fault.parameters:
            self.refuse(section, item, "", fault.message)

    def count(self, section: str, what: str) -> None:
        self.counts.setdefault(section, Counter())[what] += 1

    def total(self, what: str) -> int:
        """How many of all sections."""
        return sum(counts[what] for counts in self.counts.values())

    def takes(self, section: str, item: int, before: object, after: object) -> bool:
        """Whether an object that is there (`before`) or not (None) becomes `after`; counted."""
        if before is None:
            self.count(section, "added")
            return True
        if before == after:
            self.count(section, "unchanged")
            return False
        if self.existing == "change":
            self.count(section, "changed")
            return True
        if self.existing == "keep":
            self.count(section, "kept")
        else:
            self.refuse(section, item, "", "is there already, and different")
        return False

    async def each(self, items: Sequence[object], section: str) -> "list[tuple[int, Item]]":
        """The items that are objects, with their numbers."""
        found: list[tuple[int, Item]] = []
        for number, item in enumerate(items, 1):
            if number % SLICE == 0:
                await self.breathe()
            if isinstance(item, dict):
                found.append((number, item))
            else:
                self.refuse(section, number, "", "is no object")
        return found


Held = tuple[str, AbstractAsyncContextManager[Any]]
"""A lock and its name."""


class Section(Protocol):
    """One kind of configuration: how it is written, and how it is taken in.

    Sections are staged in the order in which they are registered, which is also that of their
    locks; what an item names may come in any section.
    """

    @property
    def name(self) -> str: ...

    def export(self, *, secrets: bool) -> Iterator[Item]:
        """Every object, without what has its default."""
        ...

    def locks(self, items: Sequence[object]) -> Iterator[Held]:
        """What must be held from before `stage` until all is stored and settled; a name is taken
        once, whichever section asks first."""
        ...

    async def stage(self, items: Sequence[object], staging: Staging) -> None:
        """Refuse what is wrong with the items, and register what puts them into the unit."""
        ...


def unknown_keys(item: Mapping[str, object], known: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The keys of an item that are none of its section, and what to say of each."""
    for key in item:
        if key not in known:
            yield key[:MAX_SHOWN_KEY], f"is not a field here{nearest(key, known)}"
