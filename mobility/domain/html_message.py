"""HTML messages: what of their markup is kept, and their plain text for who shows no HTML.

Kept are paragraphs, lists, quotations, line breaks, emphasis, fonts, colours and links; scripts,
styles, pictures, forms, comments and everything else are taken out (`nh3`, an allow list).  What
remains makes no client load or run anything.
"""

import re
from html.parser import HTMLParser

import attrs
import nh3

from mobility.errors import PeerFault

MAX_HTML_BYTES = 64 * 1024
"""UTF-8 bytes of an HTML message, as it comes and as it is kept (our choice: as other messages)."""

MAX_TAGS = 256
"""`<` in an HTML message (our choice: HTML's rules for tags in a bad order let n tags become n
squared, and 256 of them take 10 ms)."""

BLOCKS = frozenset({"blockquote", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "p", "pre"})
"""Tags that begin a line of their own."""

TAGS = BLOCKS | {
    *("a", "b", "br", "code", "del", "em", "font", "i", "ins", "ol", "s", "small", "span"),
    *("strong", "sub", "sup", "u", "ul"),
}
"""The tags that are kept."""

ATTRIBUTES = {
    "a": {"href"},
    "font": {"color", "face", "size"},
    **{tag: {"style"} for tag in ("div", "p", "span")},
}
"""The attributes that are kept, by tag."""

STYLES = {
    *("background-color", "color", "font-family", "font-size", "font-style", "font-weight"),
    *("margin-left", "text-align", "text-decoration"),
}
"""The properties that are kept of a `style`."""

SCHEMES = {"http", "https", "mailto", "sip", "tel"}
"""The schemes of links that are kept."""

_SPACE = re.compile(r"[ \t\r\n\f]+")
_BREAKS = re.compile(r"\n{3,}")


@attrs.frozen(slots=True)
class HtmlMessage:
    """A sanitised HTML message and the same as plain text."""

    html: str = attrs.field(repr=False)
    plain: str = attrs.field(repr=False)


def read_html(text: str) -> HtmlMessage:
    """The message as it is kept.

    Raises PeerFault, 413 EntityTooLarge, for one that is too long or has too many tags.  One that
    says nothing has an empty `plain`.
    """
    if text.count("<") > MAX_TAGS or len(text.encode()) > MAX_HTML_BYTES:
        raise PeerFault("EntityTooLarge", None, "The message is too long or has too many tags.")
    html = nh3.clean(
        text,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        url_relative="deny",
        filter_style_properties=STYLES,
    ).replace("\0", "")
    if len(html.encode()) > MAX_HTML_BYTES:
        raise PeerFault("EntityTooLarge", None, "The message is too long.")
    return HtmlMessage(html, plain_text(html))


def plain_text(html: str) -> str:
    """What sanitised HTML says: a line for each block, links with where they lead."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    """Writes down the text of well-formed HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._verbatim = 0
        self._link: tuple[str, int] = "", 0
        """Where the open link leads, and at which part its text begins."""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self._parts.append("\n")
        elif tag == "a":
            self._link = dict(attributes).get("href") or "", len(self._parts)
        elif tag in BLOCKS:
            self._new_line()
            self._verbatim += tag == "pre"
            if tag == "li":
                self._parts.append("- ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            href, begins = self._link
            if href and href.partition(":")[2] not in "".join(self._parts[begins:]):
                self._parts.append(f" ({href})")
            self._link = "", 0
        elif tag in BLOCKS:
            self._verbatim -= tag == "pre"
            self._new_line()

    def handle_data(self, data: str) -> None:
        text = data if self._verbatim else _SPACE.sub(" ", data)
        if not self._verbatim and (not self._parts or self._parts[-1].endswith((" ", "\n"))):
            text = text.lstrip(" ")
        if text:
            self._parts.append(text)

    def _new_line(self) -> None:
        if self._parts and not self._parts[-1].endswith("\n"):
            self._parts.append("\n")

    def text(self) -> str:
        lines = "".join(self._parts).split("\n")
        return _BREAKS.sub("\n\n", "\n".join(line.rstrip(" ") for line in lines)).strip("\n ")
