"""Service accounts: secrets, their rotation, scopes, and two administrators."""

from collections.abc import Awaitable
from typing import TypeVar

from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.records import ServiceAccount, ServiceSecret, User
from mobility.domain.scopes import CONTACTS, RECEIVE, SCOPES
from mobility.domain.service_accounts import ServiceAccounts, Told
from mobility.domain.users import Users
from mobility.errors import Answerable
from tests.domain.doubles import START, MemoryLedger, done, running, uri

T = TypeVar("T")

BOT = uri("bot")


class ServiceAccountTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ledger = MemoryLedger()
        self.users = Users(self.ledger, [User(uri("alice"), "Alice")])
        self.accounts = self.opened()
        self.users.farewells.append(self.accounts.take_leave)

    def opened(self) -> ServiceAccounts:
        """What the next process has."""
        stored = self.ledger.snapshot()
        return ServiceAccounts(
            self.users, ["example.test"], stored.service_accounts, stored.service_secrets
        )

    def get(self, awaitable: Awaitable[T]) -> T:
        return done(running(awaitable))

    def refused(self, awaitable: Awaitable[object]) -> Answerable:
        with self.assertRaises(Answerable) as caught:
            self.get(awaitable)
        return caught.exception

    def add(self) -> Told:
        return self.get(self.accounts.add(BOT, "Bot", [RECEIVE, CONTACTS], START))

    def good(self, secret: str, after_s: float) -> bool:
        return self.accounts.knows(BOT, secret, START + after_s)

    def test_add(self) -> None:
        """An account is a user without a password, and its secret is known by a digest alone."""
        told = self.add()
        user = self.users.find(BOT)
        assert user is not None
        self.assertEqual(("Bot", "", "service"), (user.name, user.password_hash, user.source))
        self.assertEqual(frozenset({CONTACTS, RECEIVE}), self.accounts.scopes_of(BOT))
        self.assertIsNone(self.accounts.scopes_of(uri("alice")))
        self.assertTrue(self.good(told.secret, 10**9))
        for wrong in ("", "x", told.secret + "x", "\ud800"):
            self.assertFalse(self.good(wrong, 0))
        self.assertNotIn(told.secret, repr(self.ledger.rows) + repr(told))

    def test_wrong(self) -> None:
        """What is wrong is told with the nearest right name; a URI is taken once."""
        fault = self.refused(
            self.accounts.add("sip:x@elsewhere.test", "", ["Contacts.Read"], START)
        )
        reasons = {one.name: one.reason for one in fault.parameters}
        self.assertIn("is Contacts.ReadWrite meant?", reasons["scopes"])
        self.assertIn("in a SIP domain of this system", reasons["uri"])
        for scopes in (None, [], "all", [7]):
            self.assertEqual("BadRequest", self.refused(self.accounts.add(BOT, "", scopes, 0)).code)
        for taken in (uri("alice"), BOT):
            if taken == BOT:
                self.add()
            refusal = self.refused(self.accounts.add(taken, "", list(SCOPES), START))
            self.assertEqual("AlreadyExists", refusal.subcode)
        self.assertEqual("NotFound", self.refused(self.accounts.remove(uri("b0t"), 1, 0)).code)

    def test_rotation(self) -> None:
        """The old secret is good beside the new one for a while; a third pushes out the first."""
        first = self.add().secret
        second = self.get(self.accounts.rotate(BOT, 1, 3600, START)).secret
        for secret, after_s, good in (
            (first, 3599, True),
            (second, 3599, True),
            (first, 3600, False),
            (second, 10**9, True),
        ):
            self.assertIs(good, self.good(secret, after_s))
        third = self.get(self.accounts.rotate(BOT, 2, 3600, START + 10)).secret
        told = [self.good(one, 20) for one in (first, second, third)]
        self.assertEqual([False, True, True], told)
        again = self.opened()
        told = [again.knows(BOT, one, START + 20) for one in (first, second, third)]
        self.assertEqual([False, True, True], told)

    def test_rotation_at_once(self) -> None:
        """Without overlap the old secret ends, and what it opened."""
        first = self.add().secret
        revoked: list[str] = []
        self.users.revocations.append(lambda user, unit: revoked.append(user.uri))
        self.get(self.accounts.rotate(BOT, 1, 3600, START))
        self.assertEqual([], revoked)
        second = self.get(self.accounts.rotate(BOT, 2, 0, START)).secret
        self.assertEqual([BOT], revoked)
        self.assertEqual([False, True], [self.good(one, 0) for one in (first, second)])

    def test_two_administrators(self) -> None:
        """The later of two is told, whatever each does."""
        self.add()
        self.get(self.accounts.change(BOT, 1, START, scopes=[RECEIVE]))
        for late in (
            self.accounts.change(BOT, 1, START, scopes=[CONTACTS]),
            self.accounts.rotate(BOT, 1, 0, START),
            self.accounts.remove(BOT, 1, START),
        ):
            self.assertIn("at version 2, not 1", self.refused(late).message)
        self.assertEqual(frozenset({RECEIVE}), self.accounts.scopes_of(BOT))

    def test_turned_off(self) -> None:
        """An account can be turned off and on again, as a user can."""
        self.add()
        for number, enabled in enumerate((False, True), 1):
            self.get(self.accounts.change(BOT, number, START, enabled=enabled))
            user = self.users.find(BOT)
            self.assertIs(enabled, user is not None and user.enabled)

    def test_remove(self) -> None:
        """Nothing is left of a removed account, whichever way it is removed."""
        self.add()
        self.get(self.users.remove(BOT, START))
        self.add()
        self.get(self.accounts.remove(BOT, 1, START))
        self.assertEqual([], self.accounts.all())
        self.assertEqual({}, {**self.ledger.all(ServiceAccount), **self.ledger.all(ServiceSecret)})
