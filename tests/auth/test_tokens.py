"""Tests of `mobility.auth.tokens`."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mobility.auth.tokens import SWEPT_PER_ISSUE, Tokens
from mobility.domain.ledger import Committed, Unit
from mobility.domain.records import Token, User
from mobility.errors import Refusal, Unavailable
from mobility.testing import MemoryLog
from tests.auth.doubles import NOW, MemoryLedger, pseudonym

ALICE = User("sip:alice@example.test", "Alice")
BOB = User("sip:bob@example.test", "Bob")


class TokensTests(SynchronousTestCase):
    """`Tokens`."""

    def setUp(self) -> None:
        self.ledger = MemoryLedger()
        self.log = MemoryLog()
        self.tokens = self.fresh()

    def fresh(self, per_user: int = 100) -> Tokens:
        return Tokens(self.ledger, per_user, self.log, pseudonym)

    def issue(self, user: User = ALICE, lifetime_s: int = 60, now: float = NOW) -> str:
        return self.successResultOf(
            Deferred.fromCoroutine(self.tokens.issue(user.uri, lifetime_s, now))
        )

    def test_a_token_names_its_user_until_it_ends(self) -> None:
        """It is `cwt=` and 43 characters, valid up to but not at its end."""
        text = self.issue()
        self.assertRegex(text, r"\Acwt=[A-Za-z0-9_-]{43}\Z")
        caller = self.tokens.find(text, NOW + 59.9)
        self.assertEqual(caller and caller.user_uri, ALICE.uri)
        self.assertIsNone(self.tokens.find(text, NOW + 60))

    def test_only_its_hash_is_stored(self) -> None:
        """The store has the SHA-256 of the text, never the text."""
        text = self.issue()
        digest = hashlib.sha256(text.encode()).hexdigest()
        self.assertEqual(self.ledger.tokens, {digest: Token(digest, ALICE.uri, NOW, NOW + 60)})
        self.assertNotIn(text, repr(self.tokens.find(text, NOW)))

    def test_a_token_is_not_answered_before_it_is_stored(self) -> None:
        """`issue` waits for the commit."""
        self.ledger.held = []
        issued = Deferred.fromCoroutine(self.tokens.issue(ALICE.uri, 60, NOW))
        self.assertNoResult(issued)
        self.ledger.held[0].callback(None)
        self.assertIsNotNone(self.tokens.find(self.successResultOf(issued), NOW))

    def test_a_token_that_cannot_be_stored_does_not_exist(self) -> None:
        """Unavailable goes on to the caller, nothing is left, and older tokens stay."""
        self.tokens = self.fresh(per_user=1)
        old = self.issue()
        self.ledger.fault = Unavailable("The disk is full.")
        failed = Deferred.fromCoroutine(self.tokens.issue(ALICE.uri, 60, NOW))
        self.failureResultOf(failed, Unavailable)
        self.assertEqual(len(self.tokens), 1)
        self.assertIsNotNone(self.tokens.find(old, NOW))

    def test_renewal_leaves_the_old_token_valid(self) -> None:
        """Another sign-in of the same user ends nothing."""
        first, second = self.issue(), self.issue(now=NOW + 30)
        self.assertNotEqual(first, second)
        self.assertIsNotNone(self.tokens.find(first, NOW + 31))
        self.assertIsNotNone(self.tokens.find(second, NOW + 89))

    def test_the_oldest_token_goes_when_there_are_too_many(self) -> None:
        """A user has at most `per_user`; other users' are not touched."""
        self.tokens = self.fresh(per_user=2)
        bobs = self.issue(BOB)
        first, second, third = (self.issue() for _ in range(3))
        self.assertIsNone(self.tokens.find(first, NOW))
        for text in (second, third, bobs):
            self.assertIsNotNone(self.tokens.find(text, NOW))
        self.assertEqual(len(self.ledger.tokens), 3)

    def test_a_restart_keeps_tokens(self) -> None:
        """What the store has is found again, the oldest first when one must go."""
        first, second = self.issue(), self.issue(now=NOW + 1)
        self.tokens = self.fresh(per_user=2)
        self.tokens.load(reversed(self.ledger.tokens.values()))
        self.assertIsNotNone(self.tokens.find(first, NOW))
        self.issue(now=NOW + 2)
        self.assertIsNone(self.tokens.find(first, NOW + 2))
        self.assertIsNotNone(self.tokens.find(second, NOW + 2))

    def revoke(self) -> Deferred[Committed]:
        """End ALICE's tokens, as a change of password does."""
        unit = Unit()
        self.tokens.revoke(ALICE, unit)
        return Deferred.fromCoroutine(self.ledger.commit(unit))

    def test_a_revocation_ends_all_tokens_of_the_user_only(self) -> None:
        """Memory refuses them at once, and the store forgets them."""
        mine, bobs = [self.issue(), self.issue()], self.issue(BOB)
        self.ledger.held = []
        revoked = self.revoke()
        self.assertEqual([self.tokens.find(text, NOW) for text in mine], [None, None])
        self.ledger.held[0].callback(None)
        self.successResultOf(revoked)
        self.assertIsNotNone(self.tokens.find(bobs, NOW))
        self.assertEqual([token.user_uri for token in self.ledger.tokens.values()], [BOB.uri])
        self.assertEqual(
            self.log.events, [("auth.revoked", {"user": pseudonym(ALICE.uri), "tokens": 2})]
        )

    def test_a_revocation_after_some_have_gone(self) -> None:
        """It ends those that are left when others have been swept away, or had to make room."""
        self.tokens = self.fresh(per_user=3)
        self.issue(now=NOW - 100)
        left = [self.issue() for _ in range(4)][1:]
        self.successResultOf(self.revoke())
        self.assertEqual([self.tokens.find(text, NOW) for text in left], [None] * 3)
        self.assertEqual((self.ledger.tokens, len(self.tokens)), ({}, 0))

    def fail_to_revoke(self, user: User = ALICE) -> None:
        """A change that ends the tokens of a user cannot be stored."""
        self.ledger.fault = Unavailable("The disk is full.")
        unit = Unit()
        self.tokens.revoke(user, unit)
        self.failureResultOf(Deferred.fromCoroutine(self.ledger.commit(unit)), Unavailable)
        self.ledger.fault = None

    def test_a_revocation_that_was_not_stored(self) -> None:
        """The tokens are refused all the same, and the next revocation takes them out of the
        store, so that no restart brings them back; it is logged once."""
        text = self.issue()
        self.fail_to_revoke()
        self.assertIsNone(self.tokens.find(text, NOW))
        self.assertEqual(len(self.ledger.tokens), 1)
        self.successResultOf(self.revoke())
        self.assertEqual(self.ledger.tokens, {})
        self.assertEqual(len(self.log.events), 1)

    def test_what_was_not_stored_goes_with_new_tokens(self) -> None:
        """A new token takes along what was revoked of its user, and of one other user."""
        for user in (ALICE, ALICE, BOB, BOB):
            self.issue(user)
        self.fail_to_revoke(ALICE)
        self.fail_to_revoke(BOB)
        self.ledger.fault = Unavailable("The disk is full.")
        failed = Deferred.fromCoroutine(self.tokens.issue(BOB.uri, 60, NOW))
        self.failureResultOf(failed, Unavailable)
        self.ledger.fault = None
        self.assertEqual(len(self.ledger.tokens), 4)
        text = self.issue(BOB)
        self.assertEqual(len(self.ledger.tokens), 1)
        self.assertIsNotNone(self.tokens.find(text, NOW))
        self.issue(BOB)
        self.assertEqual(len(self.ledger.units[-1].removes), 0)

    def test_a_revocation_that_was_stored(self) -> None:
        """Nothing is taken out of the store twice."""
        self.issue()
        self.successResultOf(self.revoke())
        self.tokens.revocation_stored(ALICE.uri)
        unit = Unit()
        self.tokens.revoke(ALICE, unit)
        self.assertFalse(unit)

    def test_a_user_without_tokens_has_nothing_to_revoke(self) -> None:
        """Nothing is put into the unit and nothing is logged."""
        unit = Unit()
        self.tokens.revoke(ALICE, unit)
        self.assertEqual((bool(unit), self.log.events), (False, []))

    def test_a_revocation_also_ends_a_token_being_issued(self) -> None:
        """A sign-in with the old password that is being stored gets no token."""
        self.ledger.held = []
        issued = Deferred.fromCoroutine(self.tokens.issue(ALICE.uri, 60, NOW))
        revoked = self.revoke()
        for commit in self.ledger.held:
            commit.callback(None)
        self.successResultOf(revoked)
        self.failureResultOf(issued, Refusal)
        self.assertEqual((self.ledger.tokens, len(self.tokens)), ({}, 0))

    def test_ended_tokens_are_swept_away(self) -> None:
        """Each new token takes some ended ones with it, from memory and store."""
        for _ in range(SWEPT_PER_ISSUE + 5):
            self.issue(BOB, now=NOW - 100)
        self.issue()
        self.assertEqual(len(self.tokens), 6)
        self.issue()
        self.assertEqual((len(self.tokens), len(self.ledger.tokens)), (2, 2))

    @given(st.text(max_size=60))
    def test_no_other_text_is_a_token(self, text: str) -> None:
        """Whatever a client sends, it is looked up or refused, never an error."""
        self.assertIsNone(self.tokens.find(text, NOW))
        self.assertIsNone(self.tokens.find("cwt=" + text[:43].ljust(43, "A"), NOW))
