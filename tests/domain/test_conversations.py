"""Two-party messaging: every transition, and what each side's stream gets of it."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mobility.domain.facts import InvitationChanged, MessageCompleted
from mobility.domain.messaging import Call, Text
from mobility.domain.records import Conversation, Invitation, Leg, Message, Receipt, User
from mobility.errors import Refusal, Unavailable
from tests.domain.doubles import Bounds, World, done, running, uri

CALLING = [
    "invitation started Outgoing Connecting",
    "conversation added Connecting",
    "local participant added Alice",
    "messaging Connecting",
]
RINGING = [
    "invitation started Incoming Connecting 'Hello'",
    "conversation added Incoming",
    "local participant added Bob",
    "participant added Alice",
]
CALLER_CONNECTED = [
    "conversation updated Connected",
    "participant added Bob",
    "participantMessaging added Bob",
    "participantMessaging added Alice",
    "messaging Connected",
    "invitation completed Outgoing Connected by Bob",
]
CALLEE_CONNECTED = [
    "conversation updated Connected",
    "participantMessaging added Alice",
    "participantMessaging added Bob",
    "messaging Connected",
    "invitation completed Incoming Connected 'Hello'",
    "message 1 Incoming 'Hello'",
]


def over(own: str) -> list[str]:
    """The end of a conversation that nobody accepted, as the side of `own` sees it."""
    return [
        "messaging Disconnected",
        f"local participant deleted {own}",
        "conversation updated Disconnected",
        "conversation deleted Disconnected",
    ]


def ended(peer: str) -> list[str]:
    """The end of a connected conversation of Alice and Bob, as the other side of `peer` sees it."""
    own = {"Alice": "Bob", "Bob": "Alice"}[peer]
    return [
        "messaging Disconnected",
        f"participantMessaging deleted {peer}",
        f"participant deleted {peer}",
        f"participantMessaging deleted {own}",
        f"local participant deleted {own}",
        "conversation updated Disconnected",
        "conversation deleted Disconnected",
    ]


def unanswered(direction: str, state: str, reason: str) -> list[str]:
    """The end of an invitation that nobody accepted."""
    own = "Alice" if direction == "Outgoing" else "Bob"
    return [f"invitation completed {direction} {state} {reason}", *over(own)]


class Case(TestCase):
    """Alice calls Bob."""

    def setUp(self) -> None:
        self.world = World("alice", "bob", "carol")
        self.alice = self.world.sign_in("alice")
        self.bob = self.world.sign_in("bob")
        for endpoint in (self.alice, self.bob):
            endpoint.parked = 1

    def told(self) -> tuple[list[str], list[str]]:
        return self.world.told(self.alice), self.world.told(self.bob)

    def call(self, text: str | None = "Hello", **more: str) -> Invitation:
        return done(self.world.call(self.alice, "bob", text, **more))

    def refused(self, deferred: Deferred[Any]) -> tuple[str, str | None]:
        error = self.failureResultOf(deferred, Refusal).value
        return error.code, error.subcode

    def nothing_left(self) -> None:
        """No conversation is active, in memory or in the store."""
        self.assertEqual(len(self.world.conversations), 0)
        self.assertEqual(self.world.stored(Leg), [])
        self.assertEqual({one.state for one in self.world.stored(Conversation)} - {"Ended"}, set())
        for endpoint in self.world.applications:
            self.assertEqual(endpoint.conversations, set())

    def missed(self) -> list[str]:
        return [message.body for message in self.world.stored(Message) if message.missed]


class StartTests(Case):
    """startMessaging."""

    def test_rings(self) -> None:
        """The caller's operation starts, and each of the callee's applications rings."""
        tablet = self.world.sign_in("bob", "tablet")
        invitation = self.call(operation_id="op", subject="Lunch", importance="Urgent")
        self.assertEqual(self.told(), (CALLING, RINGING))
        self.assertEqual(self.world.told(tablet), RINGING)
        mine, theirs = (
            entry.fact
            for endpoint in (self.alice, self.bob)
            for entry in self.world.entries(endpoint)
            if isinstance(entry.fact, InvitationChanged)
        )
        self.assertEqual((mine.operation_id, theirs.operation_id), ("op", ""))
        for fact in (mine, theirs):
            self.assertEqual((fact.subject, fact.importance), ("Lunch", "Urgent"))
            self.assertEqual((fact.from_name, fact.to_name), ("Alice", "Bob"))
            self.assertEqual(fact.id, invitation.id)
            self.assertTrue(fact.thread_id)
        conversation, found, leg = self.world.conversations.find_invitation(self.bob, invitation.id)
        self.assertEqual((found, leg.state, leg.messaging), (invitation, "Incoming", "Connecting"))
        self.assertEqual(self.world.conversations.of(self.bob), [(conversation, leg)])

    def test_without_message(self) -> None:
        """An invitation need not carry a message."""
        invitation = self.call(None)
        self.assertEqual(self.told()[1][0], "invitation started Incoming Connecting")
        done(self.world.accept(self.bob, invitation))
        self.assertNotIn("message 1 Incoming", self.told()[1])
        message = done(self.world.send(self.alice, invitation.conversation_id))
        self.assertEqual(message.number, 1)

    def test_only_who_can(self) -> None:
        """Applications that are not available do not ring."""
        lurker = self.world.sign_in("bob", "lurker", available=False)
        self.call()
        self.assertEqual(self.world.told(lurker), [])

    def test_unreachable(self) -> None:
        """Without a device that can answer it fails at once; the message is kept as missed."""
        invitation = done(self.world.call(self.alice, "carol"))
        self.assertEqual(invitation.state, "Failed")
        self.assertEqual(
            self.told()[0], CALLING + unanswered("Outgoing", "Failed", "RemoteFailure/Unavailable")
        )
        self.assertEqual(self.missed(), ["Hello"])
        self.nothing_left()

    def test_unknown(self) -> None:
        """To an unknown or disabled address it fails at once, and nobody has missed a message."""
        self.world.ledger.all(User)[(uri("carol"),)] = User(uri("carol"), "Carol", enabled=False)
        self.world = self.world.restarted()
        alice = self.world.same(self.alice)
        for name in ("nobody", "carol"):
            done(self.world.call(alice, name))
            self.assertEqual(
                self.world.told(alice),
                CALLING + unanswered("Outgoing", "Failed", "NotFound/DestinationNotFound"),
            )
        self.assertEqual([one.missed for one in self.world.stored(Message)], [False, False])
        self.nothing_left()

    def test_limit(self) -> None:
        """More conversations than allowed are 409 TooManyConversations, also all at once."""
        self.world.ledger.hold()
        answers = [self.world.call(self.alice, "bob") for _ in range(5)]
        self.world.ledger.release()
        for answer in answers[:4]:
            done(answer)
        self.assertEqual(self.refused(answers[4]), ("Conflict", "TooManyConversations"))
        self.assertEqual(len(self.alice.conversations), 4)

    def test_full_callee(self) -> None:
        """A callee's device with as many conversations as allowed does not ring."""
        for _ in range(4):
            self.call()
        carol = self.world.sign_in("carol")
        done(self.world.call(carol, "bob"))
        self.assertIn(
            "invitation completed Outgoing Failed RemoteFailure/Unavailable", self.world.told(carol)
        )

    def test_thread(self) -> None:
        """A thread has one conversation of an application at a time, also all at once."""
        self.world.ledger.hold()
        first = self.world.call(self.alice, "bob", thread_id="t")
        second = self.world.call(self.alice, "bob", thread_id="t")
        self.world.ledger.release()
        self.assertEqual(self.refused(second), ("Conflict", "ThreadIdAlreadyExists"))
        done(self.world.terminate(self.alice, done(first).conversation_id))
        self.call(thread_id="t")

    def test_store_failure(self) -> None:
        """An invitation that could not be stored rings nowhere and leaves nothing."""
        self.world.ledger.failing = True
        self.failureResultOf(self.world.call(self.alice, "bob"), Unavailable)
        self.failureResultOf(self.world.call(self.alice, "carol"), Unavailable)
        self.assertEqual(self.told(), ([], []))
        self.nothing_left()
        self.world.ledger.failing = False
        self.call()
        self.assertEqual(self.told(), (CALLING, RINGING))

    def test_ended_application(self) -> None:
        """An application that has ended cannot call."""
        done(self.world.end(self.alice))
        self.assertEqual(
            self.refused(self.world.call(self.alice, "bob")), ("NotFound", "ApplicationNotFound")
        )

    def test_receipt(self) -> None:
        """Receipts of invitations and messages are stored in the unit of the effect."""
        text = Text("Plain", "Hello")
        receipt = Receipt(uri("alice"), "1", "print", "", self.world.now)
        invitation = done(
            running(
                self.world.messaging.start(
                    self.alice, Call(uri("bob"), text=text), self.world.now, receipt
                )
            )
        )
        saves = self.world.ledger.units[-1].saves
        self.assertEqual(
            [one.resource_id for one in saves if isinstance(one, Receipt)], [invitation.id]
        )
        self.assertIn(invitation, saves)
        done(self.world.accept(self.bob, invitation))
        receipt = Receipt(uri("alice"), "2", "print", "", self.world.now)
        message = done(
            running(
                self.world.messaging.send(
                    self.alice, invitation.conversation_id, text, "", self.world.now, receipt
                )
            )
        )
        saves = self.world.ledger.units[-1].saves
        self.assertEqual(
            [one.resource_id for one in saves if isinstance(one, Receipt)], [str(message.number)]
        )
        self.assertIn(message, saves)


class AnswerTests(Case):
    """accept, decline, cancel, and nobody."""

    def test_accept(self) -> None:
        """Both sides are connected, and the first message comes as a message."""
        invitation = self.call()
        self.told()
        done(self.world.accept(self.bob, invitation))
        self.assertEqual(self.told(), (CALLER_CONNECTED, CALLEE_CONNECTED))
        self.assertEqual({leg.state for leg in self.world.stored(Leg)}, {"Connected"})
        self.assertEqual({leg.messaging for leg in self.world.stored(Leg)}, {"Connected"})
        self.assertEqual(self.world.stored(Invitation)[0].accepted_by, uri("bob"))

    def test_accept_twice(self) -> None:
        """A second accept is 409; so is one by the caller; a stranger's is 404."""
        invitation = self.call()
        self.assertEqual(self.refused(self.world.accept(self.alice, invitation))[0], "Conflict")
        done(self.world.accept(self.bob, invitation))
        self.assertEqual(self.refused(self.world.accept(self.bob, invitation))[0], "Conflict")
        self.assertEqual(self.refused(self.world.decline(self.bob, invitation))[0], "Conflict")
        carol = self.world.sign_in("carol")
        self.assertEqual(
            self.refused(self.world.accept(carol, invitation)), ("NotFound", "ResourceNotFound")
        )

    def test_second_device_wins(self) -> None:
        """The other devices are told that another one answered."""
        tablet = self.world.sign_in("bob", "tablet")
        invitation = self.call()
        self.world.told(self.alice, self.bob, tablet)
        done(self.world.accept(tablet, invitation))
        self.assertEqual(
            self.told(),
            (
                CALLER_CONNECTED,
                unanswered("Incoming", "Failed", "LocalFailure/ConnectedElsewhere"),
            ),
        )
        self.assertEqual(self.world.told(tablet), CALLEE_CONNECTED)
        self.assertEqual(self.bob.conversations, set())
        self.assertEqual(
            {leg.application_id for leg in self.world.stored(Leg)}, {self.alice.id, tablet.id}
        )
        done(self.world.send(self.alice, invitation.conversation_id, "More"))
        self.assertEqual(self.world.told(self.bob), [])
        self.assertEqual(self.world.told(tablet), ["message 2 Incoming 'More'"])

    def test_two_accept_at_once(self) -> None:
        """Of two devices that accept at the same time exactly one wins."""
        tablet = self.world.sign_in("bob", "tablet")
        invitation = self.call()
        self.world.told(self.alice, self.bob, tablet)
        self.world.ledger.hold()
        first = self.world.accept(self.bob, invitation)
        second = self.world.accept(tablet, invitation)
        self.assertEqual(self.world.ledger.held, 1)
        self.world.ledger.release()
        done(first)
        self.assertEqual(self.refused(second), ("NotFound", "ResourceNotFound"))
        self.assertEqual(self.told(), (CALLER_CONNECTED, CALLEE_CONNECTED))
        self.assertEqual(
            self.world.told(tablet),
            unanswered("Incoming", "Failed", "LocalFailure/ConnectedElsewhere"),
        )

    def test_first_accept_fails(self) -> None:
        """If the first accept cannot be stored the second device may win."""
        tablet = self.world.sign_in("bob", "tablet")
        invitation = self.call()
        self.world.told(self.alice, self.bob, tablet)
        self.world.ledger.hold()
        first = self.world.accept(self.bob, invitation)
        second = self.world.accept(tablet, invitation)
        self.world.ledger.release(1, failing=True)
        self.failureResultOf(first, Unavailable)
        self.world.ledger.release()
        done(second)
        self.assertEqual(self.world.told(tablet), CALLEE_CONNECTED)

    def test_decline_everywhere(self) -> None:
        """Declined for all devices, the invitation ends; its message is kept as missed."""
        tablet = self.world.sign_in("bob", "tablet")
        invitation = self.call()
        self.world.told(self.alice, self.bob, tablet)
        done(self.world.decline(tablet, invitation, everywhere=True))
        local = unanswered("Incoming", "Declined", "LocalFailure/Declined")
        self.assertEqual(
            self.told(), (unanswered("Outgoing", "Declined", "RemoteFailure/Declined"), local)
        )
        self.assertEqual(self.world.told(tablet), local)
        self.assertEqual(self.missed(), ["Hello"])
        self.nothing_left()

    def test_decline_here(self) -> None:
        """Declined on one device the others go on ringing; with the last one it is over."""
        tablet = self.world.sign_in("bob", "tablet")
        invitation = self.call()
        self.world.told(self.alice, self.bob, tablet)
        done(self.world.decline(tablet, invitation))
        self.assertEqual(self.told(), ([], []))
        local = unanswered("Incoming", "Declined", "LocalFailure/Declined")
        self.assertEqual(self.world.told(tablet), local)
        self.assertEqual(len(self.world.stored(Leg)), 2)
        self.assertEqual(
            self.refused(self.world.accept(tablet, invitation)), ("NotFound", "ResourceNotFound")
        )
        done(self.world.decline(self.bob, invitation))
        self.assertEqual(
            self.told(), (unanswered("Outgoing", "Declined", "RemoteFailure/Declined"), local)
        )
        self.nothing_left()

    def test_cancel(self) -> None:
        """The caller gives up: its operation is cancelled and the callee missed it."""
        invitation = self.call()
        self.told()
        done(self.world.terminate(self.alice, invitation.conversation_id))
        self.assertEqual(
            self.told(),
            (
                unanswered("Outgoing", "Cancelled", "LocalFailure/Canceled"),
                unanswered("Incoming", "Cancelled", "RemoteFailure/Canceled"),
            ),
        )
        self.assertEqual(self.missed(), ["Hello"])
        self.assertEqual(self.world.stored(Invitation)[0].state, "Cancelled")
        self.assertEqual(self.refused(self.world.accept(self.bob, invitation))[0], "NotFound")
        self.nothing_left()

    def test_terminate_while_it_rings(self) -> None:
        """A callee that deletes a conversation that rings declines it on this device."""
        invitation = self.call()
        self.told()
        done(self.world.terminate(self.bob, invitation.conversation_id))
        self.assertEqual(
            self.told()[0], unanswered("Outgoing", "Declined", "RemoteFailure/Declined")
        )
        self.nothing_left()

    def test_expiry(self) -> None:
        """After thirty seconds it fails; the message stays in the stream, and is missed."""
        self.call()
        self.told()
        self.world.advance(29)
        self.assertEqual(self.told(), ([], []))
        self.world.advance(1)
        self.assertEqual(
            self.told(),
            (
                unanswered("Outgoing", "Failed", "RemoteFailure/Timeout"),
                unanswered("Incoming", "Failed", "LocalFailure/Missed"),
            ),
        )
        self.assertEqual(self.missed(), ["Hello"])
        carried = [entry.message for entry in self.world.entries(self.bob) if entry.message]
        self.assertEqual([message.body for message in carried], ["Hello"])
        self.nothing_left()

    def test_no_expiry_of_what_was_answered(self) -> None:
        """An invitation that was answered does not expire."""
        conversation_id = self.world.connected(self.alice, self.bob)
        self.world.advance(60)
        self.assertEqual(self.told(), ([], []))
        done(self.world.send(self.alice, conversation_id))

    def test_accept_at_the_last_moment(self) -> None:
        """An accept that is being stored when the time is over has answered."""
        invitation = self.call()
        self.told()
        self.world.advance(29)
        self.world.ledger.hold()
        accept = self.world.accept(self.bob, invitation)
        self.world.advance(2)
        self.world.ledger.release()
        done(accept)
        self.assertEqual(self.told(), (CALLER_CONNECTED, CALLEE_CONNECTED))

    def test_accept_too_late(self) -> None:
        """An accept that waits for the expiry is 404."""
        invitation = self.call()
        self.world.ledger.hold()
        self.world.advance(30)
        accept = self.world.accept(self.bob, invitation)
        self.world.ledger.release()
        self.assertEqual(self.refused(accept), ("NotFound", "ResourceNotFound"))
        self.nothing_left()

    def test_expiry_fails(self) -> None:
        """An expiry that could not be stored is tried again."""
        self.call()
        self.told()
        self.world.ledger.failing = True
        self.world.advance(60)
        self.assertEqual(self.told(), ([], []))
        self.world.ledger.failing = False
        self.world.advance(5)
        self.assertIn("invitation completed Outgoing Failed RemoteFailure/Timeout", self.told()[0])
        self.nothing_left()

    def test_store_failure(self) -> None:
        """An answer that could not be stored has not been given."""
        tablet = self.world.sign_in("bob", "tablet")
        invitation = self.call()
        self.world.told(self.alice, self.bob, tablet)
        self.world.ledger.failing = True
        for answer in (
            self.world.accept(self.bob, invitation),
            self.world.decline(self.bob, invitation),
            self.world.decline(self.bob, invitation, everywhere=True),
            self.world.terminate(self.alice, invitation.conversation_id),
        ):
            self.failureResultOf(answer, Unavailable)
        self.world.ledger.failing = False
        done(self.world.accept(self.bob, invitation))
        self.assertEqual(self.told(), (CALLER_CONNECTED, CALLEE_CONNECTED))


class MessageTests(Case):
    """sendMessage and setIsTyping."""

    def setUp(self) -> None:
        super().setUp()
        self.cid = self.world.connected(self.alice, self.bob)

    def test_both_ways(self) -> None:
        """A message is completed for its sender and comes with its body to the other."""
        done(self.world.send(self.alice, self.cid, "One", "op"))
        done(self.world.send(self.bob, self.cid, "Two"))
        self.assertEqual(
            self.told(),
            (
                ["message 1 Outgoing", "message 2 Incoming 'Two'"],
                ["message 1 Incoming 'One'", "message 2 Outgoing"],
            ),
        )
        sent = [
            entry.fact
            for entry in self.world.entries(self.alice)
            if isinstance(entry.fact, MessageCompleted)
        ]
        self.assertEqual([fact.operation_id for fact in sent], ["op", ""])
        self.assertEqual(len(self.world.stored(Message)), 2)

    def test_order_under_load(self) -> None:
        """Messages that are stored together come in the order in which they were sent."""
        self.world.ledger.hold()
        answers = [
            self.world.send((self.alice, self.bob)[n % 2], self.cid, str(n)) for n in range(20)
        ]
        self.assertEqual(self.world.ledger.held, 20)
        self.world.ledger.release(7)
        self.assertEqual([done(one).number for one in answers[:7]], list(range(1, 8)))
        self.world.ledger.release()
        self.assertEqual([done(one).number for one in answers[7:]], list(range(8, 21)))
        mine, theirs = self.told()
        self.assertEqual(
            [words for words in theirs if "Incoming" in words],
            [f"message {n + 1} Incoming '{n}'" for n in range(0, 20, 2)],
        )
        self.assertEqual([words.split()[1] for words in mine], [str(n + 1) for n in range(20)])

    def test_refused(self) -> None:
        """Only who is connected can send or type; a stranger has no such conversation."""
        invitation = self.call()
        self.assertEqual(
            self.refused(self.world.send(self.alice, invitation.conversation_id)),
            ("Conflict", None),
        )
        self.assertEqual(
            self.refused(self.world.begin_typing(self.bob, invitation.conversation_id)),
            ("Conflict", None),
        )
        carol = self.world.sign_in("carol")
        for action in (
            self.world.send(carol, self.cid),
            self.world.begin_typing(carol, self.cid),
            self.world.terminate(carol, self.cid),
            self.world.send(self.alice, "nonsense"),
        ):
            self.assertEqual(self.refused(action), ("NotFound", "ConversationNotFound"))

    def test_sent_while_accepted(self) -> None:
        """Messages sent while the accept is being stored wait for it and keep their order."""
        invitation = self.call()
        self.told()
        self.world.ledger.hold()
        accept = self.world.accept(self.bob, invitation)
        sends = [self.world.send(self.alice, invitation.conversation_id, str(n)) for n in range(5)]
        self.assertEqual(self.world.ledger.held, 1)
        self.world.ledger.release()
        done(accept)
        self.assertEqual([done(one).number for one in sends], [2, 3, 4, 5, 6])
        self.assertEqual(
            self.told()[1],
            CALLEE_CONNECTED + [f"message {n + 2} Incoming '{n}'" for n in range(5)],
        )

    def test_sent_while_ended(self) -> None:
        """A message sent while the end is being stored is 404, and nothing follows the end."""
        self.world.ledger.hold()
        end = self.world.terminate(self.bob, self.cid)
        send = self.world.send(self.alice, self.cid)
        typing = self.world.begin_typing(self.alice, self.cid)
        self.world.ledger.release()
        done(end)
        for late in (send, typing):
            self.assertEqual(self.refused(late), ("NotFound", "ConversationNotFound"))
        self.assertEqual(self.told(), (ended("Bob"), ended("Alice")))

    def test_ended_while_sent(self) -> None:
        """A message that is being stored when the other side ends comes before the end."""
        self.world.ledger.hold()
        send = self.world.send(self.alice, self.cid)
        end = self.world.terminate(self.bob, self.cid)
        self.world.ledger.release()
        done(send)
        done(end)
        self.assertEqual(
            self.told(),
            (["message 1 Outgoing", *ended("Bob")], ["message 1 Incoming 'Hi'", *ended("Alice")]),
        )

    def test_store_failure(self) -> None:
        """A message that could not be stored is not told of; later ones are."""
        self.world.ledger.failing = True
        self.failureResultOf(self.world.send(self.alice, self.cid, "lost"), Unavailable)
        self.world.ledger.failing = False
        done(self.world.send(self.alice, self.cid, "kept"))
        self.assertEqual([message.body for message in self.world.stored(Message)], ["kept"])
        self.assertEqual(self.told()[1], ["message 2 Incoming 'kept'"])

    def test_secrets(self) -> None:
        """The body of a message is not in what is logged of it."""
        message = done(self.world.send(self.alice, self.cid, "private words"))
        self.assertNotIn("private", repr(message))
        self.assertNotIn("private", repr(Call(uri("bob"), text=Text("Plain", "private words"))))

    def test_terminate(self) -> None:
        """The end is the end for both, and the conversation is gone."""
        done(self.world.terminate(self.bob, self.cid))
        self.assertEqual(self.told(), (ended("Bob"), ended("Alice")))
        self.nothing_left()
        self.assertEqual(
            self.refused(self.world.terminate(self.alice, self.cid)),
            ("NotFound", "ConversationNotFound"),
        )
        self.assertEqual(self.missed(), [])

    def test_terminate_at_once(self) -> None:
        """Of two ends at the same time one ends it and the other is 404."""
        self.world.ledger.hold()
        ends = [self.world.terminate(one, self.cid) for one in (self.alice, self.bob)]
        self.world.ledger.release()
        done(ends[0])
        self.assertEqual(self.refused(ends[1]), ("NotFound", "ConversationNotFound"))
        self.assertEqual(self.told(), (ended("Bob"), ended("Alice")))

    def test_conversations_are_apart(self) -> None:
        """Messages of one conversation do not come in another one."""
        carol = self.world.sign_in("carol")
        other = self.world.connected(carol, self.bob)
        self.world.told(self.alice, self.bob, carol)
        done(self.world.send(self.bob, other, "for Carol"))
        self.assertEqual(self.world.told(self.alice), [])
        self.assertEqual(self.world.told(carol), ["message 1 Incoming 'for Carol'"])
        self.assertEqual(len(self.world.conversations.of(self.bob)), 2)


class DepartureTests(Case):
    """What ends with an application or a user."""

    def test_connected(self) -> None:
        """With an application its conversations end, and the other side is told."""
        self.world.connected(self.alice, self.bob)
        done(self.world.end(self.bob))
        self.assertEqual(self.world.told(self.alice), ended("Bob"))
        self.nothing_left()

    def test_caller(self) -> None:
        """With the caller's application an open invitation is cancelled."""
        self.call()
        self.told()
        done(self.world.end(self.alice))
        self.assertEqual(
            self.world.told(self.bob),
            unanswered("Incoming", "Cancelled", "RemoteFailure/Canceled"),
        )
        self.nothing_left()

    def test_callee(self) -> None:
        """With the callee's last application an open invitation fails, and is missed."""
        tablet = self.world.sign_in("bob", "tablet")
        self.call()
        self.told()
        done(self.world.end(tablet))
        self.assertEqual(self.told(), ([], []))
        done(self.world.end(self.bob))
        self.assertEqual(
            self.world.told(self.alice),
            unanswered("Outgoing", "Failed", "RemoteFailure/Unavailable"),
        )
        self.assertEqual(self.missed(), ["Hello"])
        self.nothing_left()

    def test_removed_user(self) -> None:
        """With a user all its conversations end, and the others are told."""
        carol = self.world.sign_in("carol")
        self.world.connected(self.alice, self.bob)
        done(self.world.call(carol, "bob"))
        self.world.told(self.alice, self.bob, carol)
        done(running(self.world.users.remove(uri("bob"), self.world.now)))
        self.assertEqual(self.world.told(self.alice)[0], "messaging Disconnected")
        self.assertIn(
            "invitation completed Outgoing Failed RemoteFailure/Unavailable",
            self.world.told(carol),
        )
        self.nothing_left()

    def test_both_at_once(self) -> None:
        """Both sides may end at the same time."""
        self.world.connected(self.alice, self.bob)
        self.world.ledger.hold()
        ends = [self.world.end(self.alice), self.world.end(self.bob)]
        self.world.ledger.release()
        for end in ends:
            done(end)
        self.assertEqual(len(self.world.applications), 0)
        self.nothing_left()

    def test_while_it_accepts(self) -> None:
        """An application that ends while its accept is being stored ends the conversation."""
        invitation = self.call()
        self.told()
        self.world.ledger.hold()
        accept = self.world.accept(self.bob, invitation)
        end = self.world.end(self.bob)
        self.world.ledger.release()
        done(accept)
        done(end)
        self.assertEqual(self.world.told(self.alice), CALLER_CONNECTED + ended("Bob"))
        self.nothing_left()

    def test_while_it_calls(self) -> None:
        """An application that ends while its invitation is being stored cancels it."""
        self.world.ledger.hold()
        call = self.world.call(self.alice, "bob")
        end = self.world.end(self.alice)
        self.world.ledger.release()
        done(call)
        done(end)
        self.assertEqual(
            self.world.told(self.bob),
            RINGING + unanswered("Incoming", "Cancelled", "RemoteFailure/Canceled"),
        )
        self.nothing_left()

    def test_while_it_is_called(self) -> None:
        """A callee that ends while the invitation is being stored stops ringing; one that is
        ending does not ring."""
        self.world.ledger.hold()
        early = self.world.call(self.alice, "bob")
        end = self.world.end(self.bob)
        late = self.world.call(self.alice, "bob")
        self.world.ledger.release()
        done(early)
        done(end)
        self.assertEqual(done(late).state, "Failed")
        failures = [words for words in self.world.told(self.alice) if "completed" in words]
        self.assertEqual(
            failures, ["invitation completed Outgoing Failed RemoteFailure/Unavailable"] * 2
        )
        self.nothing_left()

    def test_while_another_ends_it(self) -> None:
        """An application with several conversations ends even if others end them meanwhile."""
        carol = self.world.sign_in("carol")
        ids = [self.world.connected(self.alice, one) for one in (self.bob, carol, self.bob)]
        self.world.ledger.hold()
        end = self.world.end(self.alice)
        for conversation_id in ids:
            peer = carol if conversation_id == ids[1] else self.bob
            self.world.terminate(peer, conversation_id).addErrback(Failure.trap, Refusal)
        self.world.ledger.release()
        done(end)
        self.nothing_left()

    def test_end_fails(self) -> None:
        """If the end cannot be stored the conversation goes on."""
        conversation_id = self.world.connected(self.alice, self.bob)
        self.world.ledger.failing = True
        self.failureResultOf(self.world.end(self.bob), Unavailable)
        self.world.ledger.failing = False
        done(self.world.send(self.bob, conversation_id, "still here"))
        self.assertEqual(self.world.told(self.alice), ["message 1 Incoming 'still here'"])


class RestartTests(Case):
    """A conversation goes on after a restart."""

    def restart(self) -> None:
        self.world = self.world.restarted()
        self.alice, self.bob = self.world.same(self.alice), self.world.same(self.bob)
        self.alice.parked = self.bob.parked = 1

    def test_open_invitation_expires(self) -> None:
        """An open invitation expires at its time, and its message is missed."""
        self.call()
        self.world.advance(20)
        self.restart()
        self.world.advance(9)
        self.assertEqual(self.told(), ([], []))
        self.world.advance(1)
        self.assertEqual(
            self.told(),
            (
                unanswered("Outgoing", "Failed", "RemoteFailure/Timeout"),
                unanswered("Incoming", "Failed", "LocalFailure/Missed"),
            ),
        )
        self.assertEqual(self.missed(), ["Hello"])
        self.nothing_left()

    def test_expired_meanwhile(self) -> None:
        """One whose time passed while the service was down expires at once."""
        self.call()
        self.world.now += 3600
        self.restart()
        self.world.advance(1)
        self.assertIn("invitation completed Outgoing Failed RemoteFailure/Timeout", self.told()[0])
        self.nothing_left()

    def test_open_invitation_is_accepted(self) -> None:
        """An open invitation can be accepted, with the message that is only in the store."""
        invitation = self.call()
        self.restart()
        done(self.world.accept(self.bob, invitation))
        self.assertEqual(self.told(), (CALLER_CONNECTED, CALLEE_CONNECTED))
        message = done(self.world.send(self.bob, invitation.conversation_id))
        self.assertEqual(message.number, 2)

    def test_open_invitation_is_cancelled(self) -> None:
        """An open invitation can be cancelled."""
        invitation = self.call()
        self.restart()
        done(self.world.terminate(self.alice, invitation.conversation_id))
        self.assertIn(
            "invitation completed Outgoing Cancelled LocalFailure/Canceled", self.told()[0]
        )
        self.nothing_left()

    def test_connected(self) -> None:
        """A connected conversation sends on, with numbers that go on, and ends."""
        conversation_id = self.world.connected(self.alice, self.bob)
        done(self.world.send(self.alice, conversation_id, "One"))
        self.restart()
        self.assertEqual(done(self.world.send(self.bob, conversation_id, "Two")).number, 2)
        self.assertEqual(self.told()[0], ["message 2 Incoming 'Two'"])
        self.restart()
        done(self.world.terminate(self.bob, conversation_id))
        self.assertEqual(self.told(), (ended("Bob"), ended("Alice")))
        self.nothing_left()

    def test_ended(self) -> None:
        """What has ended does not come back."""
        done(self.world.terminate(self.alice, self.world.connected(self.alice, self.bob)))
        self.restart()
        self.nothing_left()

    def test_lost_commits(self) -> None:
        """What was not stored when the process died has not happened."""
        conversation_id = self.world.connected(self.alice, self.bob)
        done(self.world.send(self.alice, conversation_id, "kept"))
        self.world.ledger.hold()
        self.world.send(self.alice, conversation_id, "lost")
        self.world.terminate(self.bob, conversation_id)
        self.restart()
        self.assertEqual(done(self.world.send(self.alice, conversation_id, "on")).number, 2)
        self.assertEqual([one.body for one in self.world.stored(Message)], ["kept", "on"])

    def test_archive_unavailable(self) -> None:
        """An accept that cannot read the first message is refused and can be repeated."""
        invitation = self.call()
        self.restart()
        self.world.ledger.failing = True
        self.failureResultOf(self.world.accept(self.bob, invitation), Unavailable)
        self.world.ledger.failing = False
        done(self.world.accept(self.bob, invitation))
        self.assertEqual(self.told()[1], CALLEE_CONNECTED)


class LimitTests(TestCase):
    """The invitation's time is configured."""

    def test_timeout(self) -> None:
        """An invitation expires after the configured time."""
        world = World("alice", "bob", bounds=Bounds(invitation_s=5))
        alice, _ = world.sign_in("alice"), world.sign_in("bob")
        invitation = done(world.call(alice, "bob"))
        self.assertEqual(invitation.expires_at, world.now + 5)
        world.advance(5)
        self.assertEqual(len(world.conversations), 0)
