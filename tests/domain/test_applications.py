"""Applications: from sign-in to expiry, and what they make their users look like."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mobility.domain.applications import Endpoint
from mobility.domain.records import Application, Instance, Presence, Receipt
from mobility.domain.registration import Availability, Registration
from mobility.errors import Refusal, Unavailable
from tests.domain.doubles import World, done, running, uri

MINUTE = 60.0
HOUR = 3600.0

AVAILABLE = [
    "me",
    "own presence added",
    "own note added",
    "own location added",
    "communication",
]
"""What makeMeAvailable tells the application (UCWA "makeMeAvailable")."""


class Case(TestCase):
    """A world with alice."""

    def setUp(self) -> None:
        self.world = World("alice", "bob")
        self.applications = self.world.applications

    def refused(self, deferred: Deferred[Any]) -> tuple[str, str | None]:
        error = self.failureResultOf(deferred, Refusal).value
        return error.code, error.subcode

    def presence(self) -> Presence:
        return self.world.presence.of(uri("alice"))

    def report(self, endpoint: Endpoint) -> Deferred[None]:
        return running(self.world.applications.report_activity(endpoint, self.world.now))

    def choose(self, endpoint: Endpoint, manual: str) -> Deferred[None]:
        return running(self.world.applications.set_presence(endpoint, manual, self.world.now))

    def end_instance(self, endpoint: Endpoint, instance: str) -> Deferred[None]:
        return running(self.world.applications.end_instance(endpoint, instance, self.world.now))


class RegisterTests(Case):
    """POST applications."""

    def test_new_and_known(self) -> None:
        """The same client gets the application it has; another endpointId is another one."""
        first, new = done(self.world.register("alice"))
        again, new_again = done(self.world.register("alice"))
        self.assertEqual((new, new_again), (True, False))
        self.assertIs(first, again)
        other, new = done(self.world.register("alice", "desk"))
        self.assertTrue(new)
        self.assertIsNot(other, first)
        self.assertEqual(self.applications.of_user(uri("alice")), [first, other])
        self.assertIs(self.applications.find(first.id), first)
        self.assertEqual(len(self.applications), 2)

    def test_users_are_apart(self) -> None:
        """Two users with the same device have two applications."""
        mine, _ = done(self.world.register("alice"))
        theirs, _ = done(self.world.register("bob"))
        self.assertNotEqual(mine.id, theirs.id)

    def test_tabs(self) -> None:
        """A new instanceId is a new instance of the same application, a known one is not."""
        first, _ = done(self.world.register("alice", instance="1"))
        second, new = done(self.world.register("alice", instance="2"))
        self.assertIs(first, second)
        self.assertTrue(new)
        self.assertFalse(done(self.world.register("alice", instance="1"))[1])
        self.assertEqual(set(first.instances), {"1", "2"})
        self.assertEqual(len(self.world.stored(Instance)), 2)

    def test_at_once(self) -> None:
        """Two registrations of one client at the same time make one application."""
        self.world.ledger.hold()
        answers = [self.world.register("alice"), self.world.register("alice")]
        self.world.ledger.release()
        (first, new), (second, new_again) = map(done, answers)
        self.assertIs(first, second)
        self.assertEqual((new, new_again), (True, False))
        self.assertEqual(len(self.world.stored(Application)), 1)

    def test_limit_of_applications(self) -> None:
        """More applications than allowed are 410 TooManyApplications, also all at once."""
        self.world.ledger.hold()
        answers = [self.world.register("alice", str(number)) for number in range(5)]
        self.world.ledger.release()
        for answer in answers[:4]:
            done(answer)
        self.assertEqual(self.refused(answers[4]), ("Gone", "TooManyApplications"))
        done(self.world.register("alice", "0"))
        done(self.world.register("bob"))

    def test_limit_of_instances(self) -> None:
        """More instances than allowed are 410 TooManyApplications."""
        for number in range(3):
            done(self.world.register("alice", instance=str(number)))
        answer = self.world.register("alice", instance="3")
        self.assertEqual(self.refused(answer), ("Gone", "TooManyApplications"))

    def test_store_failure(self) -> None:
        """What could not be stored does not exist."""
        self.world.ledger.failing = True
        self.failureResultOf(self.world.register("alice"), Unavailable)
        self.assertEqual(len(self.applications), 0)
        self.assertEqual(self.applications.of_user(uri("alice")), [])
        self.world.ledger.failing = False
        self.assertTrue(done(self.world.register("alice"))[1])

    def test_receipt(self) -> None:
        """The receipt of a repeated POST is stored in the unit of its effect."""
        receipt = Receipt(uri("alice"), "key", "print", "", self.world.now)
        user = self.world.users.find(uri("alice"))
        assert user is not None
        endpoint, new = done(
            running(
                self.applications.register(user, Registration("sv-SE", "Test", "x"), 0, receipt)
            )
        )
        self.assertTrue(new)
        [stored] = self.world.stored(Receipt)
        self.assertEqual(stored.resource_id, endpoint.id)
        self.assertIn(stored, self.world.ledger.units[-1].saves)


class MakeMeAvailableTests(Case):
    """makeMeAvailable, and what needs it."""

    def test_events(self) -> None:
        """The application is told what appears, and the user is Online."""
        endpoint = self.world.sign_in("alice", available=False)
        self.assertEqual(self.world.shows("alice"), "Offline")
        done(self.world.make_available(endpoint))
        self.assertEqual(self.world.told(endpoint), AVAILABLE)
        self.assertEqual(self.world.shows("alice"), "Online")
        self.assertEqual(self.presence().modalities, "Messaging")
        self.assertEqual(self.presence().device_type, "Mobile")
        self.assertEqual(endpoint.record, self.world.stored(Application)[0])

    def test_once(self) -> None:
        """A second time is 409 AlreadyExists, also while the first is being stored."""
        endpoint = self.world.sign_in("alice", available=False)
        self.world.ledger.hold()
        first = self.world.make_available(endpoint)
        second = self.world.make_available(endpoint)
        self.assertFalse(endpoint.record.available)
        self.assertEqual(self.applications.reachable(uri("alice"), "Messaging"), [])
        self.world.ledger.release()
        done(first)
        self.assertEqual(self.refused(second), ("Conflict", "AlreadyExists"))
        self.assertEqual(self.applications.reachable(uri("alice"), "Messaging"), [endpoint])

    def test_two_endpoints_at_once(self) -> None:
        """Two endpoints that become available at the same time both count."""
        phone = self.world.sign_in("alice", available=False)
        desk = self.world.sign_in("alice", "desk", available=False)
        self.world.ledger.hold()
        first, second = self.world.make_available(phone), self.world.make_available(desk, "Busy")
        self.world.ledger.release()
        done(first)
        done(second)
        self.assertEqual(self.world.shows("alice"), "Busy")
        self.assertEqual(self.world.told(phone), [*AVAILABLE, "own presence updated"])
        self.assertEqual(self.world.told(desk), AVAILABLE)
        done(self.world.end(phone))
        self.assertEqual(self.world.shows("alice"), "Busy")

    def test_sign_in_as(self) -> None:
        """signInAs chooses the availability; without it the earlier choice counts."""
        endpoint = self.world.sign_in("alice", available=False)
        done(self.world.make_available(endpoint, "DoNotDisturb"))
        self.assertEqual(self.world.shows("alice"), "DoNotDisturb")
        done(self.world.end(endpoint))
        self.assertEqual(self.world.shows("alice"), "Offline")
        self.world.sign_in("alice")
        self.assertEqual(self.world.shows("alice"), "DoNotDisturb")

    def test_required(self) -> None:
        """Before it presence, note, location and activity are 409 MakeMeAvailableRequired."""
        endpoint = self.world.sign_in("alice", available=False)
        for action in (
            self.choose(endpoint, "Busy"),
            running(self.applications.set_note(endpoint, "x")),
            running(self.applications.set_location(endpoint, "x")),
            self.report(endpoint),
        ):
            self.assertEqual(self.refused(action), ("Conflict", "MakeMeAvailableRequired"))
        self.assertEqual(self.presence(), Presence(uri("alice")))

    def test_store_failure(self) -> None:
        """If it cannot be stored the application is as before, and it may be tried again."""
        endpoint = self.world.sign_in("alice", available=False)
        before = endpoint.record
        self.world.ledger.failing = True
        self.failureResultOf(self.world.make_available(endpoint), Unavailable)
        self.assertEqual(endpoint.record, before)
        self.assertEqual(self.world.shows("alice"), "Offline")
        self.world.ledger.failing = False
        done(self.world.make_available(endpoint))
        self.assertEqual(self.world.shows("alice"), "Online")

    def test_communication(self) -> None:
        """PUT communication needs the present version, and makes a new one."""
        endpoint = self.world.sign_in("alice")
        etag = endpoint.record.etag
        change = {"modalities": "Messaging,Audio"}
        done(running(self.applications.update_communication(endpoint, etag, change)))
        self.assertEqual(self.world.told(endpoint), ["communication"])
        self.assertEqual(self.presence().modalities, "Audio,Messaging")
        self.assertEqual(endpoint.record.etag, etag + 1)
        for stale in (etag, None):
            update = self.applications.update_communication(endpoint, stale, change)
            self.assertEqual(self.refused(running(update)), ("PreconditionFailed", None))
        self.world.ledger.failing = True
        update = self.applications.update_communication(endpoint, etag + 1, {"formats": "Html"})
        self.failureResultOf(running(update), Unavailable)
        self.assertEqual(endpoint.record, self.world.stored(Application)[0])

    def test_updates_at_once(self) -> None:
        """Of two PUTs with the same version one wins and the other is 412."""
        endpoint = self.world.sign_in("alice")
        self.world.ledger.hold()
        puts = [
            running(self.applications.update_communication(endpoint, endpoint.record.etag, change))
            for change in ({"audio_preference": "PhoneAudio"}, {"audio_preference": "VoipAudio"})
        ]
        self.world.ledger.release()
        done(puts[0])
        self.assertEqual(self.refused(puts[1]), ("PreconditionFailed", None))
        self.assertEqual(endpoint.record.audio_preference, "PhoneAudio")


class PresenceTests(Case):
    """Own presence, note and location."""

    def setUp(self) -> None:
        super().setUp()
        self.phone = self.world.sign_in("alice")
        self.phone.parked = 1

    def test_manual(self) -> None:
        """A chosen availability is shown and told to all the user's endpoints; "" resets it."""
        desk = self.world.sign_in("alice", "desk")
        for choice, shown in (
            ("Busy", "Busy"),
            ("DoNotDisturb", "DoNotDisturb"),
            ("Offwork", "Away"),
            ("BeRightBack", "BeRightBack"),
            ("", "Online"),
        ):
            done(self.choose(self.phone, choice))
            self.assertEqual(self.world.shows("alice"), shown)
            self.assertEqual(self.presence().activity, "off-work" if choice == "Offwork" else "")
            self.assertEqual(self.world.told(self.phone), ["own presence updated"])
            self.assertEqual(self.world.told(desk), ["own presence updated"])

    def test_note_and_location(self) -> None:
        """Note and location are shown, told to the user's endpoints, and cleared by ""."""
        for text in ("In the lab", ""):
            done(running(self.applications.set_note(self.phone, text)))
            done(running(self.applications.set_location(self.phone, text)))
            self.assertEqual((self.presence().note, self.presence().location), (text, text))
            self.assertEqual(
                self.world.told(self.phone), ["own note updated", "own location updated"]
            )
        done(running(self.applications.set_note(self.phone, "")))
        self.assertEqual(self.world.told(self.phone), [])

    def test_inactivity(self) -> None:
        """Without activity: IdleOnline after five minutes, Away after ten, Online when back."""
        self.world.advance(5 * MINUTE - 1)
        self.assertEqual(self.world.shows("alice"), "Online")
        self.world.advance(1)
        self.assertEqual(self.world.shows("alice"), "IdleOnline")
        self.world.advance(5 * MINUTE - 1)
        self.assertEqual(self.world.shows("alice"), "IdleOnline")
        self.world.advance(1)
        self.assertEqual(self.world.shows("alice"), "Away")
        self.world.advance(HOUR)
        self.assertEqual(self.world.told(self.phone), ["own presence updated"] * 2)
        done(self.report(self.phone))
        self.assertEqual(self.world.shows("alice"), "Online")
        self.world.advance(5 * MINUTE)
        self.assertEqual(self.world.shows("alice"), "IdleOnline")

    def test_busy_inactivity(self) -> None:
        """One who is Busy becomes IdleBusy and stays so."""
        done(self.choose(self.phone, "Busy"))
        self.world.advance(5 * MINUTE)
        self.assertEqual(self.world.shows("alice"), "IdleBusy")
        self.world.advance(HOUR)
        self.assertEqual(self.world.shows("alice"), "IdleBusy")
        done(self.report(self.phone))
        self.assertEqual(self.world.shows("alice"), "Busy")

    def test_hidden_inactivity(self) -> None:
        """A choice that does not follow activity stays; when reset, the choice is activity."""
        done(self.choose(self.phone, "DoNotDisturb"))
        self.world.advance(HOUR)
        self.assertEqual(self.world.shows("alice"), "DoNotDisturb")
        done(self.choose(self.phone, ""))
        self.assertEqual(self.world.shows("alice"), "Online")

    def test_reports_keep_active(self) -> None:
        """A report every four minutes keeps the user Online, and stores nothing."""
        units = len(self.world.ledger.units)
        for _ in range(20):
            self.world.advance(4 * MINUTE)
            done(self.report(self.phone))
            self.assertEqual(self.world.shows("alice"), "Online")
        self.assertEqual(len(self.world.ledger.units), units)
        self.assertLess(len(self.world.agenda), 5)

    def test_own_timeout(self) -> None:
        """inactiveTimeout is the application's own."""
        endpoint = self.world.sign_in("bob", available=False)
        endpoint.parked = 1
        availability = Availability(("Messaging",), inactive_timeout_s=60)
        done(running(self.applications.make_available(endpoint, availability, self.world.now)))
        self.world.advance(MINUTE)
        self.assertEqual(self.world.shows("bob"), "IdleOnline")

    def test_most_active_endpoint(self) -> None:
        """While one endpoint is active the user is Online."""
        desk = self.world.sign_in("alice", "desk")
        desk.parked = 1
        for _ in range(5):
            self.world.advance(4 * MINUTE)
            done(self.report(desk))
            self.assertEqual(self.world.shows("alice"), "Online")
        done(self.world.end(desk))
        self.assertEqual(self.world.shows("alice"), "Away")

    def test_report_while_inactivity_is_stored(self) -> None:
        """Activity reported while the inactivity is being stored wins."""
        self.world.ledger.hold()
        self.world.advance(5 * MINUTE)
        self.assertEqual(self.world.ledger.held, 1)
        report = self.report(self.phone)
        self.world.ledger.release()
        done(report)
        self.assertEqual(self.world.shows("alice"), "Online")
        self.world.advance(5 * MINUTE)
        self.assertEqual(self.world.shows("alice"), "IdleOnline")

    def test_report_before_inactivity_is_decided(self) -> None:
        """Activity reported while the inactivity waits for another change wins too."""
        self.world.advance(5 * MINUTE - 1)
        self.world.ledger.hold()
        note = running(self.applications.set_note(self.phone, "x"))
        self.world.advance(1)
        report = self.report(self.phone)
        self.world.ledger.release()
        done(note)
        done(report)
        self.assertEqual(self.world.shows("alice"), "Online")

    def test_store_failure(self) -> None:
        """Inactivity that cannot be stored is stored when the store is back, and only then."""
        self.world.ledger.failing = True
        self.world.advance(7 * MINUTE)
        self.assertEqual(self.world.shows("alice"), "Online")
        self.failureResultOf(self.choose(self.phone, "Busy"), Unavailable)
        self.assertEqual(self.presence().manual, "")
        self.world.ledger.failing = False
        self.world.advance(5)
        self.assertEqual(self.world.shows("alice"), "IdleOnline")
        self.assertLess(len(self.world.agenda), 4)
        self.world.advance(3 * MINUTE)
        self.assertEqual(self.world.shows("alice"), "Away")

    def test_failed_report(self) -> None:
        """A report that could not be stored can be repeated."""
        self.world.advance(11 * MINUTE)
        self.world.ledger.failing = True
        self.failureResultOf(self.report(self.phone), Unavailable)
        self.world.ledger.failing = False
        done(self.report(self.phone))
        self.assertEqual(self.world.shows("alice"), "Online")

    def test_restart(self) -> None:
        """After a restart an idle user goes on being idle until there is activity."""
        self.world.advance(6 * MINUTE)
        self.world = self.world.restarted()
        phone = self.world.same(self.phone)
        phone.parked = 1
        self.assertEqual(self.world.shows("alice"), "IdleOnline")
        self.world.advance(5 * MINUTE)
        self.assertEqual(self.world.shows("alice"), "Away")
        self.world = self.world.restarted()
        phone = self.world.same(self.phone)
        phone.parked = 1
        self.world.advance(11 * MINUTE)
        self.assertEqual(self.world.shows("alice"), "Away")
        done(self.report(phone))
        self.assertEqual(self.world.shows("alice"), "Online")


class LifeTests(Case):
    """Idle expiry, and the end."""

    def test_without_events(self) -> None:
        """One that never asked for events lives fifteen minutes from its last request."""
        endpoint = self.world.sign_in("alice")
        self.world.advance(10 * MINUTE)
        endpoint.seen(self.world.now)
        self.world.advance(15 * MINUTE - 1)
        self.assertEqual(len(self.applications), 1)
        self.world.advance(1)
        self.assertEqual(len(self.applications), 0)
        self.assertEqual(self.world.shows("alice"), "Offline")
        self.assertEqual(self.world.stored(Application), [])
        self.assertEqual(self.world.ledger.streams, {})
        self.assertEqual(len(self.world.agenda), 0)

    def test_with_events(self) -> None:
        """One that uses its event channel lives an hour from its last request."""
        endpoint = self.world.sign_in("alice")
        endpoint.uses_events = True
        self.assertEqual(self.applications.idle_limit_s(endpoint), 3600)
        self.world.advance(HOUR - 1)
        self.assertEqual(len(self.applications), 1)
        self.world.advance(1)
        self.assertEqual(len(self.applications), 0)

    def test_parked(self) -> None:
        """While a request for events is parked it never expires; then its idle time begins."""
        endpoint = self.world.sign_in("alice")
        endpoint.uses_events, endpoint.parked = True, 1
        self.world.advance(10 * HOUR)
        self.assertEqual(len(self.applications), 1)
        endpoint.parked = 0
        endpoint.seen(self.world.now)
        self.world.advance(HOUR - 1)
        self.assertEqual(len(self.applications), 1)
        self.world.advance(2)
        self.assertEqual(len(self.applications), 0)

    def test_restart(self) -> None:
        """After a restart nobody expires before the whole time has passed again."""
        endpoint = self.world.sign_in("alice")
        self.world.advance(14 * MINUTE)
        self.world.now += HOUR
        self.world = self.world.restarted()
        self.world.advance(HOUR - 1)
        self.assertEqual(self.world.same(endpoint).record, endpoint.record)
        self.world.advance(1)
        self.assertEqual(len(self.world.applications), 0)

    def test_restart_keeps(self) -> None:
        """Instances and the bounds of the stream are there after a restart."""
        done(self.world.register("alice", instance="1"))
        endpoint, _ = done(self.world.register("alice", instance="2"))
        done(self.world.make_available(endpoint))
        self.world.ledger.trim({endpoint.id: 2})
        self.world = self.world.restarted()
        again = self.world.same(endpoint)
        self.assertEqual(set(again.instances), {"1", "2"})
        self.assertEqual((again.base, again.head), (2, len(AVAILABLE)))
        self.assertFalse(done(self.world.register("alice", instance="2"))[1])

    def test_end(self) -> None:
        """Offline follows the last available endpoint."""
        phone = self.world.sign_in("alice")
        desk = self.world.sign_in("alice", "desk")
        self.world.sign_in("alice", "lurker", available=False)
        done(self.world.end(phone))
        self.assertEqual(self.world.shows("alice"), "Online")
        done(self.world.end(desk))
        self.assertEqual(self.world.shows("alice"), "Offline")
        self.assertEqual(self.presence().modalities, "")
        self.assertEqual(len(self.applications), 1)
        for action in (self.world.make_available(phone), self.report(phone)):
            self.assertEqual(self.refused(action), ("NotFound", "ApplicationNotFound"))

    def test_end_twice(self) -> None:
        """Ending what has ended, or is ending, does nothing more."""
        endpoint = self.world.sign_in("alice")
        self.world.ledger.hold()
        first, second = self.world.end(endpoint), self.world.end(endpoint)
        self.world.ledger.release()
        done(first)
        done(second)
        done(self.world.end(endpoint))
        self.assertEqual(len(self.applications), 0)

    def test_end_fails(self) -> None:
        """An end that could not be stored has not happened, and can be tried again."""
        endpoint = self.world.sign_in("alice")
        self.world.ledger.failing = True
        self.failureResultOf(self.world.end(endpoint), Unavailable)
        self.world.ledger.failing = False
        self.assertEqual(self.world.shows("alice"), "Online")
        done(self.choose(endpoint, "Busy"))
        self.assertEqual(self.applications.reachable(uri("alice"), "Messaging"), [endpoint])
        done(self.world.end(endpoint))
        self.assertEqual(len(self.applications), 0)

    def test_expiry_fails(self) -> None:
        """An expiry that could not be stored is tried again."""
        self.world.sign_in("alice")
        self.world.ledger.failing = True
        self.world.advance(16 * MINUTE)
        self.assertEqual(len(self.applications), 1)
        self.world.ledger.failing = False
        self.world.advance(5)
        self.assertEqual(len(self.applications), 0)

    def test_register_while_it_ends(self) -> None:
        """A client that registers while its application ends gets a new one."""
        endpoint = self.world.sign_in("alice")
        self.world.connected(endpoint, self.world.sign_in("bob"))
        self.world.ledger.hold()
        ending = self.world.end(endpoint)
        registration = self.world.register("alice")
        self.world.ledger.release()
        done(ending)
        fresh, new = done(registration)
        self.assertTrue(new)
        self.assertIsNot(fresh, endpoint)
        self.assertEqual(self.applications.of_user(uri("alice")), [fresh])

    def test_end_of_an_instance(self) -> None:
        """With others alive only the instance ends; the last one ends the application."""
        done(self.world.register("alice", instance="1"))
        endpoint, _ = done(self.world.register("alice", instance="2"))
        done(self.end_instance(endpoint, "1"))
        self.assertEqual(set(endpoint.instances), {"2"})
        self.assertEqual([one.instance_id for one in self.world.stored(Instance)], ["2"])
        self.assertEqual(
            self.refused(self.end_instance(endpoint, "1")), ("NotFound", "ApplicationNotFound")
        )
        self.assertEqual(len(self.applications), 1)
        done(self.end_instance(endpoint, "2"))
        self.assertEqual(len(self.applications), 0)
        self.assertEqual(self.world.stored(Instance), [])

    def test_ends_of_instances_at_once(self) -> None:
        """When the last two instances end at the same time the application ends."""
        done(self.world.register("alice", instance="1"))
        endpoint, _ = done(self.world.register("alice", instance="2"))
        self.world.ledger.hold()
        ends = [self.end_instance(endpoint, "1"), self.end_instance(endpoint, "2")]
        self.world.ledger.release()
        for end in ends:
            done(end)
        self.assertEqual(len(self.applications), 0)

    def test_removed_user(self) -> None:
        """With the user all applications end, also one that is being registered."""
        self.world.sign_in("alice")
        self.world.ledger.hold()
        registration = self.world.register("alice", "late")
        removal = running(self.world.users.remove(uri("alice"), self.world.now))
        self.world.ledger.release()
        done(registration)
        done(removal)
        self.assertEqual(len(self.applications), 0)
        self.assertEqual(self.world.stored(Application), [])
        self.assertEqual(self.world.shows("alice"), "Offline")
