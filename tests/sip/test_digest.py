"""Digest authentication."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.auth.passwords import digest_hashes
from mobility.sip.digest import (
    MAX_COUNTED_NONCES,
    NONCE_LIFETIME_S,
    Challenger,
    Claim,
    Verdict,
)
from mobility.sip.grammar import Malformed
from mobility.sip.headers import Authorisation

REALM = "example.test"
SECRET = b"a secret of the server"
HASHES = digest_hashes(f"sip:bob@{REALM}", "good")
BOB = {"MD5": HASHES.md5, "SHA-256": HASHES.sha256}


class DigestTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.number = 0
        self.challenger = Challenger(REALM, SECRET, self.entropy)

    def entropy(self, size: int) -> bytes:
        self.number += 1
        return self.number.to_bytes(size, "big")

    def challenge(self, now: float = 0.0, algorithm: str = "SHA-256") -> Authorisation:
        for text in self.challenger.challenges(now):
            read = Authorisation.parse(text)
            if read.parameters["algorithm"] == algorithm:
                return read
        raise KeyError(algorithm)

    def answer(
        self,
        challenge: Authorisation,
        password: str = "good",
        method: str = "REGISTER",
        count: int = 1,
        **changes: str,
    ) -> Claim:
        """What a client answers, computed as RFC 7616 section 3.4.1 says."""
        given = challenge.parameters
        algorithm = given["algorithm"]
        digest = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]

        def h(text: str) -> str:
            return digest(text.encode()).hexdigest()

        uri, cnonce = "sip:example.test", "0a4f113b"
        one, two = h(f"bob:{REALM}:{password}"), h(f"{method}:{uri}")
        response = h(f"{one}:{given['nonce']}:{count:08x}:{cnonce}:auth:{two}")
        parameters = {
            "username": "bob",
            "realm": REALM,
            "nonce": given["nonce"],
            "uri": uri,
            "qop": "auth",
            "nc": f"{count:08x}",
            "cnonce": cnonce,
            "algorithm": algorithm,
            "response": response,
        }
        text = ", ".join(f'{name}="{value}"' for name, value in (parameters | changes).items())
        claim = self.challenger.claim(Authorisation.parse(f"Digest {text}"))
        if claim is None:
            raise KeyError("another realm")
        return claim

    def judged(self, claim: Claim, now: float = 1.0, method: str = "REGISTER") -> Verdict:
        return self.challenger.judge(claim, BOB[claim.algorithm], method, now)


class VerdictTests(DigestTestCase):
    def test_good(self) -> None:
        """The right password is good, with either algorithm; the better one is offered first."""
        offered = [Authorisation.parse(one) for one in self.challenger.challenges(0)]
        self.assertEqual([one.parameters["algorithm"] for one in offered], ["SHA-256", "MD5"])
        for algorithm in ("MD5", "SHA-256"):
            claim = self.answer(self.challenge(algorithm=algorithm))
            self.assertIs(self.judged(claim), Verdict.GOOD)

    def test_bad(self) -> None:
        """A wrong password, another method, a foreign nonce and nobody's hash are bad."""
        challenge = self.challenge()
        self.assertIs(self.judged(self.answer(challenge, password="evil")), Verdict.BAD)
        self.assertIs(self.judged(self.answer(challenge), method="INVITE"), Verdict.BAD)
        foreign = Challenger(REALM, b"another secret", self.entropy).challenges(0)[0]
        self.assertIs(self.judged(self.answer(Authorisation.parse(foreign))), Verdict.BAD)
        claim = self.answer(challenge)
        self.assertIs(self.challenger.judge(claim, "", "REGISTER", 1.0), Verdict.BAD)

    def test_stale(self) -> None:
        """An old nonce, one of the future, and a count that was used are stale."""
        claim = self.answer(self.challenge())
        self.assertIs(self.judged(claim, NONCE_LIFETIME_S + 1), Verdict.STALE)
        self.assertIs(self.judged(claim, -1.0), Verdict.STALE)
        self.assertIs(self.judged(claim), Verdict.GOOD)
        self.assertIs(self.judged(claim), Verdict.STALE)
        later = self.answer(self.challenge(), count=7)
        self.assertIs(self.judged(later), Verdict.GOOD)

    def test_counts_are_bounded(self) -> None:
        """Only so many nonces are counted."""
        for _ in range(MAX_COUNTED_NONCES + 10):
            self.judged(self.answer(self.challenge()))
        self.assertLessEqual(len(self.challenger._counts), MAX_COUNTED_NONCES)


class ClaimTests(DigestTestCase):
    def test_incomplete(self) -> None:
        """Credentials that lack something, or have it wrong, are malformed."""
        challenge = self.challenge()
        for changes in (
            {"username": ""},
            {"qop": "auth-int"},
            {"nc": "1"},
            {"nc": "zzzzzzzz"},
            {"algorithm": "MD4"},
            {"cnonce": ""},
        ):
            with self.assertRaises(Malformed, msg=str(changes)):
                self.answer(challenge, **changes)

    def test_another_realm(self) -> None:
        """Credentials for others are nobody's."""
        with self.assertRaises(KeyError):
            self.answer(self.challenge(), realm="elsewhere.test")

    @given(st.text(max_size=200))
    def test_any_nonce(self, nonce: str) -> None:
        """A nonce that is none of ours is bad, whatever it is."""
        claim = Claim("bob", "MD5", nonce, 1, "sip:a", "c", "0" * 32)
        self.assertIs(self.judged(claim), Verdict.BAD)
