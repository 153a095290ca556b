"""New offers of callers before they are answered: by PRACK and UPDATE, to whatever rings."""

from typing import cast

from mobility.domain.call_rows import Answer
from mobility.domain.facts import RenegotiationChanged
from mobility.media.held import flows_alike
from mobility.media.offers import read_description
from mobility.media.sdp import parse
from mobility.sip.message import Request, Response
from mobility.sip.transaction import cancellation
from tests.domain.doubles import done, running, uri
from tests.domain.phone_world import OUTSIDE, PhoneWorld
from tests.sip.call_world import Telephone, sdp
from tests.sip.test_calls import CallTestCase

MOVED = sdp("alice").replace("4000", "4100").replace("o=alice 1 1", "o=alice 1 2")
"""What Alice offers anew."""


class EarlyTestCase(CallTestCase):
    """Alice's phone, which requires that provisional responses are reliable."""

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.sip.telephone("alice")

    def call(self, to: str = "") -> None:
        self.alice.calls(to or uri("bob"), sdp("alice"), "Require: 100rel", "Allow: UPDATE")
        self.sip.settle()

    def told(self, status: int = 183, method: str = "INVITE") -> Response:
        """The latest response to Alice's phone with this status."""
        return next(
            one
            for one in reversed(self.alice.answers)
            if one.status == status and one.cseq.method == method
        )

    def within(self, response: Response, method: str, *lines: str, body: str = "") -> None:
        """A request in the early dialog of a response."""
        self.alice.answers.append(response)
        self.alice.within(method, *lines, body=body)
        del self.alice.answers[
            next(
                place
                for place in range(len(self.alice.answers) - 1, -1, -1)
                if self.alice.answers[place] is response
            )
        ]

    def acknowledges(self, response: Response, body: str = "") -> None:
        self.within(response, "PRACK", f"RAck: {response.need('RSeq')} 1 INVITE", body=body)

    def last(self, method: str) -> Response:
        """The latest answer to a request of Alice's."""
        return [one for one in self.alice.answers if one.cseq.method == method][-1]

    def streams(self) -> list[str]:
        """What both sides of the call have described."""
        (conversation,) = self.world.conversations
        return [one.description for one in conversation.sides.values()]


class ApplicationTests(EarlyTestCase):
    """Bob's application has sent early media."""

    def setUp(self) -> None:
        super().setUp()
        self.bob = self.sip.application("bob")
        self.call()
        self.invitation = self.rings(self.bob)
        answer = Answer(read_description(sdp("bob")))
        provisional = self.world.calls.answer_provisionally
        done(running(provisional(self.bob, self.invitation.id, answer)))
        self.sip.settle()
        self.early = self.told()
        self.acknowledges(self.early)
        self.acknowledges(self.told(180))

    def heard(self, change: str = "started") -> list[RenegotiationChanged]:
        found = self.sip.heard(self.bob, RenegotiationChanged, change=change)
        return cast(list[RenegotiationChanged], found)

    def answers(self, text: str) -> None:
        """Bob's application answers what it was offered last."""
        answer, offered = read_description(text), self.heard()[-1]
        renegotiations = self.world.renegotiations
        answering = renegotiations.answer(self.bob, offered.conversation_id, offered.id, answer)
        done(running(answering))
        self.sip.settle()

    def updates(self, body: str = MOVED) -> None:
        self.within(self.early, "UPDATE", body=body)
        self.sip.settle()

    def test_update(self) -> None:
        """The application is offered what the caller's UPDATE says, its answer is the UPDATE's, and
        both are what is agreed once it accepts."""
        self.updates()
        (offered,) = self.heard()
        self.assertEqual((offered.direction, offered.offer), ("Incoming", MOVED))
        self.assertTrue(offered.early)
        found = self.world.renegotiations.find(self.bob, offered.conversation_id, offered.id)
        self.assertEqual(found.state, "Offered")
        answer = sdp("bob").replace("4000", "4200")
        self.answers(answer)
        told = self.last("UPDATE")
        self.assertEqual(told.status, 200)
        self.assertTrue(flows_alike(answer, told.body.decode()))
        self.assertEqual(parse(told.body.decode()).origin.version, "2")
        self.assertEqual([one.state for one in self.heard("completed")], ["Answered"])
        self.accept(self.bob, self.invitation.id, answer)
        final = self.told(200)
        self.assertEqual((final.to.tag, final.body), (self.early.to.tag, b""))
        self.assertEqual(self.streams(), [MOVED, answer])
        self.alice.acknowledges()
        self.alice.within("INVITE", body=MOVED)
        again = self.last("INVITE")
        self.assertEqual((again.status, again.body), (200, told.body))

    def test_prack(self) -> None:
        """What a PRACK offers is answered in its 2xx, also in a dialog of other early media."""
        answer = Answer(read_description(sdp("second")))
        provisional = self.world.calls.answer_provisionally
        done(running(provisional(self.bob, self.invitation.id, answer)))
        self.sip.settle()
        self.alice.responds(self.alice.last("UPDATE"), 488)
        self.sip.settle()
        self.acknowledges(self.told(), MOVED)
        self.sip.settle()
        self.answers(sdp("second", "recvonly"))
        told = self.last("PRACK")
        self.assertEqual(told.status, 200)
        self.assertIn("a=recvonly", told.body.decode())

    def test_video(self) -> None:
        """Video that comes early is in the call that begins."""
        more = sdp("alice", video=True)
        self.updates(more)
        self.answers(sdp("bob", video=True))
        self.accept(self.bob, self.invitation.id, sdp("bob", video=True))
        (conversation,) = self.world.conversations
        assert conversation.call is not None
        self.assertEqual(conversation.call.media, "Audio,Video")
        self.assertEqual(self.told(200).to.tag, self.early.to.tag)

    def test_other_answer(self) -> None:
        """An answer that is another one than the early one is that to the first offer, in a dialog
        of its own."""
        self.updates()
        self.answers(sdp("bob", "recvonly"))
        self.accept(self.bob, self.invitation.id, sdp("other"))
        final = self.told(200)
        self.assertNotEqual(final.to.tag, self.early.to.tag)
        self.assertEqual(self.streams(), [sdp("alice"), sdp("other")])

    def test_dismissed(self) -> None:
        """An offer that the application dismisses is 488, and what was agreed stays so."""
        self.updates()
        (offered,) = self.heard()
        dismiss = self.world.renegotiations.dismiss
        done(running(dismiss(self.bob, offered.conversation_id, offered.id, "Declined")))
        self.sip.settle()
        self.assertEqual(self.last("UPDATE").status, 488)
        self.accept(self.bob, self.invitation.id, sdp("bob"))
        self.assertEqual(self.told(200).to.tag, self.early.to.tag)
        self.assertEqual(self.streams(), [sdp("alice"), sdp("bob")])

    def test_unanswered(self) -> None:
        """One that nobody answers is 504 after a while, and the next one is taken."""
        self.updates()
        for _ in range(4):
            self.sip.settle(6.0)
        self.sip.settle()
        self.assertEqual(self.last("UPDATE").status, 504)
        self.assertEqual([one.state for one in self.heard("completed")], ["Dismissed"])
        self.updates(MOVED.replace("4100", "4102"))
        self.answers(sdp("bob", "recvonly"))
        self.assertEqual(self.last("UPDATE").status, 200)

    def test_second_offer(self) -> None:
        """One while another one waits is 500 with Retry-After."""
        self.updates()
        self.updates(MOVED.replace("4100", "4102"))
        refused = self.last("UPDATE")
        self.assertEqual((refused.status, refused.first("Retry-After")), (500, "2"))
        self.assertEqual(len(self.heard()), 1)

    def test_unfit(self) -> None:
        """One that cannot follow the first is 488."""
        self.updates(sdp("alice").replace("m=audio", "m=video"))
        self.assertEqual((self.last("UPDATE").status, self.heard()), (488, []))

    def test_accepted_meanwhile(self) -> None:
        """When the call is answered before the offer is, that is over: 500, to come again."""
        self.updates()
        self.accept(self.bob, self.invitation.id, sdp("bob"))
        refused = self.last("UPDATE")
        self.assertEqual(refused.status, 500)
        self.assertEqual(self.told(200).to.tag, self.early.to.tag)
        self.assertEqual([one.state for one in self.heard("completed")], ["Dismissed"])
        self.alice.acknowledges()
        self.alice.within("INVITE", body=MOVED)
        self.sip.settle()
        self.assertFalse(self.heard()[-1].early)
        self.answers(sdp("bob", "recvonly"))
        self.assertEqual(self.last("INVITE").status, 200)

    def test_caller_gives_up(self) -> None:
        """An offer that waits when the caller hangs up is over with the call."""
        self.updates()
        self.within(self.early, "BYE")
        self.sip.settle()
        self.assertEqual(self.last("UPDATE").status, 487)
        self.assertEqual(len(self.sip.calls), 0)


class PhoneTests(EarlyTestCase):
    """Bob's phone has sent early media."""

    def setUp(self) -> None:
        super().setUp()
        self.bob = self.sip.phone("bob")

    def rings_early(self, allow: str = "INVITE, UPDATE") -> None:
        self.call()
        reliable = ("Require", "100rel"), ("RSeq", "1"), ("Allow", allow)
        self.bob.answers_with(183, sdp("bob"), *reliable)
        self.sip.settle()
        self.early = self.told()
        self.acknowledges(self.early)
        self.bob.responds(self.bob.last("PRACK"), 200)
        self.acknowledges(self.told(180))

    def updates(self) -> None:
        self.within(self.early, "UPDATE", body=MOVED)
        self.sip.settle()

    def test_update(self) -> None:
        """The phone gets an UPDATE in its early dialog, and its answer is the caller's; its 2xx
        means that, even where it says the first answer again."""
        self.rings_early()
        self.updates()
        asked = self.bob.last("UPDATE")
        self.assertTrue(flows_alike(MOVED, asked.body.decode()))
        answer = sdp("bob", "recvonly")
        self.bob.responds(asked, 200, answer)
        self.sip.settle()
        self.assertEqual(self.last("UPDATE").body.decode(), answer)
        self.bob.answers_with(200, sdp("bob"))
        self.sip.settle()
        final = self.told(200)
        self.assertEqual((final.to.tag, final.body), (self.early.to.tag, b""))
        self.assertEqual(self.streams(), [MOVED, answer])
        self.alice.acknowledges()
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(self.bob.methods, ["INVITE", "PRACK", "UPDATE", "ACK", "BYE"])

    def test_refused(self) -> None:
        """What the phone refuses, or answers with nothing, is 488 for the caller."""
        for status in (488, 500, 200):
            self.rings_early()
            self.updates()
            self.bob.responds(self.bob.last("UPDATE"), status)
            self.sip.settle()
            self.assertEqual(self.last("UPDATE").status, 488)
            self.bob.answers_with(200)
            self.sip.settle()
            self.assertEqual(self.streams(), [sdp("alice"), sdp("bob")])
            self.setUp()

    def test_later(self) -> None:
        """A phone that wants it later, or has crossed it, gets it again."""
        for status, lines in ((491, ()), (500, (("Retry-After", "3"),))):
            self.rings_early()
            self.updates()
            self.bob.responds(self.bob.last("UPDATE"), status, "", *lines)
            count = len(self.bob.got)
            self.sip.settle(4.1)
            self.assertEqual(len(self.bob.got), count + 1)
            self.bob.responds(self.bob.last("UPDATE"), 200, sdp("bob", "recvonly"))
            self.sip.settle()
            self.assertEqual(self.last("UPDATE").status, 200)
            self.setUp()

    def test_given_up_while_it_waits(self) -> None:
        """One that waits to be sent again is not when the caller waits no longer, nor when the
        phone has been picked up."""
        self.rings_early()
        self.updates()
        self.bob.responds(self.bob.last("UPDATE"), 491)
        self.bob.answers_with(200)
        self.sip.settle()
        self.assertEqual(self.last("UPDATE").status, 500)
        self.sip.settle(4.1)
        self.assertEqual(self.bob.methods, ["INVITE", "PRACK", "UPDATE", "ACK"])

    def test_never(self) -> None:
        """One that is always wanted later is refused after five times."""
        self.rings_early()
        self.updates()
        for _ in range(5):
            self.bob.responds(self.bob.last("UPDATE"), 500, "", ("Retry-After", "0"))
            self.sip.settle(1.1)
        self.sip.settle()
        self.assertEqual(self.last("UPDATE").status, 488)
        self.assertEqual(self.bob.methods.count("UPDATE"), 5)

    def test_no_update(self) -> None:
        """A phone that takes no UPDATE is not asked: 488."""
        self.rings_early("INVITE")
        self.updates()
        self.assertEqual(self.last("UPDATE").status, 488)
        self.assertNotIn("UPDATE", self.bob.methods)

    def test_answers_meanwhile(self) -> None:
        """A phone that is picked up before it answers the offer, and has taken it, is offered what
        the call began with."""
        self.rings_early()
        self.updates()
        asked = self.bob.last("UPDATE")
        self.bob.answers_with(200)
        self.sip.settle()
        self.assertEqual(self.last("UPDATE").status, 500)
        self.assertEqual(self.told(200).to.tag, self.early.to.tag)
        self.alice.acknowledges()
        self.bob.responds(asked, 200, sdp("bob", "recvonly"))
        self.sip.settle()
        back = self.bob.last("INVITE")
        self.assertTrue(flows_alike(sdp("alice"), back.body.decode()))
        self.bob.responds(back, 200, sdp("bob"))
        self.sip.settle()
        self.assertEqual(self.alice.methods, [])

    def test_second_offer(self) -> None:
        """An offer that follows one that was given up waits for the phone's answer to that."""
        self.rings_early()
        self.updates()
        for _ in range(4):
            self.sip.settle(6.0)
        self.sip.settle()
        self.assertEqual(self.last("UPDATE").status, 504)
        first, count = self.bob.last("UPDATE"), len(self.bob.got)
        self.within(self.early, "UPDATE", body=MOVED.replace("4100", "4102"))
        self.sip.settle()
        self.assertEqual(len(self.bob.got), count)
        self.bob.responds(first, 200, sdp("bob", "inactive"))
        self.sip.settle()
        second = self.bob.last("UPDATE")
        self.assertIn("m=audio 4102", second.body.decode())
        self.bob.responds(second, 200, sdp("bob", "recvonly"))
        self.sip.settle()
        self.assertIn("a=recvonly", self.last("UPDATE").body.decode())

    def moves(self, moved: str) -> Request:
        """The phone goes on with other early media; what the caller is asked."""
        self.bob.sends("UPDATE", body=moved)
        self.sip.settle()
        self.assertEqual(self.bob.statuses[-1], 200)
        asked = self.alice.last("UPDATE")
        self.assertTrue(flows_alike(moved, asked.body.decode()))
        self.assertEqual(asked.from_.tag, self.early.to.tag)
        return asked

    def test_other_early_media(self) -> None:
        """Other early media of the phone are told the caller by UPDATE in the dialog of the first
        ones, and the 2xx means them."""
        self.rings_early()
        moved = sdp("bob").replace("4000", "4010")
        asked = self.moves(moved)
        count = len(self.alice.answers)
        self.alice.responds(asked, 200, sdp("alice"))
        self.sip.settle()
        self.assertEqual(len(self.alice.answers), count)
        again = self.moves(moved.replace("4010", "4020"))
        self.alice.responds(again, 200, sdp("alice"))
        self.bob.answers_with(200)
        self.sip.settle()
        final = self.told(200)
        self.assertEqual((final.to.tag, final.body), (self.early.to.tag, b""))
        self.assertEqual(self.streams(), [sdp("alice"), moved.replace("4010", "4020")])
        self.alice.acknowledges()
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(self.bob.methods[-1], "BYE")

    def test_other_early_media_refused(self) -> None:
        """A caller that does not take that, or answers with nothing, has them in a dialog of their
        own."""
        for status in (488, 481, 200):
            self.rings_early()
            moved = sdp("bob").replace("4000", "4010")
            self.alice.responds(self.moves(moved), status)
            self.sip.settle()
            other = self.told()
            self.assertNotEqual(other.to.tag, self.early.to.tag)
            self.assertEqual(other.body.decode(), moved)
            self.acknowledges(other)
            self.bob.answers_with(200)
            self.sip.settle()
            self.assertEqual(self.told(200).to.tag, other.to.tag)
            self.setUp()

    def test_answered_while_told(self) -> None:
        """A phone that answers before the caller has taken its other media is answered for after
        that; an offer of the caller's that crosses ours is 491, and one that has moved itself is
        told the phone."""
        self.rings_early()
        moved = sdp("bob").replace("4000", "4010")
        asked = self.moves(moved)
        self.updates()
        self.assertEqual(self.last("UPDATE").status, 491)
        self.bob.answers_with(200)
        self.sip.settle()
        answered = [one.status for one in self.alice.answers if one.cseq.method == "INVITE"]
        self.assertNotIn(200, answered)
        self.alice.responds(asked, 200, sdp("alice"))
        self.sip.settle()
        self.assertEqual(self.told(200).to.tag, self.early.to.tag)

    def test_caller_moves_too(self) -> None:
        """A caller that answers other early media with other media than before is told the
        phone."""
        self.rings_early()
        asked = self.moves(sdp("bob").replace("4000", "4010"))
        self.alice.responds(asked, 200, MOVED)
        self.sip.settle()
        self.assertTrue(flows_alike(MOVED, self.bob.last("UPDATE").body.decode()))

    def test_caller_gives_up_while_told(self) -> None:
        """A caller that gives up before it has answered has nothing more to answer."""
        self.rings_early()
        asked = self.moves(sdp("bob").replace("4000", "4010"))
        invite = self.alice.invite
        assert invite is not None
        self.alice.come(cancellation(invite))
        self.sip.settle()
        self.alice.responds(asked, 200, sdp("alice"))
        self.sip.settle()
        self.assertEqual(self.bob.methods[-1], "CANCEL")

    def test_phone_offers_meanwhile(self) -> None:
        """An UPDATE of the phone that crosses ours is 491."""
        self.rings_early()
        self.updates()
        self.bob.sends("UPDATE", body=sdp("bob").replace("4000", "4010"))
        self.assertEqual(self.bob.statuses[-1], 491)

    def test_two_phones(self) -> None:
        """What is offered is for the phone in whose early dialog it is."""
        other = self.sip.phone("bob", "192.0.2.29")
        self.bob = cast(Telephone, self.sip.places.peers["192.0.2.21"])
        self.rings_early()
        other.answers_with(183, sdp("other"), ("Require", "100rel"), ("RSeq", "1"))
        self.sip.settle()
        self.updates()
        self.assertEqual((self.bob.methods[-1], other.methods[-1]), ("UPDATE", "PRACK"))


class OwnTelephoneTests(EarlyTestCase):
    """Bob's application rings with his telephone, beyond a gateway."""

    def setUp(self) -> None:
        super().setUp()
        self.gateway = self.sip.gateway()
        self.bob = cast(PhoneWorld, self.world).device("bob", by_phone=True)
        self.call()
        reliable = ("Require", "100rel"), ("RSeq", "1"), ("Allow", "INVITE, UPDATE")
        self.gateway.answers_with(183, sdp("gw"), *reliable)
        self.sip.settle()
        self.early = self.told()
        self.acknowledges(self.early)
        self.acknowledges(self.told(180))

    def test_early_media(self) -> None:
        """What the telephone plays before it is answered is early media for who calls."""
        self.assertEqual(self.early.body.decode(), sdp("gw"))
        self.gateway.answers_with(200, sdp("gw"))
        self.sip.settle()
        self.assertEqual(self.told(200).to.tag, self.early.to.tag)

    def test_update(self) -> None:
        """What the caller offers anew is the telephone's to answer, and not the application's."""
        self.within(self.early, "UPDATE", body=MOVED)
        self.sip.settle()
        asked = self.gateway.last("UPDATE")
        self.assertTrue(flows_alike(MOVED, asked.body.decode()))
        self.assertEqual(self.sip.heard(self.bob, RenegotiationChanged), [])
        self.gateway.responds(asked, 200, sdp("gw", "recvonly"))
        self.sip.settle()
        told = self.last("UPDATE")
        self.assertEqual(told.status, 200)
        self.assertTrue(flows_alike(sdp("gw", "recvonly"), told.body.decode()))
        self.gateway.answers_with(200, sdp("gw"))
        self.sip.settle()
        final = self.told(200)
        self.assertEqual((final.to.tag, final.body), (self.early.to.tag, b""))
        self.assertEqual(self.streams()[0], MOVED)
        self.alice.acknowledges()
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(self.gateway.methods[-1], "BYE")

    def test_refused(self) -> None:
        """What the telephone does not take is 488."""
        self.within(self.early, "UPDATE", body=MOVED)
        self.sip.settle()
        self.gateway.responds(self.gateway.last("UPDATE"), 488)
        self.sip.settle()
        self.assertEqual(self.last("UPDATE").status, 488)


class GatewayTests(EarlyTestCase):
    """Alice's phone calls a number."""

    def test_update(self) -> None:
        """A gateway with early media gets the UPDATE, too."""
        gateway = self.sip.gateway()
        self.call(f"sip:{OUTSIDE}@example.test;user=phone")
        reliable = ("Require", "100rel"), ("RSeq", "1"), ("Allow", "INVITE, UPDATE")
        gateway.answers_with(183, sdp("gw"), *reliable)
        self.sip.settle()
        early = self.told()
        self.acknowledges(early)
        self.acknowledges(self.told(180))
        self.within(early, "UPDATE", body=MOVED)
        self.sip.settle()
        asked = gateway.last("UPDATE")
        gateway.responds(asked, 200, sdp("gw", "recvonly"))
        self.sip.settle()
        self.assertEqual(self.last("UPDATE").body.decode(), sdp("gw", "recvonly"))
        gateway.answers_with(200)
        self.sip.settle()
        self.assertEqual(self.told(200).to.tag, early.to.tag)
        self.assertEqual(self.streams(), [MOVED, sdp("gw", "recvonly")])
