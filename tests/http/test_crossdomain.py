"""Tests of `mobility.http.crossdomain`, and that every request passes it."""

from mobility.http.crossdomain import CrossDomain, origin_of
from mobility.testing import WEB
from tests.http.sites import ALLOWED, Case

STRANGER = "https://stranger.example.test"


class CrossDomainTests(Case):
    """Origins."""

    def test_preflight(self) -> None:
        """A preflight of an allowed origin names methods and the headers that were asked for."""
        answer = self.ask(
            "OPTIONS",
            "/private/x",
            headers={
                "Origin": ALLOWED,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization, x-new",
            },
        )
        self.assertEqual(answer.status, 204)
        self.assertEqual(answer.header("Access-Control-Allow-Origin"), ALLOWED)
        self.assertEqual(answer.header("Access-Control-Allow-Credentials"), "true")
        self.assertEqual(answer.header("Access-Control-Allow-Methods"), "GET, HEAD, OPTIONS, POST")
        self.assertEqual(answer.header("Access-Control-Allow-Headers"), "authorization, x-new")
        self.assertEqual(answer.header("Access-Control-Max-Age"), "3600")
        self.assertEqual(answer.header("Vary"), "Origin")

    def test_preflight_of_nothing(self) -> None:
        """A preflight on an unknown path is 404; one without an origin only says Allow."""
        self.assertEqual(self.ask("OPTIONS", "/none", headers={"Origin": ALLOWED}).status, 404)
        answer = self.ask("OPTIONS", "/hello")
        self.assertEqual((answer.status, answer.header("Allow")), (204, "GET, HEAD, OPTIONS"))
        self.assertIsNone(answer.header("Access-Control-Allow-Methods"))

    def test_stranger(self) -> None:
        """Another origin is refused with the documented reason, preflight or not."""
        for headers in (
            {"Origin": STRANGER},
            {"Origin": "null"},
            {"X-Ms-Origin": STRANGER},
            {"Origin": "https://external.example.test:4443", "X-Ms-Origin": STRANGER},
        ):
            for method in ("OPTIONS", "GET"):
                answer = self.ask(method, "/hello", headers=headers)
                self.assertEqual(answer.status, 403)
                self.assertEqual(
                    answer.header("X-Ms-diagnostics"),
                    '28060;source="fe.example.test";reason="Service does not allow a cross domain '
                    'request from this origin."',
                )
                if headers.get("Origin") in (STRANGER, "null"):
                    self.assertIsNone(answer.header("Access-Control-Allow-Origin"))
        self.assertEqual(self.staged.handlers.seen, [])

    def test_allowed(self) -> None:
        """Allowed origins and our own are served and may read the answer and its headers."""
        for origin in (
            ALLOWED,
            "https://external.example.test:4443",
            "https://INTERNAL.example.test",
        ):
            answer = self.ask("GET", "/hello", headers={"Origin": origin})
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.header("Access-Control-Allow-Origin"), origin)
            self.assertIn("Location", answer.header("Access-Control-Expose-Headers") or "")

    def test_allowed_error(self) -> None:
        """An allowed page may read an error too."""
        answer = self.ask("GET", "/private/x", headers={"Origin": ALLOWED})
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.header("Access-Control-Allow-Origin"), ALLOWED)

    def test_frame(self) -> None:
        """A request through the XFrame carries the page's origin, which is checked."""
        headers = {"Origin": "https://external.example.test:4443", "X-Ms-Origin": ALLOWED}
        self.assertEqual(self.ask("GET", "/hello", headers=headers).status, 200)

    def test_any(self) -> None:
        """`*` allows any origin, but not its use of cookies."""
        anyone = CrossDomain([WEB.external_url], ["*"], "fe")
        self.assertEqual(anyone.admit({"origin": STRANGER}), STRANGER)
        granted = dict(anyone.answer_headers(STRANGER))
        self.assertEqual(granted["Access-Control-Allow-Origin"], "*")
        self.assertNotIn("Access-Control-Allow-Credentials", granted)

    def test_origin_of(self) -> None:
        """An origin has no default port, no path and no upper case."""
        for url, origin in (
            ("https://A.test:443/x", "https://a.test"),
            ("http://a.test:80", "http://a.test"),
            ("https://a.test:80", "https://a.test:80"),
            ("https://[::1]:8443/", "https://[::1]:8443"),
        ):
            self.assertEqual(origin_of(url), origin)

    def test_preflight_header_names(self) -> None:
        """Header names that are none are not echoed."""
        headers = {"Origin": ALLOWED, "Access-Control-Request-Headers": "<script>"}
        answer = self.ask("OPTIONS", "/hello", headers=headers)
        self.assertIn("Authorization", answer.header("Access-Control-Allow-Headers") or "")
