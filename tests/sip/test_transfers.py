"""Calls that are transferred: blindly, and after a word with whom they are transferred to."""

from urllib.parse import quote

from mobility.domain.facts import ConversationChanged, InvitationChanged, RenegotiationChanged
from mobility.domain.meetings import conference_uri
from mobility.media.offers import read_description
from tests.domain.doubles import done, running, uri
from tests.domain.phone_world import OUTSIDE, WORK
from tests.sip.call_world import Telephone, sdp
from tests.sip.test_calls import CallTestCase


def fragments(telephone: Telephone) -> list[str]:
    """What a telephone was told of its transfer."""
    told = [one for one in telephone.got if one.method == "NOTIFY"]
    return [one.body.decode().split(" ")[1] for one in told]


class TransferTestCase(CallTestCase):
    """Alice's phone has called Bob's."""

    def setUp(self) -> None:
        super().setUp()
        self.alice = self.sip.telephone("alice")
        self.bob = self.sip.phone("bob", "192.0.2.22")
        self.alice.calls(uri("bob"), sdp("alice"))
        self.sip.settle()
        self.bob.answers_with(200, sdp("bob"))
        self.sip.settle()
        self.alice.acknowledges()
        self.sip.settle()

    def refer(self, target: str, *lines: str) -> None:
        self.alice.within("REFER", f"Refer-To: <{target}>", *lines)
        self.sip.settle()


class BlindTests(TransferTestCase):
    """REFER to somebody new."""

    def test_transferred(self) -> None:
        """Who is named is called as Bob with Bob's media; once it answers, Bob is offered its
        media, and who transferred is told and gets BYE."""
        carol = self.sip.phone("carol", "192.0.2.23")
        self.refer(uri("carol"))
        self.assertEqual(self.alice.statuses[-1], 202)
        invite = carol.last("INVITE")
        self.assertEqual(invite.from_.sip.aor, uri("bob"))
        self.assertEqual(invite.first("Referred-By"), f"<{uri('alice')}>")
        self.assertEqual(invite.body.decode(), sdp("bob"))
        carol.answers_with(180)
        self.sip.settle()
        self.assertEqual(self.bob.methods, ["INVITE", "ACK"])
        carol.answers_with(200, sdp("carol"))
        self.sip.settle()
        self.assertEqual(fragments(self.alice), ["100", "180", "200"])
        self.assertEqual(self.alice.methods[-1], "BYE")
        state = self.alice.last("NOTIFY").first("Subscription-State") or ""
        self.assertTrue(state.startswith("terminated"))
        again = self.bob.last("INVITE")
        self.assertIn("m=audio 4000", again.body.decode())
        self.assertIn("o=alice 1 2 IN", again.body.decode())
        self.bob.responds(again, 200, sdp("bob"))
        self.sip.settle()
        self.assertEqual(carol.methods, ["INVITE", "ACK"])
        (line,) = self.sip.log.named("sip.transfer")
        self.assertEqual(line["status"], 200)
        carol.sends("BYE")
        self.sip.settle()
        self.assertEqual(self.bob.methods[-1], "BYE")
        self.assertEqual(len(self.sip.calls), 0)

    def test_hold_afterwards(self) -> None:
        """The two who are left hold and resume as any others."""
        carol = self.sip.phone("carol", "192.0.2.23")
        self.refer(uri("carol"))
        carol.answers_with(200, sdp("carol"))
        self.sip.settle()
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob"))
        self.sip.settle()
        carol.sends("UPDATE", body=sdp("carol", "sendonly"))
        self.sip.settle()
        asked = self.bob.last("INVITE")
        self.assertIn("a=sendonly", asked.body.decode())
        self.bob.responds(asked, 200, sdp("bob", "recvonly"))
        self.sip.settle()
        self.assertEqual(carol.answers[-1].status, 200)
        self.assertIn("a=recvonly", carol.answers[-1].body.decode())

    def test_refused(self) -> None:
        """Who is named does not want it: who transferred goes on with the call."""
        carol = self.sip.phone("carol", "192.0.2.23")
        self.refer(uri("carol"))
        carol.answers_with(486)
        self.sip.settle()
        self.assertEqual(fragments(self.alice), ["100", "486"])
        self.assertNotIn("BYE", self.alice.methods)
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(self.bob.methods[-1], "BYE")

    def test_left_early(self) -> None:
        """Who transfers hangs up before anybody answers: the other is kept for whom it is to talk
        to, and is not when nobody wants it."""
        for status in (200, 486):
            carol = self.sip.phone("carol", "192.0.2.23")
            self.refer(uri("carol"))
            self.alice.within("BYE")
            self.sip.settle()
            self.assertNotIn("BYE", self.bob.methods)
            carol.answers_with(status, sdp("carol") if status == 200 else "")
            self.sip.settle()
            if status == 200:
                self.assertEqual(self.bob.methods[-1], "INVITE")
                carol.sends("BYE")
                self.sip.settle()
            self.assertEqual(self.bob.methods[-1], "BYE")
            self.assertEqual(len(self.sip.calls), 0)
            self.setUp()

    def test_abandoned(self) -> None:
        """Who is transferred hangs up before anybody answers: nobody rings any more."""
        carol = self.sip.phone("carol", "192.0.2.23")
        self.refer(uri("carol"))
        carol.answers_with(180)
        self.bob.sends("BYE")
        self.sip.settle()
        self.assertEqual(carol.methods, ["INVITE", "CANCEL"])
        self.assertEqual(self.alice.methods[-1], "BYE")

    def test_nobody(self) -> None:
        """A target that is nobody here is refused."""
        self.refer(uri("nobody"))
        self.assertEqual(self.alice.statuses[-1], 404)

    def test_elsewhere(self) -> None:
        """Somebody of another domain to which a route leads is called by who transfers, whoever is
        transferred."""
        partner = self.sip.telephone("partner", "partner.test")
        gateway = self.sip.gateway()
        self.refer("sip:zoe@partner.test")
        self.assertEqual(partner.last("INVITE").from_.sip.aor, uri("alice"))
        partner.answers_with(200, sdp("zoe"))
        self.sip.settle()
        self.assertEqual(fragments(self.alice)[-1], "200")
        gateway.calls(f"sip:{WORK['bob']}@example.test;user=phone", sdp("gw"))
        self.sip.settle()
        self.bob.answers_with(200, sdp("bob"))
        self.sip.settle()
        gateway.acknowledges()
        gateway.within("REFER", "Refer-To: <sip:zoe@partner.test>")
        self.assertEqual(gateway.statuses[-1], 404)
        self.bob.sends("REFER", "Refer-To: <sip:zoe@partner.test>")
        self.sip.settle()
        self.assertEqual(partner.last("INVITE").from_.sip.aor, uri("bob"))

    def test_what_else(self) -> None:
        """Other requests than INVITE are not sent for anybody, and nobody is transferred into a
        meeting."""
        self.refer(f"{uri('carol')};method=BYE")
        self.assertEqual(self.alice.statuses[-1], 501)
        organizer = self.sip.application("carol")
        meeting = done(running(self.world.meetings.schedule(organizer, {}, self.world.now)))
        self.refer(conference_uri(meeting.record))
        self.assertEqual(self.alice.statuses[-1], 603)
        carol = self.sip.phone("carol", "192.0.2.23")
        self.refer(f"{uri('carol')};method=INVITE?Subject=Lunch")
        self.assertEqual(carol.last("INVITE").uri, f"sip:carol@{carol.host}:5060;transport=tcp")

    def test_not_allowed(self) -> None:
        """A user whose voice policy forbids transfers is refused."""
        self.sip.may_not_transfer.add(uri("alice"))
        self.refer(uri("carol"))
        self.assertEqual(self.alice.statuses[-1], 603)

    def test_untold(self) -> None:
        """With Refer-Sub: false nobody is told how it gets on (RFC 4488)."""
        self.refer(uri("carol"), "Refer-Sub: false", "Require: norefersub")
        self.assertEqual(self.alice.answers[-1].first("Refer-Sub"), "false")
        self.assertEqual(fragments(self.alice), [])

    def test_to_a_number(self) -> None:
        """A number is called by the routes of who transfers."""
        gateway = self.sip.gateway()
        self.refer(f"sip:{OUTSIDE}@example.test;user=phone")
        gateway.answers_with(200, sdp("gw"))
        self.sip.settle()
        self.assertEqual(fragments(self.alice)[-1], "200")

    def test_to_an_application(self) -> None:
        """An application is called as any device, and told who has transferred its caller."""
        carol = self.sip.application("carol")
        self.refer(uri("carol"))
        invitation = self.rings(carol)
        self.assertEqual(invitation.from_uri, uri("bob"))
        assert invitation.call is not None
        self.assertEqual(invitation.call.transferred_by, uri("alice"))
        self.accept(carol, invitation.id, sdp("carol"))
        self.assertEqual(fragments(self.alice)[-1], "200")

    def test_of_an_application(self) -> None:
        """An application that is transferred is offered the media of who answers."""
        dora = self.sip.application("carol")
        eve = self.sip.telephone("alice", "192.0.2.40")
        eve.calls(uri("carol"), sdp("eve"), call="e")
        invitation = self.rings(dora)
        self.accept(dora, invitation.id, sdp("dora"))
        eve.acknowledges()
        eve.within("REFER", f"Refer-To: <{uri('bob')}>")
        self.sip.settle()
        self.bob.answers_with(200, sdp("bob"))
        self.sip.settle()
        conversation = self.world.conversation(dora, invitation.conversation_id)
        assert conversation.renegotiation is not None
        answer = read_description(sdp("dora"))
        done(
            running(
                self.world.renegotiations.answer(
                    dora, conversation.id, conversation.renegotiation.id, answer
                )
            )
        )
        self.sip.settle()
        self.assertFalse(self.sip.heard(dora, ConversationChanged, change="deleted"))
        self.assertEqual(eve.methods[-1], "BYE")


class AttendedTests(TransferTestCase):
    """REFER to the other end of another call."""

    def test_joined(self) -> None:
        """The two other ends are joined, and both calls of who transferred end."""
        carol = self.sip.phone("carol", "192.0.2.23")
        second = self.sip.telephone("alice", "192.0.2.24")
        second.calls(uri("carol"), sdp("alice"), call="second")
        self.sip.settle()
        carol.answers_with(200, sdp("carol"))
        self.sip.settle()
        second.acknowledges()
        tag = second.answers[-1].to.tag
        assert second.invite is not None
        replaces = f"{second.invite.call_id};to-tag={tag};from-tag=alice"
        self.refer(f"{uri('carol')}?Replaces={quote(replaces, safe='')}")
        self.assertEqual(fragments(self.alice), ["100", "200"])
        self.assertEqual((self.alice.methods[-1], second.methods[-1]), ("BYE", "BYE"))
        asked = carol.last("INVITE")
        self.assertIn("m=audio 4000", asked.body.decode())
        carol.responds(asked, 200, sdp("carol"))
        self.sip.settle()
        asked = self.bob.last("INVITE")
        self.bob.responds(asked, 200, sdp("bob"))
        self.sip.settle()
        self.bob.sends("BYE")
        self.sip.settle()
        self.assertEqual(carol.methods[-1], "BYE")
        self.assertEqual(len(self.sip.calls), 0)

    def consults(self) -> tuple[Telephone, Telephone, str]:
        """Alice calls Carol's phone, which rings; the Replaces of that call."""
        carol = self.sip.phone("carol", "192.0.2.23")
        second = self.sip.telephone("alice", "192.0.2.24")
        second.calls(uri("carol"), sdp("alice"), call="second")
        self.sip.settle()
        carol.answers_with(180)
        self.sip.settle()
        tag = second.answers[-1].to.tag
        assert second.invite is not None
        replaces = f"{second.invite.call_id};to-tag={tag};from-tag=alice"
        return carol, second, f"{uri('carol')}?Replaces={quote(replaces, safe='')}"

    def test_rings(self) -> None:
        """Who transfers to somebody that rings still leaves both calls; once that answers it is
        offered the media of who is transferred, who is offered its own."""
        carol, second, target = self.consults()
        self.refer(target)
        self.assertEqual((self.alice.statuses[-1], second.statuses[-1]), (202, 487))
        self.assertEqual(carol.methods, ["INVITE"])
        self.alice.within("BYE")
        self.sip.settle()
        carol.answers_with(200, sdp("carol"))
        self.sip.settle()
        asked = carol.last("INVITE")
        self.assertIn("o=alice 1 2 IN", asked.body.decode())
        carol.responds(asked, 200, sdp("carol"))
        self.sip.settle()
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob"))
        self.sip.settle()
        (line,) = self.sip.log.named("sip.transfer")
        self.assertEqual(line["status"], 200)
        self.bob.sends("BYE")
        self.sip.settle()
        self.assertEqual(carol.methods[-1], "BYE")
        self.assertEqual(len(self.sip.calls), 0)

    def test_rings_in_vain(self) -> None:
        """Whoever rings declines, or who is transferred hangs up before: nobody is left over."""
        carol, _, target = self.consults()
        self.refer(target)
        carol.answers_with(486)
        self.sip.settle()
        self.assertEqual(fragments(self.alice), ["100", "486"])
        self.setUp()
        carol, _, target = self.consults()
        self.refer(target)
        self.bob.sends("BYE")
        self.sip.settle()
        self.assertEqual(carol.methods, ["INVITE", "CANCEL"])
        self.assertEqual((fragments(self.alice)[-1], self.alice.methods[-1]), ("487", "BYE"))
        carol.answers_with(487)
        self.sip.settle()
        self.assertEqual(len(self.sip.calls), 0)

    def test_of_somebody_else(self) -> None:
        """A call of another user is not there for who transfers, and one that is being transferred
        is not there either."""
        carol, second, target = self.consults()
        self.bob.sends("REFER", f"Refer-To: <{target}>")
        self.sip.settle()
        self.assertEqual(fragments(self.bob), ["100", "481"])
        carol.answers_with(200, sdp("carol"))
        self.sip.settle()
        second.acknowledges()
        second.within("REFER", f"Refer-To: <{uri('bob')}>")
        self.sip.settle()
        self.refer(target)
        self.assertEqual(fragments(self.alice), ["100", "481"])

    def test_itself(self) -> None:
        """Two telephones of a user that talk to one another, also by calls that were joined, are
        not joined: nobody would be left."""
        second = self.sip.phone("alice", "192.0.2.25")
        third = self.sip.telephone("alice", "192.0.2.26")
        third.calls(uri("alice"), sdp("third"), call="third")
        self.sip.settle()
        second.answers_with(200, sdp("second"))
        self.sip.settle()
        third.acknowledges()
        invite = second.last("INVITE")
        replaces = quote(f"{invite.call_id};to-tag={invite.from_.tag};from-tag=alice", safe="")
        third.within("REFER", f"Refer-To: <{uri('alice')}?Replaces={replaces}>")
        self.sip.settle()
        self.assertEqual(fragments(third), ["100", "481"])
        self.bob.sends("REFER", f"Refer-To: <{uri('alice')}>")
        self.sip.settle()
        second.responds(second.last("INVITE"), 200, sdp("second"))
        self.sip.settle()
        self.assertEqual(fragments(self.bob)[-1], "200")
        asked = self.alice.last("INVITE")
        self.alice.responds(asked, 200, sdp("alice"))
        self.sip.settle()
        invite = second.last("INVITE")
        replaces = quote(f"{invite.call_id};to-tag={invite.from_.tag};from-tag=alice", safe="")
        self.refer(f"{uri('alice')}?Replaces={replaces}")
        self.assertEqual(fragments(self.alice), ["100", "481"])
        self.assertNotIn("BYE", self.alice.methods)

    def test_other_streams(self) -> None:
        """Who has audio alone is joined with who has been called with video, too: that is ended,
        and each goes on with the streams that it has."""
        carol = self.sip.phone("carol", "192.0.2.23")
        second = self.sip.telephone("alice", "192.0.2.24")
        second.calls(uri("carol"), sdp("alice", video=True), call="second")
        self.sip.settle()
        carol.answers_with(200, sdp("carol", video=True))
        self.sip.settle()
        second.acknowledges()
        assert second.invite is not None
        tag = second.answers[-1].to.tag
        replaces = quote(f"{second.invite.call_id};to-tag={tag};from-tag=alice", safe="")
        self.refer(f"{uri('carol')}?Replaces={replaces}")
        asked = carol.last("INVITE")
        self.assertIn("m=video 0 ", asked.body.decode())
        carol.responds(asked, 200, f"{sdp('carol')}m=video 0 RTP/AVP 96\r\n")
        self.sip.settle()
        asked = self.bob.last("INVITE")
        self.assertNotIn("m=video", asked.body.decode())
        self.bob.responds(asked, 200, sdp("bob"))
        self.sip.settle()
        self.bob.sends("UPDATE", body=sdp("bob", "sendonly"))
        self.sip.settle()
        asked = carol.last("INVITE")
        self.assertEqual(asked.body.decode().count("a=sendonly"), 1)
        carol.responds(asked, 200, f"{sdp('carol', 'recvonly')}m=video 0 RTP/AVP 96\r\n")
        self.sip.settle()
        self.assertEqual(self.bob.statuses[-1], 200)
        self.assertNotIn("m=video", self.bob.answers[-1].body.decode())

    def test_nothing_to_replace(self) -> None:
        """Another call that is not there is 481, and the call goes on."""
        replaces = quote("nothing;to-tag=1;from-tag=2", safe="")
        self.refer(f"{uri('carol')}?Replaces={replaces}")
        self.assertEqual(fragments(self.alice), ["100", "481"])
        self.assertFalse(self.sip.heard(self.sip.application("carol"), InvitationChanged))


class ReplacingTests(TransferTestCase):
    """INVITE with Replaces."""

    def replace(
        self, name: str = "alice", *, host: str = "192.0.2.50", more: str = ""
    ) -> Telephone:
        """Another telephone takes over Alice's part."""
        tag = self.alice.answers[-1].to.tag
        assert self.alice.invite is not None
        replaces = f"Replaces: {self.alice.invite.call_id};to-tag={tag};from-tag=alice"
        other = self.sip.telephone(name, host)
        other.calls(uri("bob"), sdp("other"), f"{replaces}{more}", call="other")
        self.sip.settle()
        return other

    def test_taken_over(self) -> None:
        """The other end is offered the media of the device that takes over, and the one that it
        replaces gets BYE."""
        other = self.replace()
        asked = self.bob.last("INVITE")
        self.assertIn("m=audio 4000", asked.body.decode())
        self.assertEqual(self.alice.methods, [])
        self.bob.responds(asked, 200, sdp("bob"))
        self.sip.settle()
        self.assertEqual(other.statuses, [100, 200])
        self.assertEqual(self.alice.methods, ["BYE"])
        other.acknowledges()
        other.within("BYE")
        self.sip.settle()
        self.assertEqual(self.bob.methods[-1], "BYE")

    def test_fewer_streams(self) -> None:
        """A device without video takes over a call that has it, which goes on with audio; it holds
        it as any other."""
        self.alice.within("UPDATE", body=sdp("alice", video=True))
        self.sip.settle()
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob", video=True))
        self.sip.settle()
        ended = "m=video 0 RTP/AVP 96\r\n"
        other = self.replace()
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob") + ended)
        self.sip.settle()
        self.assertEqual((other.statuses[-1], self.alice.methods), (200, ["BYE"]))
        self.assertNotIn("m=video", other.answers[-1].body.decode())
        other.acknowledges()
        other.within("UPDATE", body=sdp("other", "sendonly"))
        self.sip.settle()
        asked = self.bob.last("INVITE").body.decode()
        self.assertIn("a=sendonly", asked)
        self.assertIn("m=video 0 ", asked)
        self.bob.responds(self.bob.last("INVITE"), 200, sdp("bob", "recvonly") + ended)
        self.sip.settle()
        self.assertEqual(other.statuses[-1], 200)

    def test_refused(self) -> None:
        """What the other end does not take changes nothing."""
        other = self.replace()
        self.bob.responds(self.bob.last("INVITE"), 488)
        self.sip.settle()
        self.assertEqual(other.statuses, [100, 488])
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(self.bob.methods[-1], "BYE")

    def test_hung_up_meanwhile(self) -> None:
        """A call that either end leaves while the other has not answered what it is offered is over
        at once for all: the device that takes over is refused, the one that it replaces gets
        BYE."""
        other = self.replace()
        self.bob.sends("BYE")
        self.sip.settle()
        self.assertEqual((other.statuses, self.alice.methods), ([100, 488], ["BYE"]))
        self.setUp()
        other = self.replace()
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual((other.statuses, self.bob.methods[-1]), ([100, 488], "BYE"))
        self.assertEqual(len(self.sip.calls), 0)

    def test_silent(self) -> None:
        """Where the other end says nothing the call goes on as it was, and what is offered is taken
        back."""
        other = self.replace()
        for _ in range(11):
            self.sip.settle(1.0)
        self.assertEqual((other.statuses, self.alice.methods), ([100, 504], []))
        self.assertEqual(self.bob.methods, ["INVITE", "ACK", "INVITE"])
        self.bob.responds(self.bob.last("INVITE"), 100)
        self.assertEqual(self.bob.methods[-1], "CANCEL")
        self.alice.within("BYE")
        self.sip.settle()
        self.assertEqual(self.bob.methods[-1], "BYE")
        self.assertEqual(len(self.sip.calls), 0)

    def test_silent_application(self) -> None:
        """So it is where that is an application: it hears that the new offer is over, and may be
        offered another one."""
        dora = self.sip.application("carol")
        eve = self.sip.telephone("alice", "192.0.2.40")
        eve.calls(uri("carol"), sdp("eve"), call="e")
        invitation = self.rings(dora)
        self.accept(dora, invitation.id, sdp("dora"))
        eve.acknowledges()
        assert eve.invite is not None
        tag = eve.answers[-1].to.tag
        other = self.sip.telephone("alice", "192.0.2.50")
        replaces = f"Replaces: {eve.invite.call_id};to-tag={tag};from-tag=alice"
        other.calls(uri("carol"), sdp("other"), replaces, call="other")
        for _ in range(11):
            self.sip.settle(1.0)
        self.assertEqual((other.statuses, eve.methods), ([100, 504], []))
        self.assertTrue(self.sip.heard(dora, RenegotiationChanged, change="completed"))

    def test_crosses_a_transfer(self) -> None:
        """A call that is being transferred is not taken over, and one that is being taken over is
        not transferred."""
        carol = self.sip.phone("carol", "192.0.2.23")
        other = self.replace()
        self.refer(uri("carol"))
        self.assertEqual((self.alice.statuses[-1], carol.methods), (491, []))
        self.bob.responds(self.bob.last("INVITE"), 488)
        self.sip.settle()
        self.assertEqual(other.statuses[-1], 488)
        self.refer(uri("carol"))
        self.assertEqual((self.alice.statuses[-1], carol.methods), (202, ["INVITE"]))
        self.assertEqual(self.replace(host="192.0.2.51").statuses[-1], 491)

    def test_early_only(self) -> None:
        """Who wants a call only while it rings does not get one that is answered."""
        self.assertEqual(self.replace(more=";early-only").statuses, [100, 486])

    def test_another_user(self) -> None:
        """Nobody takes over another user's part."""
        self.assertEqual(self.replace("carol").statuses, [100, 403])

    def test_no_call(self) -> None:
        """A call that is not there is 481."""
        other = self.sip.telephone("alice", "192.0.2.50")
        other.calls(uri("bob"), sdp("other"), "Replaces: x;to-tag=1;from-tag=2", call="other")
        self.assertEqual(other.statuses, [100, 481])
