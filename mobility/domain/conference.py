"""A conversation that many take part in: who may come in, and the facts its changes make.

The functions put what one transition means for one application into a unit of work;
`mobility.domain.conferences` decides which transition happens.
"""

from collections.abc import Iterable

import attrs

from mobility.domain.conversation import (
    ATTENDEE,
    CONFERENCED,
    LEADER,
    PARTICIPANT,
    ActiveConversation,
    NameOf,
)
from mobility.domain.conversation_facts import formats_of, invitation_fact
from mobility.domain.facts import (
    ConversationChanged,
    MessagingChanged,
    OnlineMeetingChanged,
    ParticipantChanged,
    ParticipantMessagingChanged,
    Reason,
    RosterShown,
)
from mobility.domain.ledger import Unit
from mobility.domain.lines import Device
from mobility.domain.meeting_policy import ENABLED
from mobility.domain.outcomes import REMOVED, Outcome
from mobility.domain.records import Invitation, Leg, Meeting, Participant
from mobility.domain.states import (
    Invited,
    Involved,
    admission,
    invitation_after,
    leg_after,
    participant_after,
)
from mobility.errors import Refusal

DENIED = Outcome(
    Invited.DENIED,
    Reason("RemoteFailure", "Denied", "A leader of the meeting did not admit the person."),
    Reason("RemoteFailure", "Denied", "A leader of the meeting did not admit the person."),
    ending=Reason("Informational", "Denied", "A leader of the meeting did not admit the person."),
)
EJECTED = Outcome(
    Invited.EJECTED,
    Reason("RemoteFailure", "Ejected", "A leader removed the person from the meeting."),
    Reason("RemoteFailure", "Ejected", "A leader removed the person from the meeting."),
    ending=Reason("Informational", "Ejected", "A leader removed the person from the meeting."),
)
OVER = Outcome(
    Invited.MEETING_OVER,
    Reason("RemoteFailure", "Ended", "The meeting is over."),
    Reason("RemoteFailure", "Ended", "The meeting is over."),
    ending=Reason("Informational", "Ended", "The meeting is over."),
)


@attrs.frozen(slots=True)
class Place:
    """Where a person comes in: with which role, and whether only into the lobby."""

    role: str
    in_lobby: bool


def place_of(meeting: Meeting, uri: str, *, anonymous: bool, by_phone: bool = False) -> Place:
    """The place a meeting gives to who joins it (UCWA AccessLevel, AutomaticLeaderAssignment).

    Everybody with an account is of the same enterprise; the anonymous are not, and `by_phone` says
    who of them comes by the telephone network (LobbyBypassForPhoneUsers).
    """
    organizer = uri == meeting.organizer_uri
    leaders = meeting.leaders.split()
    invited = organizer or uri in leaders or uri in meeting.attendees.split()
    admitted = {
        "Everyone": True,
        "SameEnterprise": not anonymous,
        "Invited": invited,
        "Locked": organizer,
    }
    leads = {"Everyone": True, "SameEnterprise": not anonymous}
    leader = organizer or uri in leaders or leads.get(meeting.automatic_leader_assignment, False)
    bypasses = by_phone and meeting.lobby_bypass_for_phone_users == ENABLED
    bypasses = bypasses and meeting.access_level != "Locked"
    in_lobby = not (organizer or bypasses or admitted.get(meeting.access_level, False))
    return Place(LEADER if leader else ATTENDEE, in_lobby)


def new_leg(invitation: Invitation, endpoint: Device, state: str) -> Leg:
    """The leg of an application that begins with an invitation."""
    return Leg(
        conversation_id=invitation.conversation_id,
        application_id=endpoint.id,
        user_uri=endpoint.user_uri,
        state=state,
        messaging="Disconnected",
        invitation_id=invitation.id,
    )


def must_lead(conversation: ActiveConversation, leg: Leg) -> None:
    """403 for who does not lead the conference."""
    if leg.state != CONFERENCED or not conversation.leads(leg.user_uri):
        raise Refusal("Forbidden", None, "Only leaders of the meeting may do this.")


def inside_of(conversation: ActiveConversation) -> list[Leg]:
    """The legs that are in the conference."""
    return [leg for leg in conversation.legs.values() if leg.state == CONFERENCED]


def participant_fact(
    participant: Participant, leg: Leg, change: str, within: str = "", **views: str
) -> ParticipantChanged:
    """What `leg`'s application is told of a participant: in the conference, or in a view alone.

    `views` are the one it has `left` and the one it has `entered` by the change.
    """
    return ParticipantChanged(
        conversation_id=participant.conversation_id,
        uri=participant.uri,
        name=participant.name,
        local=participant.uri == leg.user_uri and not within,
        change=change,
        within=within,
        role=participant.role,
        in_lobby=participant.in_lobby,
        anonymous=participant.anonymous,
        organizer=participant.organizer,
        phone=participant.phone,
        **views,
    )


class _Telling:
    """Tells many of one participant: all whom it means the same get one and the same fact."""

    def __init__(self, unit: Unit, participant: Participant) -> None:
        self._unit = unit
        self._participant = participant
        self._facts: dict[tuple[object, ...], ParticipantChanged] = {}

    def tell(self, leg: Leg, change: str, within: str = "", **views: str) -> None:
        local = leg.user_uri == self._participant.uri
        key = (local, change, within, *views.items())
        fact = self._facts.get(key)
        if fact is None:
            fact = participant_fact(self._participant, leg, change, within, **views)
            self._facts[key] = fact
        self._unit.append(leg.application_id, fact, shared=True)


def seen(
    conversation: ActiveConversation, leg: Leg, uri: str, name_of: NameOf
) -> ParticipantChanged | None:
    """A participant as `leg`'s application sees it now; None for who is none for it."""
    if uri != leg.user_uri and uri not in conversation.peers(leg):
        return None
    participant = conversation.participants.get(uri)
    if participant is not None:
        return participant_fact(participant, leg, "updated")
    local = uri == leg.user_uri
    return ParticipantChanged(conversation.id, uri, name_of(uri), local, "updated")


def view_of(participant: Participant) -> str:
    """The view of a conference in which a participant stands: leaders, attendees or lobby."""
    if participant.in_lobby:
        return "lobby"
    return "leaders" if participant.role == LEADER else "attendees"


def tell_came(
    unit: Unit, conversation: ActiveConversation, participant: Participant, legs: Iterable[Leg]
) -> None:
    """A person came into the conference or its lobby; of the lobby only leaders are told."""
    telling = _Telling(unit, participant)
    for leg in legs:
        if not participant.in_lobby:
            telling.tell(leg, "added", entered=view_of(participant))
        elif conversation.leads(leg.user_uri):
            telling.tell(leg, "added", "lobby")


def tell_went(
    unit: Unit, conversation: ActiveConversation, participant: Participant, legs: Iterable[Leg]
) -> None:
    """A person left the conference or its lobby."""
    telling = _Telling(unit, participant)
    for leg in legs:
        if not participant.in_lobby or conversation.leads(leg.user_uri):
            telling.tell(leg, "deleted", left=view_of(participant))


def tell_moved(
    unit: Unit,
    conversation: ActiveConversation,
    before: Participant,
    after: Participant,
    legs: Iterable[Leg],
) -> None:
    """A participant was admitted, promoted or demoted: it goes from one view to another."""
    telling = _Telling(unit, after)
    for leg in legs:
        saw = not before.in_lobby or conversation.leads(leg.user_uri)
        change = "added" if before.in_lobby and leg.user_uri != after.uri else "updated"
        telling.tell(leg, change, left=view_of(before) if saw else "", entered=view_of(after))


def tell_knocked(
    unit: Unit,
    conversation: ActiveConversation,
    invitation: Invitation,
    leg: Leg,
    name_of: NameOf,
) -> None:
    """The way into the conference begins for `leg`, which calls or is rung."""
    stream = leg.application_id
    unit.append(stream, invitation_fact(conversation, invitation, leg, "started", name_of))
    unit.append(stream, ConversationChanged("added", conversation.snapshot(leg)))
    own = conversation.participants.get(leg.user_uri)
    if own is not None:
        unit.append(stream, participant_fact(own, leg, "added"))
    else:
        name = name_of(leg.user_uri)
        unit.append(stream, ParticipantChanged(conversation.id, leg.user_uri, name, True, "added"))


def tell_waits(unit: Unit, conversation: ActiveConversation, leg: Leg) -> None:
    """`leg`'s user waits in the lobby."""
    own = conversation.participants[leg.user_uri]
    unit.append(leg.application_id, ConversationChanged("updated", conversation.snapshot(leg)))
    unit.append(leg.application_id, participant_fact(own, leg, "updated"))


def tell_inside(
    unit: Unit,
    conversation: ActiveConversation,
    invitation: Invitation | None,
    leg: Leg,
    name_of: NameOf,
) -> None:
    """`leg` is in the conference, sees who else is and that it can take part in the messages, which
    clients wait for; then its invitation is completed."""
    stream = leg.application_id
    unit.append(stream, ConversationChanged("updated", conversation.snapshot(leg)))
    unit.append(stream, OnlineMeetingChanged(conversation.id, "added"))
    unit.append(stream, _roster(conversation, leg, "added"))
    unit.append(stream, messaging_fact(conversation, leg))
    if invitation is not None:
        unit.append(stream, invitation_fact(conversation, invitation, leg, "completed", name_of))


def let_in(unit: Unit, draft: ActiveConversation, waiting: Participant, name_of: NameOf) -> None:
    """Who waits in the lobby comes in, with each application that waits there.

    One that rings goes on, since another leader has asked the person in.  Raises IllegalTransition
    for who does not wait.
    """
    inside = participant_after(waiting, admission(waiting))
    inside = attrs.evolve(inside, after_message=draft.message_count)
    others = [leg for leg in inside_of(draft) if leg.user_uri != waiting.uri]
    draft.participants[waiting.uri] = inside
    tell_moved(unit, draft, waiting, inside, others)
    for leg in draft.legs_of(waiting.uri):
        if leg.state == "InLobby":
            come = leg_after(leg, Involved.CAME_IN)
            draft.legs[leg.application_id] = come
            invitation = draft.invitation_of(leg)
            if invitation is not None:
                invitation = invitation_after(invitation, Invited.ADMITTED)
                draft.invitations[invitation.id] = invitation
            tell_inside(unit, draft, invitation, come, name_of)


def tell_escalated(unit: Unit, conversation: ActiveConversation, leg: Leg) -> None:
    """What was between two parties is a conference now; `leg` saw the other one before."""
    stream = leg.application_id
    unit.append(stream, ConversationChanged("updated", conversation.snapshot(leg)))
    unit.append(stream, OnlineMeetingChanged(conversation.id, "added"))
    unit.append(stream, _roster(conversation, leg, "updated"))


def _roster(conversation: ActiveConversation, leg: Leg, change: str) -> RosterShown:
    """Who is in the conference, and for leaders who waits: one fact however many there are."""
    seen: list[ParticipantChanged] = []
    for participant in conversation.participants.values():
        if not participant.in_lobby:
            known = participant.uri == leg.user_uri
            view = view_of(participant)
            came = "updated" if known else change
            seen.append(participant_fact(participant, leg, came, entered=view))
        elif conversation.leads(leg.user_uri):
            seen.append(participant_fact(participant, leg, "added", "lobby"))
    return RosterShown(conversation.id, tuple(seen))


def tell_meeting(unit: Unit, conversation: ActiveConversation) -> None:
    """The organizer changed the meeting while people are in it."""
    fact = OnlineMeetingChanged(conversation.id, "updated")
    for leg in inside_of(conversation):
        unit.append(leg.application_id, fact, shared=True)


def tell_settings(unit: Unit, conversation: ActiveConversation) -> None:
    """The settings for attendees changed, and with them what each application may do."""
    for leg in conversation.legs.values():
        if leg.state == CONFERENCED:
            stream = leg.application_id
            unit.append(stream, ConversationChanged("updated", conversation.snapshot(leg)))
            unit.append(stream, messaging_fact(conversation, leg))


def tell_role(unit: Unit, conversation: ActiveConversation, leg: Leg) -> None:
    """The user of `leg` was promoted or demoted, and may do more or less."""
    stream = leg.application_id
    unit.append(stream, ConversationChanged("updated", conversation.snapshot(leg)))
    unit.append(stream, messaging_fact(conversation, leg))
    change = "added" if conversation.leads(leg.user_uri) else "deleted"
    for participant in conversation.participants.values():
        if participant.in_lobby:
            unit.append(stream, participant_fact(participant, leg, change, "lobby"))


def tell_added(
    unit: Unit,
    before: ActiveConversation,
    after: ActiveConversation,
    asked: Invitation,
    name_of: NameOf,
) -> None:
    """Messaging was added for the application that asked: UCWA addMessaging in a conference."""
    invitation = after.invitations[asked.id]
    leg = after.legs[invitation.from_application_id]
    stream = leg.application_id
    unit.append(stream, invitation_fact(after, asked, leg, "started", name_of))
    unit.append(stream, MessagingChanged(after.id, "Connecting", may_add=True))
    writers = _writers(after)
    for participant in after.roster():
        if participant.uri in writers:
            _tell_messaging(unit, participant, [leg], "added")
    unit.append(stream, messaging_fact(after, leg))
    unit.append(stream, ConversationChanged("updated", after.snapshot(leg)))
    unit.append(stream, invitation_fact(after, invitation, leg, "completed", name_of))
    if not before.writes(leg.user_uri):
        others = [one for one in inside_of(after) if one is not leg]
        _tell_messaging(unit, after.participants[leg.user_uri], others, "added")


def tell_stopped(unit: Unit, conversation: ActiveConversation, leg: Leg) -> None:
    """`leg` takes no part in the messages any more."""
    stream = leg.application_id
    unit.append(stream, attrs.evolve(messaging_fact(conversation, leg), reason=REMOVED))
    unit.append(stream, ConversationChanged("updated", conversation.snapshot(leg)))
    if not conversation.writes(leg.user_uri):
        participant = conversation.participants[leg.user_uri]
        _tell_messaging(unit, participant, inside_of(conversation), "deleted")


def take_leave(
    unit: Unit,
    before: ActiveConversation,
    after: ActiveConversation,
    outcome: Outcome,
    name_of: NameOf,
) -> None:
    """Legs of a conference have gone: their people leave it, and those who stay are told.

    Who asked somebody in that cannot answer any more is told `outcome`.
    """
    inside = inside_of(after)
    stay = {leg.user_uri for leg in after.legs.values()}
    wrote, write = _writers(before), _writers(after)
    for uri, participant in before.participants.items():
        if uri in wrote and uri not in write:
            _tell_messaging(unit, participant, inside, "deleted")
        if uri not in stay:
            del after.participants[uri]
            tell_went(unit, before, participant, inside)
    for invitation in after.invitations.values():
        inviter = after.legs.get(invitation.from_application_id)
        ended = before.invitations[invitation.id].state != invitation.state
        if invitation.kind == PARTICIPANT and ended and inviter is not None:
            fact = invitation_fact(after, invitation, inviter, "completed", name_of, outcome.caller)
            unit.append(inviter.application_id, fact)


def _writers(conversation: ActiveConversation) -> set[str]:
    """Who takes part in the messages."""
    return {leg.user_uri for leg in conversation.legs.values() if leg.messaging == "Connected"}


def messaging_fact(conversation: ActiveConversation, leg: Leg) -> MessagingChanged:
    """The messaging modality as `leg`'s application has it now."""
    connected = leg.messaging == "Connected"
    return MessagingChanged(
        conversation.id,
        leg.messaging,
        formats_of(leg) if connected else (),
        conversation.may_send(leg),
        conversation.is_conference or conversation.may_write_to(leg) is not None,
    )


def _tell_messaging(unit: Unit, participant: Participant, legs: Iterable[Leg], change: str) -> None:
    """A participant began (`added`) or stopped (`deleted`) to take part in the messages."""
    for leg in legs:
        unit.append(
            leg.application_id,
            ParticipantMessagingChanged(
                participant.conversation_id,
                participant.uri,
                participant.name,
                participant.uri == leg.user_uri,
                change,
            ),
        )
