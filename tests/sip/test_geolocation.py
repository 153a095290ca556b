"""Where the callers of emergency calls are, and bodies of several parts."""

from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.call_rows import Wanted
from mobility.domain.telephone import Location
from mobility.media.offers import read_description
from mobility.sip.call_messages import SDP, description_of
from mobility.sip.geolocation import pidf_lo
from mobility.sip.grammar import Malformed
from mobility.sip.headers import Parametrised
from mobility.sip.message import Request
from mobility.sip.multipart import MIXED, Part, multipart, parts_of
from mobility.sip.refusal import SipRefusal
from mobility.sip.xml_elements import Element, parse_xml
from tests.domain.doubles import done, running
from tests.domain.phone_world import PhoneWorld
from tests.sip.call_world import sdp
from tests.sip.test_calls import CallTestCase

HERE = Location("Marienplatz 8", "Rathaus", "München", "BY", "de", "80331")


def find(root: Element, name: str) -> Element | None:
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if one.name == name:
            return one
        waiting.extend(one.children)
    return None


def civic(body: bytes) -> dict[str, str]:
    found = find(parse_xml(body), "civicAddress")
    return {one.name: one.text for one in found.children} if found is not None else {}


def written(location: Location) -> bytes:
    return pidf_lo(location, "sip:+14255550100@example.test;user=phone", "urn:uuid:1", 1e9)


class DocumentTests(SynchronousTestCase):
    """PIDF-LO."""

    def test_civic(self) -> None:
        """What the caller says is a civic address, with how long it may be kept."""
        body = written(HERE)
        self.assertEqual(
            civic(body),
            {
                "country": "DE",
                "A1": "BY",
                "A3": "München",
                "RD": "Marienplatz 8",
                "PC": "80331",
                "BLD": "Rathaus",
            },
        )
        root = parse_xml(body)
        self.assertEqual(root.get("entity"), "sip:+14255550100@example.test;user=phone")
        expiry = find(root, "retention-expiry")
        assert expiry is not None
        self.assertEqual(expiry.text, "2001-09-10T01:46:40Z")

    def test_country_in_words(self) -> None:
        """A country that is no code is told in words."""
        self.assertEqual(civic(written(Location(country="Germany"))), {"LOC": "Germany"})

    def test_location_service(self) -> None:
        """An address, a position or a text of a location information service goes on, and what the
        caller says goes before it."""
        parts = "<c:RD>Main St</c:RD><c:bad>1</c:bad>"
        address = f"<p xmlns:c='x'><c:civicAddress>{parts}</c:civicAddress></p>"
        self.assertEqual(civic(written(Location(lis_location=address))), {"RD": "Main St"})
        self.assertEqual(civic(written(Location(lis_location="Room 5"))), {"LOC": "Room 5"})
        point = "<g:Point xmlns:g='http://www.opengis.net/gml'><g:pos>48.1 11.5</g:pos></g:Point>"
        found = find(parse_xml(written(Location(lis_location=point))), "pos")
        assert found is not None
        self.assertEqual(found.text, "48.1 11.5")
        both = Location(city="Oslo", lis_location=address)
        self.assertEqual(civic(written(both)), {"A3": "Oslo"})

    def test_nothing(self) -> None:
        """Nothing is made of nothing, nor of what cannot be read."""
        for location in (Location(), Location(lis_location="<!DOCTYPE x>"), Location(city="  ")):
            self.assertEqual(written(location), b"")


class EmergencyTests(CallTestCase):
    """Emergency calls through a gateway."""

    def setUp(self) -> None:
        super().setUp()
        self.gateway = self.sip.gateway()
        self.alice = self.sip.application("alice")

    def call(self, location: Location | None = None) -> Request:
        outside = cast(PhoneWorld, self.world).phones.outside
        wanted = Wanted("", ("Audio",), read_description(sdp("alice")))
        call = outside.start_emergency(self.alice, wanted, "112", self.world.now, None, location)
        done(running(call))
        self.sip.settle()
        return self.gateway.last("INVITE")

    def test_where(self) -> None:
        """The gateway gets what the caller says beside the session description, and is told which
        part it is."""
        invite = self.call(HERE)
        self.assertEqual(invite.first("Priority"), "emergency")
        self.assertEqual(invite.first("Geolocation-Routing"), "yes")
        content_type = Parametrised.parse(invite.need("Content-Type"))
        description, place = parts_of(content_type, invite.body)
        self.assertEqual((description.kind, description.body.decode()), (SDP, sdp("alice")))
        self.assertEqual(place.kind, "application/pidf+xml")
        name = place.fields["content-id"].strip("<>")
        self.assertEqual(invite.first("Geolocation"), f"<cid:{name}>")
        self.assertEqual(civic(place.body)["A3"], "München")
        self.assertEqual(description_of(invite), sdp("alice"))

    def test_unwanted(self) -> None:
        """A gateway that does not take it gets the call without."""
        for status in (415, 424):
            with self.subTest(status):
                first = self.call(HERE)
                self.gateway.responds(first, status)
                self.sip.settle()
                again = self.gateway.last("INVITE")
                self.assertEqual(again.cseq.number, first.cseq.number + 1)
                self.assertEqual(again.body.decode(), sdp("alice"))
                self.assertIsNone(again.first("Geolocation"))
                self.assertEqual(again.first("Priority"), "emergency")
                self.gateway.responds(again, 486)
                self.sip.settle()

    def test_unknown(self) -> None:
        """Where nothing is known the body is the description alone."""
        invite = self.call()
        self.assertEqual(invite.body.decode(), sdp("alice"))
        self.assertIsNone(invite.first("Geolocation"))


class MultipartTests(CallTestCase):
    """Bodies of several parts."""

    def invite(self, *parts: Part) -> Request:
        request = Request(method="INVITE", uri="sip:b@c")
        kind, request.body = multipart("xyz", parts)
        request.set("Content-Type", kind)
        return request

    def test_description(self) -> None:
        """The description is read beside what may be left alone, and not beside what must be
        understood."""
        description = Part(SDP, sdp("a").encode())
        isup = {"content-disposition": "signal; handling=optional"}
        optional = Part("application/isup", b"\x01\xff", isup)
        self.assertEqual(description_of(self.invite(optional, description)), sdp("a"))
        required = Part("application/isup", b"\x01")
        with self.assertRaises(SipRefusal) as caught:
            description_of(self.invite(description, required))
        self.assertEqual(caught.exception.status, 415)
        self.assertEqual(description_of(self.invite(optional)), "")

    def test_called(self) -> None:
        """A caller that says where it is in its INVITE calls as others do."""
        bob, alice = self.sip.phone("bob"), self.sip.telephone("alice")
        place = Part("application/pidf+xml", written(HERE), {"content-id": "<1@a>"})
        kind, body = multipart("xyz", (Part(SDP, sdp("alice").encode()), place))
        alice.calls("sip:bob@example.test", body.decode(), kind=kind)
        self.sip.settle()
        self.assertEqual(bob.last("INVITE").body.decode(), sdp("alice"))

    @given(st.lists(st.binary(max_size=40), min_size=1, max_size=4))
    def test_round_trip(self, bodies: list[bytes]) -> None:
        """What is written is read again."""
        boundary = "b" * 30
        parts = [Part("a/b", body, {"content-id": "<1>"}) for body in bodies]
        kind, body = multipart(boundary, parts)
        self.assertEqual(parts_of(Parametrised.parse(kind), body), parts)

    @given(st.binary(max_size=80))
    def test_rubbish(self, body: bytes) -> None:
        """Whatever comes is read or malformed."""
        try:
            parts_of(Parametrised(MIXED, {"boundary": "x"}), body)
        except Malformed:
            pass
