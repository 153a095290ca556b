"""XML bodies are read within bounds, and written so that they are read the same."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.grammar import Malformed
from mobility.sip.xml_elements import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    document,
    element,
    parse_xml,
    words,
)

TEXTS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=30).map(str.strip)


class XmlElementsTests(SynchronousTestCase):
    def test_tree(self) -> None:
        """Elements have namespaces, attributes by local name, children and text."""
        root = parse_xml(b'<a xmlns="urn:x" xmlns:y="urn:y" y:k="v"> t <y:b>1</y:b><b>2</b></a>')
        self.assertEqual(
            (root.namespace, root.name, root.get("k"), root.text), ("urn:x", "a", "v", "t")
        )
        self.assertEqual([one.text for one in root.all("b")], ["1", "2"])
        self.assertEqual([one.text for one in root.all("b", "urn:x")], ["2"])
        self.assertIsNone(root.first("c"))
        self.assertEqual(root.words("b"), "1")

    def test_document_types_are_refused(self) -> None:
        """Neither a document type nor an entity is looked at, so nothing is fetched or expanded."""
        for text in (
            b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>',
            b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
            b"<!DOCTYPE a><a/>",
        ):
            self.assertIn("document type", str(self.assertRaises(Malformed, parse_xml, text)))

    def test_bounds(self) -> None:
        """Depth and number of elements are bounded."""
        deep = b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1)
        self.assertIn("deeper", str(self.assertRaises(Malformed, parse_xml, deep)))
        many = b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>"
        self.assertIn("more than", str(self.assertRaises(Malformed, parse_xml, many)))
        parse_xml(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH)

    @given(st.binary(max_size=200))
    def test_anything(self, body: bytes) -> None:
        """Bytes that are no document are Malformed and nothing else."""
        try:
            parse_xml(body)
        except Malformed:
            pass

    @given(TEXTS, TEXTS)
    def test_round_trip(self, text: str, value: str) -> None:
        """What is written is read the same, whatever characters it has."""
        root = parse_xml(document(element("a", {"k": value}, words("b", text))))
        self.assertEqual((root.get("k"), root.words("b")), (value, text))

    def test_characters_that_xml_has_not(self) -> None:
        """A control character is replaced, so that the document stays well-formed."""
        self.assertEqual(parse_xml(document(words("a", "x\x01y"))).text, "x\ufffdy")
