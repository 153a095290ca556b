"""Users that another directory keeps, mirrored here so that every look-up stays in memory.

The directory owns the fields in `OWNED`; the others (site, Enterprise Voice, ...) are set here.  A
user who is gone or disabled there is disabled here, which signs it out everywhere; its contacts
and history stay for the day it comes back.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import TypeVar

import attrs
from twisted.internet.defer import Deferred, FirstError, gatherResults

from mobility.domain.records import User
from mobility.domain.users import Users

T = TypeVar("T")

OWNED = (
    "name",
    "enabled",
    "email",
    "title",
    "department",
    "company",
    "office",
    "work_phone",
    "mobile_phone",
    "home_phone",
    "other_phone",
    "manager",
    "source",
    "source_id",
    "source_name",
    "source_password",
)
"""The fields of a mirrored user that follow its directory."""

_owned = attrgetter(*OWNED)

AT_ONCE = 100
"""Users that are stored together (our choice): the writer makes one transaction of them."""

COMPARED_AT_ONCE = 1_000
"""Users compared before others get their turn (our choice: some milliseconds)."""


class TooManyRemovals(Exception):
    """The directory suddenly lacks, or disables, more than may be lost at once.

    `removals` of `known` would go; nothing was changed.  `kind` is "users" or "groups".
    """

    def __init__(self, removals: int, known: int, kind: str = "users") -> None:
        super().__init__(removals, known, kind)
        self.removals = removals
        self.known = known
        self.kind = kind

    def __str__(self) -> str:
        return f"{self.removals} of {self.known} {self.kind} would go"


@attrs.frozen(slots=True)
class Clash:
    """A user whom the directory has and who cannot be mirrored.

    `reason` is "local_user" when a local user, or one of another source, has the SIP URI, and
    "two_entries" when another entry of the same directory has it.
    """

    uri: str
    reason: str


@attrs.frozen(slots=True)
class Outcome:
    """What a replication did: numbers of users, and who could not be mirrored."""

    added: int
    changed: int
    disabled: int
    clashes: Sequence[Clash] = ()


@attrs.define(slots=True)
class _Plan:
    """What is to be done, decided before anything is."""

    added: list[User] = attrs.Factory(list)
    changed: list[User] = attrs.Factory(list)
    disabled: list[str] = attrs.Factory(list)
    clashes: list[Clash] = attrs.Factory(list)
    removals: int = 0


class Mirror:
    """The users of one `source`.

    One replication runs at a time.  More than `max_removal_percent` of the enabled users of the
    source are never disabled at once, though a single one always may be.  `rest` gives others their
    turn.
    """

    def __init__(
        self,
        users: Users,
        source: str,
        max_removal_percent: int,
        rest: Callable[[], Awaitable[None]],
    ) -> None:
        self._users = users
        self._source = source
        self._max_removal_percent = max_removal_percent
        self._rest = rest

    async def replace(self, found: Sequence[User], now: float, *, force: bool = False) -> Outcome:
        """Make `found` all users of the source.  `force` allows any number of removals.

        Raises TooManyRemovals, then nothing is changed, and Unavailable when the store cannot take
        it, then a part is.
        """
        mine = self._mine()
        plan = await self._plan(found)
        there = {user.uri for user in found}
        plan.disabled = [user.uri for user in mine if user.enabled and user.uri not in there]
        return await self._carry_out(plan, len([u for u in mine if u.enabled]), now, force=force)

    async def merge(self, found: Sequence[User], now: float) -> Outcome:
        """Take over what changed in the source.  Raises as `replace`."""
        if not found:
            return Outcome(0, 0, 0)
        mine = self._mine()
        held = {user.source_id: user for user in mine}
        plan = await self._plan(found)
        there = {user.uri for user in found}
        for user in found:
            before = held.get(user.source_id)
            if before is not None and before.uri not in there and before.enabled:
                plan.disabled.append(before.uri)
        return await self._carry_out(plan, len([u for u in mine if u.enabled]), now)

    def _mine(self) -> list[User]:
        return [user for user in self._users.all() if user.source == self._source]

    async def _plan(self, found: Sequence[User]) -> _Plan:
        plan = _Plan()
        chosen: dict[str, User] = {}
        for number, user in enumerate(found, 1):
            if number % COMPARED_AT_ONCE == 0:
                await self._rest()
            before = self._users.find(user.uri)
            if before is not None and before.source != self._source:
                plan.clashes.append(Clash(user.uri, "local_user"))
            elif user.uri not in chosen:
                chosen[user.uri] = user
            else:
                plan.clashes.append(Clash(user.uri, "two_entries"))
                if before is not None and before.source_id == user.source_id:
                    chosen[user.uri] = user
        for number, user in enumerate(chosen.values(), 1):
            if number % COMPARED_AT_ONCE == 0:
                await self._rest()
            before = self._users.find(user.uri)
            if before is None:
                plan.added.append(user)
            elif _owned(before) != _owned(user):
                plan.changed.append(user)
                plan.removals += before.enabled and not user.enabled
        return plan

    async def _carry_out(
        self, plan: _Plan, known: int, now: float, *, force: bool = False
    ) -> Outcome:
        removals = plan.removals + len(plan.disabled)
        if removals > max(1, known * self._max_removal_percent // 100) and not force:
            raise TooManyRemovals(removals, known)
        await self._each(self._users.add, [attrs.evolve(u, created_at=now) for u in plan.added])
        await self._each(partial(self._follow, now=now), plan.changed)
        await self._each(partial(self._disable, now=now), plan.disabled)
        return Outcome(len(plan.added), len(plan.changed), len(plan.disabled), tuple(plan.clashes))

    async def _follow(self, user: User, now: float) -> None:
        """Take over what the directory owns; another password there ends the tokens here."""

        def change(current: User) -> User:
            renewed = current.source_password != user.source_password
            return attrs.evolve(
                current,
                **{name: getattr(user, name) for name in OWNED},
                credential_version=current.credential_version + renewed,
            )

        await self._users.update(user.uri, change, now)

    async def _disable(self, uri: str, now: float) -> None:
        await self._users.update(uri, partial(attrs.evolve, enabled=False), now)

    async def _each(self, action: Callable[[T], Awaitable[object]], items: Sequence[T]) -> None:
        """Do `action` for each of `items`, `AT_ONCE` at a time.  Raises the first failure."""
        for start in range(0, len(items), AT_ONCE):
            batch = [
                Deferred.fromCoroutine(_awaited(action, item))
                for item in items[start : start + AT_ONCE]
            ]
            try:
                await gatherResults(batch, consumeErrors=True)
            except FirstError as error:
                error.subFailure.raiseException()
            await self._rest()


async def _awaited(action: Callable[[T], Awaitable[object]], item: T) -> None:
    await action(item)
