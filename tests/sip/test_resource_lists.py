"""Resource lists in, list notifications out."""

from email import message_from_bytes
from email.policy import SMTP

from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.grammar import Malformed
from mobility.sip.resource_lists import (
    MAX_ENTRIES,
    RLMI_TYPE,
    Resource,
    parse_list,
    related,
    rlmi,
)
from mobility.sip.xml_elements import parse_xml

LIST = b"""<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"
 xmlns:cp="urn:ietf:params:xml:ns:copyControl"><list><entry uri="sip:bob@example.test"
 cp:copyControl="to"><display-name>Bob</display-name></entry><list name="more">
<entry uri="sip:carol@example.test"/><entry uri="sip:bob@example.test"/></list></list>
</resource-lists>"""


class ResourceListTests(SynchronousTestCase):
    def test_entries(self) -> None:
        """The entries of all lists within one another, each once."""
        self.assertEqual(parse_list(LIST), ["sip:bob@example.test", "sip:carol@example.test"])

    def test_malformed(self) -> None:
        """Another document, an entry without a URI, and too many are refused."""
        entries = b"".join(b'<entry uri="sip:%d@x"/>' % n for n in range(MAX_ENTRIES + 1))
        for body in (
            LIST.replace(b"ns:resource-lists", b"ns:other"),
            LIST.replace(b'uri="sip:carol@example.test"', b""),
            LIST.replace(b"<list>", b"<list>" + entries),
        ):
            self.assertRaises(Malformed, parse_list, body)

    def test_rlmi(self) -> None:
        """The list's own part names each resource, its state, and the part that has it."""
        resources = [
            Resource("sip:bob@example.test", "Bob & Co", content_id="1@x"),
            Resource("sip:eve@example.test", state="terminated", reason="noresource"),
        ]
        root = parse_xml(rlmi("sip:contacts@example.test", 2, resources, full=True))
        self.assertEqual((root.get("version"), root.get("fullState")), ("2", "true"))
        bob, eve = root.all("resource")
        self.assertEqual((bob.words("name"), bob.get("uri")), ("Bob & Co", "sip:bob@example.test"))
        instances = [one.first("instance") for one in (bob, eve)]
        self.assertEqual(
            [one and (one.get("state"), one.get("cid"), one.get("reason")) for one in instances],
            [("active", "1@x", ""), ("terminated", "", "noresource")],
        )

    def test_related(self) -> None:
        """The whole is a multipart/related that a MIME parser takes apart again."""
        kind, body = related(
            "50UBfW7LSCVLtggUPe5z",
            ("root@x", f"{RLMI_TYPE};charset=UTF-8", b"<list/>"),
            [("1@x", "application/pidf+xml", b"<presence/>")],
        )
        message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=SMTP)
        self.assertEqual(message.get_content_type(), "multipart/related")
        self.assertEqual(message.get_param("type"), RLMI_TYPE)
        self.assertEqual(message.get_param("start"), "<root@x>")
        parts = [(one["Content-ID"], one.get_content_type()) for one in message.iter_parts()]
        self.assertEqual(parts, [("<root@x>", RLMI_TYPE), ("<1@x>", "application/pidf+xml")])
