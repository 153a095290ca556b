"""New offers within a call: holding and resuming it, adding and ending streams.

The rules are those of RFC 3264 section 8.  One side offers a new description, the other answers or
dismisses it.  One offer is open at a time, so that two at once cannot cross.
"""

import secrets

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.call import call_of, is_told, renegotiation_fact, tell_media
from mobility.domain.call_policy import CallPolicies
from mobility.domain.call_states import Negotiated, Replied, negotiated, renegotiation_after
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversations import Conversations
from mobility.domain.descriptions import (
    Description,
    Stream,
    common_media,
    decoded,
    encoded,
    holds,
    media_of,
)
from mobility.domain.early_offers import agree_early, offered_to, target_of, tell_early
from mobility.domain.ledger import Unit
from mobility.domain.lines import Device
from mobility.domain.records import Leg, Receipt, Renegotiation
from mobility.domain.replaced_audio import (
    fail,
    not_taken,
    replacement,
    take_over,
    tell_taken_over,
)
from mobility.errors import Refusal

Failed = tuple[str, str, str]
"""Code, subcode and message of a renegotiation that failed."""

EXPIRED: Failed = (
    "RemoteFailure",
    "MediaNegotiationTimeOut",
    "The offer was not answered in time.",
)


def must_resume(
    before: tuple[Stream, ...], description: Description, resumes: tuple[str, ...]
) -> None:
    """Whether an offer resumes these media of a call whose side was described by `before`.

    409 for what is not held, 400 InvalidMediaDescription for an offer that does not resume them.
    Nothing is to resume where `resumes` is empty.
    """
    if resumes and not holds(before):
        raise Refusal("Conflict", None, "The call is not held from here.")
    if resumes and holds(description.streams):
        raise Refusal("BadRequest", "InvalidMediaDescription", "The offer resumes nothing.")
    description.must_offer(resumes)


def new_offer(
    call_id: str,
    conversation_id: str,
    from_id: str,
    description: Description,
    expires_at: float,
    operation_id: str = "",
) -> Renegotiation:
    """A renegotiation that begins; `from_id` is the device that offers, "" for the mixer."""
    return Renegotiation(
        call_id=call_id,
        id=secrets.token_hex(8),
        conversation_id=conversation_id,
        from_id=from_id,
        operation_id=operation_id,
        offer=description.text,
        streams=encoded(description.streams),
        expires_at=expires_at,
    )


def media_agreed(renegotiation: Renegotiation, answer: Description) -> tuple[str, ...]:
    """The media that an answer leaves of an offer.  400 InvalidMediaDescription for an answer that
    does not fit, or that leaves nothing."""
    offer = decoded(renegotiation.streams)
    answer.must_answer(offer)
    media = common_media(offer, answer.streams)
    if not media:
        raise Refusal("BadRequest", "InvalidMediaDescription", "No media are left.")
    return media


class Renegotiations:
    """The new offers of the calls that go on."""

    def __init__(
        self, agenda: Agenda, conversations: Conversations, policies: CallPolicies
    ) -> None:
        self._agenda = agenda
        self._conversations = conversations
        self._policies = policies

    def load(self) -> None:
        """Let the offers that are open expire, after `Conversations.load`."""
        for conversation in self._conversations:
            if conversation.renegotiation is not None:
                self._expire_later(conversation, conversation.renegotiation)

    def find(self, device: Device, conversation_id: str, renegotiation_id: str) -> Renegotiation:
        """The latest renegotiation of a call, if it has this id; 404 otherwise."""
        conversation, leg = self._conversations.find(device, conversation_id)
        found = conversation.renegotiation
        rings = leg.call == "Ringing" and conversation.early_to == device.id
        takes_part = leg.call == "Connected" or rings
        if not takes_part or found is None or found.id != renegotiation_id:
            raise Refusal("NotFound", "ResourceNotFound", "There is no such renegotiation.")
        return found

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
        """UCWA renegotiations, and with `resumes` resumeAudio and resumeAudioVideo.

        409 without a call that is connected, AlreadyExists while an offer is open, and for what is
        to resume and is not held; 400 InvalidMediaDescription for a description that cannot follow
        the last one or does not resume; 403 where policy forbids a medium that it adds.
        """
        conversations = self._conversations
        conversations.find(device, conversation_id)
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(device, conversation_id)
            _must_be_connected(leg)
            before = conversation.streams_of(device.id)
            self._check(device, conversation, description)
            must_resume(before, description, resumes)
            unit = Unit()
            expires_at = now + conversations.limits.invitation_timeout_s
            renegotiation = new_offer(
                call_of(conversation).id,
                conversation.id,
                device.id,
                description,
                expires_at,
                operation_id,
            )
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=renegotiation.id))
            await self.begin(unit, conversation, renegotiation)
            return renegotiation

    async def offer_early(
        self,
        device: Device,
        conversation_id: str,
        answered: str,
        description: Description,
        now: float,
    ) -> None:
        """A caller's new offer before the call is answered, to the device that rings whose early
        media are `answered`.

        409 without such a device, AlreadyExists while an offer is open; 400
        InvalidMediaDescription for a description that cannot follow the last one; 403 where policy
        forbids a medium that it adds.
        """
        conversations = self._conversations
        conversations.find(device, conversation_id)
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(device, conversation_id)
            if leg.call != "Connecting":
                raise Refusal("Conflict", None, "There is no call that rings.")
            self._must_be_free(conversation)
            target = target_of(conversation, device.id, answered)
            description.must_follow(offered_to(conversation, target, answered))
            self._check_added(device, conversation, media_of(description.streams))
            draft, unit = conversation.draft(), Unit()
            expires_at = now + conversations.limits.invitation_timeout_s
            draft.renegotiation = new_offer(
                call_of(conversation).id, conversation.id, device.id, description, expires_at
            )
            draft.early_to = target
            tell_early(unit, draft, "started")
            await conversations.change(unit, conversation, draft)
            self._expire_later(conversation, draft.renegotiation)

    async def begin(
        self, unit: Unit, conversation: ActiveConversation, renegotiation: Renegotiation
    ) -> None:
        """Make a new offer; no other one is open.  The caller holds the conversation's lock."""
        draft = conversation.draft()
        draft.renegotiation = renegotiation
        draft.call = negotiated(call_of(conversation), Negotiated.OFFERED)
        self._tell(unit, draft, "started")
        await self._conversations.change(unit, conversation, draft)
        self._expire_later(conversation, renegotiation)

    async def answer(
        self, device: Device, conversation_id: str, renegotiation_id: str, answer: Description
    ) -> None:
        """UCWA answer: what is offered is agreed from now on.

        409 when the offer is over or one's own; 400 InvalidMediaDescription for an answer that
        does not fit, or that leaves nothing of the call; 403 where policy forbids what it adds.
        """
        async with self._conversations.lock(conversation_id):
            conversation, renegotiation = self._open(device, conversation_id, renegotiation_id)
            media = media_agreed(renegotiation, answer)
            self._check_added(device, conversation, media)
            draft, unit = conversation.draft(), Unit()
            if conversation.early_to:
                agree_early(draft, renegotiation, device.id, answer)
                answered = renegotiation_after(renegotiation, Replied.ANSWERED)
                draft.renegotiation = attrs.evolve(answered, answer=answer.text)
                tell_early(unit, draft, "completed")
                await self._conversations.change(unit, conversation, draft)
                return
            for device_id, text, streams in (
                (renegotiation.from_id, renegotiation.offer, renegotiation.streams),
                (device.id, answer.text, encoded(answer.streams)),
            ):
                side = draft.sides[device_id]
                draft.sides[device_id] = attrs.evolve(side, description=text, streams=streams)
            answered = renegotiation_after(renegotiation, Replied.ANSWERED)
            draft.renegotiation = attrs.evolve(answered, answer=answer.text)
            agreed = negotiated(call_of(conversation), Negotiated.ANSWERED)
            draft.call = attrs.evolve(agreed, media=",".join(media))
            self._tell(unit, draft, "completed")
            name_of = self._conversations.names_in(conversation)
            by_phone = replacement(conversation, renegotiation)
            if by_phone is not None:
                take_over(draft, by_phone)
                tell_taken_over(unit, conversation, draft, by_phone, name_of)
            for leg in draft.legs.values():
                told = by_phone is not None and leg.application_id == renegotiation.from_id
                if leg.call == "Connected" and not told:
                    tell_media(unit, conversation, draft, leg, name_of)
            await self._conversations.change(unit, conversation, draft)

    async def dismiss(
        self, device: Device, conversation_id: str, renegotiation_id: str, subcode: str
    ) -> None:
        """UCWA dismiss: what was agreed stays so; who offered is told `subcode`.

        409 when the offer is over or one's own.
        """
        async with self._conversations.lock(conversation_id):
            conversation, _ = self._open(device, conversation_id, renegotiation_id)
            reason = ("RemoteFailure", subcode, "The offer was dismissed.")
            await self._fail(conversation, Negotiated.DISMISSED, Replied.DISMISSED, reason)

    async def withdraw(self, device: Device, conversation_id: str) -> None:
        """The device waits no longer for the answer to what it has offered anew, if it does."""
        async with self._conversations.lock(conversation_id):
            conversation, _ = self._conversations.find(device, conversation_id)
            found = conversation.renegotiation
            if found is not None and found.state == "Offered" and found.from_id == device.id:
                await self._fail(conversation, Negotiated.EXPIRED, Replied.EXPIRED, EXPIRED)

    def _check(
        self, device: Device, conversation: ActiveConversation, description: Description
    ) -> None:
        self._must_be_free(conversation)
        description.must_follow(conversation.streams_of(device.id))
        self._check_added(device, conversation, media_of(description.streams))

    @staticmethod
    def _must_be_free(conversation: ActiveConversation) -> None:
        open_one = conversation.renegotiation
        if open_one is not None and open_one.state == "Offered":
            raise Refusal("Conflict", "AlreadyExists", "Another offer is open.")

    def _check_added(
        self, device: Device, conversation: ActiveConversation, media: tuple[str, ...]
    ) -> None:
        going = call_of(conversation).media.split(",")
        self._policies.must_allow(device, [one for one in media if one not in going])

    def _open(
        self, device: Device, conversation_id: str, renegotiation_id: str
    ) -> tuple[ActiveConversation, Renegotiation]:
        """A renegotiation that the device may answer now.  404 or 409 otherwise."""
        renegotiation = self.find(device, conversation_id, renegotiation_id)
        if renegotiation.state != "Offered" or renegotiation.from_id == device.id:
            raise Refusal("Conflict", None, "The offer cannot be answered from here any more.")
        return self._conversations.find(device, conversation_id)[0], renegotiation

    async def _fail(
        self,
        conversation: ActiveConversation,
        event: Negotiated,
        reply: Replied,
        reason: Failed,
    ) -> None:
        draft, unit = conversation.draft(), Unit()
        if conversation.renegotiation is not None:
            draft.renegotiation = renegotiation_after(conversation.renegotiation, reply)
        if conversation.early_to:
            tell_early(unit, draft, "completed", reason)
            await self._conversations.change(unit, conversation, draft)
            return
        draft.call = negotiated(call_of(conversation), event)
        self._tell(unit, draft, "completed", reason)
        found = conversation.renegotiation
        by_phone = replacement(conversation, found) if found is not None else None
        if by_phone is not None:
            outcome = not_taken(reason, expired=event is Negotiated.EXPIRED)
            fail(unit, draft, by_phone, outcome, self._conversations.names_in(conversation))
        await self._conversations.change(unit, conversation, draft)

    def _expire_later(self, conversation: ActiveConversation, renegotiation: Renegotiation) -> None:
        async def expire(now: float) -> None:  # noqa: ARG001  # an Action
            async with self._conversations.lock(conversation.id):
                found = conversation.renegotiation
                if found is not None and found.id == renegotiation.id and found.state == "Offered":
                    await self._fail(conversation, Negotiated.EXPIRED, Replied.EXPIRED, EXPIRED)

        self._agenda.at(renegotiation.expires_at, expire)

    @staticmethod
    def _tell(
        unit: Unit, draft: ActiveConversation, change: str, reason: Failed | None = None
    ) -> None:
        for leg in draft.legs.values():
            if leg.call == "Connected" and is_told(draft, leg):
                fact = renegotiation_fact(draft, leg, change, reason)
                unit.append(leg.application_id, fact)


def _must_be_connected(leg: Leg) -> None:
    if leg.call != "Connected":
        raise Refusal("Conflict", None, "There is no call that is connected.")
