"""Calls under everything at once: devices, slow and failing commits, time and restarts."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
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
from mobility.domain.call_rows import Answer, Wanted
from mobility.domain.conversation import ActiveConversation
from mobility.domain.descriptions import AUDIO, INACTIVE, VIDEO, Description, Stream
from mobility.domain.facts import (
    CallChanged,
    Fact,
    InvitationChanged,
    NegotiationChanged,
    RenegotiationChanged,
    SessionChanged,
)
from mobility.domain.ledger import Entry
from mobility.domain.records import Call as CallRecord
from mobility.domain.records import CallSide, Renegotiation
from mobility.domain.registration import Availability
from mobility.errors import Refusal, Unavailable
from tests.domain.doubles import World, done, running, uri

NAMES = ("alice", "bob", "carol")
DEVICES = ("phone", "desk")
BOTH = (AUDIO, VIDEO)

T = TypeVar("T")

KINDS = (
    *("call",) * 4,
    *("accept",) * 5,
    *("provisional",) * 2,
    *("renegotiate",) * 3,
    *("reply",) * 3,
    *("stop",) * 2,
    "write",
    "add",
    "mute",
    "decline",
    "cancel",
    "terminate",
    "sign out",
    *("sign in",) * 2,
)
"""What clients do, as often as people would."""


@attrs.frozen
class Deed:
    """What one client does; `pick` chooses who, `flag` what else there is to choose."""

    kind: str
    pick: int
    flag: bool


deeds = st.builds(Deed, st.sampled_from(KINDS), st.integers(0, 20), st.booleans())


def described(text: str, *streams: Stream) -> Description:
    return Description(text, streams)


OPEN = tuple(Stream(medium, "RTP/SAVP") for medium in BOTH)
HELD = tuple(attrs.evolve(stream, direction=INACTIVE) for stream in OPEN)


class Callers(RuleBasedStateMachine):
    """Three people with up to two devices each call one another; the disk does what it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(*NAMES)
        self.holding = False
        self.faults: list[Failure] = []
        self.winners: dict[str, str] = {}
        """The application that was told that it accepted, by invitation."""

    @initialize()
    def everybody(self) -> None:
        for name in NAMES:
            self.sign_in(name, DEVICES[0])

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
        """Clients act while commits are on their way to a slow disk, that may fail or be lost."""
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

    @rule(seconds=st.sampled_from((1, 9, 31)))
    def advance(self, seconds: int) -> None:
        self.world.advance(seconds)

    @rule()
    def restart(self) -> None:
        """The process dies and comes back; a commit may have been stored and not answered."""
        self.holding = False
        self.world = self.world.restarted()

    def do(self, deed: Deed) -> None:
        """Do it with what there is."""
        self.world.now += 0.001
        endpoints = list(self.world.applications)
        ringing, connected = self.legs("Ringing"), self.legs("Connected")
        match deed.kind:
            case "accept" | "provisional" | "decline" if ringing:
                self.answer(*one_of(ringing, deed.pick), deed)
            case "renegotiate" | "reply" | "mute" | "stop" if connected:
                self.go_on(*one_of(connected, deed.pick), deed)
            case "cancel" if calling := self.legs("Connecting"):
                endpoint, conversation = one_of(calling, deed.pick)
                self.watch(
                    self.world.conversations.cancel(endpoint, call_id(conversation), self.world.now)
                )
            case "write" | "add" if writing := self.writing():
                endpoint, conversation = one_of(writing, deed.pick)
                self.add(endpoint, conversation)
            case "terminate" if connected or ringing:
                endpoint, conversation = one_of(connected + ringing, deed.pick)
                self.watch(self.world.terminate(endpoint, conversation.id))
            case "sign out" if endpoints:
                self.watch(self.world.end(one_of(endpoints, deed.pick)))
            case "sign in":
                self.sign_in(one_of(NAMES, deed.pick), DEVICES[deed.flag])
            case "write" if endpoints:
                self.write(one_of(endpoints, deed.pick), deed)
            case _ if endpoints:
                endpoint = one_of(endpoints, deed.pick)
                wanted = Wanted(self.other(endpoint, deed), BOTH, described("offer", *OPEN))
                self.watch(self.world.calls.start(endpoint, wanted, self.world.now))

    def sign_in(self, name: str, device: str) -> None:
        def registered(answer: tuple[Endpoint, bool]) -> None:
            endpoint = answer[0]
            if not endpoint.record.available:
                chosen = Availability(("Messaging", AUDIO, VIDEO))
                made = self.world.applications.make_available(endpoint, chosen, self.world.now)
                self.watch(made)

        self.watch(self.world.register(name, device), registered)

    def other(self, endpoint: Endpoint, deed: Deed) -> str:
        return [uri(name) for name in NAMES if uri(name) != endpoint.user_uri][deed.flag]

    def write(self, endpoint: Endpoint, deed: Deed) -> None:
        """A conversation of messages, for calls to be added to."""

        def started(invitation: Any) -> None:
            for callee in list(self.world.applications):
                if callee.user_uri == invitation.to_uri:
                    self.watch(self.world.accept(callee, invitation))
                    return

        to = self.other(endpoint, deed).removeprefix("sip:").partition("@")[0]
        self.watch(self.world.call(endpoint, to), started)

    def add(self, endpoint: Endpoint, conversation: ActiveConversation) -> None:
        wanted = Wanted(
            conversation.peers(conversation.legs[endpoint.id])[0], BOTH, described("offer", *OPEN)
        )
        self.watch(self.world.calls.add(endpoint, conversation.id, wanted, self.world.now))

    def answer(self, endpoint: Endpoint, conversation: ActiveConversation, deed: Deed) -> None:
        invitation_id = call_id(conversation)
        answer = Answer(described(f"answer of {endpoint.id}", *OPEN))
        if deed.kind == "provisional":
            self.watch(self.world.calls.answer_provisionally(endpoint, invitation_id, answer))
        elif deed.kind == "decline":
            self.watch(
                self.world.conversations.decline(endpoint, invitation_id, deed.flag, self.world.now)
            )
        else:

            def accepted(_: None) -> None:
                assert invitation_id not in self.winners, "two devices accepted"
                self.winners[invitation_id] = endpoint.id

            self.watch(
                self.world.calls.accept(endpoint, invitation_id, answer, self.world.now), accepted
            )

    def go_on(self, endpoint: Endpoint, conversation: ActiveConversation, deed: Deed) -> None:
        """Something within a call that goes on."""
        cid, new = conversation.id, described("new", *(HELD if deed.flag else OPEN))
        calls, offers = self.world.calls, self.world.renegotiations
        match deed.kind:
            case "stop":
                media = BOTH if deed.flag else (VIDEO,)
                self.watch(calls.stop(endpoint, cid, media, self.world.now))
            case "mute":
                self.watch(calls.mute(endpoint, cid, AUDIO, muted=deed.flag))
            case "renegotiate":
                self.watch(offers.offer(endpoint, cid, new, "", self.world.now))
            case _ if conversation.renegotiation is not None:
                open_one = conversation.renegotiation.id
                if deed.pick % 3:
                    self.watch(offers.answer(endpoint, cid, open_one, described("new", *HELD)))
                else:
                    self.watch(offers.dismiss(endpoint, cid, open_one, "Declined"))

    # What must hold

    @invariant()
    def nothing_unexpected(self) -> None:
        """Clients get answers or refusals, and appointments fail only when the store does."""
        for failure in self.faults:
            failure.raiseException()
        for failure in self.world.failures:
            assert failure.check(Unavailable), failure

    @invariant()
    def one_device_wins(self) -> None:
        """A call that goes on has one device of each side, and a call that rings one that calls."""
        for conversation in self.world.conversations:
            call = conversation.call
            parts = defaultdict(list)
            for leg in conversation.legs.values():
                parts[leg.call].append(leg.application_id)
            if call is None:
                assert set(parts) <= {"Disconnected"}, parts
            elif call.state == "Established":
                assert sorted(parts["Connected"]) == sorted((call.caller_id, call.callee_id))
                assert not parts["Ringing"] + parts["Connecting"], parts
                assert set(conversation.sides) == {call.caller_id, call.callee_id}
            else:
                assert parts["Connecting"] == [call.caller_id], parts
                assert parts["Ringing"], "nobody can answer"
                assert conversation.invitations[call.id].state == "Connecting"

    @invariant()
    def offers_and_answers_alternate(self) -> None:
        """One offer is open at a time: the invitation's first, then new ones."""
        for conversation in self.world.conversations:
            call = conversation.call
            if call is None:
                assert conversation.renegotiation is None
                continue
            new = conversation.renegotiation
            reoffered = new is not None and new.state == "Offered"
            expected = "Reoffered" if reoffered else "Agreed"
            assert call.negotiation == (expected if call.callee_id else "Offered")
        for story in self.stories(NegotiationChanged).values():
            assert [fact.provisional for fact in story].count(False) <= 1, story
            assert all(fact.provisional for fact in story[:-1]), story
        for story in self.stories(RenegotiationChanged).values():
            changes = [fact.change for fact in story]
            expected_changes = ["started", "completed"] * len(changes)
            assert changes == expected_changes[: len(changes)], changes

    @invariant()
    def every_invitation_ends_once(self) -> None:
        """A stream tells of a call's begin once, of its end at most once, and in this order."""
        alive = {
            (endpoint.id, call_id(conversation))
            for state in ("Ringing", "Connecting")
            for endpoint, conversation in self.legs(state)
        }
        for (stream, invitation_id), story in self.invitations().items():
            changes = [fact.change for fact in story if fact.change != "updated"]
            assert changes in (["started"], ["started", "completed"]), changes
            if changes == ["started"] and not self.holding:
                assert (stream, invitation_id) in alive, story

    @invariant()
    def sessions_come_and_go(self) -> None:
        """A session is added once for each call that connects, and deleted once."""
        for story in self.stories(SessionChanged).values():
            changes = [fact.change for fact in story if fact.change != "updated"]
            expected = ["added", "deleted"] * len(changes)
            assert changes == expected[: len(changes)], changes
        for story in self.stories(CallChanged).values():
            states = [fact.state for fact in story]
            assert ("Connected", "Connecting") not in pairwise(states), states

    @invariant()
    def memory_is_what_is_stored(self) -> None:
        """With nothing on its way to the disk, a restart would load what is in memory."""
        if self.holding:
            return
        publish = self.world.ledger.publish
        loaded = World(ledger=self.world.ledger, now=self.world.now)
        self.world.ledger.publish = publish  # a look only
        assert _state(loaded) == _state(self.world)
        going = [one.call for one in self.world.conversations if one.call is not None]
        stored = [one for one in self.world.stored(CallRecord) if one.state != "Ended"]
        assert sorted(one.id for one in going) == sorted(one.id for one in stored)
        sides = {side.call_id for side in self.world.stored(CallSide)}
        assert sides == {one.id for one in going}
        offers = {one.call_id for one in self.world.stored(Renegotiation)}
        assert offers <= {one.id for one in going}

    def teardown(self) -> None:
        """In the end nothing rings, no offer is open, and who signs out leaves nothing behind."""
        for endpoint in self.world.applications:
            endpoint.parked = 1
        self.advance(90)
        for conversation in self.world.conversations:
            call = conversation.call
            assert call is None or call.state == "Established", call
            assert call is None or call.negotiation == "Agreed", call
        for endpoint in list(self.world.applications):
            done(self.world.end(endpoint))
        assert len(self.world.conversations) == 0
        assert len(self.world.agenda) == 0
        for record in self.world.stored(CallRecord):
            assert record.state == "Ended", record
            assert record.outcome, record
        for check in (
            self.nothing_unexpected,
            self.every_invitation_ends_once,
            self.sessions_come_and_go,
            self.memory_is_what_is_stored,
        ):
            check()

    # Short-hands

    def watch(self, act: Any, answered: Callable[[Any], None] = lambda _: None) -> None:
        world = self.world
        deferred: Deferred[Any] = act if isinstance(act, Deferred) else running(act)

        def answer(value: Any) -> None:
            if world is self.world:  # a process that has died answers nobody
                answered(value)

        def refused(failure: Failure) -> None:
            if world is self.world and failure.check(Refusal) is None:
                self.faults.append(failure)

        deferred.addCallback(answer).addErrback(refused)

    def legs(self, state: str) -> list[tuple[Endpoint, ActiveConversation]]:
        """The applications and conversations in which their call is in `state`."""
        return [
            (endpoint, conversation)
            for endpoint in self.world.applications
            for conversation, leg in self.world.conversations.of(endpoint)
            if leg.call == state
        ]

    def writing(self) -> list[tuple[Endpoint, ActiveConversation]]:
        """The applications and conversations to which a call can be added."""
        return [
            (endpoint, conversation)
            for endpoint in self.world.applications
            for conversation, leg in self.world.conversations.of(endpoint)
            if conversation.may_call(leg)
        ]

    def published(self) -> list[Entry]:
        """Everything that was ever put into a stream, in order."""
        return [
            entry for unit in self.world.ledger.units for entry in unit.entries if entry.position
        ]

    def stories(self, kind: type[T]) -> dict[tuple[str, str], list[T]]:
        """The facts of a kind, by stream and by call or conversation."""
        found: dict[tuple[str, str], list[T]] = defaultdict(list)
        for entry in self.published():
            if isinstance(entry.fact, kind):
                found[entry.stream_id, _about(entry.fact)].append(entry.fact)
        return found

    def invitations(self) -> dict[tuple[str, str], list[InvitationChanged]]:
        """What streams tell of each invitation to a call."""
        found: dict[tuple[str, str], list[InvitationChanged]] = defaultdict(list)
        for entry in self.published():
            if isinstance(entry.fact, InvitationChanged) and entry.fact.kind == "call":
                found[entry.stream_id, entry.fact.id].append(entry.fact)
        return found


def one_of(things: Sequence[T], pick: int) -> T:
    return things[pick % len(things)]


def call_id(conversation: ActiveConversation) -> str:
    assert conversation.call is not None
    return conversation.call.id


def _about(fact: Fact) -> str:
    if isinstance(fact, NegotiationChanged):
        return fact.invitation_id
    if isinstance(fact, RenegotiationChanged):
        return fact.id
    return fact.conversation_id  # type: ignore[union-attr]  # of the kinds that are asked for


def _state(world: World) -> dict[str, Any]:
    """What of a world's calls must survive a restart, as values."""
    return {
        conversation.id: (
            conversation.record,
            conversation.legs,
            conversation.call,
            conversation.sides,
            conversation.renegotiation,
        )
        for conversation in world.conversations
    }


class MachineTests(TestCase):
    """The machine, run by Hypothesis."""

    def test_calls(self) -> None:
        """Whatever clients, disk and time do, the invariants of calls hold."""
        run_state_machine_as_test(
            Callers, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
        )
