"""Conferences: who comes in, who waits, what leaders do, and who reads what."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mobility.domain.applications import Endpoint
from mobility.domain.conference import Place, place_of
from mobility.domain.conferences import Join
from mobility.domain.conversation import ActiveConversation
from mobility.domain.facts import (
    InvitationChanged,
    MessageCompleted,
    OnlineMeetingChanged,
    ParticipantChanged,
    RosterShown,
)
from mobility.domain.ledger import Unit
from mobility.domain.meetings import conference_uri
from mobility.domain.readership import shown
from mobility.domain.records import Conversation, Invitation, Leg, Meeting, Participant
from mobility.errors import Refusal, Unavailable
from tests.domain.doubles import Bounds, World, done, running, uri


class PlaceTests(SynchronousTestCase):
    """AccessLevel and AutomaticLeaderAssignment."""

    def place(self, access_level: str, who: str, assignment: str = "Disabled") -> tuple[str, bool]:
        meeting = Meeting(
            id="M",
            organizer_uri=uri("alice"),
            number="1",
            created_at=0.0,
            access_level=access_level,
            automatic_leader_assignment=assignment,
            attendees=uri("bob"),
            leaders=uri("carol"),
        )
        address = "sip:x@anonymous.invalid" if who == "anonymous" else uri(who)
        place = place_of(meeting, address, anonymous=who == "anonymous")
        self.assertIsInstance(place, Place)
        return place.role, place.in_lobby

    def test_organizer(self) -> None:
        """The organizer always leads and never waits."""
        for level in ("Everyone", "SameEnterprise", "Invited", "Locked", "None"):
            self.assertEqual(self.place(level, "alice"), ("Leader", False))

    def test_who_waits(self) -> None:
        """Each level lets fewer people in without waiting."""
        people = ("alice", "carol", "bob", "dave", "anonymous")
        admitted = {
            "Everyone": people,
            "SameEnterprise": people[:4],
            "Invited": people[:3],
            "Locked": people[:1],
            "None": people[:1],
        }
        for level, expected in admitted.items():
            found = tuple(who for who in people if not self.place(level, who)[1])
            self.assertEqual(found, expected, level)

    def test_who_leads(self) -> None:
        """Invited leaders lead, and whom the assignment names."""
        for assignment, expected in (
            ("Disabled", ("carol",)),
            ("SameEnterprise", ("bob", "carol", "dave")),
            ("Everyone", ("anonymous", "bob", "carol", "dave")),
        ):
            people = ("anonymous", "bob", "carol", "dave")
            found = [
                who for who in people if self.place("Everyone", who, assignment)[0] == "Leader"
            ]
            self.assertEqual(tuple(found), expected)


class Case(TestCase):
    """Alice's meeting, and what people do in it."""

    access_level = "SameEnterprise"

    def setUp(self) -> None:
        self.world = World("alice", "bob", "carol", "dave", "erin")
        self.alice, self.bob, self.carol = (
            self.world.sign_in(name) for name in ("alice", "bob", "carol")
        )
        for endpoint in (self.alice, self.bob, self.carol):
            endpoint.parked = 1
        changes = {"access_level": self.access_level, "subject": "Review"}
        meeting = done(running(self.world.meetings.schedule(self.alice, changes, self.world.now)))
        self.uri = conference_uri(meeting.record)

    def join(self, endpoint: Endpoint, meeting_uri: str | None = None) -> Deferred[Invitation]:
        wanted = self.uri if meeting_uri is None else meeting_uri
        call = Join(operation_id="op")
        return running(self.world.conferences.join(endpoint, wanted, call, self.world.now))

    def add_messaging(self, *endpoints: Endpoint) -> None:
        for endpoint in endpoints:
            adding = self.world.messaging.add(endpoint, self.conversation.id, "", self.world.now)
            done(running(adding))

    def ask(self, endpoint: Endpoint, name: str, conversation_id: str = "") -> Deferred[Invitation]:
        return running(
            self.world.conferences.add_participant(
                endpoint, conversation_id or self.conversation.id, uri(name), "", self.world.now
            )
        )

    def accept(self, endpoint: Endpoint, invitation: Invitation) -> Deferred[None]:
        accepting = self.world.conferences.accept(endpoint, invitation.id, self.world.now)
        return running(accepting)

    def lead(self, act: str, name: str, endpoint: Endpoint | None = None) -> Deferred[None]:
        action = getattr(self.world.conferences, act)
        leader = self.alice if endpoint is None else endpoint
        when = (self.world.now,) if act in ("eject", "reject") else ()
        return running(action(leader, self.conversation.id, uri(name), *when))

    @property
    def conversation(self) -> ActiveConversation:
        conversation = self.world.conversations.of_meeting(self.uri)
        assert conversation is not None
        return conversation

    def roles(self) -> dict[str, str]:
        """Everybody in the conference or its lobby, with the role or "lobby"."""
        return {
            one.uri: "lobby" if one.in_lobby else one.role
            for one in self.conversation.participants.values()
        }

    def views(self, endpoint: Endpoint) -> list[tuple[str, str, str]]:
        """What the application was told of participants: who, what, in which view."""
        found: list[tuple[str, str, str]] = []
        for entry in self.world.entries(endpoint):
            fact = entry.fact
            changes = fact.participants if isinstance(fact, RosterShown) else (fact,)
            for one in changes:
                if isinstance(one, ParticipantChanged):
                    if one.left:
                        found.append((one.uri, "deleted", one.left))
                    found.append((one.uri, one.change, one.within))
                    if one.entered:
                        found.append((one.uri, "added", one.entered))
        return found

    def invitations(self, endpoint: Endpoint) -> list[tuple[str, str, str, str]]:
        return [
            (entry.fact.kind, entry.fact.change, entry.fact.direction, entry.fact.state)
            for entry in self.world.entries(endpoint)
            if isinstance(entry.fact, InvitationChanged)
        ]

    def reason(self, endpoint: Endpoint) -> str:
        """The subcode with which the application's last invitation ended."""
        facts = [
            entry.fact
            for entry in self.world.entries(endpoint)
            if isinstance(entry.fact, InvitationChanged) and entry.fact.reason is not None
        ]
        assert facts[-1].reason is not None
        return facts[-1].reason.subcode

    def read(self, endpoint: Endpoint) -> list[str]:
        """The bodies that reached the application."""
        return [
            entry.message.body
            for entry in self.world.entries(endpoint)
            if isinstance(entry.fact, MessageCompleted) and entry.message is not None
        ]

    def refused(self, deferred: Deferred[Any]) -> tuple[str, str | None]:
        error = self.failureResultOf(deferred, Refusal).value
        return error.code, error.subcode

    def nothing_left(self) -> None:
        self.assertEqual(len(self.world.conversations), 0)
        self.assertIsNone(self.world.conversations.of_meeting(self.uri))
        self.assertEqual(self.world.stored(Leg), [])
        self.assertEqual(self.world.stored(Participant), [])
        self.assertEqual({one.state for one in self.world.stored(Conversation)}, {"Ended"})
        states = {one.state for one in self.world.stored(Invitation)}
        self.assertNotIn("Connecting", states)
        for endpoint in self.world.applications:
            self.assertEqual(endpoint.conversations, set())


class JoinTests(Case):
    """joinOnlineMeeting."""

    def test_first_and_second(self) -> None:
        """The first to join begins the conference, and those inside see who comes."""
        first = done(self.join(self.alice))
        self.assertEqual(first.state, "Connected")
        done(self.join(self.bob))
        self.assertEqual(self.roles(), {uri("alice"): "Leader", uri("bob"): "Attendee"})
        self.assertEqual(
            self.views(self.alice)[-2:],
            [(uri("bob"), "added", ""), (uri("bob"), "added", "attendees")],
        )
        self.assertIn((uri("alice"), "added", "leaders"), self.views(self.bob))
        self.assertEqual(
            self.invitations(self.bob),
            [
                ("join", "started", "Outgoing", "Connecting"),
                ("join", "completed", "Outgoing", "Connected"),
            ],
        )

    def test_second_application(self) -> None:
        """A person who joins with two applications is one participant."""
        desk = self.world.sign_in("bob", "desk")
        for endpoint in (self.alice, self.bob, desk):
            done(self.join(endpoint))
        came = [one for one in self.views(self.alice) if one == (uri("bob"), "added", "")]
        self.assertEqual(len(came), 1)
        done(self.world.terminate(self.bob, self.conversation.id))
        self.assertIn(uri("bob"), self.roles())
        done(self.world.terminate(desk, self.conversation.id))
        self.assertNotIn(uri("bob"), self.roles())
        self.assertIn((uri("bob"), "deleted", ""), self.views(self.alice))

    def test_twice(self) -> None:
        """An application joins once."""
        done(self.join(self.alice))
        self.assertEqual(self.refused(self.join(self.alice)), ("Conflict", "AlreadyExists"))

    def test_no_such_meeting(self) -> None:
        """A URI of no meeting leads nowhere, also when only the organizer is wrong."""
        for wrong in ("sip:bob@example.test", self.uri.replace("alice", "bob"), self.uri + "X"):
            self.assertEqual(
                self.refused(self.join(self.bob, wrong)), ("NotFound", "DestinationNotFound")
            )

    def test_both_at_once(self) -> None:
        """Two who join at the same moment meet in one conference."""
        self.world.ledger.hold()
        joins = [self.join(self.alice), self.join(self.bob)]
        self.world.ledger.release()
        self.assertEqual(len({done(join).conversation_id for join in joins}), 1)
        self.assertEqual(set(self.roles()), {uri("alice"), uri("bob")})

    def test_improvised(self) -> None:
        """Without a URI a meeting is made that goes with its conference."""
        invitation = done(self.join(self.bob, ""))
        conversation = self.world.conversation(self.bob, invitation.conversation_id)
        made = conversation.record.meeting_uri
        self.assertTrue(made.startswith(uri("bob")))
        done(self.join(self.carol, made))
        self.assertEqual(self.world.meetings.of(uri("bob"), self.world.now), [])
        for endpoint in (self.bob, self.carol):
            done(self.world.terminate(endpoint, invitation.conversation_id))
        self.assertIsNone(self.world.meetings.at(made, self.world.now))
        self.assertEqual(len(self.world.stored(Meeting)), 1)

    def test_full(self) -> None:
        """Above the limit nobody comes in."""
        for name in ("alice", "bob", "carol"):
            done(self.join(self.world.applications.of_user(uri(name))[0]))
        done(self.join(self.world.sign_in("dave")))
        erin = self.world.sign_in("erin")
        self.assertEqual(self.refused(self.join(erin)), ("Conflict", "TooManyParticipants"))

    def test_disk_full(self) -> None:
        """What cannot be stored did not happen."""
        self.world.ledger.failing = True
        self.failureResultOf(self.join(self.alice), Unavailable)
        self.world.ledger.failing = False
        self.assertEqual(len(self.world.conversations), 0)
        done(self.join(self.alice))
        self.world.ledger.failing = True
        self.failureResultOf(self.join(self.bob), Unavailable)
        self.world.ledger.failing = False
        self.assertEqual(self.bob.conversations, set())
        self.assertEqual(set(self.roles()), {uri("alice")})

    def test_restart(self) -> None:
        """A conference goes on after the process died."""
        for endpoint in (self.alice, self.bob):
            done(self.join(endpoint))
        self.add_messaging(self.alice, self.bob)
        self.world = self.world.restarted()
        self.alice, self.bob, self.carol = (
            self.world.same(one) for one in (self.alice, self.bob, self.carol)
        )
        done(self.join(self.carol))
        self.assertEqual(set(self.roles()), {uri("alice"), uri("bob"), uri("carol")})
        done(self.world.send(self.alice, self.conversation.id, "Still here"))
        self.assertEqual(self.read(self.bob), ["Still here"])

    def test_everybody_leaves(self) -> None:
        """The conference is over with the last one, and can begin again."""
        for endpoint in (self.alice, self.bob):
            done(self.join(endpoint))
        for endpoint in (self.alice, self.bob):
            done(self.world.terminate(endpoint, self.conversation.id))
        self.nothing_left()
        done(self.join(self.carol))
        self.assertEqual(set(self.roles()), {uri("carol")})

    def test_sign_out(self) -> None:
        """Who signs out leaves; the others go on."""
        for endpoint in (self.alice, self.bob):
            done(self.join(endpoint))
        done(self.world.end(self.alice))
        self.assertEqual(set(self.roles()), {uri("bob")})

    def test_meeting_ends(self) -> None:
        """A meeting that is cancelled or expires takes its conference with it."""
        for endpoint in (self.alice, self.bob):
            done(self.join(endpoint))
        done(
            running(
                self.world.meetings.cancel(self.alice, self.uri.rpartition(":")[2], self.world.now)
            )
        )
        self.nothing_left()


class LobbyTests(Case):
    """admit and reject."""

    access_level = "Locked"

    def setUp(self) -> None:
        super().setUp()
        done(self.join(self.alice))
        self.waiting = done(self.join(self.bob))

    def test_waits(self) -> None:
        """Who waits sees nobody, and only leaders see who waits."""
        self.assertEqual(self.waiting.state, "Connecting")
        self.assertEqual(self.roles()[uri("bob")], "lobby")
        self.assertEqual(self.views(self.alice)[-1], (uri("bob"), "added", "lobby"))
        self.assertEqual({who for who, _, _ in self.views(self.bob)}, {uri("bob")})
        conversation, leg = self.world.conversations.find(self.bob, self.conversation.id)
        self.assertEqual((leg.state, conversation.peers(leg)), ("InLobby", []))

    def test_admit(self) -> None:
        """Who is admitted is in, and the invitation completes only then."""
        done(self.lead("admit", "bob"))
        self.assertEqual(self.roles()[uri("bob")], "Attendee")
        self.assertEqual(
            self.invitations(self.bob)[-1], ("join", "completed", "Outgoing", "Connected")
        )
        self.assertEqual(
            self.views(self.alice)[-3:],
            [
                (uri("bob"), "deleted", "lobby"),
                (uri("bob"), "added", ""),
                (uri("bob"), "added", "attendees"),
            ],
        )
        self.assertEqual(self.refused(self.lead("admit", "bob")), ("Conflict", None))

    def test_asked_while_it_waits(self) -> None:
        """Who waits with one device and accepts on another to be asked in comes in with both."""
        invitation = done(self.ask(self.alice, "carol"))
        desk = self.world.sign_in("carol", "desk")
        done(self.join(desk))
        self.assertEqual(self.roles()[uri("carol")], "lobby")
        self.world.told(self.alice)
        done(self.accept(self.carol, invitation))
        self.assertEqual(self.roles()[uri("carol")], "Attendee")
        states = {leg.state for leg in self.conversation.legs_of(uri("carol"))}
        self.assertEqual(states, {"Conferenced"})
        self.assertEqual(self.invitations(desk)[-1][1:], ("completed", "Outgoing", "Connected"))

    def test_admitted_while_it_rings(self) -> None:
        """Who is admitted with one device goes on ringing on the other."""
        done(self.ask(self.alice, "carol"))
        desk = self.world.sign_in("carol", "desk")
        done(self.join(desk))
        done(self.lead("admit", "carol"))
        legs = self.conversation.legs
        self.assertEqual(legs[desk.id].state, "Conferenced")
        self.assertEqual(legs[self.carol.id].state, "Incoming")

    def test_reject(self) -> None:
        """Who is rejected is told so, and is gone."""
        done(self.lead("reject", "bob"))
        self.assertNotIn(uri("bob"), self.roles())
        self.assertEqual(self.reason(self.bob), "Denied")
        self.assertEqual(self.bob.conversations, set())
        self.assertIn((uri("bob"), "deleted", "lobby"), self.views(self.alice))

    def test_nobody_comes(self) -> None:
        """Who waits too long is sent away."""
        self.world.advance(901, step_s=100)
        self.assertNotIn(uri("bob"), self.roles())
        self.assertEqual(self.reason(self.bob), "Timeout")

    def test_gives_up(self) -> None:
        """Who waits can cancel."""
        done(running(self.world.conversations.cancel(self.bob, self.waiting.id, self.world.now)))
        self.assertNotIn(uri("bob"), self.roles())
        self.assertEqual(self.reason(self.bob), "Canceled")

    def test_only_leaders(self) -> None:
        """Who waits or attends admits nobody."""
        done(self.join(self.carol))
        self.assertEqual(self.refused(self.lead("admit", "carol", self.bob)), ("Forbidden", None))
        done(self.lead("admit", "bob"))
        self.assertEqual(self.refused(self.lead("admit", "carol", self.bob)), ("Forbidden", None))

    def test_full(self) -> None:
        """The lobby has a limit of its own."""
        done(self.join(self.carol))
        dave = self.world.sign_in("dave")
        self.assertEqual(self.refused(self.join(dave)), ("Conflict", "TooManyLobbyParticipants"))

    def test_all_leaders_leave(self) -> None:
        """Without anybody inside the conference is over for those who wait, too."""
        done(self.world.terminate(self.alice, self.conversation.id))
        self.nothing_left()
        self.assertEqual(self.invitations(self.bob)[-1][1:3], ("completed", "Outgoing"))


class LeaderTests(Case):
    """eject, promote, demote and the audience's settings."""

    def setUp(self) -> None:
        super().setUp()
        for endpoint in (self.alice, self.bob, self.carol):
            done(self.join(endpoint))
        self.add_messaging(self.alice, self.bob)

    def test_eject(self) -> None:
        """Who is removed is gone for all; organizers and oneself cannot be removed."""
        done(self.lead("eject", "bob"))
        self.assertEqual(set(self.roles()), {uri("alice"), uri("carol")})
        self.assertIn((uri("bob"), "deleted", ""), self.views(self.carol))
        self.assertEqual(self.refused(self.lead("eject", "alice")), ("Forbidden", None))
        self.assertEqual(self.refused(self.lead("eject", "bob")), ("NotFound", "ResourceNotFound"))

    def test_promote_and_demote(self) -> None:
        """Roles change for all to see; the organizer keeps the role."""
        done(self.lead("promote", "bob"))
        self.assertEqual(self.roles()[uri("bob")], "Leader")
        done(self.lead("demote", "bob"))
        self.assertEqual(self.roles()[uri("bob")], "Attendee")
        views = [one for one in self.views(self.carol) if one[0] == uri("bob")]
        self.assertEqual(
            views[-6:],
            [
                (uri("bob"), "deleted", "attendees"),
                (uri("bob"), "updated", ""),
                (uri("bob"), "added", "leaders"),
                (uri("bob"), "deleted", "leaders"),
                (uri("bob"), "updated", ""),
                (uri("bob"), "added", "attendees"),
            ],
        )
        self.assertEqual(self.refused(self.lead("demote", "alice")), ("Forbidden", None))
        self.assertEqual(self.refused(self.lead("demote", "bob")), ("Conflict", None))

    def test_attendees_do_nothing(self) -> None:
        """Who does not lead may do nothing with others."""
        for act in ("eject", "promote", "demote", "admit", "reject"):
            refused = self.refused(self.lead(act, "carol", self.bob))
            self.assertEqual(refused, ("Forbidden", None), act)
        setting = self.world.conferences.set_audience(
            self.bob, self.conversation.id, audience_messaging="Disabled"
        )
        self.assertEqual(self.refused(running(setting)), ("Forbidden", None))

    def test_audience_messaging(self) -> None:
        """While the audience may not write, only leaders do."""
        for value, refused in (("Disabled", True), ("Enabled", False)):
            done(
                running(
                    self.world.conferences.set_audience(
                        self.alice, self.conversation.id, audience_messaging=value
                    )
                )
            )
            done(self.world.send(self.alice, self.conversation.id))
            sending = self.world.send(self.bob, self.conversation.id)
            if refused:
                self.assertEqual(self.refused(sending), ("Forbidden", None))
            else:
                done(sending)


class CostTests(TestCase):
    """What joining a large conference writes."""

    SIZE = 60

    def setUp(self) -> None:
        names = [f"user{number}" for number in range(self.SIZE)]
        self.world = World(*names, bounds=Bounds(participants=self.SIZE))
        self.people = [self.world.sign_in(name) for name in names]
        changes = {"access_level": "SameEnterprise"}
        scheduled = self.world.meetings.schedule(self.people[0], changes, self.world.now)
        self.uri = conference_uri(done(running(scheduled)).record)
        for endpoint in self.people:
            self.join(endpoint)

    def join(self, endpoint: Endpoint) -> Unit:
        """The one unit of work of a join."""
        before = len(self.world.ledger.units)
        joining = self.world.conferences.join(endpoint, self.uri, Join(), self.world.now)
        done(running(joining))
        (unit,) = self.world.ledger.units[before:]
        return unit

    def leave(self, endpoint: Endpoint) -> Unit:
        conversation = self.world.conversations.of_meeting(self.uri)
        assert conversation is not None
        before = len(self.world.ledger.units)
        done(self.world.terminate(endpoint, conversation.id))
        (unit,) = self.world.ledger.units[before:]
        return unit

    def test_join(self) -> None:
        """Each of the others is told by one fact, the same for all; who comes in by a few."""
        last = self.people[-1]
        self.leave(last)
        unit = self.join(last)
        others = [entry for entry in unit.entries if entry.stream_id != last.id]
        self.assertEqual(len(others), self.SIZE - 1)
        self.assertEqual(len({id(entry.fact) for entry in others}), 1)
        own = [entry.fact for entry in unit.entries if entry.stream_id == last.id]
        self.assertLess(len(own), 10)
        (roster,) = [fact for fact in own if isinstance(fact, RosterShown)]
        self.assertEqual(len(roster.participants), self.SIZE)
        self.assertLess(len(unit.saves), 6)

    def test_leave(self) -> None:
        """So is each when somebody leaves."""
        last = self.people[-1]
        unit = self.leave(last)
        others = [entry for entry in unit.entries if entry.stream_id != last.id]
        self.assertEqual(len(others), self.SIZE - 1)
        self.assertEqual(len({id(entry.fact) for entry in others}), 1)
        self.assertLess(len(unit.saves) + len(unit.removes), 6)


class ChangedMeetingTests(Case):
    """The organizer changes the meeting while people are in it."""

    def test_update(self) -> None:
        """Everybody inside is told, in the unit of work that changes it."""
        done(self.join(self.alice))
        done(self.join(self.bob))
        (meeting,) = self.world.meetings.of(uri("alice"), self.world.now)
        before = len(self.world.ledger.units)
        changes = {"subject": "Another"}
        updating = self.world.meetings.update(self.alice, meeting.record, changes, self.world.now)
        done(running(updating))
        (unit,) = self.world.ledger.units[before:]
        told = {entry.stream_id: entry.fact for entry in unit.entries}
        fact = OnlineMeetingChanged(self.conversation.id, "updated")
        self.assertEqual(told, {self.alice.id: fact, self.bob.id: fact})


class MessageTests(Case):
    """Messages in a conference."""

    def test_who_reads(self) -> None:
        """A message reaches those who take part in the messages then, and nobody else."""
        for endpoint in (self.alice, self.bob):
            done(self.join(endpoint))
        self.add_messaging(self.alice, self.bob)
        first = done(self.world.send(self.alice, self.conversation.id, "First"))
        done(self.join(self.carol))
        done(self.world.send(self.alice, self.conversation.id, "Second"))
        self.add_messaging(self.carol)
        done(self.world.send(self.bob, self.conversation.id, "Third"))
        self.assertEqual(self.read(self.bob), ["First", "Second"])
        self.assertEqual(self.read(self.carol), ["Third"])
        self.assertEqual(self.read(self.alice), ["Third"])
        _, leg = self.world.conversations.find(self.carol, self.conversation.id)
        self.assertEqual(shown(self.conversation, leg.user_uri)[0], first.number)

    def test_own_devices(self) -> None:
        """A sender's other application sees the message as its own."""
        desk = self.world.sign_in("alice", "desk")
        for endpoint in (self.alice, desk):
            done(self.join(endpoint))
        self.add_messaging(self.alice, desk)
        done(self.world.send(self.alice, self.conversation.id, "Note"))
        self.assertEqual(self.read(desk), ["Note"])
        (fact,) = [
            one.fact for one in self.world.entries(desk) if isinstance(one.fact, MessageCompleted)
        ]
        self.assertEqual(fact.direction, "Outgoing")

    def test_stop(self) -> None:
        """Who leaves the messages stays in the conference."""
        for endpoint in (self.alice, self.bob):
            done(self.join(endpoint))
        self.add_messaging(self.alice, self.bob)
        done(running(self.world.messaging.stop(self.bob, self.conversation.id, self.world.now)))
        done(self.world.send(self.alice, self.conversation.id, "Alone"))
        self.assertEqual(self.read(self.bob), [])
        self.assertIn(uri("bob"), self.roles())
        self.add_messaging(self.bob)
        done(self.world.send(self.alice, self.conversation.id, "Again"))
        self.assertEqual(self.read(self.bob), ["Again"])

    def test_needs_messaging(self) -> None:
        """Nobody writes who has not added messaging, and nobody adds it twice."""
        done(self.join(self.alice))
        sending = self.world.send(self.alice, self.conversation.id)
        self.assertEqual(self.refused(sending), ("Conflict", None))
        self.add_messaging(self.alice)
        adding = self.world.messaging.add(self.alice, self.conversation.id, "", self.world.now)
        self.assertEqual(self.refused(running(adding)), ("Conflict", None))

    def test_one_unit(self) -> None:
        """However many read it, a message is one unit of work and one row."""
        for endpoint in (self.alice, self.bob, self.carol):
            done(self.join(endpoint))
        self.add_messaging(self.alice, self.bob, self.carol)
        units = len(self.world.ledger.units)
        done(self.world.send(self.alice, self.conversation.id))
        self.assertEqual(len(self.world.ledger.units), units + 1)
        unit = self.world.ledger.units[-1]
        self.assertEqual(len(unit.saves), 1)
        incoming = {id(entry.fact) for entry in unit.entries if entry.message is not None}
        self.assertEqual(len(incoming), 1)


class AskTests(Case):
    """addParticipant."""

    def setUp(self) -> None:
        super().setUp()
        done(self.join(self.alice))

    def test_accepted(self) -> None:
        """Who is asked in comes in by accepting; who asked is told."""
        invitation = done(self.ask(self.alice, "bob"))
        self.assertNotIn(uri("bob"), self.roles())
        done(self.accept(self.bob, invitation))
        self.assertEqual(self.roles()[uri("bob")], "Attendee")
        self.assertEqual(
            self.invitations(self.alice)[-2:],
            [
                ("participant", "started", "Outgoing", "Connecting"),
                ("participant", "completed", "Outgoing", "Connected"),
            ],
        )
        self.assertEqual(
            self.invitations(self.bob),
            [
                ("participant", "started", "Incoming", "Connecting"),
                ("participant", "completed", "Incoming", "Connected"),
            ],
        )

    def test_declined(self) -> None:
        """A decline ends the invitation and leaves the conference alone."""
        invitation = done(self.ask(self.alice, "bob"))
        done(self.world.decline(self.bob, invitation))
        self.assertEqual(self.reason(self.alice), "Declined")
        self.assertEqual(set(self.roles()), {uri("alice")})
        self.assertEqual(self.bob.conversations, set())

    def test_unanswered(self) -> None:
        """Nobody answers in time: the invitation fails and the conference goes on."""
        done(self.ask(self.alice, "bob"))
        self.world.advance(31)
        self.assertEqual(self.reason(self.alice), "Timeout")
        self.assertEqual(self.reason(self.bob), "Missed")
        self.assertEqual(set(self.roles()), {uri("alice")})

    def test_several_devices(self) -> None:
        """One device answers, the others are told so."""
        desk = self.world.sign_in("bob", "desk")
        invitation = done(self.ask(self.alice, "bob"))
        done(self.accept(desk, invitation))
        self.assertEqual(self.reason(self.bob), "ConnectedElsewhere")
        self.assertEqual(self.bob.conversations, set())

    def test_unreachable(self) -> None:
        """Somebody without a device, or unknown, cannot be asked."""
        for name, subcode in (("dave", "Unavailable"), ("nobody", "DestinationNotFound")):
            self.assertEqual(done(self.ask(self.alice, name)).state, "Failed")
            self.assertEqual(self.reason(self.alice), subcode)

    def test_cancelled(self) -> None:
        """Who asked can take it back."""
        invitation = done(self.ask(self.alice, "bob"))
        done(running(self.world.conversations.cancel(self.alice, invitation.id, self.world.now)))
        self.assertEqual(self.reason(self.bob), "Canceled")
        self.assertEqual(self.refused(self.accept(self.bob, invitation))[0], "NotFound")

    def test_who_may(self) -> None:
        """Attendees ask nobody in, and nobody is asked who is in."""
        done(self.join(self.bob))
        self.assertEqual(self.refused(self.ask(self.bob, "carol")), ("Forbidden", None))
        self.assertEqual(self.refused(self.ask(self.alice, "bob")), ("Conflict", "AlreadyExists"))

    def test_asked_twice(self) -> None:
        """Nobody is asked who rings already, and nothing is made for a refusal."""
        first = done(self.ask(self.alice, "bob"))
        self.assertEqual(self.refused(self.ask(self.alice, "bob")), ("Conflict", "AlreadyExists"))
        done(self.accept(self.bob, first))
        two = self.world.connected(self.carol, self.alice)
        before = len(self.world.stored(Meeting))
        self.assertEqual(
            self.refused(self.ask(self.carol, "alice", two)), ("Conflict", "AlreadyExists")
        )
        self.assertEqual(len(self.world.stored(Meeting)), before)

    def test_rings_where_the_person_is(self) -> None:
        """Who came in meanwhile and then accepts on another device stays the one participant."""
        invitation = done(self.ask(self.alice, "bob"))
        desk = self.world.sign_in("bob", "desk")
        done(self.join(desk))
        joined = self.conversation.participants[uri("bob")]
        self.world.told(self.alice)
        done(self.accept(self.bob, invitation))
        self.assertEqual(self.conversation.participants[uri("bob")], joined)
        self.assertEqual(len(self.conversation.legs_of(uri("bob"))), 2)
        told = self.world.told(self.alice)
        self.assertEqual([one for one in told if "participant added" in one], [])

    def test_over_while_it_rings(self) -> None:
        """A conference that ends takes its open invitations with it."""
        done(self.ask(self.alice, "bob"))
        done(self.world.terminate(self.alice, self.conversation.id))
        self.nothing_left()
        self.assertEqual(self.reason(self.bob), "Canceled")


class EscalationTests(Case):
    """addParticipant between two parties."""

    def test_escalation(self) -> None:
        """The conversation becomes a conference of both, and the third comes into it."""
        conversation_id = self.world.connected(self.alice, self.bob)
        invitation = done(self.ask(self.bob, "carol", conversation_id))
        conversation = self.world.conversation(self.alice, conversation_id)
        self.assertTrue(conversation.is_conference)
        self.uri = conversation.record.meeting_uri
        self.assertEqual(self.roles(), {uri("alice"): "Leader", uri("bob"): "Leader"})
        done(self.accept(self.carol, invitation))
        done(running(self.world.messaging.add(self.carol, conversation_id, "", self.world.now)))
        done(self.world.send(self.alice, conversation_id, "Welcome"))
        self.assertEqual(self.read(self.bob), ["Welcome"])
        self.assertEqual(self.read(self.carol), ["Welcome"])
        done(self.world.terminate(self.alice, conversation_id))
        done(self.world.send(self.bob, conversation_id, "We go on"))
        self.assertEqual(self.read(self.carol), ["Welcome", "We go on"])

    def test_not_connected(self) -> None:
        """Nobody is asked into what is not connected."""
        invitation = done(self.world.call(self.alice, "bob"))
        asking = self.ask(self.alice, "carol", invitation.conversation_id)
        self.assertEqual(self.refused(asking), ("Forbidden", None))
