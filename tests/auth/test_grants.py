"""Tests of `mobility.auth.grants`."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mobility.auth.clients import Clients
from mobility.auth.diagnostics import LOCKED, MALFORMED, WRONG_CREDENTIALS
from mobility.auth.grants import (
    Identity,
    LocalPasswords,
    PasswordGrant,
    SignInRefused,
    sign_in_uri,
)
from mobility.auth.lockout import Lockout
from mobility.auth.passwords import Passwords
from mobility.domain.records import User
from mobility.errors import Unavailable
from mobility.testing import MemoryLog
from tests.auth.doubles import (
    NOW,
    QUICK,
    Directory,
    Verifier,
    pseudonym,
    request,
)

ALICE = User("sip:alice@example.test", "Alice")
OFF = User("sip:off@example.test", "Off", enabled=False)


class SignInUriTests(SynchronousTestCase):
    """`sign_in_uri`."""

    def test_every_spelling_of_a_name_is_one_user(self) -> None:
        """With or without `sip:`, a Windows domain or any, in any case."""
        for name in (
            "alice@example.test",
            "sip:alice@example.test",
            "SIP:Alice@Example.Test",
            "EXAMPLE\\alice",
            "alice",
            " Alice ",
        ):
            self.assertEqual(sign_in_uri(name, ["example.test"]), ALICE.uri, name)

    def test_a_bare_name_needs_exactly_one_sip_domain(self) -> None:
        """With two domains a name without one is nobody's."""
        domains = ["example.test", "example.org"]
        self.assertIsNone(sign_in_uri("alice", domains))
        self.assertIsNone(sign_in_uri("EXAMPLE\\alice", domains))
        self.assertEqual(sign_in_uri("alice@example.test", domains), ALICE.uri)

    @given(st.text(max_size=40))
    def test_any_text_is_a_user_or_nobody(self, name: str) -> None:
        """No name makes it fail, and what it finds is a user URI in lower case."""
        uri = sign_in_uri(name, ["example.test"])
        self.assertTrue(uri is None or (uri.startswith("sip:") and uri == uri.lower()))


class PasswordGrantTests(SynchronousTestCase):
    """`PasswordGrant`."""

    def setUp(self) -> None:
        self.directory = Directory(ALICE, OFF)
        self.verifier = Verifier()
        self.log = MemoryLog()
        self.lockout = Lockout(5, 1.0, 900.0)
        self.grant = PasswordGrant(
            self.directory,
            self.verifier,
            self.lockout,
            Clients(["198.51.100.1"]),
            ["example.test"],
            28_800,
            self.log,
            pseudonym,
        )

    def attempt(
        self,
        username: str = "alice",
        password: str = "secret",
        *,
        now: float = NOW,
        client_address: str = "192.0.2.7",
    ) -> Deferred[Identity]:
        form = {"username": username, "password": password}
        asked = request("POST", now=now, client_address=client_address)
        return Deferred.fromCoroutine(self.grant.grant(form, asked))

    def refused(self, attempt: Deferred[Identity]) -> SignInRefused:
        fault = self.failureResultOf(attempt, SignInRefused).value
        assert isinstance(fault, SignInRefused)
        return fault

    def test_the_right_password_names_the_user(self) -> None:
        """The identity is the user's URI and the life time of users' tokens."""
        self.assertEqual(self.successResultOf(self.attempt()), Identity(ALICE.uri, 28_800))

    def test_all_wrong_credentials_get_the_same_answer(self) -> None:
        """Wrong password, unknown, disabled and impossible users cannot be told apart."""
        attempts = [("alice", "x"), ("nobody", "x"), ("off", "secret"), ("a b<c", "x"), ("@", "x")]
        for name, password in attempts:
            fault = self.refused(self.attempt(name, password))
            self.assertEqual(fault.error, "invalid_grant")
            self.assertEqual(fault.diagnostic, WRONG_CREDENTIALS)
            self.assertIsNone(fault.retry_after_s)
        self.assertEqual(len(self.verifier.asked), len(attempts))
        self.assertEqual(
            [fields["reason"] for fields in self.log.named("auth.refused")],
            ["wrong_password", "unknown_user", "disabled", "unknown_user", "unknown_user"],
        )

    def test_a_form_without_user_or_password_is_invalid(self) -> None:
        """Both fields are needed, and nothing is verified without them."""
        for form in ({}, {"username": "alice"}, {"password": "secret"}):
            attempt = Deferred.fromCoroutine(self.grant.grant(form, request("POST")))
            fault = self.refused(attempt)
            self.assertEqual((fault.error, fault.diagnostic), ("invalid_request", MALFORMED))
        self.assertEqual(self.verifier.asked, [])

    def test_a_locked_user_is_refused_unseen(self) -> None:
        """After five failures even the right password is refused, with the time to wait."""
        for _ in range(5):
            self.refused(self.attempt(password="x"))
        asked = len(self.verifier.asked)
        fault = self.refused(self.attempt(now=NOW + 0.5))
        self.assertEqual((fault.error, fault.diagnostic), ("invalid_grant", LOCKED))
        self.assertEqual(fault.retry_after_s, 1)
        self.assertEqual(len(self.verifier.asked), asked)
        self.assertEqual(self.log.named("auth.refused")[-1]["reason"], "locked")
        self.assertEqual(
            self.log.named("auth.locked"),
            [{"request": "r1", "user": pseudonym(ALICE.uri), "wait_s": 1.0}],
        )
        self.successResultOf(self.attempt(now=NOW + 1))

    def test_the_lock_holds_for_every_spelling_of_the_name(self) -> None:
        """Failures of all spellings count for one user."""
        for name in ("alice", "ALICE", "sip:alice@example.test", "X\\alice", "Alice@example.test"):
            self.refused(self.attempt(name, "x"))
        self.assertEqual(self.refused(self.attempt()).diagnostic, LOCKED)

    def test_an_address_that_tries_many_users_is_refused(self) -> None:
        """Twenty failures of one client lock it for every user, but not other clients."""
        for number in range(20):
            self.refused(self.attempt(f"u{number}", "x"))
        self.assertEqual(self.refused(self.attempt()).diagnostic, LOCKED)
        self.successResultOf(self.attempt(client_address="192.0.2.8"))

    def test_failures_behind_a_proxy_lock_nobody_else(self) -> None:
        """The address of a proxy that named no client is not counted."""
        for number in range(100):
            self.refused(self.attempt(f"u{number}", "x", client_address="198.51.100.1"))
        self.successResultOf(self.attempt(client_address="198.51.100.1"))

    def test_attempts_that_queued_together_are_locked_too(self) -> None:
        """Whether a user may try is decided again when its turn comes."""
        gate: Deferred[None] = Deferred()

        async def occupy() -> None:
            async with self.verifier.turn():
                await gate

        Deferred.fromCoroutine(occupy())
        attempts = [self.attempt(password="x") for _ in range(1000)]
        gate.callback(None)
        reasons = [self.refused(attempt).diagnostic for attempt in attempts]
        self.assertEqual(reasons, [WRONG_CREDENTIALS] * 5 + [LOCKED] * 995)

    def test_a_success_forgets_failures(self) -> None:
        """Four failures, a success and four failures lock nothing."""
        for password in ("x", "x", "x", "x"):
            self.refused(self.attempt(password=password))
        self.successResultOf(self.attempt())
        for password in ("x", "x", "x", "x"):
            self.refused(self.attempt(password=password))
        self.successResultOf(self.attempt())

    def test_a_password_changed_meanwhile_is_wrong(self) -> None:
        """The old password does not sign in when it was changed, the user disabled or removed."""
        for changed in (
            attrs.evolve(ALICE, credential_version=2),
            attrs.evolve(ALICE, enabled=False),
            None,
        ):
            self.directory.users = {ALICE.uri: ALICE}
            self.verifier.during = lambda changed=changed: (
                self.directory.users.update({ALICE.uri: changed})
                if changed
                else self.directory.users.clear()
            )
            self.assertEqual(self.refused(self.attempt()).diagnostic, WRONG_CREDENTIALS)
        self.assertEqual(self.log.named("auth.refused")[-1]["reason"], "changed_meanwhile")

    def test_no_event_holds_a_name_or_password(self) -> None:
        """Users are named by pseudonym only."""
        self.refused(self.attempt("alice", "hunter2"))
        self.refused(self.attempt("my password by mistake", "x"))
        for _event, fields in self.log.events:
            text = repr(fields)
            for secret in ("alice", "hunter2", "mistake"):
                self.assertNotIn(secret, text)


class LocalPasswordsTests(TestCase):
    """`LocalPasswords`."""

    def setUp(self) -> None:
        self.passwords = Passwords(1, reactor, QUICK)
        self.passwords.startService()
        self.addCleanup(self.passwords.stopService)
        self.log = MemoryLog()
        old = attrs.evolve(QUICK, time_cost=2).hash("secret")
        self.alice = attrs.evolve(ALICE, password_hash=old)
        self.directory = Directory(self.alice)
        self.verifier = LocalPasswords(self.passwords, self.directory, self.log, pseudonym)

    async def verify(self, user: User | None, password: str) -> bool:
        async with self.verifier.turn():
            return await self.verifier.verify(user, password, NOW)

    async def test_an_old_hash_is_renewed_at_sign_in(self) -> None:
        """The stored hash gets today's cost; nothing else of the user changes."""
        self.assertTrue(await self.verify(self.alice, "secret"))
        renewed = self.directory.users[ALICE.uri]
        self.assertIn("m=8,t=1,p=1", renewed.password_hash)
        self.assertEqual(attrs.evolve(renewed, password_hash=""), ALICE)
        self.assertTrue(await self.verify(renewed, "secret"))

    async def test_a_wrong_password_renews_nothing(self) -> None:
        """Only the right password can be hashed again."""
        self.assertFalse(await self.verify(self.alice, "wrong"))
        self.assertEqual(self.directory.users[ALICE.uri], self.alice)

    async def test_a_hash_changed_meanwhile_is_not_overwritten(self) -> None:
        """A new password is never replaced by a renewed old one."""
        other = attrs.evolve(self.alice, password_hash=QUICK.hash("new"))
        self.directory.users[ALICE.uri] = other
        self.assertTrue(await self.verify(self.alice, "secret"))
        self.assertEqual(self.directory.users[ALICE.uri], other)

    async def test_a_store_that_fails_does_not_prevent_a_sign_in(self) -> None:
        """The old hash stays, and the log says so."""
        self.directory.fault = Unavailable("The disk is full.")
        self.assertTrue(await self.verify(self.alice, "secret"))
        self.assertEqual(self.log.events, [("auth.rehash_put_off", {"user": pseudonym(ALICE.uri)})])

    async def test_a_damaged_hash_is_reported(self) -> None:
        """The operator learns that the user must be given a password again."""
        damaged = attrs.evolve(ALICE, password_hash="$argon2id$damaged")
        self.assertFalse(await self.verify(damaged, "secret"))
        self.assertEqual(self.log.events, [("auth.hash_damaged", {"user": pseudonym(ALICE.uri)})])

    async def test_nobody_has_no_password(self) -> None:
        """An unknown user is verified like any other, and never matches."""
        self.assertFalse(await self.verify(None, "secret"))
