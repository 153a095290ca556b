"""Answers to challenges of other servers."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.auth.passwords import digest_hashes
from mobility.sip.challenges import Account, challenges_of
from mobility.sip.digest import Challenger, Verdict
from mobility.sip.headers import Authorisation
from mobility.sip.message import Response

REALM = "example.test"
BOB = Account("trunk", "bob", "good")


def asks(*lines: str, status: int = 401) -> Response:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return Response(fields={name: list(lines)}, status=status)


class ChallengeTests(SynchronousTestCase):
    def test_example(self) -> None:
        """The example of RFC 2617 section 3.5, with the count and nonce of the server."""
        account = Account("trunk", "Mufasa", "Circle Of Life")
        (challenge,) = challenges_of(
            asks(
                'Digest realm="testrealm@host.com", qop="auth,auth-int", '
                'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
                'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
            )
        )
        value = challenge.credentials(account, "GET", "/dir/index.html", "0a4f113b")
        given = Authorisation.parse(value).parameters
        self.assertEqual(given["response"], "6629fae49393a05397450978507c4ef1")
        self.assertEqual((given["nc"], given["qop"]), ("00000001", "auth"))
        self.assertEqual(given["opaque"], "5ccc069c403ebaf9f0171e9517f40e41")
        self.assertNotIn("algorithm", given)

    def test_without_qop(self) -> None:
        """A server of before RFC 2617 gets neither count nor qop: the digest of RFC 2069."""
        account = Account("trunk", "Mufasa", "CircleOfLife")
        (challenge,) = challenges_of(asks('Digest realm="r", nonce="n"', status=407))
        self.assertEqual(challenge.header, "Proxy-Authorization")
        given = Authorisation.parse(challenge.credentials(account, "INVITE", "sip:a", "c"))
        self.assertNotIn("qop", given.parameters)
        self.assertNotIn("nc", given.parameters)
        self.assertEqual(len(given.parameters["response"]), 32)

    def test_better_first(self) -> None:
        """SHA-256 is preferred, whatever the server puts first (RFC 8760)."""
        lines = [
            f'Digest realm="r", nonce="n", qop="auth", algorithm={a}' for a in ("MD5", "SHA-256")
        ]
        found = challenges_of(asks(*lines))
        self.assertEqual([one.algorithm for one in found], ["SHA-256", "MD5"])

    def test_left_out(self) -> None:
        """What cannot be answered is left out, and only so many are looked at."""
        found = challenges_of(
            asks(
                'Digest realm="r", nonce="n", qop="auth-int"',
                'Digest realm="r", nonce="n", algorithm=SHA-512-256',
                'Digest realm="r"',
                'Digest realm="r',
                'Basic realm="r"',
                'NTLM realm="SIP Communications Service"',
                'Digest realm="r", nonce="n", stale=TRUE',
                *(f'Digest realm="{number}", nonce="n"' for number in range(20)),
            )
        )
        self.assertEqual([one.realm for one in found], ["r", "0"])
        self.assertTrue(found[0].stale)
        self.assertEqual(challenges_of(asks('Digest realm="r", nonce="n"', status=403)), [])

    @given(st.lists(st.sampled_from(["INVITE", "BYE", "MESSAGE"]), min_size=1, max_size=5))
    def test_judged(self, methods: list[str]) -> None:
        """A challenger takes the answers to one challenge, each with the next count."""
        hashes = digest_hashes(f"sip:bob@{REALM}", "good")
        kept = {"MD5": hashes.md5, "SHA-256": hashes.sha256}
        challenger = Challenger(REALM, b"secret", lambda size: b"7" * size)
        for challenge in challenges_of(asks(*challenger.challenges(0.0))):
            challenger = Challenger(REALM, b"secret", lambda size: b"7" * size)
            for method in methods:
                value = challenge.credentials(BOB, method, "sip:a@b;transport=tcp", "c0")
                claim = challenger.claim(Authorisation.parse(value))
                assert claim is not None
                judged = challenger.judge(claim, kept[challenge.algorithm], method, 1.0)
                self.assertIs(judged, Verdict.GOOD)

    def test_quoted(self) -> None:
        """Quotes in a name come through, and the password is in no representation."""
        account = Account("trunk", 'a"b\\c', "hidden")
        (challenge,) = challenges_of(asks('Digest realm="r", nonce="n"'))
        value = challenge.credentials(account, "INVITE", "sip:a", "c")
        self.assertEqual(Authorisation.parse(value).parameters["username"], 'a"b\\c')
        self.assertNotIn("hidden", f"{account!r}{value}")
