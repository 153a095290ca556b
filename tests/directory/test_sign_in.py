"""Whose password is asked where."""

from contextlib import AbstractAsyncContextManager

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.auth.turns import Turns
from mobility.directory.binds import Binds
from mobility.directory.servers import Servers
from mobility.directory.sign_in import DirectoryPasswords
from mobility.domain.records import User
from mobility.errors import Unavailable
from mobility.testing import MemoryLog
from tests.directory.doubles import BASE, SETTINGS, MemoryServers, bind_result, person
from tests.directory.test_connection import started

ANN = User("sip:ann@example.test", "Ann", source="ldap", source_name=person("ann")[0])
LOCAL = User("sip:local@example.test", "Local")


class LocalVerifier:
    """Knows one password, and who asked."""

    def __init__(self) -> None:
        self.asked: list[User | None] = []
        self.turns = Turns(1)

    def turn(self) -> AbstractAsyncContextManager[None]:
        return self.turns.turn()

    async def verify(self, user: User | None, password: str, now: float) -> bool:
        self.asked.append(user)
        return password == "local"


class DirectoryPasswordsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog()
        self.memory = MemoryServers(self.clock)
        self.memory.one.passwords[ANN.source_name] = "hers"
        self.local = LocalVerifier()
        servers = Servers(SETTINGS, self.memory, self.clock.seconds, self.log)
        self.passwords = DirectoryPasswords(self.local, Binds(servers), BASE, 2, self.log)

    def verify(self, user: User | None, password: str) -> bool:
        return self.successResultOf(started(self.passwords.verify(user, password, 0.0)))

    def unavailable(self) -> Unavailable:
        failed = started(self.passwords.verify(ANN, "hers", 0.0))
        return self.failureResultOf(failed, Unavailable).value

    def test_directory(self) -> None:
        """A user of the directory is asked about there, and never here."""
        self.assertTrue(self.verify(ANN, "hers"))
        self.assertFalse(self.verify(ANN, "local"))
        self.assertEqual(self.local.asked, [])

    def test_local(self) -> None:
        """A local user is asked about here, and never there."""
        self.assertTrue(self.verify(LOCAL, "local"))
        self.assertFalse(self.verify(LOCAL, "hers"))
        self.assertEqual(self.memory.one.binds, [])

    def test_nobody(self) -> None:
        """For nobody the directory is asked about a name that none has, so that it takes as long;
        even a yes would not be one."""
        self.assertFalse(self.verify(None, "hers"))
        (name,) = self.memory.one.binds
        self.assertTrue(name.startswith("cn=") and name.endswith(f",{BASE}"))
        self.memory.one.script = lambda number, request: bind_result(number)
        self.assertFalse(self.verify(None, "hers"))

    def test_unusable(self) -> None:
        """An empty password and one that is too long are wrong without asking."""
        for password in ("", "x" * 1025, "ü" * 513):
            self.assertFalse(self.verify(ANN, password))
        self.assertEqual(self.memory.one.connections, [])

    def test_away(self) -> None:
        """Without a server nobody knows: the client is told when to come back."""
        self.memory.one.up = self.memory.two.up = False
        self.assertEqual(self.unavailable().retry_after_s, SETTINGS.server_retry_s)
        self.clock.advance(3.5)
        self.assertEqual(self.unavailable().retry_after_s, 7)

    def test_no_verdict(self) -> None:
        """A server in trouble is no verdict either; who asked is not in the log."""
        for server in (self.memory.one, self.memory.two):
            server.script = lambda number, request: bind_result(number, 51)
        self.unavailable()
        self.assertIn("busy", repr(self.log.events))
        self.assertNotIn("ann", repr(self.log.events))

    def test_turns(self) -> None:
        """So many verifications run at a time."""
        turns = [self.passwords.turn() for _ in range(3)]
        entered = [started(turn.__aenter__()) for turn in turns]
        self.assertEqual([one.called for one in entered], [True, True, False])
        self.successResultOf(started(turns[0].__aexit__(None, None, None)))
        self.successResultOf(entered[2])
