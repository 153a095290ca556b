"""Which server is asked, by whom, and what happens when one is away."""

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.directory.binds import KEPT, Binds
from mobility.directory.faults import DirectoryFault
from mobility.directory.messages import Entry, Search
from mobility.directory.searches import Searches
from mobility.directory.servers import NoServer, Servers, trust_of
from mobility.errors import OperatorFault
from mobility.testing import MemoryLog
from tests.directory.doubles import (
    SECRET,
    SERVICE,
    SETTINGS,
    TIMEOUT_S,
    MemoryServers,
    bind_result,
    done,
    found,
    person,
)
from tests.directory.test_connection import started

ALICE = person("alice")[0]
SEARCH = Search("dc=example", "(objectClass=*)", ("cn",), 5, page_size=3)


class ServersTestCase(SynchronousTestCase):
    """Two servers, one to search them and one to bind."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000)
        self.log = MemoryLog()
        self.memory = MemoryServers(self.clock)
        self.one, self.two = self.memory.one, self.memory.two
        for server in (self.one, self.two):
            server.passwords[ALICE] = "hers"
        self.servers = Servers(SETTINGS, self.memory, self.clock.seconds, self.log)
        self.searches = Searches(self.servers, SERVICE, SECRET)
        self.binds = Binds(self.servers)

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def accepted(self, password: str) -> bool:
        return self.successResultOf(started(self.binds.accepted(ALICE, password)))

    def search(self) -> list[Entry]:
        """Everything that a search finds."""
        entries: list[Entry] = []

        async def take(page: "list[Entry]") -> None:
            entries.extend(page)

        self.successResultOf(started(self.searches.each_page(SEARCH, take)))
        return entries

    def fault(self) -> str:
        """Why a search fails."""

        async def take(page: "list[Entry]") -> None:
            pass

        failed = started(self.searches.each_page(SEARCH, take))
        return str(self.failureResultOf(failed, DirectoryFault).value)

    def logged(self) -> list[tuple[str, object]]:
        return [(event, fields.get("server")) for event, fields in self.log.events]


class FailoverTests(ServersTestCase):
    """The first server that works."""

    def test_order(self) -> None:
        """The first server is asked while it works."""
        self.assertTrue(self.accepted("hers"))
        self.assertEqual((self.one.binds, self.two.binds), ([ALICE], []))
        self.assertTrue(self.servers.reachable)
        self.assertEqual(self.servers.problem, "")

    def test_next(self) -> None:
        """When it cannot be reached the second is, and the first is left alone for a while."""
        self.one.up = False
        self.assertTrue(self.accepted("hers"))
        self.assertEqual(self.servers.problem, "not in use: one.example.test:636")
        self.one.up = True
        self.two.stop()
        self.failureResultOf(started(self.binds.accepted(ALICE, "hers")), NoServer)
        self.clock.advance(SETTINGS.server_retry_s)
        self.assertTrue(self.accepted("hers"))
        self.assertEqual(
            self.logged(),
            [
                ("directory.server_down", "one.example.test:636"),
                ("directory.server_down", "two.example.test:636"),
                ("directory.server_up", "one.example.test:636"),
            ],
        )

    def test_none(self) -> None:
        """When all are away whoever asks is told so at once, and when to come back."""
        self.one.up = self.two.up = False
        self.failureResultOf(started(self.binds.accepted(ALICE, "hers")), NoServer)
        self.clock.advance(4)
        asked = len(self.one.connections)
        failure = self.failureResultOf(started(self.binds.accepted(ALICE, "hers")), NoServer)
        self.assertEqual(failure.value.retry_after_s, SETTINGS.server_retry_s - 4)
        self.assertEqual(len(self.one.connections), asked)
        self.assertFalse(self.servers.reachable)

    def test_silent(self) -> None:
        """One that takes connections and says nothing is down, too."""
        self.one.script = lambda number, request: None
        waiting = started(self.binds.accepted(ALICE, "hers"))
        self.clock.advance(TIMEOUT_S)
        self.assertTrue(self.successResultOf(waiting))
        self.assertEqual(self.one.open, [])
        self.assertEqual(self.log.events[0][1]["reason"], "there was no answer within 5 s")


class SearchesTests(ServersTestCase):
    """The connection for searches."""

    def test_kept(self) -> None:
        """One connection, bound once as the service, serves all searches."""
        self.one.entries = [person("alice")]
        for _ in range(3):
            self.assertEqual([entry.dn for entry in self.search()], [ALICE])
        self.assertEqual((self.one.binds, len(self.one.connections)), ([SERVICE], 1))
        self.assertEqual(self.searches.server, "one.example.test:636")

    def test_ended_by_the_server(self) -> None:
        """One that the server ended meanwhile is replaced without a word."""
        self.search()
        self.one.open[0].loseConnection()
        self.search()
        self.assertEqual((len(self.one.connections), self.log.events), (2, []))

    def test_dies_when_asked(self) -> None:
        """So is one that dies when it is used again, with the other server if need be."""
        self.search()
        self.one.script = lambda number, request: self.one.stop()
        self.two.entries = [person("bob")]
        self.assertEqual(len(self.search()), 1)
        self.assertEqual(self.searches.server, "two.example.test:636")

    def pages(self, *pages: bytes) -> None:
        """Let the server answer one search after another with these."""
        left = list(pages)

        def script(number: int, request: object) -> bytes | None:
            if type(request).__name__ == "LDAPBindRequest":
                return bind_result(number)
            return left.pop(0).replace(b"\x02\x01\x7b", bytes((2, 1, number)))

        self.one.script = self.two.script = script

    def test_pages(self) -> None:
        """All pages are read, in order."""
        self.pages(
            found(123, "cn=1", {}) + found(123, "cn=2", {}) + done(123, 0, b"more"),
            done(123, 0, b"still more"),
            found(123, "cn=3", {}) + done(123),
        )
        self.assertEqual([entry.dn for entry in self.search()], ["cn=1", "cn=2", "cn=3"])

    def test_too_many(self) -> None:
        """More entries than the limit are a failure, not a part of the truth."""
        page = found(123, "cn=1", {}) * 3
        self.pages(page + done(123, 0, b"more"), page + done(123))
        self.assertEqual(self.fault(), "more than 5 entries were found")

    def test_endless(self) -> None:
        """So are pages without end, also empty ones."""
        self.pages(*[done(123, 0, b"more")] * 10)
        self.assertEqual(self.fault(), "more than 5 entries were found")

    def test_size_limit(self) -> None:
        """A size limit of the server fails the search; the connection is kept."""
        self.pages(found(123, "cn=1", {}) + done(123, 4), done(123))
        self.assertIn("sizeLimitExceeded", self.fault())
        self.assertEqual(self.search(), [])
        self.assertEqual(len(self.one.connections), 1)

    def test_lost_between_pages(self) -> None:
        """A connection lost in the middle fails the search; a part is never taken for all."""
        self.pages(found(123, "cn=1", {}) + done(123, 0, b"more"), b"garbage")
        self.assertIn("no LDAP message", self.fault())
        self.assertIn(("directory.server_down", "one.example.test:636"), self.logged())

    def test_service_refused(self) -> None:
        """A service account that is refused is said by name, never with its password."""
        for server in (self.one, self.two):
            server.passwords.clear()
        fault = self.fault()
        self.assertIn(f"the bind as {SERVICE!r} was refused: result 49", fault)
        self.assertNotIn(SECRET, fault + repr(self.log.events))
        self.assertEqual(self.one.open, [])

    def test_entry(self) -> None:
        """An entry by its name, None when there is none to see."""
        self.one.entries = [person("alice")]
        entry = self.successResultOf(started(self.searches.entry(ALICE, ("cn",))))
        self.assertEqual(entry and entry.dn, ALICE)
        self.one.entries = []
        self.assertIsNone(self.successResultOf(started(self.searches.entry(ALICE, ("cn",)))))

    def test_closed(self) -> None:
        """Closing ends the connection; the next search makes another."""
        self.search()
        self.searches.close()
        self.assertEqual(self.one.open, [])
        self.search()


class BindsTests(ServersTestCase):
    """Passwords."""

    def test_verdict(self) -> None:
        """The right password is accepted, a wrong one is not, on a connection that is kept."""
        self.assertTrue(self.accepted("hers"))
        self.assertFalse(self.accepted("wrong"))
        self.assertTrue(self.accepted("hers"))
        self.assertEqual(len(self.one.connections), 1)

    def test_empty(self) -> None:
        """An empty password is wrong without asking (RFC 4513 §5.1.2)."""
        self.one.passwords[ALICE] = ""
        self.assertFalse(self.accepted(""))
        self.assertEqual(self.one.connections, [])

    def test_apart(self) -> None:
        """A connection for searches never carries a user's bind, nor the other way round."""
        self.search()
        self.accepted("hers")
        self.search()
        self.assertEqual(self.one.binds, [SERVICE, ALICE])
        self.assertEqual(len(self.one.connections), 2)

    def test_refusals(self) -> None:
        """However a server words its refusal, it is a no; trouble of its own is no verdict."""
        for code in (19, 32, 48, 49, 50, 53):
            self.one.script = lambda number, request, code=code: bind_result(number, code)
            self.assertFalse(self.accepted("hers"))
        for code in (1, 8, 10, 51, 52, 80):
            self.one.script = lambda number, request, code=code: bind_result(number, code)
            self.two.script = self.one.script
            self.failureResultOf(started(self.binds.accepted(ALICE, "hers")), DirectoryFault)
            self.clock.advance(SETTINGS.server_retry_s)

    def test_stale(self) -> None:
        """A kept connection that died is replaced, without a verdict of its own."""
        self.accepted("hers")
        self.one.open[0].loseConnection()
        self.assertTrue(self.accepted("hers"))
        self.one.script = lambda number, request: self.one.stop()
        self.assertTrue(self.accepted("hers"))
        self.assertEqual(self.two.binds, [ALICE])

    def test_few_are_kept(self) -> None:
        """After a rush only some connections stay open."""
        self.one.script = lambda number, request: None
        rush = [started(self.binds.accepted(ALICE, "hers")) for _ in range(KEPT + 3)]
        for connection in list(self.one.open):
            connection.protocol.dataReceived(bind_result(1))
        self.assertTrue(all(self.successResultOf(one) for one in rush))
        self.assertEqual(len(self.one.open), KEPT)
        self.binds.close()
        self.assertEqual(self.one.open, [])


class TrustTests(SynchronousTestCase):
    """The file of certificates."""

    def test_wrong_files(self) -> None:
        """A file that is missing, empty or no PEM is an operator's fault that names it."""
        directory = Path(self.mktemp())
        directory.mkdir()
        for name, content in (
            ("empty", b""),
            ("text", b"x"),
            ("broken", b"-----BEGIN CERTIFICATE-----\nx"),
        ):
            (directory / name).write_bytes(content)
            fault = self.assertRaises(OperatorFault, trust_of, directory / name)
            self.assertEqual(fault.where, str(directory / name))
        self.assertRaises(OperatorFault, trust_of, directory / "missing")
