"""Replication of users from the directory: all of them now and then, in between what changed.

Like the User Replicator of Skype for Business: look-ups never ask the directory, so that it may be
slow, far or down.
"""

from collections.abc import Callable, Sequence

import attrs
from twisted.internet.defer import CancelledError, Deferred, succeed

from mobility.directory.faults import DirectoryFault
from mobility.directory.groups import GroupReplication
from mobility.directory.mapping import Mapping
from mobility.directory.messages import Entry, Search
from mobility.directory.searches import Searches
from mobility.directory.settings import LdapConfig
from mobility.domain.directory_names import folded_dn
from mobility.domain.locks import Lock
from mobility.domain.mirror import Mirror, Outcome, TooManyRemovals
from mobility.domain.records import User
from mobility.errors import Refusal, Unavailable
from mobility.events import Catalogue, EventLog

EVENTS: Catalogue = {
    "directory.synced": {
        "kind": "full, or changes when only what changed was read",
        "server": "host and port of the server that was asked",
        "users": "users that it showed",
        "without_address": "entries without a SIP address in a domain served here",
        "added": "users that are new",
        "changed": "users that changed",
        "disabled": "users that are gone",
        "clashes": "users that could not be replicated",
        "seconds": "how long it took",
    },
    "directory.sync_failed": {"reason": "what went wrong; said once until it changes"},
    "directory.sync_refused": {
        "kind": "users or groups",
        "removals": "how many would have gone",
        "known": "how many there are of the directory, users that are disabled left out",
        "allowed_percent": "how many of them may go at once",
    },
    "directory.clash": {
        "user": "pseudonym of a user of the directory that could not be replicated",
        "reason": "local_user (a local user has the SIP URI) or two_entries",
    },
}

CLASHES_LOGGED = 100
"""Clashes of one replication that get a line each (our choice)."""


@attrs.define(slots=True)
class _Harvest:
    """What a search found: users, their URIs by the folded names of their entries, the newest mark
    of change, and how many entries are no user."""

    users: list[User] = attrs.Factory(list)
    uris: dict[str, str] = attrs.Factory(dict)
    mark: int = 0
    without_address: int = 0


class Replicator:
    """Keeps the mirror as the directory is; `run` is called every `sync_interval_s`."""

    def __init__(
        self,
        settings: LdapConfig,
        searches: Searches,
        mapping: Mapping,
        mirror: Mirror,
        groups: GroupReplication | None,
        epoch: Callable[[], float],
        log: EventLog,
        pseudonym: Callable[[str], str],
    ) -> None:
        self._settings = settings
        self._searches = searches
        self._mapping = mapping
        self._mirror = mirror
        self._groups = groups
        self._uris: dict[str, str] = {}
        self._epoch = epoch
        self._log = log
        self._pseudonym = pseudonym
        self._lock = Lock()
        self._running: Deferred[None] = succeed(None)
        self._mark = 0
        self._server = ""
        self.problem = ""
        """Why the last replication did not succeed, "" when it did or none has ended yet."""
        self.synced_at = 0.0
        """When the directory was last read with success (epoch seconds), 0 for never."""
        self.full_sync_at = 0.0
        """When all of it was."""

    async def replicate(self, *, force: bool) -> Outcome:
        """Read everything now; `force` lets any number of users go.

        Raises Refusal (409) when too many would, and Unavailable when no server can be read.
        """
        async with self._lock:
            try:
                now = self._epoch()
                outcome = await self._all(now, force)
                if self._groups is not None:
                    await self._groups.all(now, self._uris, force=force)
            except TooManyRemovals as refused:
                self._refused(refused)
                raise Refusal("Conflict", None, f"{refused}; nothing was changed.") from None
            except DirectoryFault as fault:
                self._failed(str(fault))
                raise Unavailable(f"The directory cannot be read: {fault}") from fault
            self.problem = ""
            return outcome

    async def run(self) -> None:
        """Read what changed, or everything when it is time to; what goes wrong is logged."""
        self._running = Deferred.fromCoroutine(self._run())
        try:
            await self._running
        except CancelledError:
            self._searches.close()

    def stop(self) -> None:
        """End what is under way."""
        self._running.cancel()

    async def _run(self) -> None:
        async with self._lock:
            await self._due(self._epoch())

    async def _due(self, now: float) -> None:
        """Read what it is time to read."""
        try:
            if now - self.full_sync_at >= self._settings.full_sync_interval_s:
                await self._all(now, force=False)
            elif self._mark:
                await self._changes(now)
            if self._groups is not None:
                await self._groups.due(now, self._uris)
        except TooManyRemovals as refused:
            self._refused(refused)
        except (DirectoryFault, Refusal) as fault:
            self._failed(str(fault))
        else:
            self.problem = ""

    async def _all(self, now: float, force: bool) -> Outcome:
        harvest = await self._harvest(self._settings.user_filter)
        outcome = await self._mirror.replace(harvest.users, now, force=force)
        self._mark, self._server = harvest.mark, self._searches.server
        self._uris = harvest.uris
        self.full_sync_at = now
        self._tell("full", harvest, outcome, now)
        return outcome

    async def _changes(self, now: float) -> None:
        changed = self._mapping.changed_since(self._mark, self._settings.user_filter)
        harvest = await self._harvest(changed)
        if self._searches.server != self._server:  # which counts changes in its own way
            await self._all(now, force=False)
            return
        outcome = await self._mirror.merge(harvest.users, now)
        self._mark = max(self._mark, harvest.mark)
        self._uris.update(harvest.uris)
        self._tell("changes", harvest, outcome, now)

    async def _harvest(self, wanted: str) -> _Harvest:
        harvest = _Harvest()

        async def take(entries: Sequence[Entry]) -> None:
            for entry in entries:
                harvest.mark = max(harvest.mark, self._mapping.mark(entry))
                user = self._mapping.user(entry)
                if user is None:
                    harvest.without_address += 1
                else:
                    harvest.users.append(user)
                    harvest.uris[folded_dn(entry.dn)] = user.uri

        settings = self._settings
        search = Search(
            settings.user_base,
            wanted,
            self._mapping.attributes,
            settings.max_users,
            page_size=settings.page_size,
        )
        await self._searches.each_page(search, take)
        return harvest

    def _tell(self, kind: str, harvest: _Harvest, outcome: Outcome, began: float) -> None:
        self.synced_at = began
        if kind == "changes" and not (outcome.added or outcome.changed or outcome.disabled):
            return
        self._log.emit(
            "directory.synced",
            kind=kind,
            server=self._searches.server,
            users=len(harvest.users),
            without_address=harvest.without_address,
            added=outcome.added,
            changed=outcome.changed,
            disabled=outcome.disabled,
            clashes=len(outcome.clashes),
            seconds=round(self._epoch() - began, 3),
        )
        for clash in outcome.clashes[:CLASHES_LOGGED]:
            self._log.emit("directory.clash", user=self._pseudonym(clash.uri), reason=clash.reason)

    def _failed(self, reason: str) -> None:
        if reason != self.problem:
            self._log.emit("directory.sync_failed", reason=reason)
        self.problem = reason

    def _refused(self, refused: TooManyRemovals) -> None:
        reason = str(refused)
        if reason != self.problem:
            self._log.emit(
                "directory.sync_refused",
                kind=refused.kind,
                removals=refused.removals,
                known=refused.known,
                allowed_percent=self._settings.max_removal_percent,
            )
        self.problem = reason
