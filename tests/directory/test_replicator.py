"""Replication: what is read when, and what happens when it goes wrong."""

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.directory.mapping import Mapping
from mobility.directory.replicator import Replicator
from mobility.directory.searches import Searches
from mobility.directory.servers import Servers
from mobility.domain.mirror import Mirror
from mobility.domain.users import Users
from mobility.errors import Refusal, Unavailable
from mobility.testing import MemoryLog
from tests.directory.doubles import SECRET, SERVICE, MemoryServers, person, settings
from tests.directory.test_connection import started
from tests.domain.doubles import MemoryLedger

NEWER = "20260101130000Z"


class ReplicatorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.log = MemoryLog()
        self.ledger = MemoryLedger()
        self.users = Users(self.ledger)
        self.memory = MemoryServers(self.clock)
        self.one, self.two = self.memory.one, self.memory.two
        self.settings = settings()
        self.searches = Searches(
            Servers(self.settings, self.memory, self.clock.seconds, self.log), SERVICE, SECRET
        )
        self.replicator = Replicator(
            self.settings,
            self.searches,
            Mapping(self.settings, ("example.test",)),
            Mirror(self.users, "ldap", 20, lambda: succeed(None)),
            None,
            self.clock.seconds,
            self.log,
            lambda uri: f"~{uri}",
        )
        self.have(person("ann"), person("ben"), person("nobody", mail=""))

    def have(self, *entries: Any) -> None:
        self.one.entries = self.two.entries = list(entries)

    def have_changed(self, *entries: Any) -> None:
        self.one.changed = self.two.changed = list(entries)

    def run_once(self, after_s: float = 60) -> None:
        """Time passes, and the directory is read."""
        self.clock.advance(after_s)
        self.successResultOf(started(self.replicator.run()))

    def told(self, event: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.log.events if name == event]

    def test_first(self) -> None:
        """The first time everything is read; entries without an address are counted."""
        self.run_once()
        self.assertEqual([user.name for user in self.users.all()], ["Ann", "Ben"])
        (line,) = self.told("directory.synced")
        self.assertEqual(
            (line["kind"], line["users"], line["added"], line["without_address"]),
            ("full", 2, 2, 1),
        )
        self.assertEqual(self.replicator.synced_at, self.clock.seconds())
        self.assertEqual(self.replicator.problem, "")

    def test_changes(self) -> None:
        """Then only what changed since, which is told only if something did."""
        self.run_once()
        self.have_changed(person("ann"))
        self.run_once()
        self.assertEqual(len(self.told("directory.synced")), 1)
        self.have_changed(person("ann", title="Boss", modifyTimestamp=NEWER))
        self.run_once()
        self.run_once()
        self.assertEqual(
            [line["kind"] for line in self.told("directory.synced")], ["full", "changes"]
        )
        self.assertEqual(
            self.one.marks, ["", "20260101120000Z", "20260101120000Z", "20260101130000Z"]
        )

    def test_full_again(self) -> None:
        """After the interval everything is read again, which shows who is gone."""
        self.run_once()
        self.have(person("ann"))
        self.run_once(self.settings.full_sync_interval_s)
        self.assertEqual([user.enabled for user in self.users.all()], [True, False])

    def test_other_server(self) -> None:
        """Another server counts changes in its own way: everything is read from it."""
        self.run_once()
        self.one.stop()
        self.run_once()
        self.assertEqual(self.two.marks, ["20260101120000Z", ""])
        self.assertEqual(self.told("directory.synced")[-1]["server"], "two.example.test:636")

    def test_no_marks(self) -> None:
        """A server that does not say when entries changed is only read as a whole."""
        self.have(person("ann", modifyTimestamp=""))
        self.run_once()
        self.run_once()
        self.assertEqual(self.one.marks, [""])

    def test_away(self) -> None:
        """While no server answers everybody stays; that is logged once, until it changes."""
        self.run_once()
        self.one.stop()
        self.two.stop()
        for _ in range(3):
            self.run_once()
        self.assertEqual(len(self.told("directory.sync_failed")), 1)
        self.assertIn("cannot be reached", self.replicator.problem)
        self.assertEqual([user.enabled for user in self.users.all()], [True, True])
        self.one.up = True
        self.run_once()
        self.assertEqual(self.replicator.problem, "")

    def test_part(self) -> None:
        """A search that fails in the middle removes nobody."""
        self.run_once()
        self.have(*[person(f"user{n}") for n in range(self.settings.page_size + 1)])
        self.run_once(self.settings.full_sync_interval_s)
        self.assertIn("more entries than a page has", self.replicator.problem)
        self.assertEqual(len(self.users), 2)

    def test_brake(self) -> None:
        """Too many removals are refused and logged once; when all is well again it goes on."""
        self.have(*[person(f"user{n}") for n in range(10)])
        self.run_once()
        self.have(person("user0"))
        for _ in range(2):
            self.run_once(self.settings.full_sync_interval_s)
        (line,) = self.told("directory.sync_refused")
        self.assertEqual((line["removals"], line["known"], line["allowed_percent"]), (9, 10, 20))
        self.assertEqual(self.replicator.problem, "9 of 10 users would go")
        self.assertTrue(all(user.enabled for user in self.users.all()))

    def test_forced(self) -> None:
        """An operator may have everything read at once, and let any number go."""
        self.have(*[person(f"user{n}") for n in range(10)])
        self.run_once()
        self.have(person("user0"))
        failed = self.failureResultOf(started(self.replicator.replicate(force=False)), Refusal)
        self.assertIn("9 of 10 users would go", failed.value.message)
        outcome = self.successResultOf(started(self.replicator.replicate(force=True)))
        self.assertEqual((outcome.disabled, self.replicator.problem), (9, ""))
        self.one.stop()
        self.two.stop()
        self.failureResultOf(started(self.replicator.replicate(force=True)), Unavailable)

    def test_clash(self) -> None:
        """Who cannot be replicated is named by a pseudonym."""
        self.have(person("ann"), person("ann", entryUUID="other"))
        self.run_once()
        (line,) = self.told("directory.clash")
        self.assertEqual(line, {"user": "~sip:ann@example.test", "reason": "two_entries"})

    def test_store_away(self) -> None:
        """When the store cannot take it, it is tried again."""
        self.ledger.failing = True
        self.run_once()
        self.assertEqual(self.replicator.problem.count("disk"), 1)
        self.ledger.failing = False
        self.run_once()
        self.assertEqual(len(self.users), 2)

    def test_stop(self) -> None:
        """A stop ends what is under way, without a failure."""
        self.one.script = lambda number, request: None
        running: Deferred[None] = started(self.replicator.run())
        self.assertNoResult(running)
        self.replicator.stop()
        self.successResultOf(running)
        self.assertEqual(self.one.open, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.told("directory.sync_failed"), [])
