"""Requests to GRUUs: they go to one phone, and phones may give them as their Contact."""

from mobility.domain.applications import Endpoint
from mobility.domain.facts import InvitationChanged
from mobility.sip.limits import ATTEMPT_S
from mobility.sip.message import Response
from mobility.sip.transaction import cancellation
from tests.domain.doubles import done, running, uri
from tests.sip.call_world import Telephone, sdp
from tests.sip.samples import request
from tests.sip.test_calls import CallTestCase

HERE = "192.0.2.21"
THERE = "192.0.2.22"


class GruuTestCase(CallTestCase):
    """Bob has two phones that know GRUUs, and an application; Alice has a phone."""

    def setUp(self) -> None:
        super().setUp()
        self.numbers = 0
        self.one = self.registered("bob", HERE)
        self.two = self.registered("bob", THERE)
        self.app = self.sip.application("bob")
        self.alice = self.sip.telephone("alice")

    def registered(self, name: str, host: str, *lines: str) -> Telephone:
        telephone = self.sip.telephone(name, host)
        self.register(name, host, telephone, *lines)
        return telephone

    def register(
        self, name: str, host: str, telephone: Telephone, *lines: str, contact: str = ""
    ) -> Response:
        """The phone whose instance is `host` registers from a telephone's address."""
        self.numbers += 1
        asked = request(
            "\n".join(
                (
                    "REGISTER sip:example.test SIP/2.0",
                    f"Via: SIP/2.0/TCP {host}:5060;branch=z9hG4bKr{host}{self.numbers}",
                    f"From: <{uri(name)}>;tag=r",
                    f"To: <{uri(name)}>",
                    f"Call-ID: r-{host}",
                    f"CSeq: {self.numbers} REGISTER",
                    (contact or f"Contact: <sip:{name}@{host}:5060;transport=tcp>")
                    + f';+sip.instance="<urn:x:{host}>"',
                    "Supported: gruu",
                    *lines,
                )
            )
        )
        telephone.come(asked)
        answer = telephone.answers.pop()
        self.assertEqual(answer.status, 200)
        return answer

    def rung(self, endpoint: Endpoint) -> list[object]:
        """The invitations that an application was told of."""
        return self.sip.heard(endpoint, InvitationChanged)

    def gruu(self, host: str, name: str = "bob") -> str:
        return f"{uri(name)};gr=urn:x:{host}"

    def temporary(self, name: str, host: str, telephone: Telephone) -> str:
        contacts = self.register(name, host, telephone).fields["Contact"]
        (own,) = [one for one in contacts if f"@{host}" in one]
        return own.partition('temp-gruu="')[2].partition('"')[0]


class FlowTests(GruuTestCase):
    """A phone of Bob's that has registered over two flows (RFC 5626)."""

    EDGE = "192.0.2.31"

    def setUp(self) -> None:
        super().setUp()
        self.end_two()
        self.sip.settle()
        self.later = self.sip.telephone("bob", self.EDGE)
        self.flow(self.EDGE, self.later)

    def end_two(self) -> None:
        """Bob's other phone signs out."""
        gone = f"Contact: <sip:bob@{THERE}:5060;transport=tcp>;expires=0"
        self.register("bob", THERE, self.two, contact=gone)

    def flow(self, host: str, telephone: Telephone, *lines: str) -> None:
        """Another flow of the phone that is HERE."""
        contact = f"Contact: <sip:bob@{host}:5060;transport=tcp>;reg-id=2"
        self.register("bob", HERE, telephone, *lines, contact=contact)

    def test_one_invite(self) -> None:
        """It rings over the flow that has registered last, and over no other."""
        self.alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        self.assertEqual((self.one.methods, self.later.methods), ([], ["INVITE"]))
        self.assertEqual(self.later.got[0].uri, f"sip:bob@{self.EDGE}:5060;transport=tcp")
        self.later.answers_with(200, sdp("bob"))
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 200)
        self.assertEqual(self.one.methods, [])

    def test_next_flow(self) -> None:
        """Where the flow has failed it rings over the next one, at the Contact of that."""
        for to in (uri("bob"), self.gruu(HERE)):
            for status in (430, 408):
                del self.one.got[:], self.later.got[:]
                self.alice.calls(to, sdp("alice"), call=f"{to[4:12]}{len(to)}{status}")
                self.sip.settle()
                self.assertEqual(self.one.methods, [])
                self.later.answers_with(status)
                self.sip.settle()
                self.assertEqual(self.one.got[0].uri, f"sip:bob@{HERE}:5060;transport=tcp")
                self.one.answers_with(486)
                self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 486)

    def test_lost_flow(self) -> None:
        """A connection that is gone is passed over at once, a silent one after a while; what still
        comes of that is cancelled."""
        self.later.alive = False
        self.alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        self.assertEqual(self.one.methods, ["INVITE"])
        self.one.answers_with(486)
        self.sip.settle()
        self.later.alive = True
        self.alice.calls(uri("bob"), sdp("alice"), call="silent")
        self.sip.settle(ATTEMPT_S - 1)
        self.assertEqual((self.one.methods.count("INVITE"), self.later.methods), (1, ["INVITE"]))
        self.sip.settle(1.5)
        self.assertEqual(self.one.methods.count("INVITE"), 2)
        self.later.answers_with(180)
        self.sip.settle()
        self.assertEqual(self.later.methods, ["INVITE", "CANCEL"])

    def test_refused(self) -> None:
        """What the phone says it says for all of its flows, also that it has no time."""
        for status in (486, 503, 480):
            self.alice.calls(uri("bob"), sdp("alice"), call=f"r{status}")
            self.sip.settle()
            self.later.answers_with(status)
            self.sip.settle()
            self.assertEqual(self.one.methods, [])

    def test_given_up(self) -> None:
        """A call that is given up rings over no further flow."""
        invite = self.alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        self.later.answers_with(180)
        self.sip.settle()
        self.alice.come(cancellation(invite))
        self.sip.settle()
        self.later.answers_with(430)
        self.sip.settle()
        self.assertEqual(self.one.methods, [])

    def test_flow_while_it_rings(self) -> None:
        """A further flow of a phone that rings brings no second INVITE; another phone rings too."""
        self.alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        third = self.sip.telephone("bob", "192.0.2.32")
        contact = "Contact: <sip:bob@192.0.2.32:5060;transport=tcp>;reg-id=3"
        self.register("bob", HERE, third, contact=contact)
        self.register("bob", THERE, self.two)
        self.sip.settle()
        self.assertEqual((third.methods, self.two.methods), ([], ["INVITE"]))

    def test_woken(self) -> None:
        """A phone whose connections are dead rings as soon as it has come back over a new one, in
        whatever order, and once."""
        admission, bob = self.sip.registrar._admission, self.world.users.find(uri("bob"))
        self.patch(admission, "trusts", lambda flow: flow is self.alice)
        self.patch(admission, "registrant", lambda incoming, domain: bob)
        contacts = [
            f"Contact: <sip:bob@{HERE}:5060;transport=tcp>",
            f"Contact: <sip:bob@{self.EDGE}:5060;transport=tcp>;reg-id=2",
        ]
        for number, order in enumerate(((0, 1), (1, 0), (1,))):
            dead, fresh = (
                [self.sip.telephone("bob", f"192.0.2.{at + number}") for at in (first, first + 10)]
                for first in (100, 150)
            )
            for telephone, contact in zip(dead, contacts, strict=True):
                self.register("bob", HERE, telephone, contact=contact)
                self.sip.settle()
            self.alice.calls(uri("bob"), sdp("alice"), call=f"woken{number}")
            self.sip.settle()
            self.assertEqual(dead[1].methods, ["INVITE"])
            for at in order:
                self.register("bob", HERE, fresh[at], contact=contacts[at])
                self.sip.settle()
            invites = [one for one in fresh if "INVITE" in one.methods]
            self.assertEqual(len(invites), 1, order)
            invites[0].answers_with(180)
            self.sip.settle(ATTEMPT_S + 1)
            self.assertEqual([one.methods.count("INVITE") for one in invites], [1])
            invites[0].answers_with(603)
            self.sip.settle()

    def test_without_instance(self) -> None:
        """Phones that do not say which they are ring each, beside the one that does."""
        others = [self.sip.phone("bob", host) for host in ("192.0.2.41", "192.0.2.42")]
        self.alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        self.assertEqual([one.methods for one in others], [["INVITE"], ["INVITE"]])
        self.assertEqual((self.one.methods, self.later.methods), ([], ["INVITE"]))

    def test_edge_proxies(self) -> None:
        """Flows by edge proxies go by the Path of each (RFC 3327)."""
        self.sip.settle()
        proxies = [self.sip.telephone("edge", host) for host in ("192.0.2.51", "192.0.2.52")]
        for number, proxy in enumerate(proxies, 1):
            path = f"<sip:{proxy.host};transport=tcp;lr;ob>"
            contact = f"Contact: <sip:bob@10.0.0.1:506{number};transport=tcp>;reg-id={number}"
            self.register("bob", HERE, proxy, f"Path: {path}", contact=contact)
        self.alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        rung = [one for one in proxies if one.got]
        self.assertEqual(len(rung), 1)
        invite = rung[0].got[0]
        self.assertEqual(invite.fields["Route"], [f"<sip:{rung[0].host};transport=tcp;lr;ob>"])
        rung[0].answers_with(430)
        self.sip.settle()
        (other,) = [one for one in proxies if one is not rung[0]]
        self.assertEqual(other.got[0].fields["Route"], [f"<sip:{other.host};transport=tcp;lr;ob>"])
        self.assertNotEqual(other.got[0].uri, invite.uri)


class CallTests(GruuTestCase):
    def connected(self) -> None:
        self.one.answers_with(200, sdp("bob"))
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 200)
        self.alice.acknowledges()
        self.sip.settle()

    def test_one_phone(self) -> None:
        """A call to a GRUU rings that phone at its Contact, and no other device of the user."""
        for to in (self.gruu(HERE), self.temporary("bob", HERE, self.one)):
            del self.one.got[:]
            self.alice.calls(to, sdp("alice"), call=to[4:12])
            self.sip.settle()
            self.assertEqual(self.one.methods, ["INVITE"])
            self.assertEqual(self.one.got[0].uri, f"sip:bob@{HERE}:5060;transport=tcp")
            self.assertEqual((self.two.methods, self.rung(self.app)), ([], []))
            self.connected()
            self.alice.within("BYE")
            self.sip.settle()
            self.one.responds(self.one.last("BYE"), 200)

    def test_nobody_else(self) -> None:
        """When that phone refuses nobody else rings, and who calls hears so."""
        self.alice.calls(self.gruu(HERE), sdp("alice"))
        self.sip.settle()
        self.one.answers_with(486)
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 486)
        self.assertEqual((self.two.methods, self.rung(self.app)), ([], []))

    def test_not_there(self) -> None:
        """A phone that is not registered is 480, a GRUU that never was one 404."""
        for to, status in (
            (self.gruu("192.0.2.99"), 480),
            (self.gruu(HERE, "dave"), 404),
            ("sip:tgruu.abc@example.test;gr", 404),
        ):
            self.alice.calls(to, sdp("alice"), call=to[4:12])
            self.sip.settle()
            self.assertEqual(self.alice.statuses[-1], status, to)

    def test_blocked(self) -> None:
        """Who may not ring the user does not ring its phone either."""
        blocking = self.world.privacy.assign(uri("bob"), uri("alice"), "Blocked", "Colleagues")
        done(running(blocking))
        self.alice.calls(self.gruu(HERE), sdp("alice"))
        self.sip.settle()
        self.assertEqual((self.alice.statuses[-1], self.one.methods), (480, []))

    def test_own_phone(self) -> None:
        """A user calls another phone of its own."""
        there = self.registered("alice", "192.0.2.30")
        self.alice.calls(self.gruu("192.0.2.30", "alice"), sdp("alice"))
        self.sip.settle()
        self.assertEqual(there.methods, ["INVITE"])

    def test_transferred(self) -> None:
        """REFER to a GRUU calls that phone alone."""
        self.alice.calls(self.gruu(HERE), sdp("alice"))
        self.sip.settle()
        self.connected()
        self.alice.within("REFER", f"Refer-To: <{self.gruu(THERE)}>")
        self.sip.settle()
        self.assertEqual(self.alice.statuses[-1], 202)
        self.assertEqual(self.two.methods, ["INVITE"])
        self.assertEqual(self.rung(self.app), [])
        self.two.answers_with(200, sdp("bob"))
        self.sip.settle()
        self.assertEqual(self.alice.methods[-1], "BYE")

    def test_taken_over(self) -> None:
        """INVITE with Replaces to a GRUU takes over the part of another phone of the user."""
        self.alice.calls(self.gruu(HERE), sdp("alice"))
        self.sip.settle()
        self.connected()
        invite = self.one.last("INVITE")
        replaces = f"Replaces: {invite.call_id};to-tag={invite.from_.tag};from-tag=bob"
        self.two.calls(self.gruu(HERE), sdp("bob"), replaces, "Require: replaces, gruu")
        self.sip.settle()
        self.assertEqual(self.alice.last("INVITE").body.decode(), sdp("bob"))


class ContactTests(GruuTestCase):
    """Phones that give a GRUU as their Contact in calls (RFC 5627 section 4.4)."""

    def test_caller(self) -> None:
        """What is sent to a caller goes to where its GRUU leads, which is where it has registered
        last."""
        caller = self.registered("alice", "192.0.2.30")
        for contact in (
            self.gruu("192.0.2.30", "alice"),
            self.temporary("alice", "192.0.2.30", caller),
        ):
            caller.contact = contact
            caller.calls(self.gruu(HERE), sdp("alice"), call=contact[4:12])
            self.sip.settle()
            self.one.answers_with(200, sdp("bob"))
            self.sip.settle()
            caller.acknowledges()
            self.sip.settle()
            self.one.sends("BYE")
            self.sip.settle()
            bye = caller.last("BYE")
            self.assertEqual(bye.uri, "sip:alice@192.0.2.30:5060;transport=tcp")
            caller.responds(bye, 200)

    def talk(self) -> None:
        """alice has called a phone of bob by its GRUU, which is its Contact as well."""
        self.one.contact = self.gruu(HERE)
        self.alice.calls(self.gruu(HERE), sdp("alice"))
        self.sip.settle()
        self.one.answers_with(200, sdp("bob"))
        self.sip.settle()
        self.alice.acknowledges()

    def test_callee(self) -> None:
        """The ACK and what follows go to where the GRUU of who answers leads."""
        self.talk()
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(self.one.methods, ["INVITE", "ACK", "BYE"])
        self.assertEqual({one.uri for one in self.one.got}, {f"sip:bob@{HERE}:5060;transport=tcp"})

    def test_moved(self) -> None:
        """A phone that has registered from another address is found there."""
        self.talk()
        elsewhere = self.sip.telephone("bob", "192.0.2.40")
        moved = "Contact: <sip:bob@192.0.2.40:5060;transport=tcp>"
        self.register("bob", HERE, elsewhere, contact=moved)
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual((elsewhere.methods, self.one.methods[-1]), (["BYE"], "ACK"))

    def test_behind_a_proxy(self) -> None:
        """A phone that has registered by a proxy gets its requests by that (RFC 3327)."""
        edge = self.sip.telephone("edge", "192.0.2.50")
        self.register("bob", HERE, self.one, "Path: <sip:192.0.2.50;lr;transport=tcp>")
        self.one.contact = self.gruu(HERE)
        self.alice.calls(self.gruu(HERE), sdp("alice"))
        self.sip.settle()
        edge.contact = self.gruu(HERE)
        edge.answers_with(200, sdp("bob"))
        self.sip.settle()
        self.alice.acknowledges()
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(edge.methods, ["INVITE", "ACK", "BYE"])
        bye = edge.last("BYE")
        self.assertEqual(bye.uri, f"sip:bob@{HERE}:5060;transport=tcp")
        self.assertEqual(bye.fields["Route"], ["<sip:192.0.2.50;lr;transport=tcp>"])

    def test_signed_out(self) -> None:
        """A phone that has signed out while it talks gets what belongs to the call where it was."""
        self.talk()
        self.register("bob", HERE, self.one, "Expires: 0")
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(self.one.methods[-1], "BYE")
        self.assertEqual(self.one.got[-1].uri, self.gruu(HERE))
