"""Calls into meetings: phones of users, gateways and other domains that call a conference."""

from typing import Any, cast

import attrs

from mobility.domain.applications import Endpoint
from mobility.domain.conferences import Join
from mobility.domain.meetings import conference_uri
from mobility.domain.records import Invitation, Participant
from tests.domain.doubles import done, running, uri
from tests.domain.phone_world import OUTSIDE
from tests.sip.call_world import Telephone, sdp
from tests.sip.test_calls import CallTestCase


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

    def join(self, endpoint: Endpoint) -> Invitation:
        join = self.world.conferences.join(endpoint, self.uri, Join(), self.world.now)
        invitation = done(running(join))
        self.sip.settle()
        return invitation

    def dials(self, *lines: str, number: str = "", offer: str = "") -> Telephone:
        """Somebody calls the meeting's conference id through the gateway."""
        to = f"sip:{number or self.meeting.record.number}@192.0.2.1:5089;user=phone"
        asserted = f'P-Asserted-Identity: "Ada" <sip:{OUTSIDE}@gw.test;user=phone>'
        self.gateway.calls(to, offer or sdp("gw"), *(lines or (asserted,)))
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
        """Who is let in talks."""
        self.lead("admit")
        self.assertFalse(self.caller.in_lobby)
        self.assertEqual(len(self.sip.talking), 1)
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
        self.assertEqual(len(self.sip.talking), 1)
        self.assertFalse(self.caller.in_lobby)

    def test_withheld(self) -> None:
        """A caller that hides its number is a telephone."""
        self.dials("Privacy: id", "P-Asserted-Identity: <sip:anonymous@anonymous.invalid>")
        self.assertEqual((self.caller.name, self.caller.phone), ("Telephone", ""))

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
        self.assertEqual([line.user_uri for line in self.sip.talking], [uri("bob")])

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
        """A call without audio is refused; one without an offer waits as others do."""
        to = f"sip:{self.meeting.record.number}@192.0.2.1"
        chat = sdp("gw").replace("m=audio 4000 RTP/AVP", "m=application 4000 RTP/AVP")
        self.gateway.calls(to, chat, call="d")
        self.sip.settle()
        self.assertEqual(self.gateway.statuses, [100, 488])
        self.assertEqual(self.inside(), {})
        self.gateway.calls(to, "", call="e")
        self.sip.settle()
        self.assertEqual(self.gateway.statuses, [100, 488, 100, 180, 182])
