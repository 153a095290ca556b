"""Calls between two parties: who rings, who answers, what goes on, and who hangs up.

A call is a modality of a conversation as messaging is.  What it carries is described by session
descriptions that this passes on: the media flow between the parties.  Whoever takes part does so
with a device, an application or a line (`mobility.domain.lines`), so an adapter for SIP or a
telephone gateway calls here what an application's client calls over UCWA.
"""

import secrets

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.answering import must_ring
from mobility.domain.call import (
    PHONE_AUDIO,
    CallEnd,
    call_of,
    call_over,
    negotiation_fact,
    tell_answered,
    tell_calls,
    tell_media,
    tell_progress,
)
from mobility.domain.call_policy import CallPolicies
from mobility.domain.call_rows import Answer, Wanted, answering_side, begin_call
from mobility.domain.call_stages import CallStages, new_leg
from mobility.domain.call_states import (
    Called,
    Calling,
    Negotiated,
    call_after,
    calling_after,
    negotiated,
)
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversation_facts import tell_ended
from mobility.domain.conversations import Conversations
from mobility.domain.descriptions import common_media
from mobility.domain.early_offers import settle_early
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.lines import Device
from mobility.domain.outcomes import (
    CANCELLED,
    DECLINED,
    ELSEWHERE,
    OVER,
    UNABLE,
)
from mobility.domain.records import Conversation, Invitation, Leg, Receipt
from mobility.domain.states import (
    Held,
    Invited,
    Involved,
    conversation_after,
    invitation_after,
    leg_after,
)
from mobility.errors import Refusal

MAX_PROVISIONAL = 10
"""Provisional answers of one device to one call (our choice: early media changes a few times)."""


class Calls:
    """The calls among the active conversations."""

    def __init__(
        self,
        ledger: Ledger,
        agenda: Agenda,
        conversations: Conversations,
        policies: CallPolicies,
    ) -> None:
        self._ledger = ledger
        self._conversations = conversations
        self.policies = policies
        self.stages = CallStages(agenda, conversations)
        conversations.reach.allows = policies.allow

    async def start(
        self, device: Device, wanted: Wanted, now: float, receipt: Receipt | None = None
    ) -> Invitation:
        """Call somebody, in a conversation of its own (UCWA startAudioVideo and its like).

        An invitation that can reach nobody is completed at once, failed.  409 TooManyConversations
        or ThreadIdAlreadyExists, 403 where policy forbids one of the media, 400
        InvalidMediaDescription for an offer without one of them.
        """
        device.must_live()
        self._check(device, wanted)
        if not wanted.emergency:
            self._conversations.check_start(device, wanted.thread_id)
        conversation = ActiveConversation(
            record=Conversation(
                id=secrets.token_hex(8),
                thread_id=wanted.thread_id or secrets.token_hex(16),
                subject=wanted.subject,
                importance=wanted.importance,
                created_at=now,
            )
        )
        invitation = begin_call(conversation, device, wanted, now)
        plan = wanted.plan or self.stages.plan_of(conversation, invitation)
        invitation = attrs.evolve(invitation, expires_at=now + plan.timeout_s)
        conversation.invitations = {invitation.id: invitation}
        callees, later = self.stages.first_legs(conversation, invitation, plan, device)
        invitation = conversation.invitations[invitation.id]
        by_phone = wanted.modality == PHONE_AUDIO
        caller = new_leg(invitation, device, "Connecting", "Connecting", by_phone=by_phone)
        conversation.legs = {leg.application_id: leg for leg in (caller, *callees)}
        unit = Unit()
        if receipt is not None:
            unit.save(attrs.evolve(receipt, resource_id=invitation.id))
        for leg in conversation.legs.values():
            tell_calls(unit, conversation, invitation, leg, self._conversations.name_of, new=True)
        if not callees and not invitation.awaited:
            return await self._fail_at_once(unit, conversation, invitation, caller, now)
        await self._conversations.begin(unit, conversation)
        self.stages.follow(conversation, plan, later, now)
        return invitation

    async def add(
        self,
        device: Device,
        conversation_id: str,
        wanted: Wanted,
        now: float,
        receipt: Receipt | None = None,
    ) -> Invitation:
        """Add a call to a conversation of two: the other's device in it rings (UCWA addAudio...).

        409 while there is a call, in a conference, and before the conversation is connected.  An
        invitation that the other's device cannot take is completed at once, failed.
        """
        conversations = self._conversations
        conversations.find(device, conversation_id)
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(device, conversation_id)
            if not conversation.may_call(leg):
                raise Refusal("Conflict", None, "A call cannot be added now.")
            self._check(device, wanted)
            draft, unit = conversation.draft(), Unit()
            invitation = begin_call(draft, device, wanted, now)
            timeout_s = conversations.limits.invitation_timeout_s
            invitation = attrs.evolve(invitation, expires_at=now + timeout_s)
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=invitation.id))
            draft.legs[device.id] = calling_after(leg, Calling.CALLS)
            for other in conversation.others(leg):
                if conversations.carries(other.application_id, wanted.media):
                    draft.legs[other.application_id] = calling_after(other, Calling.RUNG)
            draft.invitations[invitation.id] = invitation
            name_of = conversations.names_in(conversation)
            for one in draft.legs.values():
                if one.call != "Disconnected":
                    tell_calls(unit, draft, invitation, one, name_of, new=False)
            await conversations.change(unit, conversation, draft)
            if not conversation.ringing(invitation):
                await conversations.withdraw(conversation, invitation, UNABLE, now)
            return conversation.invitations[invitation.id]

    async def alert(self, device: Device, invitation_id: str) -> None:
        """A device has received the call, or rings audibly: the caller is told (SIP 180 Ringing).

        409 when the invitation is over or is not the device's to answer.
        """
        conversations = self._conversations
        conversation = conversations.find_invitation(device, invitation_id)[0]
        async with conversations.lock(conversation.id):
            _, invitation, leg = conversations.find_invitation(device, invitation_id)
            must_ring(invitation, leg)
            if call_of(conversation).state == "Alerting":
                return
            draft, unit = conversation.draft(), Unit()
            self._alert(unit, draft, invitation)
            await conversations.change(unit, conversation, draft)

    async def answer_provisionally(
        self, device: Device, invitation_id: str, answer: Answer
    ) -> None:
        """UCWA sendProvisionalAnswer: early media from a device that rings (SIP 183).

        Each device that rings may do so, at most MAX_PROVISIONAL times.  409 when the invitation
        is over or is not the device's to answer; 400 InvalidMediaDescription for an answer that
        does not fit the offer.
        """
        conversations = self._conversations
        conversation = conversations.find_invitation(device, invitation_id)[0]
        async with conversations.lock(conversation.id):
            _, invitation, leg = conversations.find_invitation(device, invitation_id)
            must_ring(invitation, leg)
            draft, unit = conversation.draft(), Unit()
            call = call_of(draft)
            known = draft.sides.get(device.id)
            count = known.provisional if known is not None else 0
            if count >= MAX_PROVISIONAL:
                raise Refusal("Conflict", None, "Too many provisional answers.")
            side = answering_side(draft, call, leg, answer)
            side = attrs.evolve(side, provisional=count + 1)
            draft.sides[device.id] = side
            draft.call = negotiated(call, Negotiated.ANSWERED_PROVISIONALLY)
            unit.append(
                invitation.from_application_id, negotiation_fact(draft, side, provisional=True)
            )
            if call.state != "Alerting":
                self._alert(unit, draft, invitation)
            await conversations.change(unit, conversation, draft)

    async def accept(
        self,
        device: Device,
        invitation_id: str,
        answer: Answer,
        now: float,
        *,
        by_phone: bool = False,
    ) -> None:
        """UCWA acceptWithAnswer: this device answers, and the others that ring are told so.

        409 when the invitation is over or is not the device's to answer; 400
        InvalidMediaDescription for an answer that does not fit the offer or takes nothing of it,
        403 for one that takes what policy forbids.
        `by_phone` says that the user's telephone was answered.
        """
        conversations = self._conversations
        conversation = conversations.find_invitation(device, invitation_id)[0]
        async with conversations.lock(conversation.id):
            _, invitation, leg = conversations.find_invitation(device, invitation_id)
            must_ring(invitation, leg)
            draft, unit = conversation.draft(), Unit()
            settle_early(unit, draft, device.id, answer.description)
            call = call_of(draft)
            side = attrs.evolve(answering_side(draft, call, leg, answer), by_phone=by_phone)
            media = call.media
            if answer.description is not None:
                common = common_media(draft.streams_of(call.caller_id), answer.description.streams)
                media = ",".join(medium for medium in call.media.split(",") if medium in common)
                if not media:
                    raise Refusal(
                        "BadRequest", "InvalidMediaDescription", "The answer takes no media."
                    )
                if not by_phone:
                    self.policies.must_allow(device, common)
            name_of = conversations.names_in(conversation)
            answered = invitation_after(invitation, Invited.ANSWERED)
            accepted = attrs.evolve(answered, accepted_by=leg.user_uri)
            elsewhere = attrs.evolve(
                invitation_after(invitation, Invited.ANSWERED_ELSEWHERE), accepted_by=leg.user_uri
            )
            for loser in conversation.ringing(invitation):
                if loser is not leg:
                    del draft.legs[loser.application_id]
                    facts = call_over(conversation, loser, name_of)
                    tell_ended(unit, conversation, loser, name_of, elsewhere, ELSEWHERE, facts)
            draft.invitations[invitation.id] = accepted
            draft.sides = {call.caller_id: draft.sides[call.caller_id], device.id: side}
            draft.call = attrs.evolve(
                negotiated(call_after(call, Called.ANSWERED), Negotiated.ANSWERED),
                media=media,
                callee_id=device.id,
                callee_uri=leg.user_uri,
                answered_at=now,
                progress="",
            )
            for one in (conversation.legs[call.caller_id], leg):
                connected = calling_after(one, Calling.CONNECTED)
                if one.state != "Connected":
                    connected = leg_after(connected, Involved.ANSWERED)
                draft.legs[one.application_id] = connected
            for one in (conversation.legs[call.caller_id], leg):
                connected = draft.legs[one.application_id]
                new = one.state != "Connected"
                tell_answered(unit, draft, accepted, connected, name_of, new=new)
            await conversations.change(unit, conversation, draft)
            self.stages.end(conversation)

    async def stop(
        self,
        device: Device,
        conversation_id: str,
        media: tuple[str, ...],
        now: float,
        reason: str = "",
    ) -> None:
        """UCWA stopAudio, stopVideo and stopAudioVideo: end `media` of the call.

        With none left the call ends, and with it a conversation that has nothing else.  A caller
        that waits for an answer cancels the invitation, a callee that rings declines it on this
        device.  `reason` is remembered as the outcome of a call that was answered.  409 without a
        call.
        """
        conversations = self._conversations
        conversations.find(device, conversation_id)
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(device, conversation_id)
            if conversation.call is None or leg.call == "Disconnected":
                raise Refusal("Conflict", None, "There is no call.")
            call = conversation.call
            if leg.call == "Connecting":
                invitation = conversation.invitations[call.id]
                await conversations.withdraw(conversation, invitation, CANCELLED, now)
                return
            if leg.call == "Ringing":
                await conversations.hang_up(conversation, [leg], DECLINED, now)
                return
            rest = [medium for medium in call.media.split(",") if medium not in media]
            if not rest:
                over = OVER if not reason else attrs.evolve(OVER, outcome=reason)
                await conversations.hang_up(conversation, [leg], over, now)
                return
            if len(rest) == len(call.media.split(",")):
                raise Refusal("Conflict", None, "The call has no such media.")
            draft, unit = conversation.draft(), Unit()
            draft.call = attrs.evolve(call, media=",".join(rest))
            self.tell_media(unit, conversation, draft)
            await conversations.change(unit, conversation, draft)

    async def mute(self, device: Device, conversation_id: str, medium: str, *, muted: bool) -> None:
        """UCWA muteAudio and its like, of the device's own audio or video.

        The other side is told; the device itself stops sending.  409 when it is so already or the
        call has no such medium.
        """
        conversations = self._conversations
        conversations.find(device, conversation_id)
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(device, conversation_id)
            call = conversation.call
            if call is None or leg.call != "Connected" or medium not in call.media.split(","):
                raise Refusal("Conflict", None, f"There is no {medium.lower()}.")
            side = conversation.sides[device.id]
            mutes = {one for one in side.muted.split(",") if one}
            if (medium in mutes) is muted:
                raise Refusal("Conflict", None, "It is so already.")
            mutes ^= {medium}
            draft, unit = conversation.draft(), Unit()
            draft.sides[device.id] = attrs.evolve(side, muted=",".join(sorted(mutes)))
            self.tell_media(unit, conversation, draft)
            await conversations.change(unit, conversation, draft)

    # How it rings

    def _check(self, device: Device, wanted: Wanted) -> None:
        if not wanted.emergency and wanted.modality != PHONE_AUDIO:
            self.policies.must_allow(device, wanted.media)
        if wanted.offer is not None:
            wanted.offer.must_offer(wanted.media)

    def _alert(self, unit: Unit, draft: ActiveConversation, invitation: Invitation) -> None:
        call = call_of(draft)
        draft.call = attrs.evolve(
            call_after(call, Called.ALERTED), progress=call.progress or "Alerting"
        )
        tell_progress(unit, draft, invitation, self._conversations.names_in(draft))

    def tell_media(self, unit: Unit, before: ActiveConversation, after: ActiveConversation) -> None:
        for leg in after.legs.values():
            if leg.call == "Connected":
                tell_media(unit, before, after, leg, self._conversations.names_in(before))

    async def _fail_at_once(
        self,
        unit: Unit,
        conversation: ActiveConversation,
        invitation: Invitation,
        caller: Leg,
        now: float,
    ) -> Invitation:
        failed = invitation_after(invitation, Invited.UNREACHABLE)
        reason = self._conversations.reach.reason(invitation.to_uri, invitation.from_uri)
        name_of = self._conversations.name_of
        facts = call_over(conversation, caller, name_of)
        tell_ended(unit, conversation, caller, name_of, failed, reason, facts)
        ended = attrs.evolve(
            call_after(call_of(conversation), Called.ENDED), ended_at=now, outcome=reason.subcode
        )
        record = conversation_after(conversation.record, Held.ENDED)
        unit.save(record, failed, ended)
        end = CallEnd(ended, record, failed)
        for remember in self._conversations.call_endings:
            remember(unit, end)
        await self._ledger.commit(unit)
        self._conversations.lines.tell(unit)
        return failed
