"""One conversation in memory, and the facts its changes make.

`ActiveConversation` knows its legs (one an application) and its open invitation.  The functions
here put the facts of one transition into a unit of work; `mobility.domain.conversations` decides
which transition happens.
"""

from collections.abc import Callable
from typing import Any

import attrs

from mobility.domain import states
from mobility.domain.addresses import is_guest
from mobility.domain.agenda import Appointment
from mobility.domain.content_states import modalities_of
from mobility.domain.descriptions import AUDIO, Stream, decoded
from mobility.domain.facts import (
    CallTerms,
    ConversationSnapshot,
)
from mobility.domain.lines import is_line
from mobility.domain.mixed_part import MixedPart
from mobility.domain.readership import Readings, unread
from mobility.domain.records import (
    Call,
    CallSide,
    ContentView,
    Conversation,
    Invitation,
    Leg,
    Message,
    Participant,
    Renegotiation,
    SharedContent,
)

CONFERENCED = "Conferenced"
"""The state of a leg that is in a conference."""

LEADER, ATTENDEE = states.LEADER, states.ATTENDEE
"""Role of a participant."""

MESSAGING, CALL, PARTICIPANT, JOIN = "messaging", "call", "participant", "join"
MIXED, PHONE = "mixed", "phone"
"""Kinds of invitations; the last two are a device's into the audio and video of a conference, and
that to the telephone with which an application takes part in one."""

NameOf = Callable[[str], str]
"""The display name of a user URI."""


@attrs.frozen(slots=True)
class EarlySession:
    """What a device that rings has agreed with the caller since its first answer: the caller's
    latest offer, its streams, and the device's answer."""

    offer: str = attrs.field(repr=False)
    streams: str
    answer: str = attrs.field(repr=False)


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
    early: dict[str, EarlySession] = attrs.Factory(dict)
    """What devices that ring have agreed anew with the caller, by their ids."""
    early_to: str = ""
    """The device that rings which the latest new offer is for, "" for one of an answered call."""
    contents: dict[str, SharedContent] = attrs.Factory(dict)
    """What is shared, by modality."""
    views: dict[str, ContentView] = attrs.Factory(dict)
    """Who is offered what is shared, or takes part in it, by the ids of the offers."""
    stages: int = 0
    """In how many further steps others will ring for the call."""
    parts: dict[str, MixedPart] = attrs.Factory(dict)
    """The calls of devices with the mixer of a conference, by their ids."""
    telephones: dict[str, str] = attrs.field(factory=dict, repr=False)
    """The numbers of the telephones with which applications take part in a conference."""
    locked_on: str = ""
    """Whose video alone is shown to everybody in the conference."""
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
            parts=dict(self.parts),
            contents=dict(self.contents),
            views=dict(self.views),
        )

    def invitation_of(self, leg: Leg) -> Invitation | None:
        """The invitation by which `leg` came; None once it is forgotten."""
        return self.invitations.get(leg.invitation_id)

    def awaited_by(self, leg: Leg) -> Invitation | None:
        """The open invitation that `leg` rings for or waits for."""
        found = [self.invitation_of(leg)]
        part = self.parts.get(leg.application_id)
        if part is not None and not part.mixed:
            found.append(self.invitations.get(part.call_id))
        elif self.call is not None and leg.call in ("Ringing", "Connecting"):
            found.append(self.invitations.get(self.call.id))
        found.append(self.replacing(leg.application_id))
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
        if invitation.kind == PHONE:  # the telephone rings, which is no device of it yet
            device_id = invitation.from_application_id
            return device_id not in self.legs or not (self.is_conference or self.talks(device_id))
        if invitation.kind == MIXED:
            part = self.parts.get(invitation.from_application_id)
            return part is None or part.call_id != invitation.id
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

    def talks(self, device_id: str) -> bool:
        """Whether the device is one end of a call between two parties that goes on."""
        call = self.call
        ends = (call.caller_id, call.callee_id) if call is not None else ()
        legs = [self.legs.get(one) for one in ends]
        return device_id in ends and all(
            leg is not None and leg.call == "Connected" for leg in legs
        )

    def replacing(self, device_id: str) -> Invitation | None:
        """The open invitation by which a telephone is to take the place of the device's audio, in
        a call between two parties."""
        if self.is_conference:
            return None
        return next(
            (
                one
                for one in self.open_invitations()
                if one.kind == PHONE and one.from_application_id == device_id
            ),
            None,
        )

    def may_replace(self, leg: Leg) -> bool:
        """Whether a telephone may take the place of the device's audio."""
        device_id = leg.application_id
        if leg.call != "Connected" or device_id in self.telephones:
            return False
        part = self.parts.get(device_id)
        if part is not None or self.is_conference:
            return part is not None and part.mixed and AUDIO in part.media
        side, call = self.sides.get(device_id), self.call
        if side is None or call is None or side.by_phone or self.replacing(device_id) is not None:
            return False
        return AUDIO in call.media.split(",")

    def may_escalate(self, leg: Leg) -> bool:
        """Whether the device may go with its call between two parties to a conference.

        Nobody takes a telephone there, or calls one on the way.
        """
        if self.call is None or leg.call != "Connected" or leg.application_id in self.parts:
            return False
        return not any(
            side.by_phone
            or is_line(side.device_id)
            or self.legs[side.device_id].by_phone
            or self.replacing(side.device_id) is not None
            for side in self.sides.values()
            if side.device_id in self.legs
        )

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
        part = self.parts.get(leg.application_id)
        if part is not None and part.call_id == invitation.id:
            return CallTerms(
                modality="audioVideo",
                media=part.media,
                session_context=part.side.context,
                audio_muted="Audio" in part.muted,
                video_muted="Video" in part.muted,
            )
        if invitation.kind == PHONE:
            side = self.sides.get(leg.application_id)
            number = self.telephones.get(leg.application_id, "")
            if not number and side is not None and side.by_phone:
                number = side.context
            return CallTerms(modality="phoneAudio", media=("Audio",), session_context=number)
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
        shares = leg.state in ("Connected", CONFERENCED)
        return ConversationSnapshot(
            id=self.record.id,
            state=leg.state,
            thread_id=self.record.thread_id,
            subject=self.subject_for(leg),
            importance=self.record.importance,
            created_at=self.record.created_at,
            modalities=(
                *self._modalities(leg),
                *(modalities_of(self.contents, self.views, leg.application_id) if shares else ()),
            ),
            call=leg.call != "Disconnected",
            escalates=self.may_escalate(leg),
            read=not unread(self, leg.user_uri),
            **self._conference_settings(leg),
        )

    def subject_for(self, leg: Leg) -> str:
        """The subject, "" for who waits in the lobby."""
        return "" if self._waits(leg) else self.record.subject

    def _waits(self, leg: Leg) -> bool:
        """Whether `leg`'s user waits in the lobby, and `leg` is not asked in."""
        return leg.state != "Incoming" and self.in_lobby(leg.user_uri)

    def in_lobby(self, uri: str) -> bool:
        """Whether somebody waits in the lobby of the conference."""
        participant = self.participants.get(uri)
        return participant is not None and participant.in_lobby

    def _modalities(self, leg: Leg) -> tuple[str, ...]:
        rings = leg.state == "Incoming" and leg.messaging == "Connecting"
        messaging = ("Messaging",) if rings or leg.messaging == "Connected" else ()
        part = self.parts.get(leg.application_id)
        if part is not None and part.mixed:
            return (*messaging, *part.media)
        if self.call is None or leg.call not in ("Ringing", "Connected"):
            return messaging
        return (*messaging, *self.call.media.split(","))

    def _conference_settings(self, leg: Leg) -> dict[str, Any]:
        if not self.is_conference:
            return {}
        return {
            "conference": True,
            "leader": self.leads(leg.user_uri),
            "participants": 0 if self._waits(leg) else len(self.roster()),
            "audience_messaging": self.record.audience_messaging,
            "audience_mute": self.record.audience_mute,
        }
