"""Presence documents as phones and servers send them, and as they are written here."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.sip.grammar import Malformed
from mobility.sip.pidf import ACTIVITIES, MAX_NOTE, Pidf
from tests.sip.test_xml_elements import TEXTS

LINPHONE = b"""<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@example.test">
<tuple id="x1"><status><basic>open</basic></status>
<contact priority="0.8">sip:alice@192.0.2.7</contact>
<timestamp>2026-11-28T16:00:00Z</timestamp></tuple>
<dm:person id="p1"><rpid:activities><rpid:on-the-phone/></rpid:activities>
<dm:note>Back at five</dm:note></dm:person></presence>"""

DRAFT = b"""<presence xmlns="urn:ietf:params:xml:ns:pidf"
 xmlns:r="urn:ietf:params:xml:ns:pidf:status:rpid" entity="pres:a@example.test">
<tuple id="x"><status><basic>open</basic><r:activities><r:activity>busy</r:activity></r:activities>
</status><note>In a hurry</note></tuple></presence>"""

RICH = b"""<p:presence xmlns:p="urn:ietf:params:xml:ns:pidf"
 xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" xmlns:lt="urn:ietf:params:xml:ns:location-type"
 entity="sip:a@b.test">
<p:tuple id="t1"><p:status><p:basic>closed</p:basic></p:status></p:tuple>
<p:tuple id="t2"><p:status><p:basic>open</p:basic></p:status></p:tuple>
<dm:person id="p1"><rpid:activities><rpid:note>Do not disturb</rpid:note><rpid:busy/>
<rpid:other>fishing</rpid:other></rpid:activities>
<rpid:place-type><lt:office/></rpid:place-type>
<rpid:user-input last-input="2026-11-28T16:00:00Z">idle</rpid:user-input>
</dm:person></p:presence>"""


class PidfTests(SynchronousTestCase):
    def test_person(self) -> None:
        """Activities and note of the person, and the tuple's status and contact."""
        read = Pidf.parse(LINPHONE)
        self.assertEqual(
            read,
            Pidf(
                "sip:alice@example.test",
                open=True,
                activities=frozenset({"on-the-phone"}),
                note="Back at five",
                contact="sip:alice@192.0.2.7",
            ),
        )

    def test_draft(self) -> None:
        """Activities stand in the tuple's status in the form before RFC 4480."""
        read = Pidf.parse(DRAFT)
        self.assertEqual((read.open, read.activities), (True, {"busy"}))
        self.assertEqual(read.note, "In a hurry")

    def test_rich(self) -> None:
        """One open tuple of several is enough; what is said in words is kept beside activities."""
        read = Pidf.parse(RICH)
        self.assertTrue(read.open)
        self.assertEqual(read.activities, {"busy", "other"})
        self.assertEqual(read.activity_notes, ("Do not disturb", "fishing"))
        self.assertEqual((read.idle, read.last_input), (True, 1_795_881_600.0))
        self.assertEqual(read.place, "office")

    def test_no_presence(self) -> None:
        """Another document, and one that says nothing of anybody's presence, are malformed."""
        for body in (
            b"<presence/>",
            b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b"/>',
            b'<list xmlns="urn:ietf:params:xml:ns:pidf"/>',
            b"",
        ):
            self.assertRaises(Malformed, Pidf.parse, body)

    def test_person_alone(self) -> None:
        """Who has a person and no tuple is there."""
        body = (
            b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b">'
            b'<person xmlns="urn:ietf:params:xml:ns:pidf:data-model" id="p"/></presence>'
        )
        self.assertTrue(Pidf.parse(body).open)

    def test_notes_are_cut(self) -> None:
        """A note that is too long is cut, and times that are none are none."""
        body = LINPHONE.replace(b"Back at five", b"x" * 2 * MAX_NOTE)
        self.assertEqual(len(Pidf.parse(body).note), MAX_NOTE)
        for time in (b"yesterday", b"2026-11-28T16:00:00", b"9999-99-99T00:00:00Z", b""):
            body = RICH.replace(b"2026-11-28T16:00:00Z", time)
            self.assertEqual(Pidf.parse(body).last_input, 0.0)

    @given(
        st.builds(
            Pidf,
            entity=st.just("sip:a@b.test"),
            open=st.booleans(),
            activities=st.frozensets(st.sampled_from(sorted(ACTIVITIES)), min_size=1, max_size=5),
            activity_notes=st.lists(TEXTS.filter(bool), max_size=2, unique=True).map(tuple),
            idle=st.booleans(),
            last_input=st.integers(0, 4_000_000_000).map(float),
            note=TEXTS,
            place=TEXTS.filter(bool),
            contact=TEXTS,
        )
    )
    def test_round_trip(self, pidf: Pidf) -> None:
        """What is written is read the same."""
        self.assertEqual(Pidf.parse(bytes(pidf)), pidf)
