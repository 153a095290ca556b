"""Telephones that dial into meetings."""

from typing import Any

import attrs
from twisted.internet.defer import Deferred

from mobility.domain.conference import place_of
from mobility.domain.dial_in import CALLER, DialIn, Visitor, by_telephone
from mobility.domain.facts import Fact, InvitationChanged
from mobility.domain.lines import Line
from mobility.domain.meetings import OnlineMeeting
from mobility.domain.records import Invitation, Participant
from mobility.testing_mixer import MemoryMixer
from tests.domain.doubles import done, running, uri
from tests.domain.test_conferences import Case
from tests.domain.wiring import conference_calls

NUMBER = "+4930123456"


class DialInCase(Case):
    """Alice's meeting, and telephones that call into it."""

    changes: dict[str, Any] = {}

    def setUp(self) -> None:
        super().setUp()
        world = self.world
        world.meetings.policy = attrs.evolve(world.meetings.policy, dial_in=True)
        calls = conference_calls(
            world,
            MemoryMixer(),
        )
        self.dial_in = DialIn(world.users, world.meetings, world.conferences, calls)
        scheduled = world.meetings.schedule(self.alice, self.changes, world.now)
        self.meeting: OnlineMeeting = done(running(scheduled))
        self.uri = self.at(self.meeting)
        self.heard: list[Fact] = []

    def at(self, meeting: OnlineMeeting) -> str:
        record = meeting.record
        return f"{record.organizer_uri};gruu;opaque=app:conf:focus:id:{record.id}"

    def calls(self, visitor: Visitor) -> tuple[Line, Deferred[Invitation]]:
        """Somebody calls, and comes in with a line."""
        lines = self.world.conversations.lines
        line = lines.open(visitor.uri, visitor.name, self.heard.append)
        return line, running(self.dial_in.enter(line, visitor, self.meeting, self.world.now))

    def ways(self) -> list[tuple[str, str]]:
        """What the invitation of the callers became."""
        return [(one.change, one.state) for one in self.heard if isinstance(one, InvitationChanged)]

    def of(self, visitor: Visitor) -> Participant:
        return self.conversation.participants[visitor.uri]


class FindingTests(DialInCase):
    """Which meeting is meant."""

    def test_found(self) -> None:
        """A meeting is found by its URI and by its conference id, while it lasts."""
        record, now = self.meeting.record, self.world.now
        self.assertIs(self.dial_in.at(self.uri, now), self.meeting)
        self.assertIs(self.dial_in.numbered(record.number, now), self.meeting)
        self.assertIsNone(self.dial_in.numbered("", now))
        self.assertIsNone(self.dial_in.numbered(record.number[:-1], now))
        done(running(self.world.meetings.cancel(self.alice, record.id, now)))
        self.assertIsNone(self.dial_in.numbered(record.number, now))


class LobbyTests(DialInCase):
    """Callers wait, and leaders decide."""

    def setUp(self) -> None:
        super().setUp()
        done(self.join(self.alice))

    def test_admitted(self) -> None:
        """A caller waits in the lobby under its number until a leader lets it in."""
        visitor = by_telephone(NUMBER, "")
        line, coming = self.calls(visitor)
        done(coming)
        waiting = self.of(visitor)
        self.assertEqual((waiting.name, waiting.phone), (NUMBER, NUMBER))
        self.assertTrue(waiting.anonymous)
        self.assertTrue(waiting.in_lobby)
        self.assertEqual(self.ways(), [("started", "Connecting")])
        act = self.world.conferences.admit(self.alice, self.conversation.id, visitor.uri)
        done(running(act))
        self.assertEqual(self.ways()[-1], ("completed", "Connected"))
        self.assertFalse(self.of(visitor).in_lobby)
        done(running(self.world.conversations.terminate(line, self.conversation.id, 0.0)))
        self.assertNotIn(visitor.uri, self.conversation.participants)

    def test_rejected(self) -> None:
        """One that is sent away is told so."""
        visitor = by_telephone("", "")
        done(self.calls(visitor)[1])
        self.assertEqual((self.of(visitor).name, self.of(visitor).phone), (CALLER, ""))
        act = self.world.conferences.reject(self.alice, self.conversation.id, visitor.uri, 0.0)
        done(running(act))
        last = self.heard_last()
        assert last.reason is not None
        self.assertEqual((last.state, last.reason.subcode), ("Failed", "Denied"))
        self.assertEqual(list(self.conversation.participants), [uri("alice")])

    def heard_last(self) -> InvitationChanged:
        found = [one for one in self.heard if isinstance(one, InvitationChanged)]
        return found[-1]

    def test_one_number_twice(self) -> None:
        """Two calls from one number are two participants: letting one in lets nobody else in."""
        first, second = by_telephone(NUMBER, "Ada"), by_telephone(NUMBER, "Ada")
        for visitor in (first, second):
            done(self.calls(visitor)[1])
        done(running(self.world.conferences.admit(self.alice, self.conversation.id, first.uri)))
        self.assertFalse(self.of(first).in_lobby)
        self.assertTrue(self.of(second).in_lobby)

    def test_own_phone(self) -> None:
        """A user's phone comes in as the user does, beside the user's application."""
        done(self.join(self.bob))
        visitor = Visitor(uri("bob"), "Bob")
        done(self.calls(visitor)[1])
        self.assertEqual(len(self.conversation.legs_of(uri("bob"))), 2)
        self.assertEqual(self.roles()[uri("bob")], "Attendee")
        self.assertFalse(self.of(visitor).anonymous)

    def test_ejected(self) -> None:
        """A leader removes a caller that is inside."""
        visitor = Visitor("sip:dora@partner.test", "Dora")
        done(self.calls(visitor)[1])
        self.assertTrue(self.of(visitor).in_lobby)
        leads, conversation_id = self.world.conferences, self.conversation.id
        done(running(leads.admit(self.alice, conversation_id, visitor.uri)))
        done(running(leads.eject(self.alice, conversation_id, visitor.uri, 0.0)))
        self.assertEqual(list(self.conversation.participants), [uri("alice")])


class BypassTests(DialInCase):
    """lobbyBypassForPhoneUsers."""

    changes = {"lobby_bypass_for_phone_users": "Enabled"}

    def test_passes(self) -> None:
        """Callers come in without waiting, and may be the first."""
        visitor = by_telephone(NUMBER, "Ada")
        done(self.calls(visitor)[1])
        self.assertEqual(self.roles(), {visitor.uri: "Attendee"})
        done(self.join(self.alice))
        self.assertEqual(self.roles()[uri("alice")], "Leader")

    def test_locked(self) -> None:
        """Into a meeting that is locked nobody comes without waiting but its organizer."""
        locked = attrs.evolve(self.meeting.record, access_level="Locked")
        self.assertTrue(place_of(locked, "sip:a@b.test", anonymous=True, by_phone=True).in_lobby)
        opened = self.meeting.record
        self.assertTrue(place_of(opened, "sip:a@b.test", anonymous=True).in_lobby)


class AdmissionTests(DialInCase):
    """Who may dial in at all."""

    changes = {"phone_user_admission": "Disabled"}

    def test_no_telephones(self) -> None:
        """Into a meeting that admits no telephones no number comes, but phones of users do."""
        self.assertEqual(self.refused(self.calls(by_telephone(NUMBER, ""))[1]), ("Forbidden", None))
        done(self.calls(Visitor(uri("bob"), "Bob"))[1])

    def test_by_default(self) -> None:
        """Where people can dial in meetings admit them unless they say otherwise."""
        meeting = done(running(self.world.meetings.schedule(self.alice, {}, self.world.now)))
        self.assertEqual(meeting.record.phone_user_admission, "Enabled")
        policy = attrs.evolve(self.world.meetings.policy, dial_in=False)
        self.world.meetings.policy = policy
        self.meeting = meeting
        self.assertEqual(self.refused(self.calls(by_telephone(NUMBER, ""))[1]), ("Forbidden", None))

    def test_no_strangers(self) -> None:
        """Where only people with an account come to meetings nobody of another domain calls in."""
        self.world.meetings.policy = attrs.evolve(self.world.meetings.policy, anonymous=False)
        coming = self.calls(Visitor("sip:dora@partner.test", "Dora"))[1]
        self.assertEqual(self.refused(coming), ("Forbidden", "AnonymousNotAllowed"))
