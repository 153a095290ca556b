"""Calls into meetings: phones of users, gateways and other domains that call a conference."""

from typing import Any, cast
from urllib.parse import quote

import attrs

from mobility.domain.applications import Endpoint
from mobility.domain.conferences import Join
from mobility.domain.facts import ParticipantMediaChanged
from mobility.domain.meetings import conference_uri
from mobility.domain.records import Invitation, Participant
from tests.domain.doubles import done, running, uri
from tests.domain.phone_world import OUTSIDE
from tests.sip.call_world import Telephone, sdp
from tests.sip.test_calls import CallTestCase
from tests.sip.test_transfers import fragments


class MeetingCallTestCase(CallTestCase):
    """Alice's meeting, in which she is, and a gateway that callers come from."""

    changes: dict[str, Any] = {}

    def setUp(self) -> None:
        super().setUp()
        world = self.world
        world.meetings.policy = attrs.evolve(world.meetings.policy, dial_in=True)
        self.alice = self.sip.application("alice")
        self.alice.parked = 1
        scheduled = world.meetings.schedule(self.alice, self.changes, world.now)
        self.meeting = done(running(scheduled))
        self.uri = conference_uri(self.meeting.record)
        self.gateway = self.sip.gateway()
        self.server = self.sip.telephone("focus", "mixer.test")

    def join(self, endpoint: Endpoint) -> Invitation:
        join = self.world.conferences.join(endpoint, self.uri, Join(), self.world.now)
        invitation = done(running(join))
        self.sip.settle()
        return invitation

    def dials(self, *lines: str, number: str = "", offer: str | None = "") -> Telephone:
        """Somebody calls the meeting's conference id through the gateway; None offers nothing."""
        to = f"sip:{number or self.meeting.record.number}@192.0.2.1:5089;user=phone"
        asserted = f'P-Asserted-Identity: "Ada" <sip:{OUTSIDE}@gw.test;user=phone>'
        offered = "" if offer is None else offer or sdp("gw")
        self.gateway.calls(to, offered, *(lines or (asserted,)))
        self.sip.settle()
        return self.gateway

    def inside(self) -> dict[str, Participant]:
        conversation = self.world.conversations.of_meeting(self.uri)
        return {} if conversation is None else conversation.participants

    @property
    def caller(self) -> Participant:
        """Who has dialled in."""
        (found,) = (one for one in self.inside().values() if one.uri != uri("alice"))
        return found

    def mixes(self, answer: str = "") -> None:
        """The conference server lets in whoever has called it last."""
        self.server.answers_with(200, answer or sdp("focus"))
        self.sip.settle()

    def lead(self, act: str, *when: float) -> None:
        conversation = self.world.conversations.of_meeting(self.uri)
        assert conversation is not None
        action = getattr(self.world.conferences, act)
        done(running(action(self.alice, conversation.id, self.caller.uri, *when)))
        self.sip.settle()


class LobbyTests(MeetingCallTestCase):
    """Callers wait until a leader lets them in."""

    def setUp(self) -> None:
        super().setUp()
        self.join(self.alice)
        self.dials()

    def test_waits(self) -> None:
        """Who waits hears ringing and is told so each minute; the meeting sees its number."""
        self.assertEqual(self.gateway.statuses, [100, 180, 182])
        caller = self.caller
        self.assertEqual((caller.name, caller.phone), ("Ada", OUTSIDE))
        self.assertTrue(caller.in_lobby)
        self.assertTrue(caller.anonymous)
        self.assertTrue(caller.uri.endswith("@anonymous.invalid"))
        self.sip.settle(61.0)
        self.assertEqual(self.gateway.statuses[-1], 182)
        self.assertEqual(self.gateway.statuses.count(182), 2)

    def test_let_in(self) -> None:
        """Who is let in is put through to the mixer, and answered as that does."""
        self.assertEqual(self.server.methods, [])
        self.lead("admit")
        self.assertFalse(self.caller.in_lobby)
        invite = self.server.last("INVITE")
        self.assertEqual(invite.body.decode(), sdp("gw"))
        self.assertEqual(invite.from_.name, "Ada")
        self.assertNotIn(OUTSIDE, str(invite.from_))
        self.sip.settle(1.0)
        self.assertEqual(self.gateway.statuses, [100, 180, 182])
        self.mixes()
        self.assertEqual(self.gateway.statuses, [100, 180, 182, 200])
        self.assertEqual(self.gateway.answers[-1].body.decode(), sdp("focus"))
        self.gateway.acknowledges()
        self.sip.settle(61.0)
        self.assertEqual(self.gateway.statuses.count(182), 1)

    def test_sent_away(self) -> None:
        """Who is not let in is refused."""
        self.lead("reject", 0.0)
        self.assertEqual(self.gateway.statuses[-1], 603)
        self.assertEqual(list(self.inside()), [uri("alice")])
        self.assertEqual(len(self.sip.calls), 0)

    def test_waits_in_vain(self) -> None:
        """Whom nobody lets in in time is told so."""
        self.world.advance(901.0)
        self.sip.settle()
        self.assertEqual(self.gateway.statuses[-1], 408)
        self.assertEqual(len(self.sip.calls), 0)

    def test_gives_up(self) -> None:
        """Who gives up waiting is gone from the lobby."""
        invite = self.gateway.invite
        assert invite is not None
        cancel = attrs.evolve(
            invite,
            method="CANCEL",
            body=b"",
            fields={
                **{name: invite.fields[name] for name in ("Via", "From", "To", "Call-ID")},
                "CSeq": [f"{invite.cseq.number} CANCEL"],
            },
        )
        self.gateway.come(cancel)
        self.sip.settle()
        self.assertEqual(sorted(self.gateway.statuses[-2:]), [200, 487])
        self.assertEqual(list(self.inside()), [uri("alice")])

    def test_meeting_over(self) -> None:
        """When the meeting is over nobody waits for it."""
        ending = self.world.meetings.cancel(self.alice, self.meeting.record.id, self.world.now)
        done(running(ending))
        self.sip.settle()
        self.assertGreaterEqual(self.gateway.statuses[-1], 400)
        self.assertEqual(len(self.sip.calls), 0)


class WhoTests(MeetingCallTestCase):
    """Who calls, and which meeting."""

    changes = {"lobby_bypass_for_phone_users": "Enabled"}

    def test_bypass(self) -> None:
        """Where the lobby is not for telephones, who calls is inside at once."""
        self.dials()
        self.assertFalse(self.caller.in_lobby)
        self.mixes()
        self.assertEqual(self.gateway.statuses, [100, 180, 200])

    def test_withheld(self) -> None:
        """A caller that hides its number is a telephone."""
        self.dials("Privacy: id", "P-Asserted-Identity: <sip:anonymous@anonymous.invalid>")
        self.assertEqual((self.caller.name, self.caller.phone), ("Telephone", ""))

    def test_not_handed_on(self) -> None:
        """Nobody comes into a meeting in the place of a phone that is there (481)."""
        phone, other = (self.sip.telephone("alice", f"192.0.2.3{at}") for at in range(2))
        bob = self.sip.phone("bob", "192.0.2.22")
        phone.calls(self.uri, sdp("phone"), call="meeting")
        self.sip.settle()
        self.server.answers_with(200, sdp("mixer"))
        self.sip.settle()
        phone.acknowledges()
        other.calls(uri("bob"), sdp("other"))
        self.sip.settle()
        bob.answers_with(200, sdp("bob"))
        self.sip.settle()
        other.acknowledges()
        assert phone.invite is not None
        tag = phone.answers[-1].to.tag
        replaces = quote(f"{phone.invite.call_id};to-tag={tag};from-tag=alice", safe="")
        other.within("REFER", f"Refer-To: <{self.uri}?Replaces={replaces}>")
        self.sip.settle()
        self.assertEqual(fragments(other), ["100", "481"])
        self.assertEqual((phone.methods, "BYE" in bob.methods), ([], False))

    def test_no_such_meeting(self) -> None:
        """A conference id of no meeting is a number that nobody has."""
        number = f"{(int(self.meeting.record.number) + 1) % 10**9:09}"
        self.assertEqual(self.dials(number=number).statuses, [100, 404])
        self.gateway.answers.clear()
        self.gateway.calls(f"{self.uri[:-1]}", sdp("gw"), call="d")
        self.sip.settle()
        self.assertEqual(self.gateway.statuses, [100, 404])

    def test_own_phone(self) -> None:
        """A phone of a user calls the conference URI and comes in as the user."""
        self.join(self.alice)
        phone = self.sip.telephone("bob", "192.0.2.30")
        phone.calls(self.uri, sdp("phone"))
        self.sip.settle()
        self.assertEqual(phone.statuses, [100, 180])
        self.assertEqual(self.inside()[uri("bob")].name, "Bob")
        self.assertEqual(cast(str, self.inside()[uri("bob")].phone), "")
        invite = self.server.last("INVITE")
        self.assertEqual(str(invite.from_.uri), uri("bob"))

    def test_own_phone_dials(self) -> None:
        """A user's phone may dial the conference id, too."""
        phone = self.sip.telephone("bob", "192.0.2.30")
        phone.calls(f"sip:{self.meeting.record.number}@example.test", sdp("phone"))
        self.sip.settle()
        self.assertIn(uri("bob"), self.inside())

    def test_not_by_telephone(self) -> None:
        """A meeting that admits no telephones refuses them."""
        record = self.meeting.record
        changes = {"phone_user_admission": "Disabled"}
        done(running(self.world.meetings.update(self.alice, record, changes, self.world.now)))
        self.assertEqual(self.dials().statuses, [100, 403])

    def test_no_offer(self) -> None:
        """A caller that lets the meeting offer first is offered what the mixer answers, and offers
        with its ACK."""
        self.dials(offer=None)
        self.assertIn("m=audio 9 ", self.server.last("INVITE").body.decode())
        self.mixes(sdp("focus"))
        self.assertEqual(self.gateway.statuses, [100, 180, 200])
        self.assertIn("m=audio 4000", self.gateway.answers[-1].body.decode())
        self.gateway.acknowledges(sdp("gw"))
        self.sip.settle()
        self.assertIn("m=audio 4000", self.server.last("INVITE").body.decode())

    def test_no_media(self) -> None:
        """A call without audio and video is refused."""
        offer = sdp("gw").replace("m=audio", "m=application")
        self.assertEqual(self.dials(offer=offer).statuses, [100, 488])
        self.assertEqual(self.inside(), {})


class TalkingTests(MeetingCallTestCase):
    """Who has dialled in talks with the others."""

    changes = {"lobby_bypass_for_phone_users": "Enabled"}

    def setUp(self) -> None:
        super().setUp()
        self.join(self.alice)
        self.dials()
        self.mixes()
        self.gateway.acknowledges()
        self.sip.settle()

    def media(self) -> list[ParticipantMediaChanged]:
        """What Alice was told of the caller's audio."""
        facts = (entry.fact for entry in self.world.entries(self.alice))
        return [one for one in facts if isinstance(one, ParticipantMediaChanged)]

    def test_hangs_up(self) -> None:
        """Who hangs up has left the meeting, and the mixer."""
        self.assertEqual(self.media()[-1].change, "added")
        self.gateway.within("BYE")
        self.sip.settle()
        self.assertEqual(self.server.methods[-1], "BYE")
        self.assertEqual(list(self.inside()), [uri("alice")])
        self.assertEqual(self.media()[-1].change, "deleted")
        (line,) = self.sip.log.named("sip.call")
        self.assertEqual((line["direction"], line["outcome"]), ("in", "completed"))
        self.assertEqual(self.sip.core.dialogs, {})

    def test_thrown_out(self) -> None:
        """A leader removes a caller: its call ends, and that with the mixer."""
        self.lead("eject", 0.0)
        self.assertEqual(self.gateway.methods[-1], "BYE")
        self.assertEqual(self.server.methods[-1], "BYE")
        self.assertEqual(len(self.sip.calls), 0)

    def test_mixer_ends(self) -> None:
        """When the mixer ends the call so does the caller's."""
        self.server.sends("BYE")
        self.sip.settle()
        self.assertEqual(self.gateway.methods[-1], "BYE")
        self.assertEqual(list(self.inside()), [uri("alice")])

    def test_muted(self) -> None:
        """A leader mutes a caller: the mixer takes nothing from it, and the caller hears nothing
        of it."""
        conversation = self.world.conversations.of_meeting(self.uri)
        assert conversation is not None
        muting = self.sip.mixing.mute(
            self.alice, conversation.id, self.caller.uri, "Audio", muted=True
        )
        done(running(muting))
        self.sip.settle()
        self.assertIn("a=recvonly", self.server.last("INVITE").body.decode())
        self.assertTrue(self.media()[-1].muted)
        self.assertEqual(self.gateway.methods, [])

    def test_holds(self) -> None:
        """What a caller offers anew is offered to the mixer, and the answer comes back."""
        self.gateway.within("INVITE", body=sdp("gw", "sendonly"))
        self.sip.settle()
        self.assertIn("a=sendonly", self.server.last("INVITE").body.decode())
        self.server.responds(self.server.last("INVITE"), 200, sdp("focus", "recvonly"))
        self.sip.settle()
        self.assertEqual(self.gateway.statuses[-1], 200)
        self.assertIn("a=recvonly", self.gateway.answers[-1].body.decode())

    def test_mixer_offers(self) -> None:
        """What the mixer offers anew is the caller's to answer."""
        self.server.sends("INVITE", body=sdp("focus", "sendonly"))
        self.sip.settle()
        again = self.gateway.last("INVITE")
        self.assertIn("a=sendonly", again.body.decode())
        self.gateway.responds(again, 200, sdp("gw", "recvonly"))
        self.sip.settle()
        self.assertEqual(self.server.statuses[-1], 200)
        self.assertIn("a=recvonly", self.server.answers[-1].body.decode())

    def test_not_transferred(self) -> None:
        """Nobody transfers a conference."""
        self.gateway.within("REFER", "Refer-To: <sip:bob@example.test>")
        self.sip.settle()
        self.assertEqual(self.gateway.statuses[-1], 603)


class NotMixedTests(MeetingCallTestCase):
    """The mixer does not let the caller in."""

    changes = {"lobby_bypass_for_phone_users": "Enabled"}

    def test_refused(self) -> None:
        """A mixer that is full or gone ends the call, and with it the way into the meeting."""
        self.join(self.alice)
        self.dials()
        self.server.answers_with(503)
        self.sip.settle()
        self.assertGreaterEqual(self.gateway.statuses[-1], 480)
        self.assertEqual(list(self.inside()), [uri("alice")])
        self.assertEqual(len(self.sip.calls), 0)
