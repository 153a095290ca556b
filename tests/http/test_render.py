"""Tests of `mobility.http.render` and `mobility.http.xml_document`."""

from typing import Any
from xml.etree import ElementTree

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.http.message import Document, Instant, Media
from mobility.http.render import encode

JSON = Media("application/json")
XML = Media("application/xml", xml=True)
NS = "{http://schemas.microsoft.com/rtc/2012/03/ucwa}"

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
VALUE = st.one_of(TEXT, st.booleans(), st.integers(-(2**60), 2**60), st.lists(TEXT, max_size=3))


def xml(document: Document) -> ElementTree.Element:
    return ElementTree.fromstring(encode(document, XML))


class JsonTests(SynchronousTestCase):
    """Documents as JSON."""

    def test_compact(self) -> None:
        """JSON has no superfluous blanks, and text stays UTF-8."""
        self.assertEqual(
            encode({"rel": "é", "n": [1, None]}, JSON), '{"rel":"é","n":[1,null]}'.encode()
        )

    def test_dates(self) -> None:
        """A date is milliseconds in the vendor's form, with its escaped slashes."""
        body = encode({"at": Instant(1234567890.1234)}, JSON)
        self.assertEqual(body, b'{"at":"\\/Date(1234567890123)\\/"}')
        self.assertEqual(msgspec.json.decode(body), {"at": "/Date(1234567890123)/"})

    def test_unknown_values(self) -> None:
        """A value that is no document value is a TypeError in both forms."""
        for media in (JSON, XML):
            with self.assertRaises(TypeError):
                encode({"rel": "a", "b": object()}, media)

    @given(st.dictionaries(TEXT, VALUE, max_size=5))
    def test_round_trip(self, document: dict[str, Any]) -> None:
        """What is encoded decodes to the same."""
        self.assertEqual(msgspec.json.decode(encode(document, JSON)), document)


class XmlTests(SynchronousTestCase):
    """Documents as XML."""

    def test_resource(self) -> None:
        """Links, properties, lists and embedded resources; `self` is the href; dates are ISO."""
        body = encode(
            {
                "rel": "me",
                "name": "A & B",
                "available": True,
                "at": Instant(1.5),
                "absent": None,
                "modalities": ["Messaging", "Audio"],
                "_links": {
                    "self": {"href": "/me?a=1&b=2", "revision": "2"},
                    "photo": {"href": "/photo", "title": '"x"'},
                    "contact": [{"href": "/1"}, {"href": "/2"}],
                },
                "_embedded": {
                    "note": {"rel": "note", "message": "hi", "_links": {"self": {"href": "/n"}}},
                    "phone": [{"number": "1"}, {"number": "2"}],
                },
            },
            XML,
        )
        self.assertEqual(
            body.decode(),
            '<?xml version="1.0" encoding="utf-8"?>'
            '<resource rel="me" href="/me?a=1&amp;b=2" revision="2" '
            'xmlns="http://schemas.microsoft.com/rtc/2012/03/ucwa">'
            '<link rel="photo" href="/photo" title="&quot;x&quot;" />'
            '<link rel="contact" href="/1" /><link rel="contact" href="/2" />'
            '<property name="name">A &amp; B</property>'
            '<property name="available">true</property>'
            '<property name="at">1970-01-01T00:00:01.500Z</property>'
            '<propertyList name="modalities"><item>Messaging</item><item>Audio</item>'
            "</propertyList>"
            '<resource rel="note" href="/n"><property name="message">hi</property></resource>'
            '<resource rel="phone"><property name="number">1</property></resource>'
            '<resource rel="phone"><property name="number">2</property></resource>'
            "</resource>",
        )

    def test_embedded_under_another_name(self) -> None:
        """An embedded resource stands under the name it has there, and says its own rel."""
        person = {"rel": "participant", "name": "Bob"}
        root = xml({"rel": "invitation", "_embedded": {"from": person, "participant": [person]}})
        self.assertEqual([one.get("rel") for one in root], ["from", "participant"])
        said = [{one.get("name"): one.text for one in resource} for resource in root]
        self.assertEqual(said, [{"rel": "participant", "name": "Bob"}, {"name": "Bob"}])

    def test_events(self) -> None:
        """The event channel: senders hold elements named by type, with their link attributes."""
        document = {
            "_links": {"self": {"href": "/e?ack=1"}, "next": {"href": "/e?ack=2"}},
            "sender": [
                {
                    "rel": "me",
                    "href": "/me",
                    "events": [
                        {"link": {"rel": "me", "href": "/me"}, "type": "updated"},
                        {
                            "link": {"rel": "note", "href": "/n"},
                            "type": "added",
                            "in": {"rel": "me", "href": "/me"},
                            "_embedded": {"note": {"rel": "note", "message": "hi"}},
                        },
                        {
                            "link": {"rel": "messagingInvitation", "href": "/i"},
                            "type": "completed",
                            "status": "Failure",
                            "reason": {"code": "LocalFailure", "subcode": "Canceled"},
                        },
                    ],
                }
            ],
        }
        self.assertEqual(
            encode(document, XML).decode(),
            '<?xml version="1.0" encoding="utf-8"?>'
            '<events href="/e?ack=1" xmlns="http://schemas.microsoft.com/rtc/2012/03/ucwa">'
            '<link rel="next" href="/e?ack=2" />'
            '<sender rel="me" href="/me"><updated rel="me" href="/me" />'
            '<added rel="note" href="/n"><in rel="me" href="/me" />'
            '<resource rel="note"><property name="message">hi</property></resource></added>'
            '<completed rel="messagingInvitation" href="/i" status="Failure">'
            "<reason><code>LocalFailure</code><subcode>Canceled</subcode></reason></completed>"
            "</sender></events>",
        )

    def test_links_only(self) -> None:
        """An answer of the event channel with links only is `events` too."""
        root = xml({"_links": {"self": {"href": "/e"}, "resync": {"href": "/r"}}})
        self.assertEqual([root.tag, root[0].get("rel")], [NS + "events", "resync"])

    def test_reason(self) -> None:
        """An error is `reason`; its parameters are a property bag."""
        root = xml(
            {
                "code": "BadRequest",
                "subcode": "ParameterValidationFailure",
                "parameters": [{"name": "to", "reason": "is required"}],
                "debugInfo": {"requestId": "x1"},
            }
        )
        self.assertEqual(root.tag, NS + "reason")
        self.assertEqual(root.findtext(NS + "code"), "BadRequest")
        parameter = root.find(f"{NS}parameters/{NS}property")
        assert parameter is not None
        self.assertEqual((parameter.get("name"), parameter.text), ("to", "is required"))

    def test_objects_as_properties(self) -> None:
        """A property that is an object, or a list of them, holds properties."""
        root = xml({"rel": "a", "b": {"c": "d"}, "e": [{"f": 1}]})
        self.assertEqual(root.findtext(f"{NS}property/{NS}property"), "d")
        self.assertEqual(root.findtext(f"{NS}propertyList/{NS}item/{NS}property"), "1")

    def test_forbidden_characters(self) -> None:
        """What XML cannot hold is replaced, in text and in attributes."""
        root = xml({"rel": "a\x01", "b": "c\x00\x1f\ufffe\tend\r\n"})
        self.assertEqual(root.get("rel"), "a\ufffd")
        self.assertEqual(root[0].text, "c\ufffd\ufffd\ufffd\tend\r\n")

    @given(st.dictionaries(TEXT, VALUE, max_size=4), TEXT)
    def test_well_formed(self, values: dict[str, Any], href: str) -> None:
        """XML is well-formed for any text, and text that XML can hold comes back."""
        for reserved in ("rel", "code", "_links", "_embedded"):
            values.pop(reserved, None)
        links = {"self": {"href": href}, "other": {"href": href}}
        root = xml({**values, "rel": "x", "_links": links})
        read = {element.get("name"): element for element in root if element.tag != NS + "link"}
        for name, value in values.items():
            if isinstance(value, str) and name.isprintable() and value.isprintable():
                self.assertEqual(read[name].text or "", value)
