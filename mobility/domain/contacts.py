"""Contact lists: groups and who is in them, kept in the store and read when asked for."""

import secrets
from collections.abc import Callable, Iterable, Sequence

import attrs

from mobility.domain.addresses import address_of
from mobility.domain.contact_subscriptions import ContactSubscriptions
from mobility.domain.facts import ContactListChanged
from mobility.domain.ledger import Archive, Ledger, Unit
from mobility.domain.locks import Locks
from mobility.domain.records import Contact, DistributionGroup, Group, Receipt, User
from mobility.errors import Refusal

DEFAULT_GROUP = Group("", "default", "Other Contacts", "default")
PINNED_GROUP = Group("", "pinned", "Favorites", "pinned")
"""The two groups everybody has; their ids are the same for all owners."""


@attrs.frozen(slots=True)
class ContactLimits:
    """How many contacts a user may have, each counted once, and how many groups of one's own."""

    contacts: int
    groups: int


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

    def custom_group(self, group_id: str) -> Group:
        """A group of the owner's own; 403 OperationNotSupported for those everybody has."""
        group = self.group(group_id)
        if group.kind != "custom":
            raise Refusal("Forbidden", "OperationNotSupported", "This group is everybody's.")
        return group

    def uris(self, group_id: str | None = None) -> list[str]:
        """Who is in the list, or in one group of it, each once and in order."""
        return sorted(
            {
                contact.uri
                for contact in self.contacts
                if group_id is None or contact.group_id == group_id
            }
        )

    def entry(self, group_id: str, uri: str) -> Contact:
        """The entry of a contact in one group; 404 ResourceNotFound when it is not in it."""
        for contact in self.contacts:
            if (contact.group_id, contact.uri) == (group_id, uri):
                return contact
        raise Refusal("NotFound", "ResourceNotFound", "The contact is not in this group.")


class Contacts:
    """Everybody's contact lists.

    Each change is one unit of work, and the owner's applications that subscribed hear of it.
    """

    def __init__(
        self,
        ledger: Ledger,
        archive: Archive,
        subscriptions: ContactSubscriptions,
        limits: ContactLimits,
    ) -> None:
        self._ledger = ledger
        self._archive = archive
        self._subscriptions = subscriptions
        self._limits = limits
        self._listed: dict[str, set[str]] = {}
        """Of each distribution group on a contact list, by its id, whose lists."""
        self._locks = Locks()

    def load(self, listed: Iterable[Group]) -> None:
        """Take the distribution groups that are on contact lists into memory."""
        for group in listed:
            self._listed.setdefault(group.id, set()).add(group.owner_uri)

    async def of(self, owner_uri: str) -> ContactList:
        """The contact list of a user."""
        groups, contacts = await self._archive.contacts(owner_uri)
        builtin = (
            attrs.evolve(group, owner_uri=owner_uri) for group in (DEFAULT_GROUP, PINNED_GROUP)
        )
        return ContactList((*builtin, *groups), contacts)

    async def add(
        self,
        owner_uri: str,
        uri: str,
        group_id: str = DEFAULT_GROUP.id,
        receipt: Receipt | None = None,
    ) -> Contact:
        """Put `uri` into one of the owner's groups (UCWA myGroupMemberships2 POST).

        404 without such a group, 409 AlreadyExists for who is in it, 409 LimitExceeded above the
        limit.  `receipt` is stored with the group's id as its resource.
        """
        async with self._locks.of(owner_uri):
            present = await self.of(owner_uri)
            if present.group(group_id).kind == "distribution":
                raise Refusal("Forbidden", "OperationNotSupported", "A directory keeps this group.")
            if uri in present.uris(group_id):
                raise Refusal("Conflict", "AlreadyExists", "The contact is in this group already.")
            known = present.uris()
            if uri not in known and len(known) >= self._limits.contacts:
                raise Refusal("Conflict", "LimitExceeded", "This user has too many contacts.")
            contact = Contact(owner_uri, group_id, uri)
            unit = Unit()
            unit.save(contact)
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=group_id))
            changes = [ContactListChanged(group_id, uri, "added")]
            if uri not in known:
                changes.append(ContactListChanged("", uri, "added"))
            await self._commit(unit, owner_uri, *changes)
            return contact

    async def remove(self, owner_uri: str, uri: str, group_id: str) -> None:
        """Take a contact out of one group (UCWA myGroupMembership2 DELETE).

        Who is in no other group leaves the list.  404 for who is not in the group.
        """
        async with self._locks.of(owner_uri):
            present = await self.of(owner_uri)
            unit = Unit()
            unit.remove(present.entry(group_id, uri))
            changes = [ContactListChanged(group_id, uri, "deleted")]
            if sum(contact.uri == uri for contact in present.contacts) == 1:
                changes.append(ContactListChanged("", uri, "deleted"))
            await self._commit(unit, owner_uri, *changes)

    async def remove_from_all(self, owner_uri: str, uri: str) -> None:
        """Take a contact out of the list (UCWA removeContactFromAllGroups).

        404 for who is not in it.
        """
        async with self._locks.of(owner_uri):
            present = await self.of(owner_uri)
            entries = [contact for contact in present.contacts if contact.uri == uri]
            if not entries:
                raise Refusal("NotFound", "ResourceNotFound", "There is no such contact.")
            unit = Unit()
            unit.remove(*entries)
            groups = (*(entry.group_id for entry in entries), "")
            changes = (ContactListChanged(group_id, uri, "deleted") for group_id in groups)
            await self._commit(unit, owner_uri, *changes)

    async def create_group(
        self, owner_uri: str, name: str, receipt: Receipt | None = None
    ) -> Group:
        """Make a group of the owner's own (UCWA myGroups2 POST).

        409 AlreadyExists when a group has the name, 409 TooManyGroups above the limit.
        """
        async with self._locks.of(owner_uri):
            present = await self.of(owner_uri)
            _must_be_free(present, name)
            self._check_room(present)
            group = Group(owner_uri, secrets.token_hex(8), name, "custom")
            unit = Unit()
            unit.save(group)
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=group.id))
            await self._commit(unit, owner_uri, ContactListChanged(group.id, "", "added"))
            return group

    async def rename_group(self, known: Group, name: str) -> Group:
        """Give a group another name, if it is still as the caller knows it (UCWA group2 PUT).

        403 OperationNotSupported for the built-in groups, 404 when it is gone, 412
        PreconditionFailed when it has changed, 409 AlreadyExists when another has the name.
        """
        owner_uri = known.owner_uri
        async with self._locks.of(owner_uri):
            present = await self.of(owner_uri)
            if present.custom_group(known.id) != known:
                raise Refusal(
                    "PreconditionFailed", None, "The group has changed since it was read."
                )
            if name == known.name:
                return known
            _must_be_free(present, name)
            renamed = attrs.evolve(known, name=name)
            unit = Unit()
            unit.save(renamed)
            await self._commit(unit, owner_uri, ContactListChanged(known.id, "", "updated"))
            return renamed

    async def remove_group(self, owner_uri: str, group_id: str) -> None:
        """Remove a group of the owner's own (UCWA group2 DELETE).

        Its members who are in no other group go to the default group, so that nobody is lost.  That
        they are no longer in the group that is gone needs no event of its own: clients look up the
        group that one names.
        403 OperationNotSupported for the built-in groups, 404 without such a group.
        """
        async with self._locks.of(owner_uri):
            present = await self.of(owner_uri)
            group = present.custom_group(group_id)
            elsewhere = {one.uri for one in present.contacts if one.group_id != group_id}
            unit = Unit()
            changes: list[ContactListChanged] = []
            for entry in present.contacts:
                if entry.group_id != group_id:
                    continue
                if entry.uri not in elsewhere:
                    unit.save(attrs.evolve(entry, group_id=DEFAULT_GROUP.id))
                    changes.append(ContactListChanged(DEFAULT_GROUP.id, entry.uri, "added"))
                unit.remove(entry)
            unit.remove(group)
            changes.append(ContactListChanged(group_id, "", "deleted"))
            await self._commit(unit, owner_uri, *changes)

    async def list_distribution(self, owner_uri: str, group: DistributionGroup, name: str) -> None:
        """Put a distribution group on the contact list (UCWA addToContactList).

        One that is there stays there.  409 TooManyGroups above the limit.
        """
        async with self._locks.of(owner_uri):
            present = await self.of(owner_uri)
            group_id = address_of(group.uri)
            if any(one.id == group_id for one in present.groups):
                return
            self._check_room(present)
            unit = Unit()
            unit.save(Group(owner_uri, group_id, name, "distribution"))
            await self._commit(unit, owner_uri, ContactListChanged(group_id, "", "added"))
            self._listed.setdefault(group_id, set()).add(owner_uri)

    async def unlist_distribution(self, owner_uri: str, group_id: str) -> None:
        """Take a distribution group off the contact list (UCWA removeFromContactList).

        404 when it is not on it, 403 OperationNotSupported for a group of another kind.
        """
        async with self._locks.of(owner_uri):
            group = (await self.of(owner_uri)).group(group_id)
            if group.kind != "distribution":
                raise Refusal("Forbidden", "OperationNotSupported", "No directory has this group.")
            unit = Unit()
            unit.remove(group)
            await self._commit(unit, owner_uri, ContactListChanged(group_id, "", "deleted"))
            self._unlist(group_id, owner_uri)

    async def take_leave(self, user: User, unit: Unit) -> Callable[[], None]:
        """A user is removed: its list goes, and it leaves the lists of others, who are told (a
        Farewell)."""
        groups, entries = await self._archive.contacts(user.uri)
        unit.remove(*groups, *entries)
        listed = [group.id for group in groups if group.kind == "distribution"]
        told: set[str] = set()
        for entry in await self._archive.contacts_naming(user.uri):
            unit.remove(entry)
            changes = [ContactListChanged(entry.group_id, user.uri, "deleted")]
            if entry.owner_uri not in told:
                changes.append(ContactListChanged("", user.uri, "deleted"))
            told.add(entry.owner_uri)
            self._subscriptions.tell(unit, entry.owner_uri, changes)

        def stored() -> None:
            for group_id in listed:
                self._unlist(group_id, user.uri)

        return stored

    def follow(
        self,
        unit: Unit,
        saved: Sequence[DistributionGroup],
        removed: Sequence[DistributionGroup],
    ) -> Callable[[], None]:
        """Distribution groups changed or are gone: those who list them are told (a Follower)."""
        gone: list[tuple[str, str]] = []
        for groups, change in ((saved, "updated"), (removed, "deleted")):
            for group_id in (address_of(group.uri) for group in groups):
                for owner_uri in sorted(self._listed.get(group_id, ())):
                    fact = ContactListChanged(group_id, "", change)
                    self._subscriptions.tell(unit, owner_uri, [fact])
                    if change == "deleted":
                        unit.remove(Group(owner_uri, group_id, "", "distribution"))
                        gone.append((group_id, owner_uri))

        def stored() -> None:
            for group_id, owner_uri in gone:
                self._unlist(group_id, owner_uri)

        return stored

    def _unlist(self, group_id: str, owner_uri: str) -> None:
        owners = self._listed.get(group_id, set())
        owners.discard(owner_uri)
        if not owners:
            self._listed.pop(group_id, None)

    def _check_room(self, present: ContactList) -> None:
        own = sum(group.kind in ("custom", "distribution") for group in present.groups)
        if own >= self._limits.groups:
            raise Refusal("Conflict", "TooManyGroups", "This user has too many groups.")

    async def _commit(self, unit: Unit, owner_uri: str, *changes: ContactListChanged) -> None:
        self._subscriptions.tell(unit, owner_uri, changes)
        await self._ledger.commit(unit)


def _must_be_free(present: ContactList, name: str) -> None:
    if any(group.name == name for group in present.groups):
        raise Refusal("Conflict", "AlreadyExists", "There is a group of this name.")
