"""Conversations of up to four people with several devices, that become conferences: every action by
everybody on everything, legal or not, with restarts and a full disk."""

from collections import defaultdict
from collections.abc import Awaitable, Mapping, Sequence
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
from twisted.trial.unittest import TestCase

from mobility.domain.alerting import Alerting
from mobility.domain.applications import Endpoint
from mobility.domain.conferences import Join
from mobility.domain.facts import (
    ConversationChanged,
    Fact,
    InvitationChanged,
    MessageCompleted,
    MessagingChanged,
    OnlineMeetingChanged,
    ParticipantChanged,
    ParticipantMessagingChanged,
    RosterShown,
    TypingChanged,
)
from mobility.domain.records import Conversation, Invitation, Leg, Message, Participant
from mobility.domain.states import (
    ATTENDANCE,
    CONVERSATION,
    INVITATION,
    LEG,
    MESSAGING_MODALITY,
    Machine,
    standing,
)
from mobility.errors import Refusal, Unavailable
from tests.domain.doubles import Bounds, World, done, name_of, running, uri

NAMES = ("alice", "bob", "carol", "dave")
DEVICES = ("phone", "desk")

ABOUT = (
    ConversationChanged,
    InvitationChanged,
    MessageCompleted,
    MessagingChanged,
    OnlineMeetingChanged,
    ParticipantChanged,
    ParticipantMessagingChanged,
    RosterShown,
    TypingChanged,
)

ACTIONS = (
    *("call",) * 2,
    *("accept",) * 5,
    *("send",) * 5,
    *("ask",) * 3,
    *("add messaging",) * 3,
    *("join",) * 2,
    *("receive", "cancel", "decline", "decline everywhere", "stop", "type", "leave"),
    *("sign out", "sign in", "sign in"),
)
"""What clients do, as often as people would."""

T = TypeVar("T")


@attrs.frozen
class Deed:
    """What one client does; `who` and `what` choose among what there is."""

    action: str
    who: int
    what: int


deeds = st.builds(Deed, st.sampled_from(ACTIONS), st.integers(0, 20), st.integers(0, 20))


@attrs.frozen
class Told:
    """What one application was told, in order, of conversations."""

    application_id: str
    fact: Any
    body: str


class People(RuleBasedStateMachine):
    """Four people with up to two devices each, who do what they like with what there is.

    What clients know is taken from their streams alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = World(*NAMES, bounds=Bounds(participants=6))
        self.bodies = 0
        self.expected: dict[str, set[str]] = {}
        """Of each acknowledged body, the applications that were connected when it was sent."""
        self.refused: set[str] = set()
        self.sent_by: dict[str, str] = {}
        self.first: set[str] = set()
        """The bodies that invitations carry."""
        self.states: dict[Any, str] = {}

    @initialize()
    def everybody(self) -> None:
        for name in NAMES:
            self.sign_in(name, DEVICES[0])

    # What clients do

    @rule(deeds=st.lists(deeds, min_size=1, max_size=8))
    def act(self, deeds: list[Deed]) -> None:
        """People do something, each thing stored or refused at once."""
        for deed in deeds:
            self.world.now += 0.001
            self.do(deed.action, deed.who, deed.what)

    @rule(deed=deeds)
    def act_on_a_full_disk(self, deed: Deed) -> None:
        """Somebody does something that cannot be stored: nothing of it has happened."""
        self.world.ledger.failing = True
        self.do(deed.action, deed.who, deed.what)
        self.world.ledger.failing = False

    @rule(first=st.integers(0, 20), second=st.integers(0, 20), message=st.booleans())
    def escalate(self, first: int, second: int, message: bool) -> None:
        """Somebody calls somebody, and asks a third one into what they say."""
        endpoints = list(self.world.applications)
        people = sorted({endpoint.user_uri for endpoint in endpoints})
        if len(people) < len(NAMES) - 1:
            return
        caller = one_of(endpoints, first)
        others = [name for name in people if name != caller.user_uri]
        callee, third = one_of(others, second), one_of(others, second + 1)
        body = self.body()
        calling = self.attempt(self.world.call(caller, name_of(callee), body))
        if calling is None:
            return
        self.first.add(body)
        self.accept_as(callee, calling)
        if message:
            self.send(caller, calling.conversation_id)
        asking = self.attempt(
            self.world.conferences.add_participant(
                caller, calling.conversation_id, third, "", self.world.now
            )
        )
        if asking is None:
            return
        self.accept_as(third, asking)
        for endpoint in self.world.applications.of_user(third):
            self.attempt(
                self.world.messaging.add(endpoint, asking.conversation_id, "", self.world.now)
            )
        self.send(caller, calling.conversation_id)

    def accept_as(self, name: str, invitation: Invitation) -> None:
        """The first device of this person that can accept does."""
        for endpoint in self.world.applications.of_user(name):
            if invitation.kind == "participant":
                self.attempt(self.world.conferences.accept(endpoint, invitation.id, self.world.now))
            else:
                self.attempt(self.world.messaging.accept(endpoint, invitation.id))

    @rule(seconds=st.sampled_from((1, 9, 31)))
    def advance(self, seconds: int) -> None:
        self.world.advance(seconds)

    @rule()
    def restart(self) -> None:
        """The process dies, and another one goes on from the store."""
        self.world = self.world.restarted()

    def do(self, action: str, who: int, what: int) -> None:
        world, now = self.world, self.world.now
        if action == "sign in":
            self.sign_in(NAMES[who % len(NAMES)], DEVICES[what % 2])
            return
        endpoints = list(world.applications)
        if not endpoints:
            return
        endpoint = one_of(endpoints, who)
        if action == "sign out":
            self.attempt(world.applications.end(endpoint, now))
        elif action == "call":
            self.call(endpoint, NAMES[what % len(NAMES)])
        elif action in ("accept", "receive", "cancel", "decline", "decline everywhere"):
            self.answer(action, endpoint, what)
        else:
            self.converse(action, endpoint, what)

    def sign_in(self, name: str, device: str) -> None:
        answer = self.attempt(self.world.register(name, device))
        if answer is not None and not answer[0].record.available:
            self.attempt(self.world.make_available(answer[0]))

    def call(self, endpoint: Endpoint, name: str) -> None:
        if uri(name) == endpoint.user_uri:
            return
        body = self.body()
        if self.attempt(self.world.call(endpoint, name, body)) is not None:
            self.first.add(body)

    def answer(self, action: str, endpoint: Endpoint, what: int) -> None:
        """Do something with any invitation that there ever was."""
        invitations = self.world.stored(Invitation)
        if not invitations:
            return
        waiting = [one for one in invitations if one.state == "Connecting"]
        invitation = one_of(waiting or invitations, what)
        world, now = self.world, self.world.now
        if action == "accept" and waiting:
            ringing = [one for one in world.applications if one.user_uri == invitation.to_uri]
            endpoint = one_of(ringing or [endpoint], what)
        match action:
            case "accept" if invitation.kind == "participant":
                self.attempt(world.conferences.accept(endpoint, invitation.id, now))
            case "accept":
                self.attempt(world.messaging.accept(endpoint, invitation.id))
            case "receive":
                alerting = Alerting(world.conversations, world.calls)
                self.attempt(alerting.received(endpoint, invitation.id))
            case "cancel":
                self.attempt(world.conversations.cancel(endpoint, invitation.id, now))
            case _:
                everywhere = action == "decline everywhere"
                declining = world.conversations.decline(endpoint, invitation.id, everywhere, now)
                self.attempt(declining)

    def converse(self, action: str, endpoint: Endpoint, what: int) -> None:
        """Do something with any conversation that goes on, mostly with one of one's own."""
        world, now = self.world, self.world.now
        own = [conversation for conversation, _ in world.conversations.of(endpoint)]
        active = own if own and what % 4 else list(world.conversations)
        if not active:
            return
        conversation = one_of(active, what)
        match action:
            case "send":
                self.send(endpoint, conversation.id)
            case "ask":
                to = uri(NAMES[what % len(NAMES)])
                asking = world.conferences.add_participant(endpoint, conversation.id, to, "", now)
                self.attempt(asking)
            case "add messaging":
                self.attempt(world.messaging.add(endpoint, conversation.id, "", now))
            case "join":
                meeting = conversation.record.meeting_uri
                if meeting:
                    self.attempt(world.conferences.join(endpoint, meeting, Join(), now))
            case "stop":
                self.attempt(world.messaging.stop(endpoint, conversation.id, now))
            case "type":
                self.attempt(world.messaging.set_typing(endpoint, conversation.id, now))
            case _:
                self.attempt(world.conversations.terminate(endpoint, conversation.id, now))

    def send(self, endpoint: Endpoint, conversation_id: str) -> None:
        body = self.body()
        readers = {
            stream
            for (stream, told_of), state in self.messaging_by_streams().items()
            if told_of == conversation_id and state == "Connected" and stream != endpoint.id
        }
        message = self.attempt(self.world.send(endpoint, conversation_id, body))
        if message is None:
            self.refused.add(body)
        else:
            self.expected[body] = readers
            self.sent_by[body] = endpoint.id

    def attempt(self, doing: Awaitable[T]) -> T | None:
        """What it gives; None when it is refused, and nothing else may happen."""
        try:
            return done(running(doing))
        except Refusal:
            return None

    def body(self) -> str:
        self.bodies += 1
        return f"message {self.bodies}"

    # What must hold

    @invariant()
    def nothing_unexpected(self) -> None:
        """What happens by itself fails only when nothing can be stored."""
        for failure in self.world.failures:
            assert failure.check(Unavailable), failure

    @invariant()
    def messages_arrive_once(self) -> None:
        """Each message is told once to every application that was connected when it was sent, and
        to no other: nothing is lost, doubled, or seen by who came in later."""
        came: dict[str, list[str]] = defaultdict(list)
        for told in self.told():
            if isinstance(told.fact, MessageCompleted) and told.body:
                came[told.body].append(told.application_id)
        assert not self.refused & set(came), self.refused & set(came)
        for body, readers in self.expected.items():
            assert sorted(came[body]) == sorted(readers), (body, came[body], readers)
        for body in self.first & set(came):
            assert len(came[body]) == 1, came[body]
        assert set(came) <= set(self.expected) | self.first

    @invariant()
    def invitations_end_once(self) -> None:
        """A stream tells the beginning of an invitation once and its end once, in this order."""
        stories: dict[tuple[str, str], list[str]] = defaultdict(list)
        for told in self.told():
            if isinstance(told.fact, InvitationChanged):
                stories[told.application_id, told.fact.id].append(told.fact.change)
        for story in stories.values():
            assert story[0] == "started", story
            assert story.count("started") == 1, story
            assert story.count("completed") <= 1, story
            assert "completed" not in story[:-1], story

    @invariant()
    def conversations_end_once(self) -> None:
        """Of a conversation a stream tells nothing before its beginning and nothing after its end,
        unless the application joins again; who lives and has heard no end is in it."""
        inside: set[tuple[str, str]] = set()
        for told in self.told():
            key = told.application_id, conversation_of(told.fact)
            if isinstance(told.fact, ConversationChanged):
                if told.fact.change == "added":
                    assert key not in inside, told
                    inside.add(key)
                assert key in inside, told
                if told.fact.change == "deleted":
                    inside.discard(key)
            elif not isinstance(told.fact, InvitationChanged):
                assert key in inside, told
        live = {endpoint.id for endpoint in self.world.applications}
        legs = {
            (leg.application_id, conversation.id)
            for conversation in self.world.conversations
            for leg in conversation.legs.values()
        }
        assert {key for key in inside if key[0] in live} == legs, (inside, legs)

    @invariant()
    def rosters_agree(self) -> None:
        """What a stream says of who takes part and who writes is what a GET would show."""
        people: dict[tuple[str, str], set[str]] = defaultdict(set)
        writers: dict[tuple[str, str], set[str]] = defaultdict(set)
        for told in self.told():
            key = told.application_id, conversation_of(told.fact)
            roster = isinstance(told.fact, RosterShown)
            for fact in told.fact.participants if roster else (told.fact,):
                match fact:
                    case ParticipantChanged(within="", change="added"):
                        people[key].add(fact.uri)
                    case ParticipantChanged(within="", change="deleted"):
                        people[key].discard(fact.uri)
                    case ParticipantMessagingChanged(change="added"):
                        writers[key].add(fact.uri)
                    case ParticipantMessagingChanged(change="deleted"):
                        writers[key].discard(fact.uri)
                    case ConversationChanged(change="deleted"):
                        people.pop(key, None)
                        writers.pop(key, None)
        for conversation in self.world.conversations:
            for leg in conversation.legs.values():
                key = leg.application_id, conversation.id
                assert people[key] == {leg.user_uri, *conversation.peers(leg)}, (key, people[key])
                if leg.messaging == "Connected":
                    there = {one for one in people[key] if conversation.writes(one)}
                    assert writers[key] == there, (key, writers[key], there)

    @invariant()
    def states_follow_the_tables(self) -> None:
        """Whatever is stored, a state has come from the one before by the tables alone."""
        world = self.world
        now: dict[Any, tuple[Machine[Any], str]] = {
            **{("c", one.id): (CONVERSATION, one.state) for one in world.stored(Conversation)},
            **{("i", one.id): (INVITATION, one.state) for one in world.stored(Invitation)},
        }
        for leg in world.stored(Leg):
            key = leg.conversation_id, leg.application_id, leg.invitation_id
            now["leg", key] = LEG, leg.state
            now["messaging", key] = MESSAGING_MODALITY, leg.messaging
        for one in world.stored(Participant):
            now["p", one.conversation_id, one.uri, one.joined_at] = ATTENDANCE, standing(one)
        for key, (machine, state) in now.items():
            before = self.states.get(key)
            ways = {before} if before is not None else set(machine.begins)
            assert state in reachable(machine, ways), (key, before, state)
        self.states = {key: state for key, (_, state) in now.items()}

    @invariant()
    def memory_is_what_is_stored(self) -> None:
        """A restart would load what is in memory."""
        publish = self.world.ledger.publish
        loaded = World(ledger=self.world.ledger, now=self.world.now, bounds=self.world.bounds)
        self.world.ledger.publish = publish  # a look only
        assert remembered(loaded) == remembered(self.world)

    def teardown(self) -> None:
        """In the end every invitation ends by itself, and everything when all have left."""
        for endpoint in self.world.applications:
            endpoint.parked = 1
        self.advance(31)
        for conversation in self.world.conversations:
            assert not conversation.open_invitations(), conversation
            assert conversation.typing == {}
        for endpoint in list(self.world.applications):
            done(self.world.end(endpoint))
        assert len(self.world.conversations) == 0
        assert {one.state for one in self.world.stored(Conversation)} <= {"Ended"}
        assert all(one.state != "Connecting" for one in self.world.stored(Invitation))
        for check in (
            self.nothing_unexpected,
            self.messages_arrive_once,
            self.invitations_end_once,
            self.states_follow_the_tables,
        ):
            check()

    # Short-hands

    def told(self) -> list[Told]:
        """Everything of conversations that was ever put into streams, in order."""
        bodies = {(one.conversation_id, one.number): one.body for one in self.world.stored(Message)}
        return [
            Told(entry.stream_id, entry.fact, self._body(entry.fact, entry.message, bodies))
            for unit in self.world.ledger.units
            for entry in unit.entries
            if entry.position and isinstance(entry.fact, ABOUT)
        ]

    @staticmethod
    def _body(fact: Fact, message: Message | None, bodies: Mapping[tuple[str, int], str]) -> str:
        """The body that a message brings; "" for a sender's own, which brings none."""
        if not isinstance(fact, MessageCompleted) or message is None:
            return ""
        return bodies[fact.conversation_id, fact.number]

    def messaging_by_streams(self) -> dict[tuple[str, str], str]:
        """The state of messaging that each stream told last, by stream and conversation."""
        live = {endpoint.id for endpoint in self.world.applications}
        return {
            (told.application_id, told.fact.conversation_id): told.fact.state
            for told in self.told()
            if isinstance(told.fact, MessagingChanged) and told.application_id in live
        }


def one_of(things: Sequence[T], pick: int) -> T:
    return things[pick % len(things)]


def conversation_of(fact: Any) -> str:
    if isinstance(fact, ConversationChanged):
        return fact.conversation.id
    found: str = fact.conversation_id
    return found


def reachable(machine: Machine[Any], states: set[str]) -> set[str]:
    """All states that follow these, themselves included."""
    found = set(states)
    for _ in machine.table:
        found |= {to for (state, _), to in machine.table.items() if state in found}
    return found


def remembered(world: World) -> dict[str, Any]:
    """The conversations of a world, as values."""
    return {
        conversation.id: (
            conversation.record,
            conversation.legs,
            conversation.participants,
            {one.id: one for one in conversation.open_invitations()},
        )
        for conversation in world.conversations
    }


class MachineTests(TestCase):
    """The machine, run by Hypothesis."""

    def test_people(self) -> None:
        """Whatever people, disk and time do, what they are told of conversations is whole."""
        run_state_machine_as_test(
            People, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
        )
