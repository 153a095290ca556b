"""Audio and video in conferences: each device has a call of its own with the mixer.

The device offers and the mixer answers; later either may offer anew.  What everybody is told
follows from the change (`mobility.domain.mixed_facts`); the mixer is told, once it is stored, whom
it lets in, whom it takes what from, and who has gone.
"""

from collections.abc import Mapping
from functools import partial

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.call import settle_call
from mobility.domain.call_policy import CallPolicies
from mobility.domain.call_rows import Wanted
from mobility.domain.call_states import Calling, Mixing, calling_after, mixing_after
from mobility.domain.conference import must_lead
from mobility.domain.conference_media import is_bound
from mobility.domain.conference_rows import new_invitation
from mobility.domain.conferences import Conferences
from mobility.domain.conversation import CONFERENCED, MIXED, ActiveConversation
from mobility.domain.conversation_facts import invitation_fact
from mobility.domain.conversations import Conversations
from mobility.domain.descriptions import AUDIO, VIDEO, Description, common_media, encoded
from mobility.domain.ledger import Unit
from mobility.domain.lines import Device
from mobility.domain.meeting_policy import ENABLED
from mobility.domain.meetings import Meetings
from mobility.domain.mixed_facts import answer_fact
from mobility.domain.mixed_offers import MixedOffers, agreed
from mobility.domain.mixed_part import MixedPart, kept_out
from mobility.domain.mixer import Entry, Mixer
from mobility.domain.outcomes import CANCELLED, ESCALATION_FAILED, LOST, OVER, Outcome
from mobility.domain.outcomes import declined as declined_because
from mobility.domain.records import CallSide, Invitation, Leg, Receipt
from mobility.domain.states import Invited, invitation_after
from mobility.domain.telephone import Happening
from mobility.errors import Refusal

ENDINGS: Mapping[Happening, Outcome] = {
    Happening.BUSY: declined_because("Busy"),
    Happening.DECLINED: declined_because("Declined"),
    Happening.UNKNOWN: LOST,
    Happening.UNAVAILABLE: LOST,
    Happening.UNANSWERED: LOST,
    Happening.UNREACHABLE: LOST,
    Happening.HUNG_UP: OVER,
}
"""How the call of a device ends by what the mixer says."""

MISFIT = declined_because("MediaNegotiationFailure")
"""The mixer has answered with what fits no offer, or takes none of the media."""


class ConferenceCalls:
    """The calls of devices with the mixer, in all conferences of this front end."""

    def __init__(
        self,
        agenda: Agenda,
        conversations: Conversations,
        conferences: Conferences,
        meetings: Meetings,
        policies: CallPolicies,
        mixer: Mixer,
    ) -> None:
        self._agenda = agenda
        self._conversations = conversations
        self._conferences = conferences
        self._meetings = meetings
        self._policies = policies
        self.mixer = mixer
        self.offers = MixedOffers(agenda, conversations, self._check)
        self._kept_out: dict[str, tuple[str, ...]] = {}
        """The media that the mixer takes nothing of, by call."""
        conversations.mixings.append(self._follow)
        conferences.escalations.append(self._escalated)

    async def add(
        self,
        device: Device,
        conversation_id: str,
        wanted: Wanted,
        now: float,
        receipt: Receipt | None = None,
    ) -> Invitation:
        """UCWA addAudio and its like in a conference: the device is to be mixed.

        409 in a lobby, and while the device has a call in the conference; 403 where policy forbids
        one of the media; 400 InvalidMediaDescription for an offer without one of them, 409
        ModalityNotSupported for video where the mixer takes none.
        """
        conversations = self._conversations
        conversations.find(device, conversation_id)
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(device, conversation_id)
            if leg.state != CONFERENCED or leg.call != "Disconnected":
                raise Refusal("Conflict", None, "A call cannot be added now.")
            return await self._begin(conversation, device, wanted, now, receipt)

    async def escalate(
        self,
        device: Device,
        conversation_id: str,
        wanted: Wanted,
        now: float,
        receipt: Receipt | None = None,
    ) -> Invitation:
        """UCWA escalateAudio and escalateAudioVideo: go with a call between two parties to a
        conference, which the conversation becomes unless it is one.

        The other party's device is to follow.  409 without such a call, and for what `add` refuses.
        """
        conversations = self._conversations
        conversations.find(device, conversation_id)
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(device, conversation_id)
            if not conversation.may_escalate(leg):
                raise Refusal("Conflict", None, "There is no call that could be escalated.")
            self._check_wanted(device, wanted)
            if not conversation.is_conference:
                await self._conferences.escalate(conversation, device, now)
            return await self._begin(conversation, device, wanted, now, receipt)

    async def talk(
        self, device: Device, conversation_id: str, offer: Description, now: float
    ) -> None:
        """Begin the call of a line: with whatever of its offer is possible."""
        media = common_media(offer.streams, offer.streams)
        if not self.mixer.abilities.video:
            media = tuple(medium for medium in media if medium != VIDEO)
        if not media:
            raise Refusal("Conflict", "ModalityNotSupported", "None of these media are mixed.")
        await self.add(device, conversation_id, Wanted("", media, offer), now)

    async def stop(
        self, device: Device, conversation_id: str, media: tuple[str, ...], now: float
    ) -> None:
        """UCWA stopAudio, stopVideo and stopAudioVideo: end `media` of the device's call.

        With none left the call ends.  409 without such media.
        """
        conversations = self._conversations
        async with conversations.lock(conversation_id):
            conversation, _, part = self._part(device, conversation_id)
            rest = tuple(medium for medium in part.media if medium not in media)
            if not part.mixed or not rest:
                outcome = OVER if part.mixed else CANCELLED
                await conversations.leave_mixer(conversation, device.id, outcome, now)
                return
            if rest == part.media:
                raise Refusal("Conflict", None, "The call has no such media.")
            draft = conversation.draft()
            draft.parts[device.id] = attrs.evolve(part, media=rest)
            await conversations.change(Unit(), conversation, draft)

    async def mute(
        self, device: Device, conversation_id: str, uri: str, medium: str, *, muted: bool
    ) -> None:
        """UCWA muteAudio and its like: of one's own devices, or of another participant's by a
        leader.

        404 for a participant without the medium, 403 for who does not lead, and for who is of a
        muted audience; 409 when it is so already.
        """
        conversations = self._conversations
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(device, conversation_id)
            own = uri == leg.user_uri
            if not own:
                must_lead(conversation, leg)
            parts = {
                key: one
                for key, one in conversation.parts.items()
                if one.uri == uri and medium in one.media
            }
            if not parts:
                raise Refusal("NotFound", "ResourceNotFound", f"There is no {medium.lower()}.")
            if own and not muted and medium == AUDIO and is_bound(conversation, uri):
                raise Refusal("Forbidden", "AttendeeNotAllowed", "The audience is muted.")
            if all((medium in one.muted) is muted for one in parts.values()):
                raise Refusal("Conflict", None, "It is so already.")
            draft = conversation.draft()
            for key, one in parts.items():
                draft.parts[key] = one.with_muted(medium, muted=muted)
            await conversations.change(Unit(), conversation, draft)

    async def lock_video(
        self, device: Device, conversation_id: str, uri: str, *, locked: bool
    ) -> None:
        """A leader lets everybody be shown the video of one participant alone, or ends that.

        403 for who does not lead, 404 for a participant without video, 409 when it is so already.
        """
        conversations = self._conversations
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(device, conversation_id)
            must_lead(conversation, leg)
            parts = conversation.parts.values()
            if not any(one.uri == uri and one.mixed and VIDEO in one.media for one in parts):
                raise Refusal("NotFound", "ResourceNotFound", "There is no video.")
            if (conversation.locked_on == uri) is locked:
                raise Refusal("Conflict", None, "It is so already.")
            draft = conversation.draft()
            draft.locked_on = uri if locked else ""
            await conversations.change(Unit(), conversation, draft)

    # How a device comes in

    def _check(self, device: Device, media: tuple[str, ...]) -> None:
        """403 where policy forbids a medium, 409 where the mixer takes it not."""
        self._policies.must_allow(device, media)
        if VIDEO in media and not self.mixer.abilities.video:
            raise Refusal("Conflict", "ModalityNotSupported", "Video is not mixed here.")

    def _check_wanted(self, device: Device, wanted: Wanted) -> Description:
        self._check(device, wanted.media)
        if wanted.offer is None:
            raise Refusal("BadRequest", "InvalidMediaDescription", "The mixer needs an offer.")
        wanted.offer.must_offer(wanted.media)
        return wanted.offer

    async def _begin(
        self,
        conversation: ActiveConversation,
        device: Device,
        wanted: Wanted,
        now: float,
        receipt: Receipt | None,
    ) -> Invitation:
        conversations = self._conversations
        offer = self._check_wanted(device, wanted)
        draft, unit = conversation.draft(), Unit()
        until = now + conversations.limits.invitation_timeout_s
        to_uri = wanted.to_uri or conversation.organizer_uri
        invitation = new_invitation(draft, device, MIXED, to_uri, wanted.operation_id, now, until)
        invitation = attrs.evolve(invitation, custom_content=wanted.custom_content)
        if receipt is not None:
            unit.save(attrs.evolve(receipt, resource_id=invitation.id))
        leg = draft.legs[device.id]
        if leg.call == "Disconnected":
            draft.legs[device.id] = calling_after(leg, Calling.CALLS)
        muted = {*wanted.muted, *((AUDIO,) if is_bound(conversation, device.user_uri) else ())}
        side = CallSide(
            call_id=invitation.id,
            device_id=device.id,
            conversation_id=conversation.id,
            user_uri=device.user_uri,
            context=wanted.context,
            description=offer.text,
            streams=encoded(offer.streams),
            muted=",".join(sorted(muted)),
        )
        name = draft.participants[device.user_uri].name
        part = MixedPart(side, wanted.media, name=name)
        draft.parts[device.id] = part
        draft.invitations[invitation.id] = invitation
        name_of = conversations.names_in(conversation)
        started = invitation_fact(draft, invitation, draft.legs[device.id], "started", name_of)
        unit.append(device.id, started)
        await conversations.change(unit, conversation, draft)
        self._place(conversation, device.id, part, offer)
        return conversation.invitations[invitation.id]

    def _place(
        self, conversation: ActiveConversation, device_id: str, part: MixedPart, offer: Description
    ) -> None:
        """Call the mixer, which is told of the invitation only now that it is stored."""
        shut = kept_out(part, conversation.locked_on)
        entry = Entry(conversation.id, part.uri, part.name, offer, shut)
        self._kept_out[part.call_id] = shut

        def hear(happening: Happening) -> None:
            found = conversation.parts.get(device_id)
            leg = found.leg if found is not None and found.call_id == part.call_id else None
            if leg is not None:
                said = leg.description, tuple(sorted(leg.sources.items()))
                heard = partial(self._heard, conversation, device_id, part.call_id, happening, said)
                self._agenda.at(0.0, heard)

        leg = self.mixer.join(entry, hear)
        conversation.parts[device_id] = attrs.evolve(conversation.parts[device_id], leg=leg)

    # What the mixer says

    async def _heard(
        self,
        conversation: ActiveConversation,
        device_id: str,
        call_id: str,
        happening: Happening,
        said: tuple[Description | None, tuple[tuple[str, int], ...]],
        now: float,
    ) -> None:
        async with self._conversations.lock(conversation.id):
            part = conversation.parts.get(device_id)
            if part is None or part.call_id != call_id:
                return
            description, sources = said
            if happening in ENDINGS:
                outcome = ENDINGS[happening]
                await self._conversations.leave_mixer(conversation, device_id, outcome, now)
            elif happening is Happening.RINGING:
                await self._plays(conversation, device_id, part, description)
            elif happening is Happening.ANSWERED and not part.mixed:
                await self._let_in(conversation, device_id, part, description, sources, now)
            elif happening is Happening.SOURCES:
                draft = conversation.draft()
                draft.parts[device_id] = attrs.evolve(part, sources=sources)
                await self._conversations.change(Unit(), conversation, draft)
            elif part.mixed:
                await self.offers.heard(conversation, device_id, part, happening, description, now)

    async def _plays(
        self,
        conversation: ActiveConversation,
        device_id: str,
        part: MixedPart,
        description: Description | None,
    ) -> None:
        """Early media; the device may hear an announcement before it is let in."""
        if part.mixed or description is None or description.text == part.answer:
            return
        draft, unit = conversation.draft(), Unit()
        early = attrs.evolve(part, answer=description.text)
        draft.parts[device_id] = early
        unit.append(device_id, answer_fact(draft, early, provisional=True))
        await self._conversations.change(unit, conversation, draft)

    async def _let_in(
        self,
        conversation: ActiveConversation,
        device_id: str,
        part: MixedPart,
        answer: Description | None,
        sources: tuple[tuple[str, int], ...],
        now: float,
    ) -> None:
        conversations = self._conversations
        media = agreed(part.streams, answer)
        media = tuple(medium for medium in part.media if medium in media)
        if answer is None or not media:
            await conversations.leave_mixer(conversation, device_id, MISFIT, now)
            return
        draft, unit = conversation.draft(), Unit()
        inside = attrs.evolve(
            mixing_after(part, Mixing.LET_IN), media=media, answer=answer.text, sources=sources
        )
        draft.parts[device_id] = inside
        leg = draft.legs[device_id]
        if leg.call != "Connected":
            leg = draft.legs[device_id] = calling_after(leg, Calling.CONNECTED)
        unit.append(device_id, answer_fact(draft, inside, provisional=False))
        invitation = invitation_after(draft.invitations[part.call_id], Invited.ANSWERED)
        draft.invitations[invitation.id] = invitation
        end = settle_call(unit, draft, OVER, now)
        if end is not None:
            for remember in conversations.call_endings:
                remember(unit, end)
        name_of = conversations.names_in(conversation)
        completed = invitation_fact(draft, invitation, leg, "completed", name_of)
        await conversations.change(unit, conversation, draft, [(device_id, completed)])

    # What the mixer is told

    def _follow(self, conversation: ActiveConversation, before: Mapping[str, MixedPart]) -> None:
        """The conference has changed: hang up for who has gone, and mute whom that concerns."""
        for device_id, part in before.items():
            stays = conversation.parts.get(device_id)
            if stays is None or stays.call_id != part.call_id:
                self._kept_out.pop(part.call_id, None)
                if part.leg is not None:
                    part.leg.hang_up()
        for part in conversation.parts.values():
            shut = kept_out(part, conversation.locked_on)
            if part.leg is not None and self._kept_out.get(part.call_id) != shut:
                self._kept_out[part.call_id] = shut
                part.leg.mute(shut)
        self._announce(conversation, before)

    def _announce(self, conversation: ActiveConversation, before: Mapping[str, MixedPart]) -> None:
        """Let everybody hear who has come or gone, where the meeting is so set."""
        announcer = self.mixer.announcer
        if announcer is None:
            return
        were = {part.uri: part.name for part in before.values() if part.mixed}
        are = {part.uri: part.name for part in conversation.parts.values() if part.mixed}
        if were.keys() == are.keys():
            return
        meeting = self._meetings.at(conversation.record.meeting_uri, 0.0)
        if meeting is None or meeting.record.entry_exit_announcement != ENABLED:
            return
        for uri, name in (were | are).items():
            if (uri in were) is not (uri in are):
                announcer.announce(conversation.id, name, came=uri in are)

    # Calls between two parties that go over

    def _escalated(self, conversation: ActiveConversation, now: float) -> None:
        """The conversation of two who call became a conference: each device is to follow."""
        call = conversation.call
        if call is not None:
            until = now + self._conversations.limits.invitation_timeout_s
            self._agenda.at(until, partial(self._give_up, conversation, call.id))

    async def _give_up(self, conversation: ActiveConversation, call_id: str, now: float) -> None:
        """Whoever has not followed is not in the call any more."""
        async with self._conversations.lock(conversation.id):
            call = conversation.call
            if call is None or call.id != call_id:
                return
            left = [
                leg
                for leg in conversation.legs.values()
                if leg.call == "Connected" and leg.application_id not in conversation.parts
            ]
            if left:
                await self._conversations.hang_up(conversation, left, ESCALATION_FAILED, now)

    def _part(
        self, device: Device, conversation_id: str
    ) -> tuple[ActiveConversation, Leg, MixedPart]:
        conversation, leg = self._conversations.find(device, conversation_id)
        part = conversation.parts.get(device.id)
        if part is None:
            raise Refusal("Conflict", None, "There is no call.")
        return conversation, leg, part
