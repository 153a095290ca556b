"""Redirects of servers elsewhere."""

from collections.abc import Sequence

from mobility.config.sip import SipConfig, SipRouteConfig, SipTargetConfig
from mobility.sip.client import Client
from mobility.sip.redirects import Redirects
from mobility.sip.routing import Target
from mobility.sip.sending import Sending
from mobility.sip.static_routes import StaticRoutes
from tests.sip.call_world import sdp
from tests.sip.peer import Peer
from tests.sip.test_client import ClientTestCase
from tests.sip.test_gateway_legs import GatewayTestCase

ROUTES = tuple(
    SipRouteConfig(name, (SipTargetConfig(f"sbc.{name}", transport="tcp"),), (name,))
    for name in ("a.test", "b.test", "c.test")
)
A = Target("sbc.a.test", transport="TCP")


class RedirectTests(ClientTestCase):
    limit = 5

    def setUp(self) -> None:
        super().setUp()
        self.use(SipConfig(routes=ROUTES))
        self.a = self.peer("sbc.a.test")
        self.b = self.peer("sbc.b.test")

    def use(self, settings: SipConfig, limit: int = 5) -> None:
        routes = StaticRoutes(settings, list, lambda target: False, self.random)
        redirects = Redirects(routes.ways, ["example.test"], limit, self.log)
        self.client = Client(
            self.core,
            self.client._outgoing,
            self.places,
            self.clock,
            self.log,
            self.random,
            redirects=redirects,
        )

    def begin(self, method: str = "MESSAGE", ways: Sequence[Target] = (A,)) -> Sending:
        request = self.made(method)
        request.set("History-Info", "<sip:x@example.test>;index=1")
        return self.client.send(request, ways, self.responses.append, follows=True)

    def redirects(self, peer: Peer, *contacts: str, status: int = 302) -> None:
        response = peer.got[-1].respond(status, "p")
        response.set("Contact", *contacts)
        peer.come(response)

    def reason(self) -> object:
        return self.log.named("sip.redirected")[-1]["reason"]

    def test_followed(self) -> None:
        """The request goes to the Contact by its route, with the same Call-ID, tag and history."""
        self.begin()
        self.redirects(self.a, "<sip:bob@b.test;method=INVITE?Subject=x>")
        before, after = self.a.got[-1], self.b.got[-1]
        self.assertEqual(after.uri, "sip:bob@b.test")
        self.assertEqual((after.call_id, after.from_.tag), (before.call_id, before.from_.tag))
        self.assertEqual((before.cseq.number, after.cseq.number), (1, 2))
        self.assertNotEqual(before.via.branch, after.via.branch)
        self.assertEqual(after.fields["History-Info"], before.fields["History-Info"])
        self.assertEqual(self.statuses, [])
        self.b.answer(200)
        self.assertEqual(self.statuses, [200])
        (line,) = self.log.named("sip.redirected")
        self.assertEqual((line["host"], line["followed"]), ("b.test", True))

    def test_order(self) -> None:
        """The preferred Contact is first; the next one is tried when it fails, not after a 6xx."""
        contacts = (
            "<sip:low@b.test>;q=0.1",
            "<sip:high@b.test>;q=0.9",
            "<tel:+1>",
            "<sip:mid@b.test>;q=.5",
        )
        self.begin()
        self.redirects(self.a, *contacts, status=300)
        self.b.answer(404)
        self.b.answer(480)
        self.assertEqual(
            [one.uri for one in self.b.got], [f"sip:{n}@b.test" for n in ("high", "mid", "low")]
        )
        self.b.answer(486)
        self.assertEqual(self.statuses, [486])
        self.begin()
        self.redirects(self.a, *contacts, status=301)
        self.b.answer(603)
        self.assertEqual(self.statuses, [486, 603])

    def test_loop(self) -> None:
        """Two servers that redirect to one another are left at once."""
        self.begin()
        self.redirects(self.a, "<sip:bob@b.test>")
        self.redirects(self.b, "<sip:bob@a.test>")
        self.redirects(self.a, "<sip:bob@b.test>")
        self.assertEqual(self.statuses, [302])
        self.assertEqual(self.reason(), "seen")

    def test_bounded(self) -> None:
        """Only so many redirects are followed, and none where that is said."""
        self.begin()
        for number in range(6):
            self.redirects(self.a, f"<sip:bob{number}@a.test>")
        self.assertEqual((self.statuses, len(self.a.got)), ([302], 6))
        self.assertEqual(self.reason(), "limit")
        self.use(SipConfig(routes=ROUTES), 0)
        self.begin()
        self.redirects(self.a, "<sip:bob@b.test>")
        self.assertEqual(self.statuses, [302, 302])

    def test_not_inside(self) -> None:
        """A redirect leads to nobody here, to no address, to no number, and by no other scheme."""
        for contact, reason in (
            ("sip:alice@example.test", "inside"),
            ("sip:alice@192.0.2.1", "inside"),
            ("sip:alice@[2001:db8::1]", "inside"),
            ("sip:alice@localhost", "inside"),
            ("sip:alice@b.test;maddr=192.0.2.1", "inside"),
            ("sip:+19005550100@b.test", "number"),
            ("sip:%2B19005550100@b.test", "number"),
            ("sip:19005550100;ext=1@b.test", "number"),
            ("sip:x@b.test;user=phone", "number"),
            ("sip:bob@unknown.test", "route"),
            ("sips:bob@b.test", "scheme"),
            ("sip:bob@sbc.a.test;transport=sctp", "route"),
        ):
            self.begin()
            self.redirects(self.a, f"<{contact}>")
            self.assertEqual((self.statuses.pop(), self.reason()), (302, reason), contact)
        for contact in ("<tel:+19005550100>", "<mailto:a@b.test>", "<sip:", "*"):
            self.begin()
            self.redirects(self.a, contact)
            self.assertEqual(self.statuses.pop(), 302)
        self.assertEqual(self.b.got, [])

    def test_addresses_with_lookup(self) -> None:
        """Where the DNS says where domains are, addresses are still inside."""
        self.use(SipConfig(domain_lookup=True))
        self.begin()
        self.redirects(self.a, "<sip:bob@192.0.2.1>")
        self.assertEqual((self.statuses, self.reason()), ([302], "inside"))

    def test_same_server(self) -> None:
        """A server may redirect to itself, numbers too, at another port, but not away from TLS."""
        self.begin()
        self.redirects(self.a, "<sip:+4930@sbc.a.test:5080;user=phone>")
        self.assertEqual(self.a.got[-1].uri, "sip:+4930@sbc.a.test:5080;user=phone")
        self.assertEqual(self.places.asked[-1].port, 5080)
        self.a.answer(200)
        self.peer("sbc.tls.test", transport="TLS")
        self.begin(ways=[Target("sbc.tls.test", transport="TLS")])
        self.redirects(self.places.peers["sbc.tls.test"], "<sip:x@sbc.tls.test:5060;transport=tcp>")
        self.assertEqual((self.statuses[-1], self.reason()), (302, "route"))

    def test_cancelled(self) -> None:
        """What was cancelled goes nowhere any more."""
        sending = self.begin("INVITE")
        self.a.answer(180)
        sending.cancel()
        invite = self.a.got[0]
        response = invite.respond(302, "p")
        response.set("Contact", "<sip:bob@b.test>")
        self.a.come(response)
        self.assertEqual(self.statuses, [180, 302])
        self.assertEqual(self.b.got, [])

    def test_unreachable(self) -> None:
        """Where a redirect leads to nobody it is as if there were none, but for the status."""
        self.begin()
        self.redirects(self.a, "<sip:bob@c.test>")
        self.assertEqual(self.statuses, [503])

    def test_others(self) -> None:
        """305 and 380 are refusals, and so is any 3xx to a request that does not follow."""
        for status in (305, 380):
            self.begin()
            self.redirects(self.a, "<sip:bob@b.test>", status=status)
        self.send("MESSAGE", A)
        self.redirects(self.a, "<sip:bob@b.test>")
        self.assertEqual(self.statuses, [305, 380, 302])


class CallTests(GatewayTestCase):
    def test_gateway(self) -> None:
        """A gateway may redirect a call to another port of its own; the ACK has the right CSeq."""
        self.out()
        contact = ("Contact", "<sip:+1@gw.test:5077;transport=tls;user=phone>")
        response = self.gateway.last("INVITE").respond(302, "gw")
        response.set(*contact)
        self.gateway.come(response)
        self.sip.settle()
        again = self.gateway.last("INVITE")
        self.assertEqual(again.uri, "sip:+1@gw.test:5077;transport=tls;user=phone")
        self.gateway.answers_with(200, sdp("gw"))
        self.sip.settle()
        self.assertEqual(self.gateway.last("ACK").cseq.number, 2)
        self.assertEqual(self.outcome().state, "Connected")
