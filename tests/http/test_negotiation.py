"""Tests of `mobility.http.negotiation`."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.http import negotiation
from mobility.http.limits import NEGOTIATED
from mobility.http.message import Media
from mobility.http.negotiation import content_type, negotiate

VENDOR = "application/vnd.microsoft.com.ucwa"


class NegotiationTests(SynchronousTestCase):
    """From Accept to a media type."""

    def test_types(self) -> None:
        """Each spelling is answered with itself; JSON is the default."""
        for accept, expected, xml in (
            ("", "application/json", False),
            ("*/*", "application/json", False),
            ("application/*", "application/json", False),
            ("text/html,application/xhtml+xml", "application/json", False),
            ("application/json", "application/json", False),
            ("Application/JSON; charset=utf-8", "application/json", False),
            (VENDOR + "+json", VENDOR + "+json", False),
            (VENDOR + "+xml", VENDOR + "+xml", True),
            ("application/vnd.microsoft.ucwa+json", "application/vnd.microsoft.ucwa+json", False),
            ("application/vnd.microsoft.ucwa+xml", "application/vnd.microsoft.ucwa+xml", True),
            ("application/xml", "application/xml", True),
        ):
            self.assertEqual(negotiate(accept, ""), Media(expected, xml), accept)

    def test_quality(self) -> None:
        """The highest quality wins, the first of equals, and q=0 is never taken."""
        for accept, expected in (
            ("application/xml;q=0.5, application/json;q=0.4", "application/xml"),
            ("application/xml, application/json", "application/xml"),
            ("application/json;q=0, application/xml", "application/xml"),
            ("application/xml;q=0", "application/json"),
            ("text/html, application/xml;q=0.9, */*;q=0.8", "application/xml"),
            ("application/xml;q=nan, */*;q=0.1", "application/json"),
            ("application/xml;q=7, */*;q=0.1", "application/json"),
            ("application/xml;q=x, */*;q=0.1", "application/json"),
        ):
            self.assertEqual(negotiate(accept, "").content_type, expected, accept)

    def test_gzip(self) -> None:
        """gzip is used when it is named or covered by `*`, unless its quality is 0."""
        for encoding, expected in (
            ("", False),
            ("gzip, deflate, br", True),
            ("identity", False),
            ("gzip;q=0", False),
            ("*;q=0.1", True),
            ("*, gzip;q=0", False),
            ("X-GZIP", True),
        ):
            self.assertEqual(negotiate("", encoding).gzip, expected, encoding)

    def test_content_type(self) -> None:
        """What is sent names UTF-8."""
        self.assertEqual(content_type(negotiate("", "")), "application/json; charset=utf-8")

    def test_memory_is_bounded(self) -> None:
        """However many header texts come, few are remembered, and no long one."""
        for number in range(2 * NEGOTIATED):
            negotiate(f"text/x{number}", "")
        negotiate("x" * 1000, "")
        self.assertLessEqual(len(negotiation._remembered), NEGOTIATED)
        self.assertNotIn(("x" * 1000, ""), negotiation._remembered)

    @given(st.text(max_size=60), st.text(max_size=30))
    def test_any_text(self, accept: str, encoding: str) -> None:
        """Any header text gives a known media type."""
        self.assertIn("application/", negotiate(accept, encoding).content_type)
