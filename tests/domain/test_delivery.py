"""Whom a message reaches, and what its sender is told of those whom it does not."""

from functools import partial

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mobility.domain.applications import Endpoint
from mobility.domain.conferences import Join
from mobility.domain.facts import MessageCompleted
from mobility.domain.privacy import BLOCKED
from mobility.domain.records import Message
from tests.domain.doubles import World, done, running, uri


class Case(TestCase):
    def setUp(self) -> None:
        self.world = World("alice", "bob", "carol")
        self.alice, self.bob, self.carol = (
            self.world.sign_in(name) for name in ("alice", "bob", "carol")
        )

    def failed(self, endpoint: Endpoint) -> list[str]:
        """Whom the last message that `endpoint` sent did not reach, by the sender's stream."""
        facts = [entry.fact for entry in self.world.entries(endpoint)]
        sent = [one for one in facts if isinstance(one, MessageCompleted)][-1]
        self.assertEqual(sent.direction, "Outgoing")
        return [name for _, name in sent.failed]

    def read(self, endpoint: Endpoint) -> list[str]:
        """The bodies in the stream of `endpoint`."""
        return [
            entry.message.body
            for entry in self.world.entries(endpoint)
            if isinstance(entry.fact, MessageCompleted) and entry.message is not None
        ]

    def disable(self, name: str) -> Deferred[object]:
        change = partial(attrs.evolve, enabled=False)
        return running(self.world.users.update(uri(name), change, self.world.now))


class TwoPartyTests(Case):
    def test_reached(self) -> None:
        """A message reaches a device that lives, whether it asks for events or not."""
        conversation_id = self.world.connected(self.alice, self.bob)
        message = done(self.world.send(self.alice, conversation_id))
        self.assertEqual((message.failed, self.failed(self.alice)), ("", []))
        self.assertEqual(self.read(self.bob), ["Hi"])

    def test_blocked(self) -> None:
        """Who was blocked while they talk reaches the other no more, and is told so."""
        conversation_id = self.world.connected(self.alice, self.bob)
        known = self.world.privacy.level(uri("bob"), uri("alice"))
        done(running(self.world.privacy.assign(uri("bob"), uri("alice"), BLOCKED, known)))
        message = done(self.world.send(self.alice, conversation_id))
        self.assertEqual(message.failed, uri("bob"))
        self.assertFalse(message.missed)
        self.assertEqual(self.failed(self.alice), ["Bob"])
        self.assertEqual(self.read(self.bob), [])
        done(self.world.send(self.bob, conversation_id, "Still there?"))
        self.assertEqual(self.read(self.alice), ["Still there?"])

    def test_gone(self) -> None:
        """What is written while the other's only device is being signed out is kept as missed."""
        self.world.connected(self.alice, self.bob)  # left first
        self.world.advance(1.0)
        later = self.world.connected(self.carol, self.bob)
        self.world.ledger.hold()
        ending = self.world.end(self.bob)
        sending = self.world.send(self.carol, later)
        self.world.ledger.release()
        done(ending)
        message = done(sending)
        self.assertEqual((message.failed, message.missed), (uri("bob"), True))
        self.assertEqual(self.failed(self.carol), ["Bob"])
        stored = {(one.conversation_id, one.number): one for one in self.world.stored(Message)}
        self.assertEqual(stored[later, message.number], message)

    def test_other_device(self) -> None:
        """Nothing fails for a sender's own devices."""
        desk = self.world.sign_in("alice", "desk")
        conversation_id = self.world.connected(self.alice, self.bob)
        done(self.world.end(desk))
        self.assertEqual(done(self.world.send(self.alice, conversation_id)).failed, "")


class ConferenceTests(Case):
    """Alice, Bob and Carol write in a conference."""

    def setUp(self) -> None:
        super().setUp()
        world = self.world
        invitation = done(running(world.conferences.join(self.alice, "", Join(), world.now)))
        self.conversation_id = invitation.conversation_id
        meeting_uri = world.conversation(self.alice, self.conversation_id).record.meeting_uri
        for endpoint in (self.bob, self.carol):
            done(running(world.conferences.join(endpoint, meeting_uri, Join(), world.now)))
        for endpoint in (self.alice, self.bob, self.carol):
            done(running(world.messaging.add(endpoint, self.conversation_id, "", world.now)))

    def test_some_fail(self) -> None:
        """It reaches the others; the sender is told of who is gone and who may not sign in."""
        self.carol.ending = 1
        self.assertEqual(
            done(self.world.send(self.alice, self.conversation_id)).failed, uri("carol")
        )
        self.assertEqual(self.failed(self.alice), ["Carol"])
        self.assertEqual(self.read(self.bob), ["Hi"])
        self.carol.ending = 0
        self.world.users.departures.clear()  # as before the others are told
        done(self.disable("bob"))
        self.assertEqual(done(self.world.send(self.alice, self.conversation_id)).failed, uri("bob"))
        self.assertEqual(self.read(self.carol), ["Hi"])

    def test_blocked(self) -> None:
        """In a conference all hear one another, whoever has blocked whom."""
        known = self.world.privacy.level(uri("bob"), uri("alice"))
        done(running(self.world.privacy.assign(uri("bob"), uri("alice"), BLOCKED, known)))
        self.assertEqual(done(self.world.send(self.alice, self.conversation_id)).failed, "")
        self.assertEqual([self.read(one) for one in (self.bob, self.carol)], [["Hi"], ["Hi"]])

    def test_who_does_not_write(self) -> None:
        """Who takes no part in the messages misses nothing."""
        done(running(self.world.messaging.stop(self.carol, self.conversation_id, self.world.now)))
        message = done(self.world.send(self.alice, self.conversation_id))
        self.assertEqual(message.failed, "")
        self.assertEqual(self.read(self.carol), [])
