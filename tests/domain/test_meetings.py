"""Online meetings: who may have how many, how they change, and when they end."""

from collections.abc import Awaitable

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.meeting_policy import MeetingPolicy
from mobility.domain.meetings import (
    ID_ALPHABET,
    ID_LENGTH,
    MAX_EXTENSIONS,
    OnlineMeeting,
    conference_uri,
)
from mobility.domain.records import Meeting, MeetingExtension, Receipt, User
from mobility.errors import Refusal, Unavailable
from tests.domain.doubles import Bounds, World, done, running, uri


class MeetingTestCase(SynchronousTestCase):
    """Alice and Bob, each with an application."""

    def setUp(self) -> None:
        self.world = World("alice", "bob")
        self.alice = self.world.sign_in("alice")
        self.bob = self.world.sign_in("bob")

    def schedule(self, **changes: object) -> Meeting:
        meetings = self.world.meetings
        return done(running(meetings.schedule(self.alice, changes, self.world.now))).record

    def refused(self, code: str, subcode: str | None, awaitable: Awaitable[object]) -> None:
        with self.assertRaises(Refusal) as caught:
            done(running(awaitable))
        self.assertEqual((caught.exception.code, caught.exception.subcode), (code, subcode))

    def gone(self, meeting: Meeting) -> None:
        """Nobody finds the meeting, and nothing of it is stored."""
        self.assertIs(self.world.meetings.lookup(meeting.id, self.world.now), None)
        self.assertNotIn(meeting.id, [one.id for one in self.world.stored(Meeting)])
        left = [one for one in self.world.stored(MeetingExtension) if one.meeting_id == meeting.id]
        self.assertEqual(left, [])


class ScheduleTests(MeetingTestCase):
    def test_defaults(self) -> None:
        """What the organizer leaves open is as the policy says, and it ends after eight hours."""
        meeting = self.schedule(subject="Quarterly")
        self.assertEqual(meeting.subject, "Quarterly")
        self.assertEqual(meeting.organizer_uri, uri("alice"))
        self.assertEqual(meeting.access_level, "SameEnterprise")
        self.assertEqual(meeting.expires_at, self.world.now + 28_800)
        self.assertEqual(self.world.stored(Meeting), [meeting])

    def test_id(self) -> None:
        """Ids are long and random, and so unlike one another that nobody finds one by trying."""
        ids = {self.schedule().id for _ in range(3)}
        self.assertEqual(len(ids), 3)
        for one in ids:
            self.assertEqual(len(one), ID_LENGTH)
            self.assertLessEqual(set(one), set(ID_ALPHABET))

    def test_too_many(self) -> None:
        """Above the limit nothing is scheduled; the assigned meeting does not count."""
        done(running(self.world.meetings.assigned(self.alice, self.world.now)))
        scheduled = [self.schedule() for _ in range(3)]
        attempt = self.world.meetings.schedule(self.alice, {}, self.world.now)
        self.refused("Conflict", "TooManyOnlineMeetings", attempt)
        done(running(self.world.meetings.cancel(self.alice, scheduled[0].id, self.world.now)))
        self.schedule()

    def test_at_once(self) -> None:
        """Requests that come at once do not pass the limit together."""
        self.world.ledger.hold()
        attempts = [
            running(self.world.meetings.schedule(self.alice, {}, self.world.now)) for _ in range(5)
        ]
        self.world.ledger.release()
        refused = [one for one in attempts if self.failed(one)]
        self.assertEqual((len(refused), len(self.world.stored(Meeting))), (2, 3))

    def failed(self, attempt: Deferred[OnlineMeeting]) -> bool:
        try:
            done(attempt)
        except Refusal as refusal:
            self.assertEqual(refusal.subcode, "TooManyOnlineMeetings")
            return True
        return False

    def test_receipt(self) -> None:
        """What a repeated request needs is stored with the meeting."""
        receipt = Receipt(uri("alice"), "key", "print", "", self.world.now)
        meeting = done(
            running(self.world.meetings.schedule(self.alice, {}, self.world.now, receipt))
        )
        (stored,) = self.world.stored(Receipt)
        self.assertEqual(stored.resource_id, meeting.record.id)

    def test_store_full(self) -> None:
        """A meeting that cannot be stored does not exist, and its number is free again."""
        self.world.ledger.failing = True
        attempt = self.world.meetings.schedule(self.alice, {}, self.world.now)
        self.assertRaises(Unavailable, done, running(attempt))
        self.world.ledger.failing = False
        self.assertEqual(self.world.meetings.of(uri("alice"), self.world.now), [])
        self.assertEqual(len(self.world.meetings), 0)

    def test_application_that_ends(self) -> None:
        """Who signs out schedules nothing any more."""
        done(self.world.end(self.alice))
        attempt = self.world.meetings.schedule(self.alice, {}, self.world.now)
        self.refused("NotFound", "ApplicationNotFound", attempt)

    def test_restart(self) -> None:
        """Meetings, their extensions and their ends outlive the process."""
        meeting = self.schedule(subject="Kept")
        extension = MeetingExtension(meeting.id, "x", "Undefined")
        done(running(self.world.meetings.add_extension(self.alice, extension, self.world.now)))
        world = self.world.restarted()
        found = world.meetings.find(uri("alice"), meeting.id, world.now)
        self.assertEqual((found.record, found.extensions), (meeting, {"x": extension}))
        self.world = world
        world.advance(28_800, step_s=3_600)
        self.gone(meeting)


class FindTests(MeetingTestCase):
    def test_own_only(self) -> None:
        """Other users' meetings are not found, whatever their id."""
        meeting = self.schedule()
        found = self.world.meetings.find(uri("alice"), meeting.id.lower(), self.world.now)
        self.assertEqual(found.record, meeting)
        for call in (
            lambda: self.world.meetings.find(uri("bob"), meeting.id, self.world.now),
            lambda: self.world.meetings.find(uri("alice"), "0" * ID_LENGTH, self.world.now),
        ):
            refusal = self.assertRaises(Refusal, call)
            self.assertEqual(refusal.subcode, "ResourceNotFound")
        self.refused(
            "NotFound",
            "ResourceNotFound",
            self.world.meetings.cancel(self.bob, meeting.id, self.world.now),
        )

    def test_conference_uri(self) -> None:
        """A meeting is found at its URI in any case, and only with its own organizer."""
        meeting = self.schedule()
        at = self.world.meetings.at
        address = conference_uri(meeting)
        self.assertEqual(
            address, f"sip:alice@example.test;gruu;opaque=app:conf:focus:id:{meeting.id}"
        )
        for good in (address, address.replace("alice", "Alice")):
            found = at(good, self.world.now)
            self.assertEqual(found and found.record, meeting)
        for bad in (address.replace("alice", "bob"), address[:-1], meeting.id, "", "sip:;gruu"):
            self.assertIs(at(bad, self.world.now), None)


class UpdateTests(MeetingTestCase):
    def update(self, known: Meeting, **changes: object) -> Meeting:
        meetings = self.world.meetings
        return done(running(meetings.update(self.alice, known, changes, self.world.now))).record

    def test_update(self) -> None:
        """What changes is stored as the next version; what stays the same is not stored."""
        meeting = self.schedule()
        changed = self.update(meeting, subject="New", access_level="Locked")
        self.assertEqual((changed.subject, changed.access_level), ("New", "Locked"))
        self.assertEqual(changed.version, meeting.version + 1)
        self.assertEqual(self.world.stored(Meeting), [changed])
        units = len(self.world.ledger.units)
        self.assertEqual(self.update(changed, subject="New"), changed)
        self.assertEqual(len(self.world.ledger.units), units)

    def test_lost_update(self) -> None:
        """Who knows an older version changes nothing."""
        meeting = self.schedule()
        self.update(meeting, subject="First")
        attempt = self.world.meetings.update(
            self.alice, meeting, {"subject": "Second"}, self.world.now
        )
        self.refused("PreconditionFailed", None, attempt)

    def test_expiration(self) -> None:
        """A meeting lasts as long as it was last said to."""
        self.alice.parked = 1  # it stays signed in
        meeting = self.schedule()
        longer = self.update(meeting, expires_at=self.world.now + 40_000)
        self.world.advance(39_000, step_s=1_000)
        self.assertIsNot(self.world.meetings.lookup(meeting.id, self.world.now), None)
        self.update(longer, expires_at=self.world.now + 10)
        self.world.advance(10)
        self.gone(meeting)


class EndTests(MeetingTestCase):
    def test_expired(self) -> None:
        """At its end a meeting is gone, even while the store cannot take it."""
        meeting = self.schedule(expires_at=self.world.now + 60)
        self.world.ledger.failing = True
        self.world.advance(60)
        self.assertIs(self.world.meetings.lookup(meeting.id, self.world.now), None)
        self.assertEqual(self.world.meetings.of(uri("alice"), self.world.now), [])
        self.assertEqual(self.world.stored(Meeting), [meeting])
        self.world.ledger.failing = False
        self.world.advance(10)
        self.gone(meeting)
        self.assertEqual(len(self.world.meetings), 0)

    def test_cancelled(self) -> None:
        """A deleted meeting takes its extensions with it and leaves nothing on the agenda."""
        meeting = self.schedule()
        before = len(self.world.agenda)
        extension = MeetingExtension(meeting.id, "x", "Undefined")
        done(running(self.world.meetings.add_extension(self.alice, extension, self.world.now)))
        done(running(self.world.meetings.cancel(self.alice, meeting.id, self.world.now)))
        self.gone(meeting)
        self.assertEqual(len(self.world.agenda), before - 1)

    def test_removed_user(self) -> None:
        """The meetings of a removed user end; those of others go on."""
        meeting = self.schedule()
        kept = done(running(self.world.meetings.schedule(self.bob, {}, self.world.now)))
        assigned = done(running(self.world.meetings.assigned(self.alice, self.world.now)))
        done(running(self.world.users.remove(uri("alice"), self.world.now)))
        self.gone(meeting)
        self.gone(assigned.record)
        self.assertEqual(self.world.stored(Meeting), [kept.record])

    def test_disabled_user(self) -> None:
        """A user who is disabled for a while finds its meetings again."""
        meeting = self.schedule()

        def disabled(user: User) -> User:
            return attrs.evolve(user, enabled=False)

        done(running(self.world.users.update(uri("alice"), disabled, self.world.now)))
        self.assertEqual(self.world.stored(Meeting), [meeting])


class AssignedTests(MeetingTestCase):
    def assigned(self) -> Meeting:
        return done(running(self.world.meetings.assigned(self.alice, self.world.now))).record

    def test_always_the_same(self) -> None:
        """A user has one assigned meeting, made when first asked for; it never expires."""
        first = self.assigned()
        self.assertTrue(first.assigned)
        self.assertEqual(first.expires_at, 0)
        self.world.advance(10 * 365 * 86_400, step_s=86_400 * 30)
        self.assertIsNot(self.world.meetings.lookup(first.id, self.world.now), None)
        world = self.world.restarted()
        self.assertEqual([one.record for one in world.meetings.of(uri("alice"), world.now)], [])
        self.assertIsNot(world.meetings.lookup(first.id, world.now), None)

    def test_at_once(self) -> None:
        """Two devices that ask at once are given the same one."""
        self.world.ledger.hold()
        both = [running(self.world.meetings.assigned(self.alice, self.world.now)) for _ in range(2)]
        self.world.ledger.release()
        self.assertIs(done(both[0]), done(both[1]))
        self.assertEqual(len(self.world.stored(Meeting)), 1)

    def test_new_coordinates(self) -> None:
        """Who deletes the assigned meeting is given another one."""
        first = self.assigned()
        done(running(self.world.meetings.cancel(self.alice, first.id, self.world.now)))
        self.assertNotEqual(self.assigned().id, first.id)
        self.gone(first)

    def test_policy(self) -> None:
        """Where the policy assigns none, there is none."""
        self.world = World("alice", bounds=Bounds(assigned_meetings=False))
        self.alice = self.world.sign_in("alice")
        self.refused(
            "NotFound", "ResourceNotFound", self.world.meetings.assigned(self.alice, self.world.now)
        )


class ExtensionTests(MeetingTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.meeting = self.schedule()

    def add(self, extension_id: str) -> MeetingExtension:
        extension = MeetingExtension(self.meeting.id, extension_id, "Undefined")
        meetings = self.world.meetings
        return done(running(meetings.add_extension(self.alice, extension, self.world.now)))

    def test_change(self) -> None:
        """An extension changes only for who knows its version."""
        known = self.add("x")
        meetings, now = self.world.meetings, self.world.now
        changes = {"properties": '{"a":"b"}'}
        changed = done(running(meetings.change_extension(self.alice, known, changes, now)))
        self.assertEqual((changed.properties, changed.version), ('{"a":"b"}', 2))
        self.assertEqual(self.world.stored(MeetingExtension), [changed])
        attempt = meetings.change_extension(self.alice, known, {"type": "Undefined"}, now)
        self.refused("PreconditionFailed", None, attempt)

    def test_one_of_each_id(self) -> None:
        """An id is taken once; it is free again when its extension is removed."""
        self.add("x")
        attempt = self.world.meetings.add_extension(
            self.alice, MeetingExtension(self.meeting.id, "x", "Undefined"), self.world.now
        )
        self.refused("Conflict", "AlreadyExists", attempt)
        remove = self.world.meetings.remove_extension
        done(running(remove(self.alice, self.meeting.id, "x", self.world.now)))
        self.refused(
            "NotFound",
            "ResourceNotFound",
            remove(self.alice, self.meeting.id, "x", self.world.now),
        )
        self.add("x")

    def test_limit(self) -> None:
        """A meeting has so many extensions and no more."""
        for number in range(MAX_EXTENSIONS):
            self.add(str(number))
        attempt = self.world.meetings.add_extension(
            self.alice, MeetingExtension(self.meeting.id, "x", "Undefined"), self.world.now
        )
        self.refused("Forbidden", "LimitExceeded", attempt)


class PolicyTests(SynchronousTestCase):
    def test_choices(self) -> None:
        """Only what can be had is offered: guests and callers where there may be some."""
        closed = MeetingPolicy(1, 1, 1, assigned=True, anonymous=False, dial_in=False)
        self.assertEqual(closed.access_levels, ("SameEnterprise", "Invited", "Locked"))
        self.assertEqual(closed.automatic_leader_assignments, ("Disabled", "SameEnterprise"))
        self.assertEqual(closed.phone_settings, ("Disabled",))
        opened = MeetingPolicy(1, 1, 1, assigned=True, anonymous=True, dial_in=True)
        self.assertIn("Everyone", opened.access_levels)
        self.assertIn("Everyone", opened.automatic_leader_assignments)
        self.assertEqual(opened.phone_settings, ("Disabled", "Enabled"))
