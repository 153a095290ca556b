"""Tests of `mobility.auth.endpoint`."""

import json
from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.auth.clients import Clients
from mobility.auth.endpoint import TokenEndpoint, routes
from mobility.auth.forms import FORM_FIELDS
from mobility.auth.grants import PasswordGrant
from mobility.auth.lockout import Lockout
from mobility.auth.tokens import Tokens
from mobility.domain.ledger import Unit
from mobility.domain.records import User
from mobility.errors import Unavailable
from mobility.http.message import Response, Site
from mobility.http.route import Authorisation
from mobility.testing import MemoryClient, MemoryLog, MemoryResponse, memory_site
from tests.auth.doubles import (
    NOW,
    Directory,
    MemoryLedger,
    Verifier,
    pseudonym,
    request,
)

ALICE = User("sip:alice@example.test", "Alice")
FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=--b"
GOOD = {"grant_type": "password", "username": "alice", "password": "secret"}


def parts(**fields: str) -> bytes:
    """Fields as `multipart/form-data`."""
    return (
        "".join(
            f'----b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ).encode()
        + b"----b--\r\n"
    )


class TokenEndpointTests(SynchronousTestCase):
    """`TokenEndpoint`."""

    def setUp(self) -> None:
        self.ledger = MemoryLedger()
        self.log = MemoryLog()
        self.tokens = Tokens(self.ledger, 100, self.log, pseudonym)
        self.verifier = Verifier()
        grant = PasswordGrant(
            Directory(ALICE),
            self.verifier,
            Lockout(2, 30.0, 900.0),
            Clients(()),
            ["example.test"],
            28_800,
            self.log,
            pseudonym,
        )
        self.endpoint = TokenEndpoint([grant], self.tokens, "fe.example.test", self.log, pseudonym)

    def post(self, body: bytes, content_type: str | None = FORM) -> Response:
        headers = {} if content_type is None else {"content-type": content_type}
        asked = request("POST", "/WebTicket/oauthtoken", headers=headers, body=body)
        return self.successResultOf(Deferred.fromCoroutine(self.endpoint.post(asked)))

    def sign_in(self, **changes: str) -> Response:
        return self.post(urlencode({**GOOD, **changes}).encode())

    def check_refusal(self, response: Response, error: str, diagnostic: int) -> None:
        self.assertEqual(response.status, 400)
        self.assertEqual(json.loads(response.body or b""), {"error": error})
        headers = dict(response.headers)
        self.assertEqual(headers["Cache-Control"], "no-store")
        self.assertRegex(
            headers["X-Ms-diagnostics"],
            rf'\A{diagnostic};source="fe\.example\.test";reason="[^"]+"\Z',
        )
        self.assertEqual(self.ledger.tokens, {})

    def test_a_token_is_answered_as_documented(self) -> None:
        """200 with the four members, in JSON that is not cached."""
        response = self.sign_in()
        self.assertEqual(
            (response.status, response.content_type), (200, "application/json; charset=utf-8")
        )
        self.assertEqual(response.headers, [("Cache-Control", "no-store"), ("Pragma", "no-cache")])
        answer = json.loads(response.body or b"")
        token = answer.pop("access_token")
        self.assertEqual(
            answer, {"token_type": "Bearer", "expires_in": 28_800, "ms_rtc_identityscope": "local"}
        )
        caller = self.tokens.find(token, NOW + 28_799)
        self.assertEqual(caller and caller.user_uri, ALICE.uri)
        self.assertEqual(
            self.log.events,
            [
                (
                    "auth.signed_in",
                    {"request": "r1", "user": pseudonym(ALICE.uri), "grant": "password"},
                )
            ],
        )

    def test_forms_are_read_as_clients_send_them(self) -> None:
        """A charset in any spelling, the scope `all`, unknown fields, raw and escaped UTF-8."""
        body = urlencode({**GOOD, "scope": "all", "resource": "x"}).encode()
        for content_type in (
            FORM,
            FORM + ";charset=UTF-8",
            FORM + "; charset='utf-8'",
            FORM.upper() + ' ; charset="utf-8"',
        ):
            self.assertEqual(self.post(body, content_type).status, 200, content_type)
        for wrong in (b"username=%C3%A4&password=x", "username=\u00e4&password=x".encode()):
            self.verifier.asked.clear()
            self.post(b"grant_type=password&" + wrong)
            self.assertEqual(self.verifier.asked, [None])

    def test_a_form_of_parts(self) -> None:
        """`multipart/form-data`, as PHP sends a list of fields, is a form as well."""
        body = parts(**GOOD, scope="all")
        for content_type in (PARTS, 'Multipart/Form-Data; charset=utf-8; boundary="--b"'):
            self.assertEqual(self.post(body, content_type).status, 200, content_type)
        umlaut = parts(grant_type="password", username="\u00e4", password="x")
        self.verifier.asked.clear()
        self.post(umlaut, PARTS)
        self.assertEqual(self.verifier.asked, [None])

    def test_what_is_no_form_of_parts_is_an_invalid_request(self) -> None:
        """A wrong boundary, a body that is cut off, other charsets, doubled and too many fields."""
        good = parts(**GOOD)
        for body, content_type in (
            (good, "multipart/form-data"),
            (good, "multipart/form-data; boundary="),
            (good, "multipart/form-data; boundary=another"),
            (good, "multipart/mixed; boundary=--b"),
            (b"", PARTS),
            (good[:-30], PARTS),
            (good.replace(b"secret", b"\xff"), PARTS),
            (good.replace(b"username", b"grant_type"), PARTS),
            (parts(**GOOD, **{f"f{n}": "x" for n in range(FORM_FIELDS)}), PARTS),
            (good.replace(b'name="username"', b'filename="username"'), PARTS),
        ):
            self.check_refusal(self.post(body, content_type), "invalid_request", 28901)
        self.assertEqual(self.verifier.asked, [])
        unknown = b'"password"\r\nContent-Type: text/plain; charset=unknown'
        self.assertEqual(self.post(good.replace(b'"password"', unknown), PARTS).status, 200)

    def test_what_is_no_form_is_an_invalid_request(self) -> None:
        """Wrong type, bad UTF-8, missing, empty, doubled and too many fields."""
        good = urlencode(GOOD).encode()
        for body, content_type in (
            (good, None),
            (good, ""),
            (good, "application/json"),
            (b'{"grant_type": "password"}', "application/json"),
            (b"", FORM),
            (b"\xff\xfe", FORM),
            (b"grant_type=password&username=%ff&password=x", FORM),
            (b"grant_type=password", FORM),
            (b"username=alice&password=secret", FORM),
            (b"grant_type=&username=alice&password=secret", FORM),
            (b"grant_type=password&username=alice&password=", FORM),
            (b"grant_type=password&username=&password=secret", FORM),
            (good + b"&password=secret", FORM),
            (good + b"&grant_type=password", FORM),
            (good + b"&a=b&a=b", FORM),
            (good + b"".join(b"&f%d=x" % n for n in range(FORM_FIELDS)), FORM),
            (good.replace(b"&", b"&amp;"), FORM),
        ):
            self.check_refusal(self.post(body, content_type), "invalid_request", 28901)
        self.assertEqual(self.verifier.asked, [])

    def test_only_the_password_grant_is_supported(self) -> None:
        """Other grants get `unsupported_grant_type` with the documented reason."""
        for grant in ("urn:microsoft.rtc:windows", "urn:microsoft.rtc:anonmeeting", "PASSWORD"):
            response = self.sign_in(grant_type=grant)
            self.check_refusal(response, "unsupported_grant_type", 28029)
            self.assertIn(
                "Authentication type not allowed.", dict(response.headers)["X-Ms-diagnostics"]
            )

    def test_only_the_scope_all_exists(self) -> None:
        """Any other scope is `invalid_scope`."""
        self.check_refusal(self.sign_in(scope="some"), "invalid_scope", 28902)
        self.check_refusal(self.sign_in(scope="all some"), "invalid_scope", 28902)

    def test_wrong_credentials_are_an_invalid_grant(self) -> None:
        """A wrong password and an unknown user get the same bytes."""
        wrong, unknown = self.sign_in(password="x"), self.sign_in(username="nobody")
        self.check_refusal(wrong, "invalid_grant", 28903)
        self.assertEqual(wrong, unknown)

    def test_a_locked_user_is_told_when_to_come_back(self) -> None:
        """`invalid_grant` with Retry-After and its own reason."""
        for _ in range(2):
            self.sign_in(password="x")
        response = self.sign_in()
        self.check_refusal(response, "invalid_grant", 28904)
        self.assertEqual(dict(response.headers)["Retry-After"], "30")

    def test_a_store_that_cannot_write_is_503(self) -> None:
        """`server_error` with Retry-After, and no token."""
        self.ledger.fault = Unavailable("The disk is full.", 7)
        response = self.sign_in()
        self.assertEqual(response.status, 503)
        self.assertEqual(json.loads(response.body or b""), {"error": "server_error"})
        self.assertEqual(dict(response.headers)["Retry-After"], "7")
        self.assertEqual(self.log.named("auth.signed_in"), [])

    def test_a_password_changed_while_the_token_is_stored_gives_none(self) -> None:
        """A revocation that overtakes a sign-in turns it into `invalid_grant`."""
        self.ledger.held = []
        body = urlencode(GOOD).encode()
        asked = request("POST", headers={"content-type": FORM}, body=body)
        answered = Deferred.fromCoroutine(self.endpoint.post(asked))
        unit = Unit()
        self.tokens.revoke(ALICE, unit)
        Deferred.fromCoroutine(self.ledger.commit(unit))
        for commit in self.ledger.held:
            commit.callback(None)
        self.check_refusal(self.successResultOf(answered), "invalid_grant", 28903)

    @given(
        st.one_of(
            st.binary(max_size=200),
            st.integers(0, len(parts(**GOOD))).map(lambda end: parts(**GOOD)[:end]),
            st.binary(max_size=20).map(lambda some: parts(**GOOD).replace(b"alice", some)),
        ),
        st.sampled_from((FORM, PARTS)) | st.text(st.characters(codec="latin-1"), max_size=60),
    )
    def test_no_body_makes_it_fail(self, body: bytes, content_type: str) -> None:
        """Whatever bytes come, the answer is a documented one."""
        response = self.post(body, content_type)
        self.assertIn(response.status, (200, 400))

    def test_the_route_is_for_tls_only_and_small_bodies(self) -> None:
        """It is open to everybody, by POST, and not on plain HTTP."""
        (route,) = routes(self.endpoint)
        self.assertEqual((route.method, route.path), ("POST", "/WebTicket/oauthtoken"))
        self.assertEqual(route.authorisation, Authorisation.NONE)
        self.assertFalse(route.plain)
        self.assertEqual(route.max_body_bytes, 16_384)


class OverTheWireTests(SynchronousTestCase):
    """The endpoint behind the real HTTP layer."""

    def setUp(self) -> None:
        log = MemoryLog()
        tokens = Tokens(MemoryLedger(), 100, log, pseudonym)
        clients = Clients(())
        lockout = Lockout(5, 1.0, 900.0)
        grant = PasswordGrant(
            Directory(ALICE), Verifier(), lockout, clients, ["example.test"], 60, log, pseudonym
        )
        endpoint = TokenEndpoint([grant], tokens, "fe.example.test", log, pseudonym)
        self.routes = routes(endpoint)
        self.clock = Clock()
        self.log = MemoryLog()

    def send(
        self, method: str, path: str, body: bytes = b"", *, secure: bool = True
    ) -> MemoryResponse:
        site = memory_site(
            self.routes, clock=self.clock, site=Site("external", secure), log=self.log
        )
        headers = {"Content-Type": FORM} if body else {}
        answer = MemoryClient(site).request(method, path, headers=headers, body=body)
        return self.successResultOf(answer)

    def test_a_token_request_and_its_refusal(self) -> None:
        """200 and 400 in plain JSON that is not stored, at the path in any case."""
        good = urlencode(GOOD).encode()
        for path in ("/WebTicket/oauthtoken", "/webticket/OAuthToken", "//WebTicket//oauthtoken"):
            response = self.send("POST", path, good)
            self.assertEqual(response.status, 200)
            self.assertRegex(response.json()["access_token"], r"\Acwt=")
            self.assertEqual(response.header_lines("Cache-Control"), ["no-store"])
        refusal = self.send("POST", "/WebTicket/oauthtoken", good.replace(b"secret", b"x"))
        self.assertEqual((refusal.status, refusal.json()), (400, {"error": "invalid_grant"}))
        self.assertIsNotNone(refusal.header("X-Ms-diagnostics"))

    def test_other_methods_are_405(self) -> None:
        """The endpoint knows POST and the preflight."""
        response = self.send("GET", "/WebTicket/oauthtoken?grant_type=password")
        self.assertEqual(response.status, 405)
        self.assertEqual(response.header("Allow"), "OPTIONS, POST")

    def test_too_large_a_form_is_413(self) -> None:
        """A body over the limit is refused unread."""
        self.assertEqual(self.send("POST", "/WebTicket/oauthtoken", b"a" * 20_000).status, 413)

    def test_passwords_are_not_taken_over_plain_http(self) -> None:
        """There is no such resource there."""
        body = urlencode(GOOD).encode()
        response = self.send("POST", "/WebTicket/oauthtoken", body, secure=False)
        self.assertEqual(response.status, 404)

    def test_the_access_line_holds_no_secret(self) -> None:
        """Neither password nor token is logged."""
        token = self.send("POST", "/WebTicket/oauthtoken", urlencode(GOOD).encode()).json()
        text = repr(self.log.events)
        self.assertNotIn("secret", text)
        self.assertNotIn(token["access_token"], text)
