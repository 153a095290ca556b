"""Meetings under everything at once: people with and without an account, roles, time, restarts."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
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

from mobility.domain.addresses import is_guest
from mobility.domain.applications import Endpoint
from mobility.domain.conferences import Join
from mobility.domain.content_sharing import Share
from mobility.domain.content_states import DOCUMENTS, SCREEN
from mobility.domain.conversation import CONFERENCED, LEADER, ActiveConversation
from mobility.domain.descriptions import RECEIVE_ONLY, SEND_ONLY, Description, Stream
from mobility.domain.facts import (
    ContentChanged,
    ContentOffered,
    ConversationChanged,
    Fact,
    InvitationChanged,
    MessageCompleted,
    MessagingChanged,
    OnlineMeetingChanged,
    ParticipantChanged,
    ParticipantContentChanged,
    ParticipantMessagingChanged,
    RosterShown,
    SharerChanged,
    TypingChanged,
)
from mobility.domain.meetings import conference_uri
from mobility.domain.records import Leg, Meeting, MeetingExtension, Participant
from mobility.errors import Refusal, Unavailable
from tests.domain.doubles import Bounds, World, done, running, uri

OFFER = Description("offer", (Stream("applicationsharing", "RTP/SAVP", SEND_ONLY),))
ANSWER = Description("answer", (Stream("applicationsharing", "RTP/SAVP", RECEIVE_ONLY),))
"""A screen, and what views it."""

NAMES = ("alice", "bob", "carol")
LEVELS = ("Everyone", "SameEnterprise", "Invited", "Locked")
ASSIGNMENTS = ("Disabled", "SameEnterprise", "Everyone")
ACTS = ("admit", "reject", "eject", "promote", "demote")
SETTINGS = ("audience_messaging", "audience_mute")

INSIDE = (
    ContentChanged,
    ContentOffered,
    MessageCompleted,
    OnlineMeetingChanged,
    ParticipantContentChanged,
    ParticipantMessagingChanged,
    RosterShown,
    SharerChanged,
    TypingChanged,
)
"""What only those hear of who are inside."""

T = TypeVar("T")

picks = st.integers(0, 9_999)

KINDS = (
    *("join",) * 8,
    *("write",) * 6,
    *("add messaging",) * 4,
    *(act for act in ACTS for _ in range(3)),
    *("guest",) * 3,
    *("ask",) * 2,
    *("answer",) * 2,
    *("audience",) * 2,
    *("change",) * 2,
    *("share",) * 3,
    *("view",) * 3,
    *("documents",) * 2,
    *("stop sharing",) * 2,
    "leave",
    "start",
    "sign out",
    "cancel",
)
"""What people do, as often as makes meetings full."""


@attrs.frozen
class Deed:
    """What somebody does; `by` and `other` choose who, to whom, and what else there is."""

    kind: str
    by: int
    other: int


deeds = st.builds(Deed, st.sampled_from(KINDS), picks, picks)


def conferring(leg: Leg) -> bool:
    return leg.state == CONFERENCED


def silent(leg: Leg) -> bool:
    return leg.state == CONFERENCED and leg.messaging != "Connected"


def writing(leg: Leg) -> bool:
    return leg.messaging == "Connected"


@attrs.frozen
class Sight:
    """A conversation as it was: to see what an action made of it."""

    legs: dict[str, Leg]
    participants: dict[str, Participant]
    record: Any

    @classmethod
    def of(cls, conversation: ActiveConversation) -> "Sight":
        return cls(dict(conversation.legs), dict(conversation.participants), conversation.record)


class Meeters(RuleBasedStateMachine):
    """Alice's meeting, her colleagues and guests, who do what they may and what they may not."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(*NAMES, bounds=Bounds(participants=4, lobby=2, lobby_s=200))
        self.guests: dict[str, tuple[str, float]] = {}
        """Each guest's meeting, and until when its token holds."""
        self.came: dict[tuple[str, str], int] = {}
        """How many messages had been sent when somebody first came in, by conversation and URI."""
        self.present: set[tuple[str, str]] = set()
        """Who is in which conference."""
        self.sent: dict[str, int] = defaultdict(int)
        """Messages of each conversation that were stored."""
        self.meeting_uri = ""
        self.number = 0

    @initialize(level=st.sampled_from(LEVELS), assignment=st.sampled_from(ASSIGNMENTS))
    def everybody(self, level: str, assignment: str) -> None:
        for name in NAMES:
            self.world.sign_in(name)
        self.schedule(level, assignment)
        for name in ("alice", "bob"):
            endpoint = self.of_user(name)
            self.attempt(
                self.world.conferences.join(endpoint, self.meeting_uri, self.call(), self.now)
            )
        self.let_guest_in(3600.0)

    def schedule(self, level: str, assignment: str) -> None:
        changes = {
            "access_level": level,
            "automatic_leader_assignment": assignment,
            "attendees": uri("bob"),
        }
        alice = self.of_user("alice")
        meeting = done(running(self.world.meetings.schedule(alice, changes, self.world.now)))
        self.meeting_uri = conference_uri(meeting.record)

    # What people do

    @rule(deeds=st.lists(deeds, min_size=1, max_size=8))
    def do(self, deeds: list[Deed]) -> None:
        """People do one thing after the other, with the right to or without."""
        for deed in deeds:
            self.do_one(deed)

    def do_one(self, deed: Deed) -> None:
        by, other = deed.by, deed.other
        match deed.kind:
            case "join":
                self.join(by)
            case "guest":
                self.let_guest_in(one_of((30.0, 300.0, 3600.0), other))
            case "write":
                self.write(by)
            case "add messaging":
                self.add_messaging(by)
            case "ask":
                self.ask_in(by, one_of(NAMES, other))
            case "answer":
                self.answer(by, other % 3 > 0)
            case "leave":
                self.leave(by)
            case "audience":
                value = one_of(("Disabled", "Enabled"), other // 2)
                self.set_audience(by, one_of(SETTINGS, other), value)
            case "start":
                self.start_another(by)
            case "share":
                self.share(by)
            case "view":
                self.view(by, other % 3 > 0)
            case "documents":
                self.work_on_documents(by)
            case "stop sharing":
                self.stop_sharing(by, one_of((SCREEN, DOCUMENTS), other))
            case "change":
                self.change_meeting(one_of(LEVELS, by), one_of(ASSIGNMENTS, other))
            case "cancel":
                self.cancel()
            case "sign out":
                self.sign_out(one_of(NAMES, by))
            case act:
                self.lead(by, other, act)

    def join(self, pick: int) -> None:
        endpoints = [one for one in self.world.applications if not one.conversations]
        endpoint = one_of(endpoints, pick) if endpoints and pick % 5 else self.one(pick)
        self.attempt(self.world.conferences.join(endpoint, self.meeting_uri, self.call(), self.now))

    def start_another(self, pick: int) -> None:
        """Somebody makes a meeting for the occasion; a guest may not."""
        endpoint = self.one(pick)
        made = self.attempt(self.world.conferences.join(endpoint, "", self.call(), self.now))
        assert not (made and endpoint.guest)

    def let_guest_in(self, life_s: float) -> None:
        """Somebody without an account gets a token, as long as there are not too many."""
        try:
            endpoint = self.world.guest(self.meeting_uri, life_s)
        except Refusal as refusal:
            assert refusal.subcode == "LimitExceeded"
            return
        self.guests[endpoint.user_uri] = (self.meeting_uri, self.now + life_s)

    def lead(self, by: int, whom: int, act: str) -> None:
        """Somebody acts on somebody, with the right to or without."""
        for endpoint, conversation in self.somebody(by, conferring):
            waiting = [one.uri for one in conversation.participants.values() if one.in_lobby]
            people = [*conversation.participants, uri("dave")]
            if act in ("admit", "reject") and waiting and whom % 4:
                people = waiting
            target = one_of(people, whom)
            before = Sight.of(conversation)
            action = getattr(self.world.conferences, act)
            when = (self.now,) if act in ("reject", "eject") else ()
            worked = self.attempt(action(endpoint, conversation.id, target, *when))
            self.judge_lead(endpoint, conversation, before, worked)

    def set_audience(self, by: int, setting: str, value: str) -> None:
        for endpoint, conversation in self.somebody(by, conferring):
            before = Sight.of(conversation)
            change = self.world.conferences.set_audience(
                endpoint, conversation.id, **{setting: value}
            )
            self.judge_lead(endpoint, conversation, before, self.attempt(change))

    def judge_lead(
        self, endpoint: Endpoint, conversation: ActiveConversation, before: Sight, worked: bool
    ) -> None:
        """Only leaders who were inside did anything, and who was refused did nothing."""
        if worked:
            leg, own = before.legs[endpoint.id], before.participants[endpoint.user_uri]
            assert leg.state == CONFERENCED, leg
            assert own.role == LEADER, own
            assert not own.in_lobby, own
        else:
            assert Sight.of(conversation) == before

    def ask_in(self, by: int, name: str) -> None:
        for endpoint, conversation in self.somebody(by, conferring):
            before = Sight.of(conversation)
            asking = self.world.conferences.add_participant(
                endpoint, conversation.id, uri(name), "", self.now
            )
            worked = self.attempt(asking)
            self.judge_lead(endpoint, conversation, before, worked)
            assert not (worked and endpoint.guest)

    def answer(self, pick: int, yes: bool) -> None:
        """Somebody who is asked in answers."""
        ringing = [
            (endpoint, invitation)
            for endpoint, conversation, leg in self.legs("Incoming")
            if (invitation := conversation.invitation_of(leg)) is not None
        ]
        if ringing:
            endpoint, invitation = one_of(ringing, pick)
            if yes:
                self.attempt(self.world.conferences.accept(endpoint, invitation.id, self.now))
            else:
                self.attempt(
                    self.world.conversations.decline(
                        endpoint, invitation.id, pick % 2 == 0, self.now
                    )
                )

    def add_messaging(self, pick: int) -> None:
        for endpoint, conversation in self.somebody(pick, silent):
            adding = self.world.messaging.add(endpoint, conversation.id, "", self.now)
            self.attempt(adding)

    def write(self, pick: int) -> None:
        """Somebody writes; attendees only where they may."""
        for endpoint, conversation in self.somebody(pick, writing):
            leg = conversation.legs.get(endpoint.id)
            may = leg is not None and leg.messaging == "Connected" and conversation.may_send(leg)
            sending = self.world.send(endpoint, conversation.id, f"text {self.number}")
            worked = self.attempt(_awaited(sending))
            assert worked <= may
            self.sent[conversation.id] += worked

    def share(self, pick: int) -> None:
        """Somebody shares a screen; only who leads inside may."""
        for endpoint, conversation in self.somebody(pick, conferring):
            before = Sight.of(conversation)
            sharing = self.world.sharing.share_screen(
                endpoint, conversation.id, Share(offer=OFFER), self.now
            )
            self.judge_lead(endpoint, conversation, before, self.attempt(sharing))

    def view(self, pick: int, yes: bool) -> None:
        """Somebody answers the offer of a screen, mostly one that is open."""
        for endpoint, conversation in self.somebody(pick, conferring):
            views = list(conversation.views.values())
            mine = [one for one in views if one.device_id == endpoint.id] or views
            if mine:
                view = one_of(mine, pick)
                may = (view.device_id, view.state) == (endpoint.id, "Offered")
                act = (
                    self.world.sharing.answer(endpoint, conversation.id, view.id, ANSWER)
                    if yes
                    else self.world.sharing.dismiss(endpoint, conversation.id, view.id, "Declined")
                )
                assert self.attempt(act) <= may

    def work_on_documents(self, pick: int) -> None:
        """Somebody begins to work on documents, for which it must lead, or joins those who do."""
        for endpoint, conversation in self.somebody(pick, conferring):
            goes_on = DOCUMENTS in conversation.contents
            before = Sight.of(conversation)
            joining = self.world.sharing.join_documents(
                endpoint, conversation.id, Share(), self.now
            )
            worked = self.attempt(joining)
            if not goes_on:
                self.judge_lead(endpoint, conversation, before, worked)
            assert not worked or before.legs[endpoint.id].state == CONFERENCED

    def stop_sharing(self, pick: int, modality: str) -> None:
        for endpoint, conversation in self.somebody(pick, conferring):
            self.attempt(self.world.sharing.stop(endpoint, conversation.id, modality))

    def leave(self, pick: int) -> None:
        for endpoint, conversation in self.somebody(pick, conferring):
            self.attempt(_awaited(self.world.terminate(endpoint, conversation.id)))

    def change_meeting(self, level: str, assignment: str) -> None:
        """The organizer changes who comes in and who leads from now on."""
        meeting = self.world.meetings.at(self.meeting_uri, self.now)
        if meeting is None:
            self.schedule(level, assignment)
            return
        changes = {"access_level": level, "automatic_leader_assignment": assignment}
        update = self.world.meetings.update
        self.attempt(update(self.of_user("alice"), meeting.record, changes, self.now))

    def cancel(self) -> None:
        """The organizer ends the meeting, and with it what goes on."""
        meeting = self.world.meetings.at(self.meeting_uri, self.now)
        if meeting is not None:
            cancelling = self.world.meetings.cancel(
                self.of_user("alice"), meeting.record.id, self.now
            )
            assert self.attempt(cancelling)
            assert self.world.conversations.of_meeting(self.meeting_uri) is None

    def sign_out(self, name: str) -> None:
        """Somebody's device goes and comes back as another one."""
        for endpoint in list(self.world.applications.of_user(uri(name))):
            done(self.world.end(endpoint))
        self.of_user(name)

    @rule(seconds=st.sampled_from((1, 40, 100, 700)))
    def advance(self, seconds: int) -> None:
        self.world.advance(seconds, step_s=max(1.0, seconds / 20))

    @rule(pick=picks)
    def on_a_full_disk(self, pick: int) -> None:
        """Nothing can be stored, so nothing changes."""
        self.world.ledger.failing = True
        before = _state(self.world)
        self.join(pick)
        self.leave(pick)
        assert _state(self.world) == before
        self.world.ledger.failing = False

    @rule()
    def restart(self) -> None:
        """The process dies and comes back; tokens that still hold let the same guests in."""
        self.world = self.world.restarted()
        for guest_uri, (meeting_uri, until) in self.guests.items():
            if until > self.now:
                self.world.guests.admit(guest_uri, meeting_uri, until)
        self.world.guests.settle(self.now)

    # What must hold

    @invariant()
    def nothing_failed(self) -> None:
        assert all(failure.check(Unavailable) for failure in self.world.failures)

    @invariant()
    def everybody_inside_has_a_place(self) -> None:
        """Participants and legs agree; the lobby and the conference are within their bounds."""
        for conversation in self.conferences():
            present = {
                leg.user_uri for leg in conversation.legs.values() if leg.state != "Incoming"
            }
            assert present == set(conversation.participants)
            inside = {
                leg.user_uri for leg in conversation.legs.values() if leg.state == CONFERENCED
            }
            assert inside == {one.uri for one in conversation.roster()}
            assert inside or conversation.participants
            assert len(inside) <= self.world.bounds.participants
            waiting = len(conversation.participants) - len(inside)
            assert waiting <= self.world.bounds.lobby
            for one in conversation.participants.values():
                assert one.anonymous == is_guest(one.uri)
                assert one.organizer == (one.uri == conversation.organizer_uri)
                assert not (one.organizer and one.role != LEADER)

    @invariant()
    def what_is_shared_is_of_those_inside(self) -> None:
        """Who shares a screen leads the conference; who views or works on documents is in it; and
        nothing is shared by nobody."""
        for conversation in self.conferences():
            screen = conversation.contents.get(SCREEN)
            if screen is not None:
                leg = conversation.legs[screen.device_id]
                assert leg.state == CONFERENCED, leg
                assert conversation.leads(leg.user_uri), leg
            for view in conversation.views.values():
                assert conversation.legs[view.device_id].state == CONFERENCED, view
                content = conversation.contents[view.modality]
                assert view.content_id == content.id, view
            if DOCUMENTS in conversation.contents:
                working = {one.modality for one in conversation.views.values()}
                assert DOCUMENTS in working

    @invariant()
    def each_share_ends_once(self) -> None:
        """An application hears of each offer that it starts and that it is completed once, and of
        who shares only while somebody does."""
        offers: dict[tuple[str, str], list[str]] = defaultdict(list)
        shared: dict[tuple[str, str], bool] = defaultdict(bool)
        for stream_id, fact in self.told():
            if isinstance(fact, ContentOffered):
                offers[stream_id, fact.id].append(fact.change)
            if isinstance(fact, SharerChanged):
                key = stream_id, fact.conversation_id
                assert shared[key] != (fact.change == "added"), fact
                shared[key] = fact.change != "deleted"
        for changes in offers.values():
            assert changes in (["started"], ["started", "completed"]), changes

    @invariant()
    def guests_reach_their_meeting_alone(self) -> None:
        """Whatever a guest has a part in or is told of is of its own meeting."""
        conferences: dict[str, str] = {}
        for unit in self.world.ledger.units:
            for record in unit.saves:
                meeting_uri = getattr(record, "meeting_uri", "")
                if meeting_uri and hasattr(record, "thread_id"):
                    conferences[record.id] = meeting_uri  # type: ignore[union-attr]  # a Conversation
        owners = self.owners()
        for stream_id, fact in self.told():
            owner = owners[stream_id]
            if is_guest(owner):
                assert conferences[_conversation_of(fact)] == self.guests[owner][0], fact

    @invariant()
    def the_lobby_sees_nothing(self) -> None:
        """Until a person is inside its applications hear of nobody and nothing but themselves."""
        inside: set[tuple[str, str]] = set()
        owners = self.owners()
        for stream_id, fact in self.told():
            key = stream_id, _conversation_of(fact)
            if isinstance(fact, ConversationChanged) and fact.conversation.state == CONFERENCED:
                inside.add(key)
            if key not in inside:
                assert not isinstance(fact, INSIDE), fact
                if isinstance(fact, ParticipantChanged):
                    assert fact.uri == owners[stream_id], fact

    @invariant()
    def no_message_from_before(self) -> None:
        """Nobody is told of a message that was sent before it came in."""
        self.note_who_came()
        owners = self.owners()
        for stream_id, fact in self.told():
            if isinstance(fact, MessageCompleted):
                came = self.came.get((fact.conversation_id, owners[stream_id]))
                assert came is not None, fact
                assert fact.number > came, (fact, came)

    @invariant()
    def invitations_end_once(self) -> None:
        """Each is started once and completed at most once, for each application; nothing is told
        of a conversation after its end."""
        started: dict[tuple[str, str], int] = defaultdict(int)
        completed: dict[tuple[str, str], int] = defaultdict(int)
        over: set[tuple[str, str]] = set()
        for stream_id, fact in self.told():
            key = stream_id, _conversation_of(fact)
            assert key not in over or (isinstance(fact, InvitationChanged)), fact
            match fact:
                case ConversationChanged(change="deleted"):
                    over.add(key)
                case ConversationChanged(change="added"):
                    over.discard(key)
                case InvitationChanged():
                    over.discard(key)
                    counted = {"started": started, "completed": completed}.get(fact.change)
                    if counted is not None:
                        counted[stream_id, fact.id] += 1
        assert all(number == 1 for number in started.values()), started
        assert all(number == 1 for number in completed.values()), completed
        assert set(completed) <= set(started)

    @invariant()
    def memory_is_what_is_stored(self) -> None:
        """A restart would load what is in memory."""
        publish = self.world.ledger.publish
        loaded = World(ledger=self.world.ledger, now=self.now, bounds=self.world.bounds)
        self.world.ledger.publish = publish  # a look only
        assert _state(loaded) == _state(self.world)

    def teardown(self) -> None:
        """In the end everybody leaves: every invitation and every conference has ended, and
        guests and improvised meetings are gone."""
        for endpoint in self.world.applications:
            endpoint.parked = 1
        for name in NAMES:
            for endpoint in list(self.world.applications.of_user(uri(name))):
                done(self.world.end(endpoint))
        self.world.advance(4000, step_s=20)
        assert self.conferences() == []
        assert len(self.world.guests) == 0
        assert not [one for one in self.world.applications if one.guest]
        assert not [one for one in self.world.stored(Meeting) if one.improvised]
        self.invitations_end_once()
        ended = {
            (stream_id, fact.id)
            for stream_id, fact in self.told()
            if isinstance(fact, InvitationChanged) and fact.change == "completed"
        }
        gone = self.dropped_streams()
        for stream_id, fact in self.told():
            if isinstance(fact, InvitationChanged) and fact.change == "started":
                assert (stream_id, fact.id) in ended or stream_id in gone, fact

    # Short-hands

    @property
    def now(self) -> float:
        return self.world.now

    def attempt(self, deciding: Awaitable[object]) -> bool:
        """Whether it was done; a refusal must be one that clients are told."""
        self.world.now += 0.001  # so that conversations have an order
        try:
            done(running(deciding))
        except Refusal:
            return False
        self.note_who_came()
        return True

    def note_who_came(self) -> None:
        """Who has just come in sees no message of before."""
        present = {
            (conversation.id, one.uri): one
            for conversation in self.conferences()
            for one in conversation.roster()
        }
        for key, one in present.items():
            if key not in self.present:
                self.came.setdefault(key, self.sent[key[0]])
                assert one.after_message == self.sent[key[0]], one
        self.present = set(present)

    def call(self) -> Join:
        self.number += 1
        return Join(operation_id=f"op {self.number}", display_name="Gil")

    def of_user(self, name: str) -> Endpoint:
        """An application of a user, made if there is none."""
        mine = [one for one in self.world.applications.of_user(uri(name)) if not one.ending]
        self.number += 1
        endpoint = mine[0] if mine else self.world.sign_in(name, f"device {self.number}")
        endpoint.parked = 1
        return endpoint

    def one(self, pick: int) -> Endpoint:
        endpoints = list(self.world.applications)
        return one_of(endpoints, pick) if endpoints else self.of_user("alice")

    def conferences(self) -> list[ActiveConversation]:
        every = self.world.conversations._conversations.values()
        return [one for one in every if one.is_conference]

    def somebody(
        self, pick: int, able: Callable[[Leg], bool]
    ) -> Iterator[tuple[Endpoint, ActiveConversation]]:
        """Somebody and a conference: mostly one in it that is able, now and then anybody."""
        conferences = self.conferences()
        found = [
            (endpoint, conversation)
            for conversation in conferences
            for key, leg in conversation.legs.items()
            if able(leg) and (endpoint := self.world.applications.find(key)) is not None
        ]
        if found and pick % 5:
            yield one_of(found, pick)
        elif conferences:
            yield self.one(pick), one_of(conferences, pick // 7)

    def legs(self, state: str) -> list[tuple[Endpoint, ActiveConversation, Leg]]:
        return [
            (endpoint, conversation, leg)
            for endpoint in self.world.applications
            for conversation, leg in self.world.conversations.of(endpoint)
            if leg.state == state
        ]

    def told(self) -> Iterator[tuple[str, Fact]]:
        """Everything about conversations that was ever put into a stream, in order."""
        for unit in self.world.ledger.units:
            for entry in unit.entries:
                if entry.position and isinstance(entry.fact, ABOUT):
                    yield entry.stream_id, entry.fact

    def owners(self) -> dict[str, str]:
        """Whose each stream is or was."""
        return {
            record.id: record.user_uri
            for unit in self.world.ledger.units
            for record in unit.saves
            if hasattr(record, "endpoint_id")
        }

    def dropped_streams(self) -> set[str]:
        return {one for unit in self.world.ledger.units for one in unit.dropped_streams}


ABOUT = (
    ContentChanged,
    ContentOffered,
    ConversationChanged,
    InvitationChanged,
    MessageCompleted,
    MessagingChanged,
    OnlineMeetingChanged,
    ParticipantChanged,
    ParticipantContentChanged,
    ParticipantMessagingChanged,
    RosterShown,
    SharerChanged,
    TypingChanged,
)


async def _awaited(deferred: Awaitable[T]) -> T:
    return await deferred


def one_of(things: Sequence[T], pick: int) -> T:
    return things[pick % len(things)]


def _conversation_of(fact: Fact) -> str:
    if isinstance(fact, ConversationChanged):
        return fact.conversation.id
    return fact.conversation_id  # type: ignore[union-attr]  # one of ABOUT


def _state(world: World) -> dict[str, Any]:
    """Everything of a world that must survive a restart, as values."""
    return {
        "applications": {one.id: (one.record, one.conversations) for one in world.applications},
        "conversations": {
            one.id: (
                one.record,
                one.legs,
                one.participants,
                one.contents,
                one.views,
                [call for call in one.invitations.values() if call.state == "Connecting"],
            )
            for one in world.conversations._conversations.values()
        },
        "meetings": {key: one.record for key, one in world.meetings._meetings.items()},
        "stored": {
            **{one.id: one for one in world.stored(Meeting)},
            **{(one.meeting_id, one.id): one for one in world.stored(MeetingExtension)},
        },
    }


class MachineTests(TestCase):
    """The machine, run by Hypothesis."""

    def test_meetings(self) -> None:
        """Whatever people, time and disk do, the invariants of meetings hold."""
        run_state_machine_as_test(
            Meeters, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
        )
