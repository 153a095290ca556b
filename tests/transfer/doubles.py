"""A transfer over the domain in memory."""

from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed

from mobility.domain.push_switches import PushSwitches
from mobility.domain.service_accounts import ServiceAccounts
from mobility.domain.topology import Topology
from mobility.testing import MemoryLog
from mobility.transfer.document import Outcome, Transfer
from mobility.transfer.form import FORMAT, VERSION
from mobility.transfer.profiles import Domains
from mobility.transfer.sections import sections
from tests.domain.doubles import World, done, running

HASH = f"$argon2id$v=19$m=19456,t=2,p=1${'c2FsdA' * 3}${'aGFzaA' * 6}"
"""An encoded hash of nobody's password."""


class Hasher:
    """Hashes at once, and remembers that it was asked within a turn."""

    def __init__(self) -> None:
        self.turns = 0

    @asynccontextmanager
    async def turn(self) -> Any:
        self.turns += 1
        yield

    def hash(self, password: str) -> Deferred[str]:
        return succeed(f"{HASH[:-4]}{len(password):04}")


@attrs.define
class Parts:
    """The parts of a world, and where passwords are hashed."""

    users: Any
    passwords: Any
    distribution_groups: Any
    delegates: Any
    voice: Any
    forwarding: Any


class Case:
    """What a document does to a world."""

    def __init__(
        self,
        world: World,
        directories: tuple[str, ...] = (),
        topology: Topology | None = None,
    ) -> None:
        self.world = world
        stored = world.ledger.snapshot()
        self.service_accounts = ServiceAccounts(
            world.users, ["example.test"], stored.service_accounts, stored.service_secrets
        )
        self.push_switches = PushSwitches(
            world.ledger, world.users, stored.push_switches, lambda _: True, Topology()
        )
        self.log = MemoryLog()
        self.hasher = Hasher()
        self.breaths = 0
        parts = Parts(
            world.users,
            self.hasher,
            world.distribution_groups,
            world.delegates,
            world.voice,
            world.forwarding,
        )
        self.transfer = Transfer(
            sections(
                parts,
                world.mobility_policies,
                self.service_accounts,
                self.push_switches,
                Domains(("example.test",), topology or Topology()),
                directories,
            ),
            world.ledger,
            self.log,
            self._breathe,
        )

    async def _breathe(self) -> None:
        self.breaths += 1

    def export(self, *, secrets: bool = False) -> dict[str, Any]:
        return done(running(self.transfer.export(secrets=secrets)))

    def taking(self, document: Mapping[str, Any], **more: Any) -> Deferred[Outcome]:
        options = {"dry_run": False, "existing": "change", "whole": True, **more}
        return running(self.transfer.take(document, self.world.now, **options))

    def take(self, document: Mapping[str, Any], **more: Any) -> Outcome:
        return done(self.taking(document, **more))


def document(**given: list[Any]) -> dict[str, Any]:
    """A document with some sections."""
    return {"format": FORMAT, "version": VERSION, "sections": given}
