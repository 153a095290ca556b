"""HTML messages: what is kept of them, and what they say as plain text."""

import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.html_message import (
    ATTRIBUTES,
    MAX_HTML_BYTES,
    MAX_TAGS,
    SCHEMES,
    TAGS,
    plain_text,
    read_html,
)
from mobility.errors import PeerFault

PIECES = (
    *("<b>", "</b>", "<p>", "</p>", "<div style='color:red;position:fixed'>", "</div>", "<br>"),
    *("<a href='https://x.test/'>", "<a href=javascript:x()>", "</a>", "<img src=x onerror=x()>"),
    *("<script>", "</script>", "<style>", "</style>", "<svg onload=x()>", "<math>", "<table><td>"),
    *("<!--", "-->", "&lt;", "&amp", "&#60;script&#62;", "<", ">", '"', "'", "\0", " ", "\n"),
    *("<iframe src=//x.test>", "<form><input name=x>", "<pre>", "<li>", "<ul>", "plain text"),
)
"""What messages are put together from that try to get something through."""


class Judge(HTMLParser):
    """Looks for anything that is not on the list."""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        for name, value in attributes:
            assert name in ATTRIBUTES.get(tag, set()) or (tag, name) == ("a", "rel"), (tag, name)
            if name == "href":
                assert value is not None
                assert value.partition(":")[0].lower() in SCHEMES, value
            if name == "style":
                assert "position" not in (value or ""), value

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl}")


class SanitisedTests(SynchronousTestCase):
    """What is kept."""

    def test_kept(self) -> None:
        """Emphasis, lists, colours and links are kept as they are."""
        for html in (
            "<b>bold</b> and <i>not</i>",
            "<ul><li>one</li><li>two</li></ul>",
            '<span style="color:red">red</span>',
            '<font color="red" face="Segoe UI" size="3">font</font>',
            '<p style="text-align:right">right</p>',
        ):
            self.assertEqual(read_html(html).html, html)

    def test_links(self) -> None:
        """Links to the web, to mail and to people are kept and tell nobody where they came from."""
        for href in ("https://x.test/?a=1", "mailto:a@x.test", "sip:a@x.test", "tel:+14255550100"):
            kept = f'<a href="{href}" rel="noopener noreferrer">x</a>'
            self.assertEqual(read_html(f"<a href='{href}' onclick='x()'>x</a>").html, kept)
        for href in (
            "javascript:x()",
            "data:text/html,x",
            "/relative",
            "//x.test/",
            "JaVaScRiPt:x",
        ):
            self.assertNotIn("href", read_html(f"<a href='{href}'>x</a>").html)

    def test_taken_out(self) -> None:
        """Scripts and styles go with what is in them, other tags without."""
        taken = read_html("<script>x()</script><style>p{}</style><h9>Hi</h9><img src=x><!-- c -->")
        self.assertEqual((taken.html, taken.plain), ("Hi", "Hi"))

    def test_nothing_said(self) -> None:
        """A message of which nothing remains has no plain text."""
        for html in (
            "<script>x()</script>",
            "<p> </p><br>",
            "<img src='https://x.test/'>",
            "<!--x",
        ):
            self.assertEqual(read_html(html).plain, "")

    def test_limits(self) -> None:
        """Too many tags, too many bytes, and too many once they are escaped, are refused."""
        half = MAX_TAGS // 2 - 2
        tangle = "<p>" + "".join(f"<b a{n}>" for n in range(half)) + "</p>" + "<p>x" * half
        for html in ("<b>" * (MAX_TAGS + 1), "x" * (MAX_HTML_BYTES + 1), "&" * 20_000, tangle):
            with self.assertRaises(PeerFault) as raised:
                read_html(html)
            self.assertEqual(raised.exception.status, 413)

    @given(st.lists(st.sampled_from(PIECES), max_size=40))
    def test_anything(self, pieces: list[str]) -> None:
        """Whatever is sent, only what is on the lists remains, and it stays so."""
        kept = read_html("".join(pieces))
        Judge().feed(kept.html)
        self.assertNotIn("\0", kept.html)
        again = read_html(kept.html) if kept.html.count("<") <= MAX_TAGS else kept
        self.assertEqual(again.plain, kept.plain)

    @given(st.text(max_size=300))
    def test_text(self, text: str) -> None:
        """Text without markup says the same as HTML, but for its white space."""
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        said = re.sub(r"\s+", "", read_html(escaped).plain)
        self.assertEqual(said, re.sub(r"\s+", "", text.replace("\0", "")))


class PlainTests(SynchronousTestCase):
    """What HTML says as plain text."""

    def test_blocks(self) -> None:
        """Paragraphs, breaks and list items are lines."""
        html = "<p>one</p><p>two<br>three</p><ul><li>a</li><li>b</li></ul><div>end</div>"
        self.assertEqual(plain_text(html), "one\ntwo\nthree\n- a\n- b\nend")

    def test_spaces(self) -> None:
        """White space is one space, except in `pre`."""
        self.assertEqual(plain_text("a \n  b <b> c</b>"), "a b c")
        self.assertEqual(plain_text("x<pre>a\n  b</pre>y"), "x\na\n  b\ny")

    def test_entities(self) -> None:
        """Entities are the characters that they stand for."""
        self.assertEqual(plain_text("1 &lt; 2 &amp;&amp; x&nbsp;y"), "1 < 2 && x\u00a0y")

    def test_links(self) -> None:
        """A link says where it leads, unless its text does."""
        self.assertEqual(plain_text('<a href="https://x.test/">here</a>'), "here (https://x.test/)")
        self.assertEqual(plain_text('<a href="mailto:a@x.test">a@x.test</a>'), "a@x.test")
