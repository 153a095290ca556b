"""Conversations under everything at once: devices, slow and failing commits, time and restarts."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mobility.domain.applications import Endpoint
from mobility.domain.conversation import ActiveConversation
from mobility.domain.facts import (
    ConversationChanged,
    InvitationChanged,
    MessageCompleted,
    MessagingChanged,
    ParticipantChanged,
    ParticipantMessagingChanged,
    TypingChanged,
)
from mobility.domain.ledger import Entry
from mobility.domain.records import Application, Invitation, Message, Presence
from mobility.errors import Refusal, Unavailable
from tests.domain.doubles import World, done, uri

NAMES = ("alice", "bob", "carol")
DEVICES = ("phone", "desk")

ABOUT_CONVERSATIONS = (
    ConversationChanged,
    InvitationChanged,
    MessageCompleted,
    MessagingChanged,
    ParticipantChanged,
    ParticipantMessagingChanged,
    TypingChanged,
)

T = TypeVar("T")

KINDS = (
    *("call",) * 2,
    *("accept",) * 4,
    *("send",) * 5,
    *("type",) * 2,
    "decline",
    "terminate",
    "sign out",
    *("sign in",) * 2,
)
"""What clients do, as often as people would."""


@attrs.frozen
class Deed:
    """What one client does; `pick` chooses who, `flag` is what else there is to choose."""

    kind: str
    pick: int
    flag: bool


deeds = st.builds(Deed, st.sampled_from(KINDS), st.integers(0, 20), st.booleans())


class Clients(RuleBasedStateMachine):
    """Three people with up to two devices each do what they like; the disk does too.

    What clients were told is kept here; it must agree with the streams and with the store.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = World(*NAMES)
        self.bodies = 0
        self.holding = False
        self.acknowledged: dict[tuple[str, str], list[str]] = defaultdict(list)
        """The bodies whose sendMessage was answered 201, by conversation and sender."""
        self.refused: set[str] = set()
        """The bodies whose sendMessage or startMessaging was refused."""
        self.parties: dict[str, dict[str, str]] = defaultdict(dict)
        """The application of each user that is connected, by conversation."""
        self.first: dict[str, str] = {}
        """The body that each conversation's invitation carries."""
        self.faults: list[Failure] = []

    @initialize()
    def everybody(self) -> None:
        for name in NAMES:
            self.world.sign_in(name, DEVICES[0])

    # What clients do

    @rule(deed=deeds)
    def alone(self, deed: Deed) -> None:
        """One client does something, and it is stored at once."""
        self.do(deed)

    @rule(
        together=st.lists(deeds, min_size=2, max_size=6),
        seconds=st.sampled_from((0, 0, 9, 31)),
        stored=st.integers(0, 6),
        ending=st.sampled_from(("stored", "stored", "refused", "lost")),
    )
    def together(self, together: list[Deed], seconds: int, stored: int, ending: str) -> None:
        """Clients act and time passes while commits are on their way to a slow disk.

        The first `stored` are stored; then the rest is too, or it is refused because the disk is
        full, or the process dies.
        """
        self.holding = True
        self.world.ledger.hold()
        for deed in together:
            self.do(deed)
        self.world.advance(seconds)
        self.world.ledger.release(stored)
        if ending == "lost":
            self.restart()
            return
        if ending == "refused":
            while self.world.ledger.held:
                self.world.ledger.release(1, failing=True)
        self.holding = False
        self.world.ledger.release()

    @rule(deed=deeds, seconds=st.sampled_from((0, 9, 31)))
    def on_a_full_disk(self, deed: Deed, seconds: int) -> None:
        """Nothing can be stored for a while; what falls due then happens later."""
        self.world.ledger.failing = True
        self.do(deed)
        self.world.advance(seconds)
        self.world.ledger.failing = False

    @rule(seconds=st.sampled_from((1, 5, 9, 31, 1000)))
    def advance(self, seconds: int) -> None:
        self.world.advance(seconds)

    @rule()
    def restart(self) -> None:
        """The process dies and comes back; a commit may have been stored and not answered."""
        self.holding = False
        self.world = self.world.restarted()
        for conversation in self.active():
            self.parties[conversation.id] = {
                leg.user_uri: leg.application_id
                for leg in conversation.legs.values()
                if leg.state != "Incoming"
            }

    def do(self, deed: Deed) -> None:
        """Do it with what there is, or what makes it possible another time."""
        self.world.now += 0.001  # so that conversations have an order
        endpoints = list(self.world.applications)
        ringing, connected = self.legs("Incoming"), self.legs("Connected")
        match deed.kind:
            case "accept" if ringing:
                self.accept(*one_of(ringing, deed.pick))
            case "decline" if ringing:
                self.decline(*one_of(ringing, deed.pick), deed.flag)
            case "send" if connected or ringing:
                self.send(*one_of(self.legs() if deed.flag else connected or ringing, deed.pick))
            case "type" if connected:
                endpoint, conversation = one_of(connected, deed.pick)
                self.watch(self.world.begin_typing(endpoint, conversation.id))
            case "terminate" if connected or ringing:
                endpoint, conversation = one_of(self.legs(), deed.pick)
                self.watch(self.world.terminate(endpoint, conversation.id))
            case "sign out" if endpoints:
                self.watch(self.world.end(one_of(endpoints, deed.pick)))
            case "sign in":
                self.sign_in(one_of(NAMES, deed.pick), DEVICES[deed.flag])
            case _ if endpoints:
                self.call(one_of(endpoints, deed.pick), deed)

    def sign_in(self, name: str, device: str) -> None:
        def registered(answer: tuple[Endpoint, bool]) -> None:
            endpoint = answer[0]
            if not endpoint.record.available:
                self.watch(self.world.make_available(endpoint))

        self.watch(self.world.register(name, device), registered)

    def call(self, endpoint: Endpoint, deed: Deed) -> None:
        to = [name for name in NAMES if uri(name) != endpoint.user_uri][deed.pick % 2]
        body = self.body() if deed.flag else None

        def started(invitation: Invitation) -> None:
            self.parties[invitation.conversation_id][endpoint.user_uri] = endpoint.id
            if body is not None:
                self.first[invitation.conversation_id] = body

        self.watch(self.world.call(endpoint, to, body), started, body)

    def accept(self, endpoint: Endpoint, conversation: ActiveConversation) -> None:
        def accepted(_: None) -> None:
            parties = self.parties[conversation.id]
            assert endpoint.user_uri not in parties, "two devices accepted"
            parties[endpoint.user_uri] = endpoint.id

        invitation = conversation.invitation_of(conversation.legs[endpoint.id])
        if invitation is not None:
            self.watch(self.world.accept(endpoint, invitation), accepted)

    def decline(
        self, endpoint: Endpoint, conversation: ActiveConversation, everywhere: bool
    ) -> None:
        invitation = conversation.invitation_of(conversation.legs[endpoint.id])
        if invitation is not None:
            self.watch(self.world.decline(endpoint, invitation, everywhere=everywhere))

    def send(self, endpoint: Endpoint, conversation: ActiveConversation) -> None:
        body = self.body()

        def sent(message: Message) -> None:
            if not message.failed:  # else the sender is told, as whoever it was for is leaving
                self.acknowledged[conversation.id, endpoint.user_uri].append(message.body)

        self.watch(self.world.send(endpoint, conversation.id, body), sent, body)

    # What must hold

    @invariant()
    def nothing_unexpected(self) -> None:
        """Clients get answers or refusals, and appointments fail only when the store does."""
        for failure in self.faults:
            failure.raiseException()
        for failure in self.world.failures:
            assert failure.check(Unavailable), failure

    @invariant()
    def legs_and_applications_agree(self) -> None:
        """No leg without its application's entry and no entry without its leg."""
        legs = {
            (conversation.id, application_id)
            for conversation in self.active()
            for application_id in conversation.legs
        }
        entries = {
            (conversation_id, endpoint.id)
            for endpoint in self.world.applications
            for conversation_id in endpoint.conversations
        }
        assert legs == entries, (legs, entries)

    @invariant()
    def one_answers(self) -> None:
        """At most one application of the caller and one of the callee are connected."""
        for conversation in self.active():
            connected = [leg for leg in conversation.legs.values() if leg.state == "Connected"]
            users = {leg.user_uri for leg in connected}
            assert len(connected) in (0, 2), connected
            assert len(users) == len(connected), connected

    @invariant()
    def acknowledged_messages_arrive(self) -> None:
        """Each acknowledged message whose delivery has not failed is once in the other party's
        stream, in the sender's order, and no refused one is in any."""
        arrived: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        bodies = {(one.conversation_id, one.number): one.body for one in self.stored(Message)}
        for entry in self.published():
            if isinstance(entry.fact, MessageCompleted) and entry.fact.direction == "Incoming":
                key = (entry.fact.conversation_id, entry.fact.from_uri, entry.stream_id)
                arrived[key].append(entry.fact.number)
        assert not self.refused & set(bodies.values())
        for (conversation_id, sender), sent in self.acknowledged.items():
            [reader] = [
                application_id
                for user, application_id in self.parties[conversation_id].items()
                if user != sender
            ]
            came = [
                bodies[conversation_id, number]
                for number in arrived[conversation_id, sender, reader]
            ]
            assert [body for body in came if body in set(sent)] == sent, (came, sent)

    @invariant()
    def streams_tell_whole_stories(self) -> None:
        """Of a conversation a stream tells the beginning once, the end once, and nothing after."""
        stories: dict[tuple[str, str], list[str]] = defaultdict(list)
        for entry in self.published():
            if isinstance(entry.fact, ABOUT_CONVERSATIONS):
                stories[entry.stream_id, _conversation_of(entry)].append(_kind_of(entry))
        alive = {
            (application_id, conversation.id)
            for conversation in self.active()
            for application_id in conversation.legs
        }
        for key, story in stories.items():
            assert story[:2] == ["started", "added"], story
            assert story.count("started") == story.count("added") == 1, story
            assert story.count("completed") <= 1, story
            if "deleted" in story:
                assert story.index("deleted") == len(story) - 1, story
                assert "completed" in story, story
            elif not self.holding:
                assert key in alive, (key, story)

    @invariant()
    def first_messages_arrive_once(self) -> None:
        """Who accepted has the message of the invitation once as a message."""
        for conversation_id, body in self.first.items():
            came = [
                entry
                for entry in self.published()
                if isinstance(entry.fact, MessageCompleted)
                and entry.fact.conversation_id == conversation_id
                and entry.message is not None
                and entry.message.body == body
            ]
            assert len(came) <= 1, came
            if len(self.parties[conversation_id]) == 2:
                assert len(came) == 1, came

    @invariant()
    def memory_is_what_is_stored(self) -> None:
        """With nothing on its way to the disk, a restart would load what is in memory."""
        if self.holding:
            return
        publish = self.world.ledger.publish
        loaded = World(ledger=self.world.ledger, now=self.world.now)
        self.world.ledger.publish = publish  # a look only
        assert _state(loaded) == _state(self.world)
        for conversation in loaded.conversations._conversations.values():
            mine = self.world.conversations._conversations[conversation.id]
            assert mine.message_count >= conversation.message_count
        for name in NAMES:
            live = self.world.applications.of_user(uri(name))
            available = any(endpoint.record.available for endpoint in live)
            assert (self.world.shows(name) == "Offline") != available

    def teardown(self) -> None:
        """In the end every invitation ends and every typing stops by itself; who is connected
        stays so."""
        for endpoint in self.world.applications:
            endpoint.parked = 1
        connected = {conversation.id for _, conversation in self.legs("Connected")}
        self.advance(60)
        assert {conversation.id for conversation in self.active()} == connected
        for conversation in self.active():
            assert {leg.state for leg in conversation.legs.values()} == {"Connected"}
            assert conversation.typing == {}
        for endpoint in list(self.world.applications):
            done(self.world.end(endpoint))
        assert self.active() == []
        assert len(self.world.agenda) == 0
        for check in (
            self.nothing_unexpected,
            self.acknowledged_messages_arrive,
            self.streams_tell_whole_stories,
            self.memory_is_what_is_stored,
        ):
            check()

    # Short-hands

    def watch(
        self,
        deferred: Deferred[Any],
        answered: Callable[[Any], None] = lambda _: None,
        body: str | None = None,
    ) -> None:
        world = self.world

        def answer(value: Any) -> None:
            if world is self.world:  # a process that has died answers nobody
                answered(value)

        def refused(failure: Failure) -> None:
            if world is not self.world:
                return
            if failure.check(Refusal) is None:
                self.faults.append(failure)
            elif body is not None:
                self.refused.add(body)

        deferred.addCallback(answer).addErrback(refused)

    def body(self) -> str:
        self.bodies += 1
        return f"message {self.bodies}"

    def active(self) -> list[ActiveConversation]:
        return list(self.world.conversations._conversations.values())

    def legs(self, state: str = "") -> list[tuple[Endpoint, ActiveConversation]]:
        """The applications and conversations in which their leg is in `state` ("" for any)."""
        return [
            (endpoint, conversation)
            for endpoint in self.world.applications
            for conversation, leg in self.world.conversations.of(endpoint)
            if not state or leg.state == state
        ]

    def stored(self, kind: type[Message]) -> list[Message]:
        return self.world.stored(kind)

    def published(self) -> list[Entry]:
        """Everything that was ever put into a stream, in order."""
        return [
            entry for unit in self.world.ledger.units for entry in unit.entries if entry.position
        ]


def one_of(things: Sequence[T], pick: int) -> T:
    return things[pick % len(things)]


def _conversation_of(entry: Entry) -> str:
    fact = entry.fact
    if isinstance(fact, ConversationChanged):
        return fact.conversation.id
    return fact.conversation_id  # type: ignore[union-attr]  # one of ABOUT_CONVERSATIONS


def _kind_of(entry: Entry) -> str:
    fact = entry.fact
    if isinstance(fact, InvitationChanged | ConversationChanged):
        return fact.change
    return type(fact).__name__


def _state(world: World) -> dict[str, Any]:
    """Everything of a world that must survive a restart, as values."""
    return {
        "applications": {
            endpoint.id: (endpoint.record, endpoint.instances, endpoint.conversations)
            for endpoint in world.applications
        },
        "conversations": {
            conversation.id: (
                conversation.record,
                conversation.legs,
                [one for one in conversation.invitations.values() if one.state == "Connecting"],
            )
            for conversation in world.conversations._conversations.values()
        },
        "presence": {name: world.presence.of(uri(name)) for name in NAMES},
        "stored": (
            {one.id: one for one in world.stored(Application)},
            {one.user_uri: one for one in world.stored(Presence)},
        ),
    }


class MachineTests(TestCase):
    """The machine, run by Hypothesis."""

    def test_conversations(self) -> None:
        """Whatever clients, disk and time do, the invariants of conversations hold."""
        run_state_machine_as_test(
            Clients, settings=settings(max_examples=80, stateful_step_count=50, deadline=None)
        )
