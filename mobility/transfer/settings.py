"""The sections of what administrators set (`SettingBook`): the objects of a kind, and grants."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from mobility.domain.addresses import user_uri
from mobility.domain.setting_book import PER_KIND, SettingBook
from mobility.domain.setting_rules import GLOBAL, quoted, references_of, shown_names
from mobility.domain.users import Users
from mobility.errors import PeerFault
from mobility.transfer.people import later
from mobility.transfer.staging import Held, Item, Staging, unknown_keys


class SettingSection:
    """The objects of one kind of a book; `area` names the book."""

    def __init__(self, name: str, area: str, book: SettingBook[Any], kind: str) -> None:
        self.name = name
        self._area = area
        self._book = book
        self._kind = kind

    def export(self, *, secrets: bool) -> Iterator[Item]:  # noqa: ARG002  # there are none
        for stored in self._book.all(self._kind):
            if stored.version:
                yield item_of(stored.thing)

    def locks(self, items: Sequence[object]) -> Iterator[Held]:
        if items:
            yield self._area, self._book.changing

    async def stage(self, items: Sequence[object], staging: Staging) -> None:
        things: list[Any] = []
        brought = _brought(staging, self._area, self._kind)
        for number, item in await staging.each(items, self.name):
            values = {key: value for key, value in item.items() if key != "name"}
            try:
                thing = self._book.kinds.made(self._kind, item.get("name"), values)
            except PeerFault as fault:
                staging.refuse_as(self.name, number, fault)
                continue
            if thing.name.casefold() in brought:
                staging.refuse(self.name, number, "name", "is there twice")
                continue
            brought.add(thing.name.casefold())
            if staging.takes(self.name, number, self._book.named(self._kind, thing.name), thing):
                things.append(thing)
                staging.checks.append(_Check(self, thing, number, staging))
        if len(brought) + len(self._book.all(self._kind)) > PER_KIND:
            staging.refuse(self.name, len(items), "", f"there would be more than {PER_KIND}")

        async def build() -> None:
            staging.settlements.append(
                later(self._book.stage(self._kind, things, (), staging.unit))
            )

        if things:
            staging.builders.append(build)

    def check(self, thing: Any, number: int, staging: Staging) -> None:
        """Refuse names of what is neither here nor in the document."""
        for field, kind, name in references_of(thing):
            if not _known(self._book, self._area, kind, name, staging):
                what = self._book.kinds.singular[kind]
                rule = f"is {name!r}, which is no {what} here or in this document"
                staging.refuse(self.name, number, shown_names(type(thing))[field], rule)


@attrs.frozen(slots=True)
class _Check:
    """What can be seen only when every section has been read."""

    section: SettingSection
    thing: Any
    number: int
    staging: Staging

    def __call__(self) -> None:
        self.section.check(self.thing, self.number, self.staging)


class GrantSection:
    """What is granted to each user who has anything of its own."""

    def __init__(self, name: str, area: str, book: SettingBook[Any], users: Users) -> None:
        self.name = name
        self._area = area
        self._book = book
        self._users = users

    def export(self, *, secrets: bool) -> Iterator[Item]:  # noqa: ARG002  # there are none
        for user in self._users.all():
            grant = self._book.grant_of(user.uri)
            granted = {
                key: getattr(grant, key) for key in self._book.kinds.granted if getattr(grant, key)
            }
            if granted:
                yield {"user": user.uri, **granted}

    def locks(self, items: Sequence[object]) -> Iterator[Held]:
        if items:
            yield self._area, self._book.changing

    async def stage(self, items: Sequence[object], staging: Staging) -> None:
        grants: list[Any] = []
        seen: set[str] = set()
        keys = tuple(self._book.kinds.granted)
        for number, item in await staging.each(items, self.name):
            uri = user_uri(item["user"]) if isinstance(item.get("user"), str) else None
            for key, rule in unknown_keys(item, ("user", *keys)):
                staging.refuse(self.name, number, key, rule)
            if uri is None or (uri not in staging.users and self._users.find(uri) is None):
                named = quoted(item.get("user", ""))
                rule = f"is {named}, who is no user here or in this document"
                staging.refuse(self.name, number, "user", rule)
                continue
            if uri in seen:
                staging.refuse(self.name, number, "user", "is there twice")
                continue
            seen.add(uri)
            before = self._book.grant_of(uri)
            given = {
                key: self._granted(number, key, item[key], staging) for key in keys if key in item
            }
            blank = dict.fromkeys(keys, "") if staging.whole else {}
            after = attrs.evolve(before, **{**blank, **given})
            if staging.takes(self.name, number, before if before.version else None, after):
                grants.append(after)

        async def build() -> None:
            staging.settlements.append(later(self._book.stage("", (), grants, staging.unit)))

        if grants:
            staging.builders.append(build)

    def _granted(self, number: int, key: str, value: object, staging: Staging) -> str:
        kinds = self._book.kinds
        kind = kinds.granted[key]
        what = kinds.singular[kind]
        if value == "":
            return ""
        if not isinstance(value, str) or not kinds.identity(kind, value).startswith("tag:"):
            staging.refuse(self.name, number, key, f"must be the name of a {what} for users")
            return ""
        shown = kinds.identity(kind, value)
        if not _known(self._book, self._area, kind, shown, staging):
            rule = f"is {value!r}, which is no {what} here or in this document"
            staging.refuse(self.name, number, key, rule)
        return shown


def _brought(staging: Staging, area: str, kind: str) -> set[str]:
    return staging.names.setdefault(f"{area} {kind}", set())


def _known(book: SettingBook[Any], area: str, kind: str, name: str, staging: Staging) -> bool:
    return (
        name.casefold() in _brought(staging, area, kind)
        or book.named(kind, name) is not None
        or (kind in book.kinds.scoped and name == GLOBAL)
    )


def item_of(thing: Any) -> Item:
    """An object, or a part of one, without what has its default."""
    item: Item = {}
    labels: Mapping[str, str] = shown_names(type(thing))
    for field in attrs.fields(type(thing)):
        value = getattr(thing, field.name)
        if value != field.default:
            if isinstance(value, tuple):
                value = [item_of(one) if attrs.has(type(one)) else one for one in value]
            item[labels[field.name]] = value
    return item
