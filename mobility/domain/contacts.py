"""Contact lists: groups and who is in them, read from the store when asked for."""

from collections.abc import Sequence

import attrs

from mobility.domain.ledger import Archive, Ledger, Unit
from mobility.domain.records import Contact, Group
from mobility.errors import Refusal

DEFAULT_GROUP = Group("", "default", "Other Contacts", "default")
PINNED_GROUP = Group("", "pinned", "Favorites", "pinned")
"""The two groups everybody has; their ids are the same for all owners."""


@attrs.frozen(slots=True)
class ContactList:
    """The groups of one owner (default and pinned always there) and the entries in them."""

    groups: Sequence[Group]
    contacts: Sequence[Contact]

    def group(self, group_id: str) -> Group:
        """The group of this id; 404 ResourceNotFound without one."""
        for group in self.groups:
            if group.id == group_id:
                return group
        raise Refusal("NotFound", "ResourceNotFound", "There is no such group.")

    def uris(self, group_id: str | None = None) -> list[str]:
        """Who is in the list, or in one group of it, each once and in order."""
        return sorted(
            {
                contact.uri
                for contact in self.contacts
                if group_id is None or contact.group_id == group_id
            }
        )


class Contacts:
    """Everybody's contact lists."""

    def __init__(self, ledger: Ledger, archive: Archive) -> None:
        self._ledger = ledger
        self._archive = archive

    async def of(self, owner_uri: str) -> ContactList:
        """The contact list of a user."""
        groups, contacts = await self._archive.contacts(owner_uri)
        builtin = (
            attrs.evolve(group, owner_uri=owner_uri) for group in (DEFAULT_GROUP, PINNED_GROUP)
        )
        return ContactList((*builtin, *groups), contacts)

    async def add(self, owner_uri: str, uri: str, group_id: str = DEFAULT_GROUP.id) -> None:
        """Put `uri` into one of the owner's groups; 404 without such a group."""
        (await self.of(owner_uri)).group(group_id)
        unit = Unit()
        unit.save(Contact(owner_uri, group_id, uri))
        await self._ledger.commit(unit)
