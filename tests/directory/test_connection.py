"""A connection to a server that may do anything."""

from collections.abc import Awaitable
from typing import Any, TypeVar

from ldaptor.protocols import pureldap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.directory.ber import MAX_MESSAGE_BYTES
from mobility.directory.connection import LdapConnection
from mobility.directory.faults import DirectoryFault, ServerLost
from mobility.directory.messages import EXTENDED_RESPONSE, Search
from tests.directory.doubles import (
    SECRET,
    SERVICE,
    TIMEOUT_S,
    MemoryServer,
    bind_result,
    done,
    found,
    person,
    wire,
)

T = TypeVar("T")
SEARCH = Search("dc=example", "(objectClass=*)", ("cn",), 100, page_size=3)


def started(awaitable: Awaitable[T]) -> "Deferred[T]":
    async def wait() -> T:
        return await awaitable

    return Deferred.fromCoroutine(wait())


class ConnectionTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.server = MemoryServer(self.clock)
        self.connection = self.server.connect()

    def tearDown(self) -> None:
        """No timer outlives its operation."""
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def lost(self, deferred: "Deferred[Any]", reason: str) -> None:
        """It failed, for this reason, and the connection is closed for good."""
        self.assertIn(reason, str(self.failureResultOf(deferred, ServerLost).value))
        self.assertEqual(self.server.open, [])
        self.assertFalse(self.connection.usable)
        self.failureResultOf(started(self.connection.page(SEARCH)), ServerLost)


class OperationTests(ConnectionTestCase):
    """With a good server."""

    def test_bind(self) -> None:
        """The answer to a bind is its result, good or not."""
        self.assertEqual(
            self.successResultOf(started(self.connection.bind(SERVICE, SECRET))).code, 0
        )
        wrong = started(self.connection.bind(SERVICE, "wrong"))
        self.assertEqual(self.successResultOf(wrong).code, 49)
        self.assertTrue(self.connection.usable)

    def test_empty_bind(self) -> None:
        """A bind without a name or a password never leaves (RFC 4513 §5.1.2)."""
        for name, password in ((SERVICE, ""), ("", SECRET), ("", "")):
            self.failureResultOf(started(self.connection.bind(name, password)), DirectoryFault)
        self.assertEqual(self.server.binds, [])

    def test_page(self) -> None:
        """A page has what was found."""
        self.server.entries = [person("alice"), person("bob")]
        page = self.successResultOf(started(self.connection.page(SEARCH)))
        self.assertEqual(
            [entry.dn.split(",")[0] for entry in page.entries], ["uid=alice", "uid=bob"]
        )
        self.assertEqual(page.cookie, b"")

    def test_pieces(self) -> None:
        """Answers may come in pieces of any size."""
        whole = found(1, "cn=a", {"cn": ["a"]}) + done(1)
        self.server.script = lambda number, request: None
        page = started(self.connection.page(SEARCH))
        for octet in whole:
            self.connection.dataReceived(bytes((octet,)))
        self.assertEqual(len(self.successResultOf(page).entries), 1)

    def test_close(self) -> None:
        """Closing says goodbye; what was asked fails."""
        self.server.script = lambda number, request: None
        page = started(self.connection.page(SEARCH))
        self.connection.close()
        self.lost(page, "closed")

    def test_one_at_a_time(self) -> None:
        """While something is asked nothing else is."""
        self.server.script = lambda number, request: None
        page = started(self.connection.page(SEARCH))
        self.failureResultOf(started(self.connection.page(SEARCH)), DirectoryFault)
        self.connection.dataReceived(done(1))
        self.successResultOf(page)


class HostileTests(ConnectionTestCase):
    """With one that is broken or bad: each time the connection ends, with a reason."""

    def ask(self, answer: bytes | None) -> "Deferred[Any]":
        self.server.script = lambda number, request: answer
        return started(self.connection.page(SEARCH))

    def test_garbage(self) -> None:
        """What is no LDAP message."""
        self.lost(self.ask(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "no LDAP message")

    def test_malformed(self) -> None:
        """A message that is malformed within."""
        self.lost(self.ask(b"\x30\x05\x02\x01\x01\x64\x00"), "belongs")

    def test_oversized(self) -> None:
        """A message above the bound, before it has come."""
        size = (MAX_MESSAGE_BYTES + 1).to_bytes(4, "big")
        self.lost(self.ask(b"\x30\x84" + size), "larger than")

    def test_too_many(self) -> None:
        """More entries than a page has."""
        self.lost(self.ask(found(1, "cn=a", {}) * 4 + done(1)), "more entries than a page has")

    def test_too_much(self) -> None:
        """Large entries that are within the bound one by one, and not together."""
        self.server.script = lambda number, request: None
        page = started(self.connection.page(Search("dc=e", "(a=*)", (), 100, page_size=100)))
        large = found(1, "cn=a", {"jpegPhoto": [bytes(MAX_MESSAGE_BYTES - 100)]})
        for _ in range(9):
            self.connection.dataReceived(large)
        self.lost(page, "the answers of a page are larger than")

    def test_silent(self) -> None:
        """No answer in time."""
        page = self.ask(None)
        self.clock.advance(TIMEOUT_S - 0.1)
        self.assertNoResult(page)
        self.clock.advance(0.1)
        self.lost(page, "no answer within 5 s")

    def test_dripping(self) -> None:
        """Entries that trickle in do not extend the time of a page."""
        page = self.ask(None)
        for _ in range(2):
            self.clock.advance(TIMEOUT_S / 2 - 0.1)
            self.connection.dataReceived(found(1, "cn=a", {}))
        self.clock.advance(0.2)
        self.lost(page, "no answer within 5 s")

    def test_closed(self) -> None:
        """The end in the middle of an answer."""
        page = self.ask(found(1, "cn=a", {})[:-3])
        self.server.stop()
        self.lost(page, "the connection was lost")

    def test_other_number(self) -> None:
        """An answer to a request that was never sent."""
        self.lost(self.ask(done(7)), "nobody waits for")

    def test_other_kind(self) -> None:
        """A bind's answer to a search."""
        self.lost(self.ask(bind_result(1)), "something else than it was asked")

    def test_goodbye(self) -> None:
        """The notice of disconnection (RFC 4511 §4.4.1)."""
        notice = pureldap.LDAPExtendedResponse(
            resultCode=52, responseName=b"1.3.6.1.4.1.1466.20036"
        )
        self.lost(self.ask(wire(0, notice)), "goodbye")

    def test_unasked(self) -> None:
        """Words that nobody asked for end a connection, which is then known to be closed."""
        self.connection.dataReceived(done(1))
        self.assertFalse(self.connection.usable)
        self.assertEqual(self.server.open, [])

    def test_refused(self) -> None:
        """A limit of the server's is a failure of the search, not its end."""
        for code, name in ((4, "sizeLimitExceeded"), (10, "referral"), (12, "unavailableCritical")):
            self.server.script = lambda number, request, code=code: done(number, code)
            fault = self.failureResultOf(started(self.connection.page(SEARCH)), DirectoryFault)
            self.assertIn(name, str(fault.value))
        self.assertTrue(self.connection.usable)

    def test_referral(self) -> None:
        """Referrals beside the entries are passed over."""
        referral = b"\x30\x12\x02\x01\x01\x73\x0d\x04\x0bldap://evil"
        page = self.ask(referral + found(1, "cn=a", {}) + done(1))
        self.assertEqual(len(self.successResultOf(page).entries), 1)


class StartTlsTests(ConnectionTestCase):
    """What can go wrong before TLS begins; that it does begin is tested with a real server."""

    def ask(self, answer: bytes) -> "Deferred[None]":
        self.server.script = lambda number, request: answer
        creator: Any = object()
        return started(self.connection.start_tls(creator))

    def test_refused(self) -> None:
        """A server that will not."""
        answer = wire(1, pureldap.LDAPExtendedResponse(resultCode=2))
        fault = self.failureResultOf(self.ask(answer), DirectoryFault)
        self.assertIn("StartTLS was refused", str(fault.value))

    def test_more_in_the_clear(self) -> None:
        """Words behind the answer and before TLS may be anybody's: the connection is cut."""
        answer = wire(1, pureldap.LDAPExtendedResponse(resultCode=0))
        self.assertEqual(answer[5] & 0x7F, EXTENDED_RESPONSE & 0x7F)
        self.lost(self.ask(answer + b"\x30"), "more than its answer")
        self.assertIsInstance(self.connection, LdapConnection)
