"""The document itself, and the ways out and in."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import attrs

from mobility.domain.ledger import Conflict, Ledger
from mobility.errors import Parameter, Refusal, validation_failure
from mobility.events import Catalogue, EventLog
from mobility.transfer.form import EXISTING, FORMAT, VERSION
from mobility.transfer.staging import Item, Refused, Section, Staging

EVENTS: Catalogue = {
    "configuration.exported": {
        "objects": "how many, of all sections",
        "secrets": "whether password hashes were among them",
    },
    "configuration.imported": {
        "added": "how many objects are new",
        "changed": "how many are others now",
        "unchanged": "how many were so already",
        "kept": "how many are others and were left as they are",
    },
}

MAX_ITEMS = 200_000
"""Items of one section (our choice: twice the users that a front end is made for)."""


@attrs.frozen(slots=True)
class Outcome:
    """What became of a document: `refused` is why nothing did."""

    counts: Mapping[str, Mapping[str, int]]
    refused: Sequence[Refused]
    more_refused: int
    notes: Sequence[Refused]

    @property
    def shown(self) -> dict[str, object]:
        """As the operator API tells it."""
        return {
            "counts": {name: dict(counts) for name, counts in self.counts.items()},
            "refused": [attrs.asdict(one) for one in self.refused],
            "more_refused": self.more_refused,
            "notes": [attrs.asdict(one) for one in self.notes],
        }


class Transfer:
    """The registered sections, in their order; `breathe` lets others have their turn."""

    def __init__(
        self,
        sections: Sequence[Section],
        ledger: Ledger,
        log: EventLog,
        breathe: Callable[[], Awaitable[None]],
    ) -> None:
        self._sections = sections
        self._ledger = ledger
        self._log = log
        self._breathe = breathe

    @property
    def names(self) -> list[str]:
        return [section.name for section in self._sections]

    async def export(self, *, secrets: bool) -> dict[str, Any]:
        """The whole configuration as it is at this moment."""
        sections: dict[str, list[Item]] = {}
        for section in self._sections:
            sections[section.name] = list(section.export(secrets=secrets))
        objects = sum(map(len, sections.values()))
        self._log.emit("configuration.exported", objects=objects, secrets=secrets)
        return {"format": FORMAT, "version": VERSION, "secrets": secrets, "sections": sections}

    async def take(
        self, document: Mapping[str, Any], now: float, *, dry_run: bool, existing: str, whole: bool
    ) -> Outcome:
        """Take a document in, all of it or nothing, in one unit of work.

        Raises PeerFault for what is no such document, Refusal (409) when the store has changed
        meanwhile, and Unavailable.
        """
        given = self._given(document)
        if existing not in EXISTING:
            raise validation_failure(Parameter("existing", f"must be one of {', '.join(EXISTING)}"))
        staging = Staging(now, existing, whole, dry_run, self._breathe)
        async with AsyncExitStack() as held:
            taken: set[str] = set()
            for section in self._sections:
                for name, lock in section.locks(given.get(section.name, ())):
                    if name not in taken:
                        taken.add(name)
                        await held.enter_async_context(lock)
            for section in self._sections:
                if section.name in given:
                    await section.stage(given[section.name], staging)
            for check in staging.checks:
                check()
            if not staging.refused and not dry_run:
                await self._store(staging)
        return Outcome(staging.counts, staging.refused, staging.more_refused, staging.notes)

    async def _store(self, staging: Staging) -> None:
        for build in staging.builders:
            await build()
        if staging.unit:
            try:
                await self._ledger.commit(staging.unit)
            except Conflict as error:
                raise Refusal("Conflict", None, "Somebody has changed it meanwhile.") from error
        for number, settle in enumerate(staging.settlements, 1):
            if number % 100 == 0:
                await self._breathe()
            await settle()
        self._log.emit(
            "configuration.imported",
            added=staging.total("added"),
            changed=staging.total("changed"),
            unchanged=staging.total("unchanged"),
            kept=staging.total("kept"),
        )

    def _given(self, document: Mapping[str, Any]) -> dict[str, list[object]]:
        if document.get("format") != FORMAT:
            raise validation_failure(Parameter("format", f"must be {FORMAT!r}"))
        version = document.get("version")
        if version != VERSION:
            rule = f"must be {VERSION}"
            if isinstance(version, int) and version > VERSION:
                rule = f"is {version}, which a newer mobility has written; this one takes {VERSION}"
            raise validation_failure(Parameter("version", rule))
        given = document.get("sections")
        if not isinstance(given, dict):
            raise validation_failure(Parameter("sections", "must be an object"))
        wrong = []
        for name, items in given.items():
            if name not in self.names:
                rule = f"is no section; there are {', '.join(self.names)}"
                wrong.append(Parameter(f"sections.{name[:80]}", rule))
            elif not isinstance(items, list) or len(items) > MAX_ITEMS:
                rule = f"must be a list of at most {MAX_ITEMS} objects"
                wrong.append(Parameter(f"sections.{name}", rule))
        if wrong:
            raise validation_failure(*wrong)
        return given
