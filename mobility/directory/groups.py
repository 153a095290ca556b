"""Groups from the directory: entries with members, and those with a mail address are distribution
groups."""

from collections.abc import Sequence

import attrs

from mobility.directory.faults import DirectoryFault
from mobility.directory.mapping import SOURCE, Mapping, texts
from mobility.directory.messages import Entry, Search
from mobility.directory.searches import Searches
from mobility.directory.settings import LdapConfig
from mobility.domain.directory_names import folded_dn
from mobility.domain.distribution_groups import DistributionGroups, GroupOutcome
from mobility.domain.records import DistributionGroup
from mobility.events import Catalogue, EventLog

EVENTS: Catalogue = {
    "directory.groups_synced": {
        "kind": "full, or changes when only what changed was read",
        "groups": "groups that the directory showed",
        "added": "groups that are new",
        "changed": "groups that changed",
        "removed": "groups that are gone",
        "clashes": "groups whose address another group has",
    },
}

PAGE_GROUPS = 50
"""Groups asked for at once (our choice): each may have many members."""

MAX_MEMBERS = 100_000
"""Members of one group (our choice): as many as there may be users."""

RANGE = ";range="
"""The option by which Active Directory gives some of many values (MS-ADTS §3.1.1.3.1.3.3)."""


class GroupReplication:
    """Keeps the distribution groups as the directory is.

    Members are found by the names of their entries: `uris` are the users' by folded names.  All
    methods raise DirectoryFault, TooManyRemovals and Unavailable.
    """

    def __init__(
        self,
        settings: LdapConfig,
        searches: Searches,
        mapping: Mapping,
        groups: DistributionGroups,
        log: EventLog,
    ) -> None:
        self._settings = settings
        self._searches = searches
        self._mapping = mapping
        self._groups = groups
        self._log = log
        self._names: dict[str, str] = {}
        self._mark = 0
        self._server = ""
        self._read_all_at = 0.0

    async def due(self, now: float, uris: dict[str, str]) -> None:
        """Read what it is time to read: everything, or what changed."""
        if now - self._read_all_at >= self._settings.full_sync_interval_s:
            await self.all(now, uris)
        elif self._mark:
            await self._changes(now, uris)

    async def all(self, now: float, uris: dict[str, str], *, force: bool = False) -> None:
        """Read everything; `force` lets any number of groups go."""
        entries = await self._read(self._settings.group_filter)
        self._names = self._named(entries)
        outcome = await self._groups.replace(
            SOURCE,
            self._made(entries, uris),
            self._settings.max_removal_percent,
            force=force,
        )
        self._mark, self._server = self._newest(entries), self._searches.server
        self._read_all_at = now
        self._tell("full", entries, outcome)

    async def _changes(self, now: float, uris: dict[str, str]) -> None:
        entries = await self._read(
            self._mapping.changed_since(self._mark, self._settings.group_filter)
        )
        if self._searches.server != self._server:  # which counts changes in its own way
            await self.all(now, uris)
            return
        self._names.update(self._named(entries))
        outcome = await self._groups.merge(SOURCE, self._made(entries, uris))
        self._mark = max(self._mark, self._newest(entries))
        if outcome.added or outcome.changed or outcome.removed:
            self._tell("changes", entries, outcome)

    async def _read(self, wanted: str) -> list[Entry]:
        """The groups of the filter `wanted`, with all their members."""
        found: list[Entry] = []

        async def take(entries: Sequence[Entry]) -> None:
            found.extend(entries)

        settings = self._settings
        await self._searches.each_page(
            Search(
                settings.group_base,
                wanted,
                self._mapping.group_attributes,
                settings.max_groups,
                page_size=min(PAGE_GROUPS, settings.page_size),
            ),
            take,
        )
        return [await self._whole(entry) for entry in found]

    def _named(self, entries: Sequence[Entry]) -> dict[str, str]:
        """The URIs of groups by the folded names of their entries."""
        named = ((folded_dn(entry.dn), self._mapping.group_uri(entry)) for entry in entries)
        return {name: uri for name, uri in named if uri is not None}

    def _newest(self, entries: Sequence[Entry]) -> int:
        return max(map(self._mapping.mark, entries), default=0)

    def _made(self, entries: Sequence[Entry], uris: dict[str, str]) -> list[DistributionGroup]:
        made = (self._group(entry, uris) for entry in entries)
        return [group for group in made if group is not None]

    def _group(self, entry: Entry, uris: dict[str, str]) -> DistributionGroup | None:
        """The group of an entry, None for one whose name is too long; who is nobody here is left
        out."""
        uri = self._mapping.group_uri(entry)
        if uri is None:
            return None
        names = (
            folded_dn(name)
            for attribute in self._mapping.member_attributes
            for name in texts(entry.attributes, attribute)
        )
        members = (uris.get(name) or self._names.get(name) for name in names)
        return DistributionGroup(
            uri=uri,
            name=self._mapping.group_name(entry, uri),
            members=" ".join(dict.fromkeys(filter(None, members))),
            source=SOURCE,
            source_id=self._mapping.id_of(entry),
            source_name=self._mapping.group_name_uri(entry) or "",
        )

    def _tell(self, kind: str, entries: Sequence[Entry], outcome: GroupOutcome) -> None:
        self._log.emit(
            "directory.groups_synced",
            kind=kind,
            groups=len(entries),
            added=outcome.added,
            changed=outcome.changed,
            removed=outcome.removed,
            clashes=outcome.clashes,
        )

    async def _whole(self, entry: Entry) -> Entry:
        """The entry with all members of those attributes of which the server gave only some."""
        attributes = dict(entry.attributes)
        for name in self._mapping.member_attributes:
            found = _range(entry, name)
            values = list(attributes.get(name, ()))
            while found is not None:
                key, part, end = found
                values += part
                attributes.pop(key, None)
                if len(values) > MAX_MEMBERS:
                    raise DirectoryFault(f"a group has more than {MAX_MEMBERS} members")
                if end is None:
                    break
                if not part:
                    raise DirectoryFault("the server gives no further members of a group")
                asked = f"{name}{RANGE}{end + 1}-*"
                further = await self._searches.entry(entry.dn, (asked,))
                found = None if further is None else _range(further, name)
            if values:
                attributes[name] = tuple(values)
        return attrs.evolve(entry, attributes=attributes)


def _range(entry: Entry, name: str) -> tuple[str, tuple[bytes, ...], int | None] | None:
    """Of values that came in a range: their key, they themselves, and the number of the last one,
    None when it is the last of all; None when there is no such range."""
    for key, values in entry.attributes.items():
        if key.startswith(name + RANGE):
            _, _, end = key.removeprefix(name + RANGE).partition("-")
            return key, values, int(end) if end.isascii() and end.isdigit() else None
    return None
