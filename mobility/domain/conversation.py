"""One conversation in memory, and the facts its changes make.

`ActiveConversation` knows its legs (one an application) and its open invitation.  The functions
here put the facts of one transition into a unit of work; `mobility.domain.conversations` decides
which transition happens.
"""

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from mobility.domain import states
from mobility.domain.addresses import is_guest
from mobility.domain.agenda import Appointment
from mobility.domain.call_states import Calling, calling_after
from mobility.domain.descriptions import Stream, decoded
from mobility.domain.facts import (
    CallTerms,
    ConversationChanged,
    ConversationSnapshot,
    Fact,
    InvitationChanged,
    MessagingChanged,
    ParticipantChanged,
    ParticipantMessagingChanged,
    Reason,
    TypingChanged,
)
from mobility.domain.ledger import Unit
from mobility.domain.lines import is_line
from mobility.domain.message_facts import tell_message
from mobility.domain.outcomes import Outcome
from mobility.domain.readership import Readings
from mobility.domain.records import (
    Call,
    CallSide,
    Conversation,
    Invitation,
    Leg,
    Message,
    Participant,
    Renegotiation,
)
from mobility.domain.states import Involved, invitation_after, leg_after

CONFERENCED = "Conferenced"
"""The state of a leg that is in a conference."""

LEADER, ATTENDEE = states.LEADER, states.ATTENDEE
"""Role of a participant."""

MESSAGING, CALL, PARTICIPANT, JOIN = "messaging", "call", "participant", "join"
"""Kinds of invitations."""

NameOf = Callable[[str], str]
"""The display name of a user URI."""


@attrs.define(slots=True, eq=False)
class ActiveConversation:
    """A conversation with its legs by application id, its invitations and who is typing."""

    record: Conversation
    legs: dict[str, Leg] = attrs.Factory(dict)
    participants: dict[str, Participant] = attrs.Factory(dict)
    """Who takes part in a conference or waits in its lobby, by URI; empty between two parties."""
    invitations: dict[str, Invitation] = attrs.Factory(dict)
    message_count: int = 0
    first_message: Message | None = None
    """The message an open invitation carries, unless it is only in the store."""
    later: list[Message] = attrs.Factory(list)
    """What was written to an open invitation beside it; who answers gets them."""
    typing: dict[str, Appointment] = attrs.Factory(dict)
    used_at: float = 0.0
    """When somebody last wrote or typed (epoch seconds), 0 when that is not known."""
    call: Call | None = None
    """The call that is being set up or goes on."""
    sides: dict[str, CallSide] = attrs.Factory(dict)
    """What devices contribute to the call, by their ids."""
    renegotiation: Renegotiation | None = None
    """The latest one of the call."""
    stages: int = 0
    """In how many further steps others will ring for the call."""
    readings: Readings = attrs.Factory(Readings)

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def is_conference(self) -> bool:
        return bool(self.record.meeting_uri)

    @property
    def organizer_uri(self) -> str:
        """Whose meeting the conference is."""
        return self.record.meeting_uri.partition(";")[0]

    def writes(self, uri: str) -> bool:
        """Whether the user takes part in the messages with any application."""
        return any(leg.messaging == "Connected" for leg in self.legs_of(uri))

    def leads(self, uri: str) -> bool:
        """Whether `uri` is a leader of the conference and in it."""
        participant = self.participants.get(uri)
        return participant is not None and participant.role == LEADER and not participant.in_lobby

    def roster(self) -> list[Participant]:
        """Who is in the conference, without those in its lobby."""
        return [one for one in self.participants.values() if not one.in_lobby]

    def draft(self) -> "ActiveConversation":
        """A copy to decide on: records are values, and what holds them is copied."""
        return attrs.evolve(
            self,
            legs=dict(self.legs),
            participants=dict(self.participants),
            invitations=dict(self.invitations),
            sides=dict(self.sides),
        )

    def invitation_of(self, leg: Leg) -> Invitation | None:
        """The invitation by which `leg` came; None once it is forgotten."""
        return self.invitations.get(leg.invitation_id)

    def awaited_by(self, leg: Leg) -> Invitation | None:
        """The open invitation that `leg` rings for or waits for."""
        found = [self.invitation_of(leg)]
        if self.call is not None and leg.call in ("Ringing", "Connecting"):
            found.append(self.invitations.get(self.call.id))
        return next((one for one in found if one is not None and one.state == "Connecting"), None)

    def ringing(self, invitation: Invitation) -> list[Leg]:
        """The legs that `invitation` rings."""
        if invitation.kind == CALL:
            rings = self.call is not None and self.call.id == invitation.id
            return [leg for leg in self.legs.values() if rings and leg.call == "Ringing"]
        return [
            leg
            for leg in self.legs.values()
            if leg.state == "Incoming" and leg.invitation_id == invitation.id
        ]

    def waiting(self, invitation: Invitation) -> list[Leg]:
        """The legs that `invitation` rings, or whose way into a conference it is."""
        if invitation.kind == JOIN:
            leg = self.legs.get(invitation.from_application_id)
            return [leg] if leg is not None else []
        return self.ringing(invitation)

    def legs_of(self, uri: str) -> list[Leg]:
        """The legs of one user."""
        return [leg for leg in self.legs.values() if leg.user_uri == uri]

    def open_invitations(self) -> list[Invitation]:
        """The invitations that wait for an answer."""
        return [one for one in self.invitations.values() if one.state == "Connecting"]

    def legs_calling(self, invitation: Invitation) -> list[Leg]:
        """The leg that calls, while it does."""
        leg = self.legs.get(invitation.from_application_id)
        return [leg] if leg is not None and leg.call == "Connecting" else []

    def is_void(self, invitation: Invitation) -> bool:
        """Whether nobody is left who could answer `invitation`, or nobody who asked."""
        if invitation.kind == JOIN:
            return invitation.from_application_id not in self.legs
        if invitation.kind == PARTICIPANT:
            return not self.ringing(invitation)
        silent = self.is_silent(invitation)
        if invitation.kind == CALL:
            return (silent and not self.stages) or not self.legs_calling(invitation)
        return silent or invitation.from_application_id not in self.legs

    def is_silent(self, invitation: Invitation) -> bool:
        """Whether nothing rings, and nobody is waited for to wake."""
        return not self.ringing(invitation) and not invitation.awaited

    def is_over(self) -> bool:
        """Whether nobody is left in the conference, or not two who talk or might."""
        if self.is_conference:
            return not any(leg.state == CONFERENCED for leg in self.legs.values())
        talking = [leg for leg in self.legs.values() if leg.state == "Connected"]
        return len(talking) < 2 and not self.open_invitations()

    def hearers(self, leg: Leg) -> list[Leg]:
        """The legs that what `leg` writes reaches."""
        return [
            one
            for one in self.legs.values()
            if one.messaging == "Connected" and one.application_id != leg.application_id
        ]

    def may_invite(self, leg: Leg) -> bool:
        """Whether the user may ask others in: both of two parties, or leaders of a conference.

        A guest reaches nobody but who is in its meeting.
        """
        if self.is_conference:
            leads = leg.state == CONFERENCED and self.leads(leg.user_uri)
            return leads and not is_guest(leg.user_uri)
        return leg.state == "Connected" and self.call is None

    def may_write_to(self, leg: Leg) -> Leg | None:
        """The other one in a call, whom `leg` does not write to yet; None without one.

        Nobody writes to a telephone.
        """
        if self.is_conference or leg.call != "Connected" or leg.messaging != "Disconnected":
            return None
        return next(
            (
                one
                for one in self.others(leg)
                if one.call == "Connected" and not is_line(one.application_id)
            ),
            None,
        )

    def may_call(self, leg: Leg) -> bool:
        """Whether a call can be added: between two parties, and one at a time."""
        return leg.state == "Connected" and not self.is_conference and self.call is None

    def other_in_call(self, device_id: str) -> str:
        """The device at the other end of a call that is connected, "" without one."""
        call = self.call
        if call is None:
            return ""
        return call.callee_id if call.caller_id == device_id else call.caller_id

    def streams_of(self, device_id: str) -> tuple[Stream, ...]:
        """The streams of a device's latest description in the call."""
        side = self.sides.get(device_id)
        return decoded(side.streams) if side is not None else ()

    def terms(self, invitation: Invitation, leg: Leg) -> CallTerms | None:
        """What is said of the call to which `invitation` invites, while it is not over."""
        call = self.call
        if invitation.kind != CALL or call is None or call.id != invitation.id:
            return None
        caller = self.sides.get(call.caller_id)
        own = self.sides.get(leg.application_id)
        muted = caller.muted.split(",") if caller is not None else []
        rings = invitation.state == "Connecting" and leg.call == "Ringing"
        return CallTerms(
            modality="phoneAudio" if leg.by_phone else "audioVideo",
            media=tuple(call.media.split(",")),
            offer=caller.description if caller is not None and rings else "",
            session_context=own.context if own is not None else "",
            audio_muted="Audio" in muted,
            video_muted="Video" in muted,
            on_behalf_of=call.on_behalf_of,
            forwarded_by=call.forwarded_by,
            transferred_by=call.transferred_by,
            delegator=leg.on_behalf_of,
        )

    def may_send(self, leg: Leg) -> bool:
        """Whether the user may send messages: attendees only where the audience may."""
        if not self.is_conference or self.record.audience_messaging == "Enabled":
            return True
        return self.leads(leg.user_uri)

    def others(self, leg: Leg) -> list[Leg]:
        """The legs of the other participants."""
        return [other for other in self.legs.values() if other.user_uri != leg.user_uri]

    def peers(self, leg: Leg) -> list[str]:
        """The URIs of the other participants that `leg` sees.

        A caller sees nobody before somebody accepts; a callee sees the caller from the start.
        Who is in a conference sees all who are, and its leaders those in the lobby too.
        """
        if self.is_conference:
            if leg.state != CONFERENCED:
                return []
            lobby = self.leads(leg.user_uri)
            return [
                one.uri
                for one in self.participants.values()
                if one.uri != leg.user_uri and (lobby or not one.in_lobby)
            ]
        return list(
            dict.fromkeys(other.user_uri for other in self.others(leg) if other.state != "Incoming")
        )

    def snapshot(self, leg: Leg) -> ConversationSnapshot:
        """The conversation as `leg`'s application sees it."""
        return ConversationSnapshot(
            id=self.record.id,
            state=leg.state,
            thread_id=self.record.thread_id,
            subject=self.record.subject,
            importance=self.record.importance,
            created_at=self.record.created_at,
            modalities=self._modalities(leg),
            call=self.call is not None and leg.call != "Disconnected",
            **self._conference_settings(leg),
        )

    def _modalities(self, leg: Leg) -> tuple[str, ...]:
        rings = leg.state == "Incoming" and leg.messaging == "Connecting"
        messaging = ("Messaging",) if rings or leg.messaging == "Connected" else ()
        if self.call is None or leg.call not in ("Ringing", "Connected"):
            return messaging
        return (*messaging, *self.call.media.split(","))

    def _conference_settings(self, leg: Leg) -> dict[str, Any]:
        if not self.is_conference:
            return {}
        return {
            "conference": True,
            "leader": self.leads(leg.user_uri),
            "participants": len(self.roster()),
            "audience_messaging": self.record.audience_messaging,
            "audience_mute": self.record.audience_mute,
        }


def invitation_fact(
    conversation: ActiveConversation,
    invitation: Invitation,
    leg: Leg,
    change: str,
    name_of: NameOf,
    reason: Reason | None = None,
) -> InvitationChanged:
    """What `leg`'s application is told of an invitation."""
    outgoing = leg.application_id == invitation.from_application_id
    accepted_by = invitation.accepted_by
    state = invitation.state
    if outgoing and state == "Connecting":
        state = (conversation.call or invitation).progress or state
    shown = accepted_by and (outgoing or accepted_by != leg.user_uri)
    return InvitationChanged(
        change=change,
        id=invitation.id,
        conversation_id=conversation.id,
        direction="Outgoing" if outgoing else "Incoming",
        state=state,
        from_uri=invitation.from_uri,
        from_name=name_of(invitation.from_uri),
        to_uri=invitation.to_uri,
        to_name=name_of(invitation.to_uri),
        operation_id=invitation.operation_id if outgoing else "",
        thread_id=conversation.record.thread_id,
        subject=conversation.record.subject,
        importance=conversation.record.importance,
        message_number=invitation.message_number,
        accepted_by=(accepted_by, name_of(accepted_by)) if shown else None,
        reason=reason,
        kind=invitation.kind,
        meeting_uri=conversation.record.meeting_uri,
        custom_content=invitation.custom_content,
        call=conversation.terms(invitation, leg),
    )


def tell_started(
    unit: Unit,
    conversation: ActiveConversation,
    invitation: Invitation,
    leg: Leg,
    name_of: NameOf,
    message: Message | None,
) -> None:
    """The invitation begins for `leg`: it started, a conversation and its participants appear."""
    stream = leg.application_id
    unit.append(stream, invitation_fact(conversation, invitation, leg, "started", name_of), message)
    unit.append(stream, ConversationChanged("added", conversation.snapshot(leg)))
    unit.append(stream, _participant(conversation, leg.user_uri, name_of, True, "added"))
    if leg.state == "Incoming":
        unit.append(
            stream, _participant(conversation, invitation.from_uri, name_of, False, "added")
        )
    else:
        unit.append(stream, MessagingChanged(conversation.id, "Connecting"))


def tell_connected(
    unit: Unit,
    conversation: ActiveConversation,
    invitation: Invitation,
    leg: Leg,
    name_of: NameOf,
    message: Message | None,
) -> None:
    """Messaging is connected for `leg`: UCWA "Send an IM" step 6, "Receive an IM" step 15."""
    stream = leg.application_id
    outgoing = stream == invitation.from_application_id
    peer = invitation.to_uri if outgoing else invitation.from_uri
    unit.append(stream, ConversationChanged("updated", conversation.snapshot(leg)))
    if outgoing:
        unit.append(stream, _participant(conversation, peer, name_of, False, "added"))
    unit.append(stream, _messaging_of(conversation, peer, name_of, False, "added"))
    unit.append(stream, _messaging_of(conversation, leg.user_uri, name_of, True, "added"))
    unit.append(stream, MessagingChanged(conversation.id, "Connected", formats_of(leg)))
    unit.append(
        stream, invitation_fact(conversation, invitation, leg, "completed", name_of), message
    )
    if message is not None and not outgoing:
        tell_message(unit, message, [leg], name_of)


def formats_of(leg: Leg) -> tuple[str, ...]:
    """The MessageFormats that the messaging of `leg` has negotiated."""
    return tuple(leg.formats.split(",")) if leg.formats else ("Plain",)


def tell_ended(
    unit: Unit,
    conversation: ActiveConversation,
    leg: Leg,
    name_of: NameOf,
    invitation: Invitation | None = None,
    reason: Reason | None = None,
    call_over: Iterable[Fact] = (),
) -> None:
    """The conversation is over for `leg`; with `invitation`, that completed first, failed.

    `call_over` is what it is told of a call that goes on or rings.
    """
    stream = leg.application_id
    if invitation is not None:
        unit.append(
            stream, invitation_fact(conversation, invitation, leg, "completed", name_of, reason)
        )
    if leg.messaging != "Disconnected":
        unit.append(stream, MessagingChanged(conversation.id, "Disconnected"))
    for fact in call_over:
        unit.append(stream, fact)
    own = leg.user_uri
    if leg.state == "Connected":
        for uri in conversation.peers(leg):
            if leg.messaging == "Connected":
                unit.append(stream, _messaging_of(conversation, uri, name_of, False, "deleted"))
            unit.append(stream, _participant(conversation, uri, name_of, False, "deleted"))
    if leg.messaging == "Connected":
        unit.append(stream, _messaging_of(conversation, own, name_of, True, "deleted"))
    unit.append(stream, _participant(conversation, own, name_of, True, "deleted"))
    gone = leg_after(leg, Involved.LEFT)
    if leg.call != "Disconnected":
        gone = calling_after(gone, Calling.LEFT)
    unit.append(stream, ConversationChanged("updated", conversation.snapshot(gone)))
    unit.append(stream, ConversationChanged("deleted", conversation.snapshot(gone)))


def tell_gone(
    unit: Unit,
    conversation: ActiveConversation,
    leg: Leg,
    outcome: Outcome,
    name_of: NameOf,
    call_over: Iterable[Fact] = (),
) -> None:
    """`leg` is no more; the invitation it waited for, if any, ended in `outcome` for it."""
    invitation = conversation.awaited_by(leg)
    if invitation is not None:
        invitation = invitation_after(invitation, outcome.event)
    calling = invitation is not None and invitation.from_application_id == leg.application_id
    reason = outcome.caller if calling else outcome.callee
    tell_ended(unit, conversation, leg, name_of, invitation, reason, call_over)


def tell_typing(
    unit: Unit, conversation: ActiveConversation, leg: Leg, name_of: NameOf, change: str
) -> None:
    """The others are told that `leg`'s user types or stopped."""
    fact = TypingChanged(conversation.id, leg.user_uri, name_of(leg.user_uri), change)
    hearers = conversation.hearers(leg)
    for other in hearers:
        unit.append(other.application_id, fact, shared=len(hearers) > 1)


def _participant(
    conversation: ActiveConversation, uri: str, name_of: NameOf, local: bool, change: str
) -> ParticipantChanged:
    return ParticipantChanged(conversation.id, uri, name_of(uri), local, change)


def _messaging_of(
    conversation: ActiveConversation, uri: str, name_of: NameOf, local: bool, change: str
) -> ParticipantMessagingChanged:
    return ParticipantMessagingChanged(conversation.id, uri, name_of(uri), local, change)
