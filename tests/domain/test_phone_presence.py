"""What phones make their users look like."""

import attrs
from twisted.trial.unittest import TestCase

from mobility.domain.bindings import Bindings, Registering
from mobility.domain.phone_presence import PhonePresence, Published
from mobility.domain.records import Binding
from tests.domain.doubles import START, World, done, running, uri

ALICE = uri("alice")


class PhonePresenceTests(TestCase):
    def setUp(self) -> None:
        self.begin(World("alice"))

    def begin(self, world: World) -> None:
        self.world = world
        self.bindings = Bindings(world.ledger, world.agenda)
        self.phones = PhonePresence(world.applications, self.bindings, world.agenda)

    def register(self, lifetime_s: float = 600.0) -> None:
        binding = Binding(
            ALICE, "b", "sip:alice@192.0.2.7", "c", 1, self.world.now, self.world.now + lifetime_s
        )
        done(
            running(
                self.bindings.register(ALICE, lambda live: Registering([binding]), self.world.now)
            )
        )
        self.world.advance(1)

    def looks(self) -> str:
        self.world.advance(1)
        return self.world.presence.of(ALICE).availability

    def test_registered(self) -> None:
        """Who has a phone that is registered is online until its registration is over."""
        self.register(100)
        self.assertEqual(self.looks(), "Online")
        self.assertEqual(self.world.presence.of(ALICE).modalities, "Audio,Messaging")
        self.world.advance(100)
        self.assertEqual(self.looks(), "Offline")

    def test_silent_phone(self) -> None:
        """A phone that says nothing does not keep active who is away from its applications."""
        self.register(7_200)
        endpoint = self.world.sign_in("alice")
        self.world.advance(endpoint.record.inactive_timeout_s + 1)
        self.assertEqual(self.looks(), "IdleOnline")
        done(self.world.end(endpoint))
        self.assertEqual(self.looks(), "Online")

    def test_choice(self) -> None:
        """What the user chose in an application holds for the phone, too."""
        endpoint = self.world.sign_in("alice")
        done(running(self.world.applications.set_presence(endpoint, "Busy", self.world.now)))
        self.register()
        done(self.world.end(endpoint))
        self.assertEqual(self.looks(), "Busy")

    def test_published(self) -> None:
        """What a phone publishes counts instead of its registration."""
        self.register()
        self.phones.publish(ALICE, [Published("Offline")])
        self.assertEqual(self.looks(), "Offline")
        self.phones.publish(ALICE, [Published("Away"), Published("Busy", "in-a-meeting")])
        self.assertEqual(self.looks(), "Busy")
        self.assertEqual(self.world.presence.of(ALICE).activity, "in-a-meeting")
        self.phones.publish(ALICE, [])
        self.assertEqual(self.looks(), "Online")

    def test_restart(self) -> None:
        """What was published is forgotten by a restart, and so is what it made of the user."""
        self.phones.publish(ALICE, [Published("Busy")])
        self.assertEqual(self.looks(), "Busy")
        self.begin(self.world.restarted())
        self.phones.load([self.world.presence.of(ALICE)])
        self.assertEqual(self.looks(), "Offline")

    def test_store_fails(self) -> None:
        """What cannot be stored is looked at again."""
        self.world.ledger.failing = True
        self.phones.publish(ALICE, [Published("Online")])
        self.assertEqual(self.looks(), "Offline")
        self.world.ledger.failing = False
        self.world.advance(10)
        self.assertEqual(self.looks(), "Online")
        self.assertGreater(self.world.now, START)
        self.assertEqual(len(self.world.failures), 1)

    def test_bindings_are_compared(self) -> None:
        """A registration that is renewed changes nothing."""
        self.register()
        units = len(self.world.ledger.units)
        done(
            running(
                self.bindings.register(
                    ALICE,
                    lambda live: Registering([attrs.evolve(one, cseq=2) for one in live.values()]),
                    self.world.now,
                )
            )
        )
        self.world.advance(1)
        self.assertEqual(len(self.world.ledger.units), units + 1)
