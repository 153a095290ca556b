"""Objects that administrators set, in memory and in the store: how they change, and for whom.

Scopes are those of Skype for Business Server, each object as a whole: what is granted to the user,
else that of the user's site, else the global one.  The global ones always are: to remove one brings
its defaults back.  Each object and each user's grants have a version; a change says which one it
was made from, so that the later of two administrators is told.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Generic, TypeVar, cast

import attrs
import msgspec

from mobility.domain.ledger import Conflict, Ledger, Unit
from mobility.domain.locks import Lock
from mobility.domain.records import MobilityGrant, MobilitySetting, User, VoiceGrant, VoiceSetting
from mobility.domain.setting_rules import GLOBAL, Kinds, nearest, references_of
from mobility.domain.users import Users
from mobility.errors import Parameter, Refusal, validation_failure

PER_KIND = 10_000
"""Objects of one kind (our choice)."""

Grant = TypeVar("Grant", bound=VoiceGrant | MobilityGrant)

Watcher = Callable[[], Callable[[], Awaitable[None]]]
"""Is called before a change, and what it gives after it: who may do what now is told."""


@attrs.frozen(slots=True)
class Stored:
    """An object and its version, 0 for a global one that nobody has changed."""

    thing: Any
    version: int


class SettingBook(Generic[Grant]):
    """The objects of one area of settings; changes are made one after another."""

    def __init__(
        self,
        ledger: Ledger,
        users: Users,
        kinds: Kinds,
        row: type[VoiceSetting] | type[MobilitySetting],
        grant_row: type[Grant],
    ) -> None:
        """Objects are stored as `row`s, grants as `grant_row`s."""
        self._ledger = ledger
        self._users = users
        self.kinds = kinds
        self._row = row
        self._grant_row = grant_row
        self._lock = Lock()
        self.watchers: list[Watcher] = []
        self.site_of: Callable[[User], str] = lambda user: user.site
        """The site whose objects are for a user."""
        self._stored: dict[str, dict[str, Stored]] = {kind: {} for kind in kinds.classes}
        self._defaults = {kind: Stored(kinds.made(kind, GLOBAL, {}), 0) for kind in kinds.scoped}
        self._grants: dict[str, Grant] = {}

    def load(
        self, settings: Iterable[VoiceSetting | MobilitySetting], grants: Iterable[Grant]
    ) -> None:
        """Take what is stored; once, at start."""
        for row in settings:
            thing = msgspec.json.decode(row.document, type=self.kinds.classes[row.kind])
            self._stored[row.kind][row.name] = Stored(thing, row.version)
        self._grants = {row.user_uri: row for row in grants}

    # -- what administrators see and change --------------------------------------------------

    def all(self, kind: str) -> list[Stored]:
        """The objects of a kind in the order of their names, the global one first."""
        known = self._stored[kind]
        rest: list[Stored] = [known[key] for key in sorted(known) if key != GLOBAL]
        return [self._find(kind, GLOBAL), *rest] if kind in self.kinds.scoped else rest

    def find(self, kind: str, name: str) -> Stored:
        """The object of a name in any case.  404 NotFound when there is none."""
        shown = self.kinds.identity(kind, name)
        known = self._stored[kind]
        if shown.casefold() not in known and not (kind in self.kinds.scoped and shown == GLOBAL):
            hint = nearest(shown, self._names(kind))
            what = f"There is no {self.kinds.singular[kind]} {shown!r}{hint}"
            raise Refusal("NotFound", None, what if hint else f"{what}.")
        return self._find(kind, shown)

    async def add(self, kind: str, name: object, values: Mapping[str, object]) -> Stored:
        """Store a new object.

        Raises PeerFault for wrong values, Refusal (409) when the name is taken.
        """
        thing = self.kinds.made(kind, name, values)
        async with self._changing():
            taken = thing.name.casefold() in self._stored[kind]
            if taken or (kind in self.kinds.scoped and thing.name == GLOBAL):
                what = f"There is a {self.kinds.singular[kind]} {thing.name!r} already."
                raise Refusal("Conflict", "AlreadyExists", what)
            if len(self._stored[kind]) >= PER_KIND:
                raise Refusal("Conflict", "LimitExceeded", f"There are {PER_KIND} already.")
            return await self._save(kind, thing, 1)

    async def change(
        self, kind: str, name: str, values: Mapping[str, object], version: int
    ) -> Stored:
        """Store other values of the object that is at `version`.

        Raises PeerFault for wrong values, Refusal: 404, or 409 when somebody has changed it since.
        """
        async with self._changing():
            before = self.find(kind, name)
            _check_version(before, version)
            thing = self.kinds.made(kind, None, values, before.thing)
            return await self._save(kind, thing, before.version + 1)

    async def remove(self, kind: str, name: str, version: int) -> None:
        """Forget the object that is at `version`; a global one gets its defaults back.

        What was granted to users is taken from them.  Raises Refusal: 404, or 409 when it is in use
        or somebody has changed it since.
        """
        async with self._changing():
            before = self.find(kind, name)
            _check_version(before, version)
            shown = before.thing.name
            used = [
                f"{self.kinds.singular[other]} {one.thing.name}"
                for other in self.kinds.classes
                for one in self._stored[other].values()
                for _, referred, its_name in references_of(one.thing)
                if referred == kind and its_name.casefold() == shown.casefold()
            ]
            if used:
                users = ", ".join(sorted(set(used)))
                what = f"The {self.kinds.singular[kind]} {shown!r} is used by {users}."
                raise Refusal("Conflict", None, what)
            unit = Unit()
            unit.remove(self._row(kind, shown.casefold(), before.version, ""))
            grants = self._taken_back(kind, shown)
            unit.save(*grants)
            await self._commit(unit)
            self._stored[kind].pop(shown.casefold(), None)
            self._grants.update((one.user_uri, one) for one in grants)

    def grant_of(self, user_uri: str) -> Grant:
        """What is granted to a user; version 0 when nothing ever was."""
        return self._grants.get(user_uri) or self._grant_row(user_uri, 0)

    async def grant(self, user_uri: str, values: Mapping[str, object], version: int) -> Grant:
        """Grant an object to a user, or take it back ("").

        Raises PeerFault for wrong values, Refusal: 404 for a stranger, or 409 when somebody has
        changed the user's grants since `version`.
        """
        async with self._changing():
            user = self._users.named(user_uri)
            before = self.grant_of(user.uri)
            _check_version(before, version)
            granted = {key: self._granted(key, value) for key, value in values.items()}
            after = attrs.evolve(before, version=before.version + 1, **cast(Any, granted))
            unit = Unit()
            unit.save(after)
            await self._commit(unit)
            self._grants[user.uri] = after
            return after

    async def forget(self, user: User, now: float) -> None:  # noqa: ARG002  # a Departure
        """Forget what was granted to a user who is gone."""
        async with self._lock:
            if user.uri in self._grants:
                unit = Unit()
                unit.remove(self._grants[user.uri])
                await self._commit(unit)
                del self._grants[user.uri]

    # -- many at once ------------------------------------------------------------------------

    @property
    def changing(self) -> AbstractAsyncContextManager[None]:
        """What changes wait for; on leaving it those who watch are told."""
        return self._changing()

    def stage(
        self, kind: str, things: Sequence[Any], grants: Sequence[Grant], unit: Unit
    ) -> Callable[[], None]:
        """Put objects of a kind, and grants, new or over those that are there, into a unit of work,
        while within `changing`; what is answered must be called once that is stored.  Without
        objects the kind does not matter.

        Whether what they name is there is the caller's to see.
        """
        saved = [
            Stored(thing, before.version + 1 if before is not None else 1)
            for thing in things
            for before in [self._stored[kind].get(thing.name.casefold())]
        ]
        granted = [
            attrs.evolve(one, version=self.grant_of(one.user_uri).version + 1) for one in grants
        ]
        unit.save(*(self._stored_row(kind, one) for one in saved), *granted)

        def settle() -> None:
            for one in saved:
                self._stored[kind][one.thing.name.casefold()] = one
            self._grants.update((one.user_uri, one) for one in granted)

        return settle

    def _stored_row(self, kind: str, stored: Stored) -> VoiceSetting | MobilitySetting:
        document = msgspec.json.encode(stored.thing).decode()
        return self._row(kind, stored.thing.name.casefold(), stored.version, document)

    # -- for who decides by them -------------------------------------------------------------

    def first(self, kind: str, *names: str) -> Any:
        """The object of the first name that is one, else the global one."""
        for name in names:
            if (stored := self._stored[kind].get(name.casefold())) is not None:
                return stored.thing
        return self._find(kind, GLOBAL).thing

    def named(self, kind: str, name: str) -> Any:
        """The object of a name in any case, or None."""
        stored = self._stored[kind].get(name.casefold())
        return stored.thing if stored is not None else None

    def things(self, kind: str) -> list[Any]:
        """The objects of a kind that are stored, in the order in which they came."""
        return [one.thing for one in self._stored[kind].values()]

    # -- the inside --------------------------------------------------------------------------

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        """One change at a time; those who watch are told of it."""
        async with self._lock:
            told = [watch() for watch in self.watchers]
            yield
            for tell in told:
                await tell()

    def _find(self, kind: str, shown: str) -> Stored:
        return self._stored[kind].get(shown.casefold()) or self._defaults[kind]

    def _granted(self, key: str, value: object) -> str:
        kind = self.kinds.granted.get(key)
        if kind is None:
            rule = f"cannot be granted{nearest(key, self.kinds.granted)}"
            raise validation_failure(Parameter(key, rule))
        if value in ("", None):
            return ""
        what = self.kinds.singular[kind]
        if not isinstance(value, str):
            raise validation_failure(Parameter(key, f"must be the name of a {what}"))
        shown = self.kinds.identity(kind, value)
        if not shown.startswith("tag:"):
            rule = f"is {value!r}, which is nobody's to grant: '' takes back what is granted"
            raise validation_failure(Parameter(key, rule))
        stored = self._stored[kind].get(shown.casefold())
        if stored is None:
            tags = [name.removeprefix("tag:") for name in self._names(kind)]
            near = nearest(shown.removeprefix("tag:"), tags)
            rule = f"is {value!r}, which names no {what} for users{near}"
            raise validation_failure(Parameter(key, rule))
        return cast(str, stored.thing.name)

    def _taken_back(self, kind: str, shown: str) -> list[Grant]:
        """The grants of those who held an object, without it."""
        keys = [key for key, granted in self.kinds.granted.items() if granted == kind]
        return [
            attrs.evolve(one, version=one.version + 1, **cast(Any, dict.fromkeys(held, "")))
            for one in self._grants.values()
            for held in [[k for k in keys if getattr(one, k).casefold() == shown.casefold()]]
            if held
        ]

    async def _save(self, kind: str, thing: Any, version: int) -> Stored:
        wrong = [
            Parameter(field, f"is {name!r}, which is no {self.kinds.singular[referred]}{near}")
            for field, referred, name in references_of(thing)
            if name.casefold() not in self._stored[referred]
            for near in [nearest(name, self._names(referred))]
        ]
        if wrong:
            raise validation_failure(*wrong)
        stored = Stored(thing, version)
        unit = Unit()
        unit.save(self._stored_row(kind, stored))
        await self._commit(unit)
        self._stored[kind][thing.name.casefold()] = stored
        return stored

    def _names(self, kind: str) -> list[str]:
        return [one.thing.name for one in self._stored[kind].values()]

    async def _commit(self, unit: Unit) -> None:
        try:
            await self._ledger.commit(unit)
        except Conflict as error:
            raise Refusal("Conflict", None, "Somebody has changed it since.") from error


def _check_version(before: Stored | VoiceGrant | MobilityGrant, version: int) -> None:
    if before.version != version:
        what = f"Somebody has changed it since: it is at version {before.version}, not {version}."
        raise Refusal("Conflict", None, what)
