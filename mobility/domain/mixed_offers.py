"""New offers in a device's call with the mixer: holding, resuming, adding and ending media.

Either side may offer, one at a time; the rules are those of RFC 3264 section 8.
"""

from collections.abc import Callable

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.call import renegotiation_fact
from mobility.domain.call_states import Mixing, Replied, mixing_after, renegotiation_after
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversations import Conversations
from mobility.domain.descriptions import (
    Description,
    Stream,
    common_media,
    decoded,
    encoded,
    media_of,
)
from mobility.domain.ledger import Unit
from mobility.domain.lines import Device
from mobility.domain.mixed_part import MixedPart
from mobility.domain.outcomes import TIMED_OUT
from mobility.domain.records import Receipt, Renegotiation
from mobility.domain.renegotiations import (
    EXPIRED,
    Failed,
    media_agreed,
    must_resume,
    new_offer,
)
from mobility.domain.telephone import Happening
from mobility.errors import Refusal

Check = Callable[[Device, tuple[str, ...]], None]
"""Raises a Refusal where a device may not have these media in a conference."""

NOT_AGREED: Failed = ("RemoteFailure", "MediaNegotiationFailure", "The mixer takes it not.")


class MixedOffers:
    """The new offers in calls with the mixer."""

    def __init__(self, agenda: Agenda, conversations: Conversations, check: Check) -> None:
        self._agenda = agenda
        self._conversations = conversations
        self._check = check

    async def offer(
        self,
        device: Device,
        conversation_id: str,
        description: Description,
        operation_id: str,
        now: float,
        receipt: Receipt | None = None,
        *,
        resumes: tuple[str, ...] = (),
    ) -> Renegotiation:
        """UCWA renegotiations, and with `resumes` resumeAudio and resumeAudioVideo, in a
        conference; refused as in a call between two parties (`mobility.domain.renegotiations`).
        """
        async with self._conversations.lock(conversation_id):
            conversation, part = self._find(device, conversation_id)
            if part.state != "Mixed" or part.leg is None:
                raise Refusal("Conflict", "AlreadyExists", "Another offer is open.")
            description.must_follow(part.streams)
            must_resume(part.streams, description, resumes)
            wanted = media_of(description.streams)
            if not wanted:
                raise Refusal("BadRequest", "InvalidMediaDescription", "No media are left.")
            self._check(device, tuple(one for one in wanted if one not in part.media))
            renegotiation = self._new(conversation, part, device.id, description, now, operation_id)
            unit = Unit()
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=renegotiation.id))
            await self._begin(unit, conversation, device.id, Mixing.OFFERED, renegotiation)
            part.leg.offer(description)
            return renegotiation

    async def answer(
        self, device: Device, conversation_id: str, renegotiation_id: str, answer: Description
    ) -> None:
        """UCWA answer: what the mixer offers is agreed from now on.

        404 for an unknown offer, 409 when it is over or one's own; 400 InvalidMediaDescription for
        an answer that does not fit, or that leaves nothing; 403 where policy forbids what it adds.
        """
        async with self._conversations.lock(conversation_id):
            conversation, part, renegotiation = self._open(
                device, conversation_id, renegotiation_id
            )
            media = media_agreed(renegotiation, answer)
            self._check(device, tuple(one for one in media if one not in part.media))
            await self._agree(conversation, device.id, part, answer, answer.text, media)
            if part.leg is not None:
                part.leg.answer(answer)

    async def dismiss(
        self, device: Device, conversation_id: str, renegotiation_id: str, subcode: str
    ) -> None:
        """UCWA dismiss: what was agreed stays so.  404 and 409 as for `answer`."""
        async with self._conversations.lock(conversation_id):
            conversation, part, _ = self._open(device, conversation_id, renegotiation_id)
            reason = ("LocalFailure", subcode, "The offer was dismissed.")
            await self._fail(conversation, device.id, part, Replied.DISMISSED, reason)
            if part.leg is not None:
                part.leg.answer(None)

    async def offer_early(
        self,
        device: Device,  # noqa: ARG002  # as `Renegotiations.offer_early`
        conversation_id: str,  # noqa: ARG002
        answered: str,  # noqa: ARG002
        description: Description,  # noqa: ARG002
        now: float,  # noqa: ARG002
    ) -> None:
        """409: nothing rings for who comes into a conference."""
        raise Refusal("Conflict", None, "Nothing that rings can take a new offer.")

    async def withdraw(self, device: Device, conversation_id: str) -> None:
        """The device waits no longer for the answer of the mixer, which comes all the same."""

    def find(self, device: Device, conversation_id: str, renegotiation_id: str) -> Renegotiation:
        """The latest new offer of a device's call; 404 for another."""
        found = self._find(device, conversation_id)[1].renegotiation
        if found is None or found.id != renegotiation_id:
            raise Refusal("NotFound", "ResourceNotFound", "There is no such renegotiation.")
        return found

    async def heard(
        self,
        conversation: ActiveConversation,
        device_id: str,
        part: MixedPart,
        happening: Happening,
        description: Description | None,
        now: float,
    ) -> None:
        """The mixer offers anew, or says what it makes of an offer.

        The caller holds the conversation's lock.
        """
        renegotiation = part.renegotiation
        if happening is Happening.OFFERED:
            await self._offered(conversation, device_id, part, description, now)
        elif part.state != "Offering" or renegotiation is None:
            return
        elif happening is Happening.AGREED and (
            media := agreed(decoded(renegotiation.streams), description)
        ):
            offer = Description(renegotiation.offer, decoded(renegotiation.streams))
            text = description.text if description is not None else ""
            await self._agree(conversation, device_id, part, offer, text, media)
        elif happening in (Happening.AGREED, Happening.DISAGREED):
            await self._fail(conversation, device_id, part, Replied.DISMISSED, NOT_AGREED)

    async def _offered(
        self,
        conversation: ActiveConversation,
        device_id: str,
        part: MixedPart,
        description: Description | None,
        now: float,
    ) -> None:
        if part.leg is None:
            return
        if part.state != "Mixed" or description is None or not media_of(description.streams):
            part.leg.answer(None)
            return
        renegotiation = self._new(conversation, part, "", description, now)
        await self._begin(Unit(), conversation, device_id, Mixing.ASKED, renegotiation)

    def _new(
        self,
        conversation: ActiveConversation,
        part: MixedPart,
        from_id: str,
        description: Description,
        now: float,
        operation_id: str = "",
    ) -> Renegotiation:
        """A new offer, of the device or of the mixer (with "" for `from_id`)."""
        expires_at = now + self._conversations.limits.invitation_timeout_s
        return new_offer(
            part.call_id, conversation.id, from_id, description, expires_at, operation_id
        )

    async def _begin(
        self,
        unit: Unit,
        conversation: ActiveConversation,
        device_id: str,
        event: Mixing,
        renegotiation: Renegotiation,
    ) -> None:
        draft = conversation.draft()
        part = mixing_after(draft.parts[device_id], event)
        draft.parts[device_id] = attrs.evolve(part, renegotiation=renegotiation)
        unit.append(device_id, renegotiation_fact(draft, draft.legs[device_id], "started"))
        await self._conversations.change(unit, conversation, draft)
        self._expire_later(conversation, device_id, renegotiation)

    async def _agree(
        self,
        conversation: ActiveConversation,
        device_id: str,
        part: MixedPart,
        own: Description,
        answer: str,
        media: tuple[str, ...],
    ) -> None:
        """What was offered is so from now on; `own` is what the device has described."""
        draft, unit = conversation.draft(), Unit()
        if part.renegotiation is not None:
            answered = renegotiation_after(part.renegotiation, Replied.ANSWERED)
            part = attrs.evolve(part, renegotiation=attrs.evolve(answered, answer=answer))
        side = attrs.evolve(part.side, description=own.text, streams=encoded(own.streams))
        draft.parts[device_id] = attrs.evolve(
            mixing_after(part, Mixing.AGREED), side=side, media=media
        )
        unit.append(device_id, renegotiation_fact(draft, draft.legs[device_id], "completed"))
        await self._conversations.change(unit, conversation, draft)

    async def _fail(
        self,
        conversation: ActiveConversation,
        device_id: str,
        part: MixedPart,
        reply: Replied,
        reason: Failed,
    ) -> None:
        draft, unit = conversation.draft(), Unit()
        if part.renegotiation is not None:
            failed = renegotiation_after(part.renegotiation, reply)
            part = attrs.evolve(part, renegotiation=failed)
        draft.parts[device_id] = mixing_after(part, Mixing.FAILED)
        fact = renegotiation_fact(draft, draft.legs[device_id], "completed", reason)
        unit.append(device_id, fact)
        await self._conversations.change(unit, conversation, draft)

    def _expire_later(
        self, conversation: ActiveConversation, device_id: str, renegotiation: Renegotiation
    ) -> None:
        async def expire(now: float) -> None:
            async with self._conversations.lock(conversation.id):
                part = conversation.parts.get(device_id)
                found = part.renegotiation if part is not None else None
                if part is None or found is None or found.id != renegotiation.id:
                    return
                if found.state != "Offered":
                    return
                await self._fail(conversation, device_id, part, Replied.EXPIRED, EXPIRED)
                if part.state == "Asked" and part.leg is not None:
                    part.leg.answer(None)
                else:  # a mixer that says nothing is none
                    await self._conversations.leave_mixer(conversation, device_id, TIMED_OUT, now)

        self._agenda.at(renegotiation.expires_at, expire)

    def _find(self, device: Device, conversation_id: str) -> tuple[ActiveConversation, MixedPart]:
        conversation, _ = self._conversations.find(device, conversation_id)
        part = conversation.parts.get(device.id)
        if part is None or not part.mixed:
            raise Refusal("NotFound", "ResourceNotFound", "There is no call that is connected.")
        return conversation, part

    def _open(
        self, device: Device, conversation_id: str, renegotiation_id: str
    ) -> tuple[ActiveConversation, MixedPart, Renegotiation]:
        """An offer of the mixer's that the device may answer now.  404 or 409 otherwise."""
        renegotiation = self.find(device, conversation_id, renegotiation_id)
        conversation, part = self._find(device, conversation_id)
        if renegotiation.state != "Offered" or renegotiation.from_id == device.id:
            raise Refusal("Conflict", None, "The offer cannot be answered from here any more.")
        return conversation, part, renegotiation


def agreed(offer: tuple[Stream, ...], answer: Description | None) -> tuple[str, ...]:
    """The media that a mixer's answer takes of an offer; none for what does not fit."""
    if answer is None:
        return ()
    try:
        answer.must_answer(offer)
    except Refusal:
        return ()
    return common_media(offer, answer.streams)
