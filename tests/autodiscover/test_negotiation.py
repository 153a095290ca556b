"""Tests of `mobility.autodiscover.negotiation`."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.autodiscover.negotiation import Form, negotiate

XML = "application/vnd.microsoft.rtc.autodiscover+xml"


class NegotiateTests(SynchronousTestCase):
    """`negotiate`."""

    def test_known_clients_get_their_form(self) -> None:
        """UCWA clients HAL or its XML, SIPE XML, browsers and others both JSON shapes."""
        for accept, form in (
            ("", Form.BOTH),
            ("*/*", Form.BOTH),
            ("application/json", Form.HAL),
            ("Application/JSON; charset=utf-8", Form.HAL),
            ("application/json, text/javascript, */*; q=0.01", Form.HAL),
            ("application/vnd.microsoft.com.ucwa+json", Form.HAL),
            ("application/xml", Form.RESOURCE),
            ("application/vnd.microsoft.com.ucwa+xml", Form.RESOURCE),
            ("application/vnd.microsoft.rtc.autodiscover+json", Form.CLASSIC),
            (f"{XML};v=1", Form.XML),
            (XML.upper(), Form.XML),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Form.BOTH),
            ("text/html", Form.BOTH),
        ):
            self.assertIs(negotiate(accept), form, accept)

    def test_the_highest_quality_counts(self) -> None:
        """Of equals the first; `q=0` refuses; a quality that cannot be read is 1."""
        for accept, form in (
            (f"application/json;q=0.5, {XML};v=1", Form.XML),
            (f"application/json, {XML};v=1", Form.HAL),
            (f"{XML};v=1;q=0.1, application/json;q=0.2", Form.HAL),
            (f"{XML};q=0, */*", Form.BOTH),
            (f"application/json;q=0.9, {XML};q=high", Form.XML),
            (f"application/json;q=0.9, {XML};q=nan", Form.XML),
        ):
            self.assertIs(negotiate(accept), form, accept)

    def test_the_content_types_begin_as_clients_expect(self) -> None:
        """SIPE reads only a body whose type starts with the vendor's; HAL is plain JSON."""
        self.assertTrue(Form.XML.value.startswith(XML))
        self.assertEqual(Form.HAL.value, "application/json")
        self.assertTrue(Form.BOTH.value.startswith("application/json"))
        self.assertTrue(
            Form.CLASSIC.value.startswith("application/vnd.microsoft.rtc.autodiscover+json")
        )

    @given(st.text(max_size=200) | st.text("*/;,=q.01 +xmljson", max_size=200))
    def test_any_header_has_a_form(self, accept: str) -> None:
        """Nothing a client writes makes it fail."""
        self.assertIsInstance(negotiate(accept), Form)
