"""Tests of `mobility.auth.passwords`."""

import hashlib
from threading import Event

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mobility.auth.passwords import (
    Hashing,
    Passwords,
    Verdict,
    digest_hashes,
    prepared,
)
from mobility.errors import PeerFault, Unavailable
from tests.auth.doubles import QUICK


class PreparedTests(SynchronousTestCase):
    """`prepared` (RFC 8265 §4.2)."""

    def test_composed_and_decomposed_letters_are_one(self) -> None:
        """A letter with its accent apart equals the one letter."""
        self.assertEqual(prepared("Cafe\u0301"), prepared("Caf\u00e9"))

    def test_spaces_of_other_scripts_are_spaces(self) -> None:
        """A no-break and an ideographic space equal U+0020."""
        self.assertEqual(prepared("a\u00a0b\u3000c"), b"a b c")

    def test_case_width_and_compatibility_stay(self) -> None:
        """Nothing but spaces and composition is changed."""
        self.assertEqual(prepared("Aa\uff21\ufb01"), "Aa\uff21\ufb01".encode())

    def test_unusable_passwords_are_refused(self) -> None:
        """Empty, over-long, with a control character or a lone surrogate: 400 names `password`."""
        for bad in ("", "a" * 1025, "\u00e4" * 600, "a\x00b", "a\nb", "\ud800"):
            fault = self.assertRaises(PeerFault, prepared, bad)
            self.assertEqual(fault.subcode, "ParameterValidationFailure")
            self.assertEqual([parameter.name for parameter in fault.parameters], ["password"])

    def test_the_longest_password_is_usable(self) -> None:
        """1,024 bytes are allowed."""
        self.assertEqual(len(prepared("\u00e4" * 512)), 1024)


class HashingTests(SynchronousTestCase):
    """`Hashing`."""

    def test_the_default_cost_is_owasps(self) -> None:
        """A hash says argon2id with 19 MiB, two passes and one lane, and needs no renewal."""
        encoded = Hashing().hash("secret")
        self.assertTrue(encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$"))
        self.assertEqual(Hashing().verify(encoded, "secret"), Verdict(matched=True))

    def test_only_its_password_matches(self) -> None:
        """Another password, and one that nobody may have, do not match."""
        encoded = QUICK.hash("secret")
        for wrong in ("Secret", "secret ", "", "a\x00", "x" * 5000):
            self.assertEqual(QUICK.verify(encoded, wrong), Verdict(matched=False))

    def test_two_hashes_of_one_password_differ(self) -> None:
        """Each hash has its own salt."""
        self.assertNotEqual(QUICK.hash("secret"), QUICK.hash("secret"))

    def test_nobody_has_no_password(self) -> None:
        """Without a stored hash nothing matches, and the hash compared has today's cost."""
        self.assertEqual(QUICK.verify("", "secret"), Verdict(matched=False))
        self.assertTrue(QUICK._of_nobody().startswith("$argon2id$v=19$m=8,t=1,p=1$"))

    def test_a_hash_of_another_cost_is_outdated(self) -> None:
        """The right password asks for a new hash when the cost was changed."""
        encoded = attrs.evolve(QUICK, time_cost=2).hash("secret")
        self.assertEqual(QUICK.verify(encoded, "secret"), Verdict(matched=True, outdated=True))
        self.assertEqual(QUICK.verify(encoded, "other"), Verdict(matched=False))

    def test_a_damaged_hash_matches_nothing_and_says_so(self) -> None:
        """Text that is no argon2 hash, whole or cut, is reported."""
        for damaged in ("junk", "$argon2id$v=19$m=8", "\u00e4", QUICK.hash("secret")[:-9] + "!"):
            self.assertEqual(
                QUICK.verify(damaged, "secret"), Verdict(matched=False, damaged=True), damaged
            )

    @given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20))
    def test_every_usable_password_matches_its_hash(self, password: str) -> None:
        """Hash and verification prepare a password alike."""
        self.assertTrue(QUICK.verify(QUICK.hash(password), password).matched)


class DigestHashesTests(SynchronousTestCase):
    """`digest_hashes`."""

    def test_the_realm_is_the_sip_domain(self) -> None:
        """Both hashes are over `user:domain:password`."""
        text = b"alice:example.test:secret"
        hashes = digest_hashes("sip:alice@example.test", "secret")
        self.assertEqual(hashes.md5, hashlib.md5(text).hexdigest())
        self.assertEqual(hashes.sha256, hashlib.sha256(text).hexdigest())

    def test_they_do_not_show_in_a_repr(self) -> None:
        """A digest hash is as good as the password and stays out of logs."""
        hashes = digest_hashes("sip:alice@example.test", "secret")
        self.assertNotIn(hashes.md5, repr(hashes))
        self.assertNotIn(hashes.sha256, repr(hashes))


@attrs.frozen
class SlowHashing(Hashing):
    """Verifies when it is let go."""

    go: Event = attrs.Factory(Event)

    def verify(self, password_hash: str, password: str) -> Verdict:
        self.go.wait()
        return Verdict(matched=True)


class PasswordsTests(TestCase):
    """`Passwords`."""

    def start(self, hashing: Hashing) -> Passwords:
        service = Passwords(1, reactor, hashing)
        service.startService()
        return service

    async def test_it_hashes_and_verifies_in_threads(self) -> None:
        """What `hash` made, `verify` knows."""
        service = self.start(QUICK)
        async with service.turn():
            encoded = await service.hash("secret")
            self.assertTrue((await service.verify(encoded, "secret")).matched)
            self.assertFalse((await service.verify(encoded, "wrong")).matched)
        await service.stopService()

    async def test_a_stop_ends_the_queue_but_not_what_runs(self) -> None:
        """Who waits is sent away at once; a running verification is answered."""
        hashing = SlowHashing()
        service = self.start(hashing)

        async def take() -> Verdict:
            async with service.turn():
                return await service.verify("", "")

        running, waiting = (Deferred.fromCoroutine(take()) for _ in range(2))
        stopped = service.stopService()
        self.failureResultOf(waiting, Unavailable)
        self.failureResultOf(Deferred.fromCoroutine(take()), Unavailable)
        self.assertNoResult(stopped)
        hashing.go.set()
        self.assertEqual(await running, Verdict(matched=True))
        await stopped
