"""Tests of `mobility.auth.challenge`."""

import re

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mobility.auth.challenge import Authenticator, Challenge, bearer_token
from mobility.auth.tokens import Tokens
from mobility.config import WebConfig
from mobility.http.errors import Unauthorised
from mobility.http.message import Site
from mobility.testing import MemoryLog
from tests.auth.doubles import (
    EXTERNAL,
    INTERNAL,
    NOW,
    MemoryLedger,
    pseudonym,
    request,
)

WEB = WebConfig(
    internal_url="https://in.example.test", external_url="https://out.example.test:4443"
)


class ChallengeTests(SynchronousTestCase):
    """`Challenge`."""

    def setUp(self) -> None:
        self.challenge = Challenge(WEB, ["example.test", "example.org"], ["password"])

    def test_the_shape_is_exact(self) -> None:
        """A Bearer line, then MsRtcOAuth with quoted href, comma and no space."""
        bearer, oauth = self.challenge.lines(EXTERNAL)
        guid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
        self.assertRegex(
            bearer,
            rf'\ABearer trusted_issuers="({guid})@example\.test,\1@example\.org", '
            rf'client_id="{guid}"\Z',
        )
        self.assertEqual(
            oauth,
            'MsRtcOAuth href="https://out.example.test:4443/WebTicket/oauthtoken",'
            'grant_type="password"',
        )

    def test_known_clients_find_the_token_url(self) -> None:
        """The expressions of deployed clients match the lines, also when joined into one."""
        joined = ", ".join(self.challenge.lines(EXTERNAL))
        lines = "".join(f"WWW-Authenticate: {line}\n" for line in self.challenge.lines(EXTERNAL))
        url = "https://out.example.test:4443/WebTicket/oauthtoken"
        for pattern, text in (
            (r'href="([^"]+)",grant_type=', joined),
            (r'MsRtcOAuth href="([^"]*)"', joined),
            (r'MsRtcOAuth href="(.*?)"', joined),
            (r'WWW-Authenticate: MsRtcOAuth href="(.*?)"', lines),
        ):
            found = re.search(pattern, text)
            self.assertEqual(found and found[1], url, pattern)
        grants = joined.partition("grant_type=")[2].strip('"').split(",")
        self.assertEqual(grants, ["password"])

    def test_the_token_url_is_on_the_site_that_was_hit(self) -> None:
        """Inside it is the internal one; any other site has the external one."""
        for site, url in (
            (INTERNAL, "https://in.example.test/"),
            (EXTERNAL, "https://out.example.test:4443/"),
            (Site("operator", True), "https://out.example.test:4443/"),
        ):
            self.assertIn(f'href="{url}WebTicket/oauthtoken",', self.challenge.lines(site)[1])

    def test_the_lines_are_stable(self) -> None:
        """Another start of the server makes the same lines."""
        again = Challenge(WEB, ["example.test", "example.org"], ["password"])
        self.assertEqual(again.lines(EXTERNAL), self.challenge.lines(EXTERNAL))


class AuthenticatorTests(SynchronousTestCase):
    """`Authenticator`."""

    def setUp(self) -> None:
        self.tokens = Tokens(MemoryLedger(), 100, MemoryLog(), pseudonym)
        self.challenge = Challenge(WEB, ["example.test"], ["password"])
        self.authenticator = Authenticator(self.tokens, self.challenge)
        self.token = self.successResultOf(
            Deferred.fromCoroutine(self.tokens.issue("sip:alice@example.test", 60, NOW))
        )

    def test_a_bearer_token_names_the_caller(self) -> None:
        """The scheme's case and further spaces do not matter."""
        for value in (f"Bearer {self.token}", f"bearer  {self.token} ", f"BEARER {self.token}"):
            asked = request(headers={"authorization": value})
            caller = self.authenticator.authenticate(asked)
            self.assertEqual(caller.user_uri, "sip:alice@example.test")

    def test_anything_else_is_challenged(self) -> None:
        """Missing, foreign, malformed, cut and unknown tokens get 401 with both lines."""
        for value in (
            None,
            "",
            "Bearer",
            "Bearer ",
            self.token,
            f"Basic {self.token}",
            f"Bearer {self.token[4:]}",
            f"Bearer {self.token[:-1]}",
            f"Bearer {self.token} x",
            "Bearer cwt=" + "A" * 43,
            "Bearer cwt=\u00e4" + "A" * 42,
        ):
            asked = request(headers={} if value is None else {"authorization": value})
            fault = self.assertRaises(Unauthorised, self.authenticator.authenticate, asked)
            self.assertEqual(fault.challenges, self.challenge.lines(EXTERNAL))
            self.assertEqual(fault.status, 401)

    def test_a_token_that_ended_is_challenged(self) -> None:
        """The time of the request decides."""
        asked = request(headers={"authorization": f"Bearer {self.token}"}, now=NOW + 60)
        self.assertRaises(Unauthorised, self.authenticator.authenticate, asked)

    def test_a_token_counts_in_the_header_only(self) -> None:
        """Query and cookie are not looked at (RFC 6750 §2.3 warns of URLs)."""
        asked = request(
            query={"access_token": self.token},
            headers={"cookie": f"access_token={self.token}", "x-ms-webticket": self.token},
        )
        self.assertRaises(Unauthorised, self.authenticator.authenticate, asked)

    def test_a_token_works_from_every_address_and_site(self) -> None:
        """A phone that changes its network stays signed in."""
        for address in ("192.0.2.1", "2001:db8::1", ""):
            for site in (INTERNAL, EXTERNAL):
                asked = request(
                    site=site,
                    client_address=address,
                    headers={"authorization": f"Bearer {self.token}"},
                )
                self.assertIsNotNone(self.authenticator.find(asked))

    def test_the_page_form_has_the_same_challenge(self) -> None:
        """Autodiscover answers the challenge with a short page."""
        fault = self.authenticator.unauthorised(request(), html=True)
        self.assertTrue(fault.html)
        self.assertEqual(fault.challenges, self.challenge.lines(EXTERNAL))

    def test_bearer_token_tells_missing_from_empty(self) -> None:
        """None without the scheme, "" with nothing after it."""
        self.assertIsNone(bearer_token(request()))
        self.assertIsNone(bearer_token(request(headers={"authorization": "Digest a=b"})))
        self.assertEqual(bearer_token(request(headers={"authorization": "Bearer"})), "")
