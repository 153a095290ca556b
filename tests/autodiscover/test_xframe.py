"""Tests of `mobility.autodiscover.xframe`; what the script does is tested in a browser."""

import hashlib
import json
import re
from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.autodiscover.xframe import as_browsers_write, page

SCRIPTS = re.compile(r"<script([^>]*)>(.*?)</script>", re.DOTALL)


def scripts(body: bytes) -> list[tuple[str, str]]:
    """Attributes and content of each script element, as an HTML parser delimits them."""
    return SCRIPTS.findall(body.decode())


class PageTests(SynchronousTestCase):
    """`page`."""

    def setUp(self) -> None:
        self.page = page(["https://chat.example.test", "http://localhost:3000"], "fe.example.test")

    def test_the_allow_list_is_data(self) -> None:
        """Origins and the documented refusal stand in a JSON block that no browser runs."""
        (attributes, settings), _code = scripts(self.page.body)
        self.assertEqual(attributes, ' type="application/json" id="settings"')
        self.assertEqual(
            json.loads(settings)["origins"], ["https://chat.example.test", "http://localhost:3000"]
        )
        self.assertRegex(
            json.loads(settings)["diagnostics"],
            r'\A\d+;source="fe\.example\.test";'
            r'reason="Service does not allow a cross domain request from this origin\."\Z',
        )

    def test_the_policy_runs_this_script_only(self) -> None:
        """The hash is that of the one script; all but requests to this server is forbidden."""
        _settings, (attributes, code) = scripts(self.page.body)
        self.assertEqual(attributes, "")
        digest = b64encode(hashlib.sha256(code.encode()).digest()).decode()
        directives = dict(
            directive.strip().split(" ", 1) for directive in self.page.policy.split(";")
        )
        self.assertEqual(directives["default-src"], "'none'")
        self.assertEqual(directives["script-src"], f"'sha256-{digest}'")
        self.assertEqual(directives["connect-src"], "'self'")
        self.assertNotIn("unsafe", self.page.policy)

    @given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=3))
    def test_no_setting_gets_out_of_its_block(self, texts: list[str]) -> None:
        """Whatever the configuration holds, there are two scripts and the list is as it was."""
        fqdn = "".join(texts) + "</script><script>alert(1)</script><!--"
        found = scripts(page(["https://a.test"], fqdn).body)
        self.assertEqual(len(found), 2)
        self.assertIn(fqdn, json.loads(found[0][1])["diagnostics"])

    def test_origins_are_written_as_browsers_do(self) -> None:
        """Lower case, without a default port; "*" stays."""
        for given_, written in (
            ("*", "*"),
            ("https://Chat.Example.Test", "https://chat.example.test"),
            ("https://chat.example.test:443", "https://chat.example.test"),
            ("http://chat.example.test:80", "http://chat.example.test"),
            ("https://chat.example.test:8443", "https://chat.example.test:8443"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ):
            self.assertEqual(as_browsers_write(given_), written)
