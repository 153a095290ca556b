"""Tests of `mobility.meet.page` and `mobility.meet.documents`."""

from html.parser import HTMLParser
from xml.etree import ElementTree

import attrs
import msgspec
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.meet import documents
from mobility.meet.documents import NAMESPACE, Door, Number
from mobility.meet.page import POLICY, STYLE, gone_page, meeting_page

DOOR = Door(
    uri="sip:alice@example.test;gruu;opaque=app:conf:focus:id:0123456789ABCDEF",
    key="0123456789ABCDEF",
    join_url="https://meet.example.test/meet/alice/0123456789ABCDEF",
    root_url="https://example.test/root?originalDomain=example.test",
    applications_url="https://example.test/ucwa/oauth/v1/applications",
    internal_applications_url="https://in.example.test/ucwa/oauth/v1/applications",
    guests=True,
)


class Reader(HTMLParser):
    """What stands on a page: its text, its elements and its links."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        tag = self._open[-1] if self._open else ""
        self.texts[tag] = self.texts.get(tag, "") + data
        if tag == "a":
            self.links[data] = self.elements[-1][1]["href"] or ""


class PageTests(SynchronousTestCase):
    """The page of a meeting."""

    @given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80))
    def test_what_people_wrote_is_text_and_nothing_else(self, subject: str, name: str) -> None:
        """Whatever subject and organizer are called, the page has the same elements."""
        plain = Reader(meeting_page(attrs.evolve(DOOR, subject="S", organizer="N")))
        shown = Reader(
            meeting_page(attrs.evolve(DOOR, subject=f"a{subject}", organizer=f"b{name}"))
        )
        self.assertEqual(shown.elements, plain.elements)
        newlines = str.maketrans({"\r": None, "\n": None})
        text = shown.texts["h1"].translate(newlines)
        self.assertEqual(text, f"a{subject}".translate(newlines))

    def test_links(self) -> None:
        """Both ways in are links, and callers can tap the numbers."""
        door = attrs.evolve(
            DOOR, conference_id="123456789", numbers=(Number("Redmond", "+14255550100"),)
        )
        links = Reader(meeting_page(door)).links
        self.assertEqual(links["Join with your account"], f"conf:{DOOR.uri}")
        self.assertEqual(
            links["Join as a guest"],
            "lync15:confjoin?url=https%3A%2F%2Fmeet.example.test%2Fmeet%2Falice%2F0123456789ABCDEF",
        )
        self.assertEqual(links["+14255550100"], "tel:+14255550100")

    def test_no_guests(self) -> None:
        """Where guests are not admitted, no link says they are."""
        links = Reader(meeting_page(attrs.evolve(DOOR, guests=False))).links
        self.assertNotIn("Join as a guest", links)

    def test_loads_nothing(self) -> None:
        """Neither page refers to another resource, and the policy allows its own style alone."""
        for page in (meeting_page(DOOR), gone_page()):
            for tag, attributes in Reader(page).elements:
                self.assertNotIn(tag, ("script", "img", "link", "iframe", "object", "form"))
                self.assertNotIn("src", attributes)
                self.assertNotIn("style", attributes)
                self.assertFalse([name for name in attributes if name.startswith("on")])
        self.assertTrue(POLICY.startswith("default-src 'none'; style-src 'sha256-"))
        self.assertNotIn("url(", STYLE)
        self.assertNotIn("<", STYLE)

    def test_accessible(self) -> None:
        """The page names its language, has one main heading, and fits a phone."""
        elements = Reader(meeting_page(DOOR)).elements
        self.assertIn(("html", {"lang": "en"}), elements)
        self.assertEqual([tag for tag, _ in elements].count("h1"), 1)
        viewport = {"name": "viewport", "content": "width=device-width, initial-scale=1"}
        self.assertIn(("meta", viewport), elements)


class DocumentTests(SynchronousTestCase):
    """The forms for programs."""

    def test_xml(self) -> None:
        """The elements that the vendor's clients read."""
        root = ElementTree.fromstring(documents.xml(DOOR))
        self.assertEqual(root.tag, f"{{{NAMESPACE}}}conf-info")
        found = {element.tag.partition("}")[2]: element.text for element in root}
        self.assertEqual(found["conf-uri"], DOOR.uri)
        self.assertEqual(found["conf-key"], DOOR.key)
        self.assertEqual(found["original-incoming-url"], DOOR.join_url)
        self.assertEqual(found["ucwa-ext-url"], DOOR.applications_url)
        self.assertEqual(found["ucwa-int-url"], DOOR.internal_applications_url)

    def test_json(self) -> None:
        """What may not be known is left out."""
        shown = msgspec.json.decode(documents.json(DOOR))
        self.assertEqual(shown["onlineMeetingUri"], DOOR.uri)
        self.assertEqual(shown["_links"]["root"], {"href": DOOR.root_url})
        self.assertFalse({"subject", "organizerName", "conferenceId"} & set(shown))
        named = attrs.evolve(DOOR, subject="Plans", organizer="Alice")
        shown = msgspec.json.decode(documents.json(named))
        self.assertEqual((shown["subject"], shown["organizerName"]), ("Plans", "Alice"))

    def test_secrets(self) -> None:
        """A key does not get into a log by way of a representation."""
        self.assertNotIn(f"key='{DOOR.key}'", repr(DOOR))
        self.assertNotIn("join_url", repr(DOOR))
