"""The state machines of conversations: every legal change of a state, in one place.

A state is the word that UCWA has for it, kept in a record; an event is what happened.  The tables
here are what runs: a state changes only by `Machine.after`, and `docs/state-diagrams.md` is made
from them (`python -m mobility.state_diagrams`).
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

import attrs

from mobility.domain.records import Conversation, Invitation, Leg, Participant
from mobility.errors import Refusal

E = TypeVar("E", bound=StrEnum)


class IllegalTransition(Refusal):
    """What happened cannot happen in this state: 409 Conflict for who asked for it."""

    def __init__(self, machine: str, state: str, event: str) -> None:
        super().__init__("Conflict", None, f"A {machine} that is {state} cannot be {event}.")


@attrs.frozen(slots=True)
class Machine(Generic[E]):
    """The states of one thing, and which event leads from which to which.

    `begins` are the states in which the thing comes into being.  A state without a way out is an
    end.
    """

    name: str
    about: str
    begins: tuple[str, ...]
    table: Mapping[tuple[str, E], str]

    def after(self, state: str, event: E) -> str:
        """The state after `event` in `state`.  Raises IllegalTransition."""
        following = self.table.get((state, event))
        if following is None:
            raise IllegalTransition(self.name, state, event)
        return following

    def allows(self, state: str, event: E) -> bool:
        """Whether `event` can happen in `state`."""
        return (state, event) in self.table

    @property
    def states(self) -> tuple[str, ...]:
        """All states, those it begins with first."""
        known = dict.fromkeys(self.begins)
        known |= dict.fromkeys(state for pair, to in self.table.items() for state in (pair[0], to))
        return tuple(known)

    @property
    def ends(self) -> tuple[str, ...]:
        """The states without a way out."""
        left = {state for state, _ in self.table}
        return tuple(state for state in self.states if state not in left)

    def edges(self) -> Iterator[tuple[str, str, tuple[E, ...]]]:
        """Each pair of states with the events that lead from one to the other."""
        events: dict[tuple[str, str], list[E]] = {}
        for (state, event), to in self.table.items():
            events.setdefault((state, to), []).append(event)
        for (state, to), between in events.items():
            yield state, to, tuple(between)


class Invited(StrEnum):
    """What happens to an invitation."""

    ANSWERED = "answered"
    ADMITTED = "admitted"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    UNANSWERED = "unanswered"
    UNREACHABLE = "unreachable"
    ANSWERED_ELSEWHERE = "answered elsewhere"
    FORWARDED = "forwarded"
    SIGNED_OUT = "signed out"
    DENIED = "denied"
    EJECTED = "ejected"
    MEETING_OVER = "meeting over"


INVITATION = Machine(
    "invitation",
    "UCWA InvitationState.  An invitation ends once; what it carried stays in the recipient's "
    "stream.  It is answered elsewhere for the devices that rang and did not answer, and forwarded "
    "for those that ring no longer because others do.",
    ("Connecting",),
    {
        ("Connecting", Invited.ANSWERED): "Connected",
        ("Connecting", Invited.ADMITTED): "Connected",
        ("Connecting", Invited.CANCELLED): "Cancelled",
        ("Connecting", Invited.DECLINED): "Declined",
        ("Connecting", Invited.UNANSWERED): "Failed",
        ("Connecting", Invited.UNREACHABLE): "Failed",
        ("Connecting", Invited.ANSWERED_ELSEWHERE): "Failed",
        ("Connecting", Invited.FORWARDED): "Forwarded",
        ("Connecting", Invited.SIGNED_OUT): "Failed",
        ("Connecting", Invited.DENIED): "Failed",
        ("Connecting", Invited.EJECTED): "Failed",
        ("Connecting", Invited.MEETING_OVER): "Failed",
    },
)


class Progressed(StrEnum):
    """What the caller of an open invitation hears meanwhile."""

    ALERTED = "alerted"


PROGRESS = Machine(
    "progress of an invitation",
    "What who sent an invitation is shown while it is open: Alerting once a device of the callee "
    "has received it.",
    ("Connecting",),
    {("Connecting", Progressed.ALERTED): "Alerting"},
)


class Involved(StrEnum):
    """What happens to an application's part in a conversation."""

    ANSWERED = "answered"
    KEPT_WAITING = "kept waiting"
    CAME_IN = "come in"
    ESCALATED = "escalated"
    LEFT = "left"


LEG = Machine(
    "conversation",
    "UCWA ConversationState, as one application sees it.  It begins Incoming for who is rung and "
    "Connecting for who calls or joins.",
    ("Incoming", "Connecting"),
    {
        ("Incoming", Involved.ANSWERED): "Connected",
        ("Connecting", Involved.ANSWERED): "Connected",
        ("Incoming", Involved.CAME_IN): "Conferenced",
        ("Connecting", Involved.CAME_IN): "Conferenced",
        ("Connecting", Involved.KEPT_WAITING): "InLobby",
        ("InLobby", Involved.CAME_IN): "Conferenced",
        ("Connected", Involved.ESCALATED): "Conferenced",
        ("Incoming", Involved.LEFT): "Disconnected",
        ("Connecting", Involved.LEFT): "Disconnected",
        ("InLobby", Involved.LEFT): "Disconnected",
        ("Connected", Involved.LEFT): "Disconnected",
        ("Conferenced", Involved.LEFT): "Disconnected",
    },
)


class Messaged(StrEnum):
    """What happens to the messaging of an application's part."""

    ADDED = "added"
    CONNECTED = "connected"
    STOPPED = "stopped"


MESSAGING_MODALITY = Machine(
    "messaging",
    "UCWA CallState of the messaging modality, as one application sees it.  It begins Connecting "
    "with a messaging invitation and Disconnected in a conference.",
    ("Connecting", "Disconnected"),
    {
        ("Disconnected", Messaged.ADDED): "Connecting",
        ("Connecting", Messaged.CONNECTED): "Connected",
        ("Connecting", Messaged.STOPPED): "Disconnected",
        ("Connected", Messaged.STOPPED): "Disconnected",
    },
)


class Attended(StrEnum):
    """What happens to a person at a meeting."""

    ADMITTED = "admitted"
    ADMITTED_TO_LEAD = "admitted to lead"
    REJECTED = "rejected"
    PROMOTED = "promoted"
    DEMOTED = "demoted"
    EJECTED = "ejected"
    LEFT = "left"


WAITING, GONE = "InLobby", "gone"
LEADER, ATTENDEE = "Leader", "Attendee"

ATTENDANCE = Machine(
    "participant",
    "A person at a meeting: in its lobby, or inside with a Role.",
    (WAITING, ATTENDEE, LEADER),
    {
        (WAITING, Attended.ADMITTED): ATTENDEE,
        (WAITING, Attended.ADMITTED_TO_LEAD): LEADER,
        (WAITING, Attended.REJECTED): GONE,
        (WAITING, Attended.LEFT): GONE,
        (ATTENDEE, Attended.PROMOTED): LEADER,
        (LEADER, Attended.DEMOTED): ATTENDEE,
        (ATTENDEE, Attended.EJECTED): GONE,
        (LEADER, Attended.EJECTED): GONE,
        (ATTENDEE, Attended.LEFT): GONE,
        (LEADER, Attended.LEFT): GONE,
    },
)


class Held(StrEnum):
    """What happens to a conversation as a whole."""

    ENDED = "ended"


CONVERSATION = Machine(
    "conversation record",
    "A conversation as a whole.  Between two parties it ends with the first of them who leaves, a "
    "conference with the last.",
    ("Active",),
    {("Active", Held.ENDED): "Ended"},
)


def invitation_after(invitation: Invitation, event: Invited) -> Invitation:
    """The invitation after `event`.  Raises IllegalTransition."""
    return attrs.evolve(invitation, state=INVITATION.after(invitation.state, event))


def progress_after(progress: str, event: Progressed) -> str:
    """The progress of an invitation ("" for Connecting) after `event`.  Raises
    IllegalTransition."""
    return PROGRESS.after(progress or "Connecting", event)


def leg_after(leg: Leg, event: Involved) -> Leg:
    """The leg after `event`; messaging stops for who leaves.  Raises IllegalTransition."""
    after = attrs.evolve(leg, state=LEG.after(leg.state, event))
    if event is Involved.LEFT and MESSAGING_MODALITY.allows(leg.messaging, Messaged.STOPPED):
        return messaging_after(after, Messaged.STOPPED)
    return after


def messaging_after(leg: Leg, *events: Messaged) -> Leg:
    """The leg after its messaging had `events`.  Raises IllegalTransition."""
    state = leg.messaging
    for event in events:
        state = MESSAGING_MODALITY.after(state, event)
    return attrs.evolve(leg, messaging=state)


def standing(participant: Participant) -> str:
    """The state of a person at a meeting."""
    return WAITING if participant.in_lobby else participant.role


def participant_after(participant: Participant, event: Attended) -> Participant:
    """The participant after `event`; who is gone keeps its role.  Raises IllegalTransition."""
    state = ATTENDANCE.after(standing(participant), event)
    role = participant.role if state == GONE else state
    return attrs.evolve(participant, role=role, in_lobby=False)


def admission(participant: Participant) -> Attended:
    """The event by which this person comes in from the lobby."""
    return Attended.ADMITTED_TO_LEAD if participant.role == LEADER else Attended.ADMITTED


def conversation_after(record: Conversation, event: Held) -> Conversation:
    """The conversation after `event`.  Raises IllegalTransition."""
    return attrs.evolve(record, state=CONVERSATION.after(record.state, event))


MACHINES = (CONVERSATION, INVITATION, PROGRESS, LEG, MESSAGING_MODALITY, ATTENDANCE)
"""Every machine of this module, as the diagrams show them."""
