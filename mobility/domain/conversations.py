"""The active conversations: who takes part, which invitations are open, and how it all ends.

Every decision becomes one unit of work; memory follows once it is stored.  Changes of one
conversation's state wait for one another; messages only wait for a change that is under way.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial

import attrs

from mobility.domain import outcomes
from mobility.domain.agenda import Agenda
from mobility.domain.answering import must_ring
from mobility.domain.applications import Applications
from mobility.domain.call import CallEnd, call_over, settle_call, tell_call_over
from mobility.domain.call_states import Calling, calling_after
from mobility.domain.conference import take_leave
from mobility.domain.conference_media import settle_parts, withdrawn
from mobility.domain.conversation import CALL, MIXED, PHONE, ActiveConversation
from mobility.domain.conversation_book import ConversationBook, ConversationLimits
from mobility.domain.conversation_facts import tell_gone
from mobility.domain.conversation_rows import from_rows, put_changes, put_new
from mobility.domain.facts import Fact
from mobility.domain.ledger import Archive, Ledger, Snapshot, Unit
from mobility.domain.lines import Device, is_line
from mobility.domain.locks import Lock, Locks
from mobility.domain.mixed_facts import mixed_over, tell_mixed, tell_not_mixed
from mobility.domain.mixed_part import MixedPart
from mobility.domain.outcomes import Outcome, outcome_of
from mobility.domain.reach import Reach
from mobility.domain.records import Invitation, Leg, Message
from mobility.domain.states import (
    INVITATION,
    Held,
    Invited,
    conversation_after,
    invitation_after,
)
from mobility.domain.users import Users
from mobility.errors import Refusal

Closing = Callable[[Unit, ActiveConversation], Callable[[], None]]
"""Puts what goes with a conversation that ends into the unit of work; the answer is called once
that is stored."""

CallEnding = Callable[[Unit, CallEnd], None]
"""Puts what is remembered of a call that is over into the unit of work that ends it."""

Withdrawal = Callable[[ActiveConversation, Invitation, Outcome, float], Awaitable[None]]
"""Ends an open invitation; who calls it holds the conversation's lock."""

Parting = Callable[[Unit, ActiveConversation, ActiveConversation, Outcome, float], None]
"""Puts what is remembered of those who leave a conversation into the unit of work."""

Changing = Callable[[Unit, ActiveConversation, ActiveConversation], None]
"""Lets what depends on a conversation follow its change, in the same unit of work: the unit, the
conversation before, and the draft, which it may change too."""


class Conversations(ConversationBook):
    """The active conversations of this front end, and every change of them."""

    def __init__(
        self,
        ledger: Ledger,
        archive: Archive,
        agenda: Agenda,
        users: Users,
        applications: Applications,
        reach: Reach,
        limits: ConversationLimits,
    ) -> None:
        super().__init__(users, applications, reach, limits)
        self._ledger = ledger
        self._archive = archive
        self._agenda = agenda
        self._locks = Locks()
        self.closings: list[Closing] = []
        self.call_endings: list[CallEnding] = []
        self.partings: list[Parting] = []
        self.phones: Withdrawal | None = None
        """Ends the call to the telephone of who takes part in a conference."""
        self.replacements: Withdrawal | None = None
        """Ends that to the telephone that is to take the place of audio between two parties."""
        self.mixings: list[Callable[[ActiveConversation, Mapping[str, MixedPart]], None]] = []
        """Called with a conference that has changed, and the parts its devices had before."""
        self.changes: list[Changing] = []
        self.silences: list[Callable[[ActiveConversation, Outcome], None]] = []
        """Called when nothing rings any more for a call that others may ring for, with why."""

    def load(self, stored: Snapshot) -> None:
        """Take the stored conversations into memory; invitations keep their expiry.

        Lines have not outlived the process that had them: what they took part in ends at once, but
        for those that are opened again before the agenda begins.
        """
        for conversation in from_rows(stored):
            conversation.message_count = stored.message_counts.get(conversation.id, 0)
            self._remember(conversation)
            for invitation in conversation.invitations.values():
                self._open(conversation, invitation)
        for leg in stored.legs:
            found = self._conversations.get(leg.conversation_id)
            known = self._applications.find(leg.application_id) is not None
            if found is not None and (known or is_line(leg.application_id)):
                found.legs[leg.application_id] = leg
                self._hang_on(leg)
        for conversation in self._conversations.values():
            if any(is_line(device_id) for device_id in conversation.legs):
                self._agenda.at(0.0, partial(self._lose_lines, conversation))
            if conversation.is_conference:
                self._agenda.at(0.0, partial(self._lose_mixer, conversation))

    async def _lose_lines(self, conversation: ActiveConversation, now: float) -> None:
        async with self.lock(conversation.id):
            lost = [
                leg
                for key, leg in conversation.legs.items()
                if is_line(key) and self.lines.find(key) is None
            ]
            if lost:
                await self.drop(conversation, lost, outcomes.LOST, now)

    async def _lose_mixer(self, conversation: ActiveConversation, now: float) -> None:
        """Calls with the mixer have not outlived the process either."""
        async with self.lock(conversation.id):
            lost = [
                leg
                for leg in conversation.legs.values()
                if leg.call != "Disconnected" and not is_line(leg.application_id)
            ]
            if lost:
                await self.hang_up(conversation, lost, outcomes.LOST, now)

    def lock(self, conversation_id: str) -> Lock:
        """Held by who changes the conversation's state."""
        return self._locks.of(conversation_id)

    async def settled(self, conversation_id: str) -> None:
        """Wait for the change of a conversation's state that is under way, if there is one."""
        lock = self._locks.held(conversation_id)
        if lock is not None:
            async with lock:
                pass

    async def begin(self, unit: Unit, conversation: ActiveConversation) -> None:
        """Store a new conversation with its legs and invitations, and take it into memory.

        `unit` has what they are told.
        """
        put_new(unit, conversation)
        async with self.lock(conversation.id):  # an application that ends now waits for it
            self._remember(conversation)
            for leg in conversation.legs.values():
                self._hang_on(leg)
            try:
                await self._ledger.commit(unit)
            except BaseException:
                self._forget(conversation)
                raise
            for invitation in conversation.invitations.values():
                self._open(conversation, invitation)
            self.lines.tell(unit)

    async def change(
        self,
        unit: Unit,
        conversation: ActiveConversation,
        draft: ActiveConversation,
        then: Iterable[tuple[str, Fact]] = (),
        outcome: Outcome | None = None,
    ) -> None:
        """Store what `draft` has otherwise than `conversation` together with `unit`.

        `then` is what streams are told after what a conference is told of its audio and video, and
        `outcome` how the calls end that are over in it.  The caller holds the conversation's lock.
        """
        before, after = conversation, draft
        if after.is_conference:
            settle_parts(after)
            tell_mixed(unit, before, after, outcome)
        for stream, fact in then:
            unit.append(stream, fact)
        after.record = attrs.evolve(after.record, version=before.record.version + 1)
        for change in self.changes:
            change(unit, before, after)
        gone = [leg for key, leg in before.legs.items() if key not in after.legs]
        come = [leg for key, leg in after.legs.items() if key not in before.legs]
        put_changes(unit, before, after)
        closed = [close(unit, after) for close in self.closings if after.record.state == "Ended"]
        for leg in come:  # an application that ends now waits for it
            self._hang_on(leg)
        try:
            await self._ledger.commit(unit)
        except BaseException:
            for leg in come:
                self._let_go(leg)
            raise
        for leg in gone:
            self._let_go(leg)
        for key, invitation in after.invitations.items():
            if key not in before.invitations:
                self._open(before, invitation)
            elif invitation.state != "Connecting":
                self._answered(invitation)
        before.record = after.record
        before.legs, before.invitations = after.legs, after.invitations
        before.participants = after.participants
        before.call, before.sides = after.call, after.sides
        before.renegotiation = after.renegotiation
        before.early, before.early_to = after.early, after.early_to
        parts, before.parts, before.locked_on = before.parts, after.parts, after.locked_on
        before.telephones = after.telephones
        before.contents, before.views = after.contents, after.views
        if before.is_conference:
            self._of_meeting[before.record.meeting_uri] = before
            for follow in self.mixings:
                follow(before, parts)
        for forget in closed:
            forget()
        if before.record.state == "Ended":
            self._forget(before)
        self.lines.tell(unit)

    async def drop(
        self,
        conversation: ActiveConversation,
        legs: Iterable[Leg],
        outcome: Outcome,
        now: float,
        over: Invitation | None = None,
    ) -> None:
        """`legs` go, and with them who cannot stay alone; invitations that nobody can answer any
        more end in `outcome`.  Nobody who wakes can answer `over` now.

        The caller holds the conversation's lock.
        """
        draft = _without_waiting(conversation, over)
        for leg in legs:
            del draft.legs[leg.application_id]
        await self._settle(conversation, draft, outcome, now)

    async def hang_up(
        self,
        conversation: ActiveConversation,
        legs: Iterable[Leg],
        outcome: Outcome,
        now: float,
        over: Invitation | None = None,
    ) -> None:
        """`legs` leave the call, and the conversation if they have nothing else in it.  Nobody
        who wakes can answer `over` now.

        The caller holds the conversation's lock.
        """
        draft = _without_waiting(conversation, over)
        for leg in legs:
            if leg.messaging == "Disconnected" and not draft.is_conference:
                del draft.legs[leg.application_id]
            else:
                draft.legs[leg.application_id] = calling_after(leg, Calling.LEFT)
        await self._settle(conversation, draft, outcome, now)

    async def leave_mixer(
        self, conversation: ActiveConversation, device_id: str, outcome: Outcome, now: float
    ) -> None:
        """A device's call with the mixer of a conference is over.

        The caller holds the conversation's lock.
        """
        draft = conversation.draft()
        withdrawn(draft, device_id)
        await self._settle(conversation, draft, outcome, now)

    async def withdraw(
        self, conversation: ActiveConversation, invitation: Invitation, outcome: Outcome, now: float
    ) -> None:
        """End an open invitation.  The caller holds the conversation's lock."""
        waiting = conversation.waiting(invitation)
        calls = self.phones if conversation.is_conference else self.replacements
        if invitation.kind == PHONE and calls is not None:
            await calls(conversation, invitation, outcome, now)
        elif invitation.kind == MIXED:
            await self.leave_mixer(conversation, invitation.from_application_id, outcome, now)
        elif invitation.kind == CALL:
            conversation.stages = 0
            calling = conversation.legs_calling(invitation)
            await self.hang_up(conversation, [*waiting, *calling], outcome, now, invitation)
        else:
            await self.drop(conversation, waiting, outcome, now, invitation)

    async def _settle(
        self,
        conversation: ActiveConversation,
        draft: ActiveConversation,
        outcome: Outcome,
        now: float,
    ) -> None:
        """Legs of `draft` are gone or out of the call: what else ends, and who is told."""
        unit = Unit()
        settle_parts(draft)
        await self._end_invitations(unit, draft, outcome)
        end = settle_call(unit, draft, outcome, now)
        if draft.is_over():
            draft.record = conversation_after(draft.record, Held.ENDED)
            draft.legs.clear()
            settle_parts(draft)
            await self._end_invitations(unit, draft, outcome)
        name_of = self.names_in(conversation)
        for leg in conversation.legs.values():
            if leg.application_id not in draft.legs:
                facts = call_over(conversation, leg, name_of)
                if conversation.is_conference:
                    facts = mixed_over(conversation, leg)
                tell_gone(unit, conversation, leg, outcome, name_of, facts)
            elif conversation.is_conference:
                tell_not_mixed(unit, conversation, draft, leg, outcome, name_of)
            elif leg.call != draft.legs[leg.application_id].call:
                tell_call_over(unit, conversation, draft, leg, outcome, name_of)
        if conversation.is_conference:
            take_leave(unit, conversation, draft, outcome, name_of)
        if end is not None:
            for remember in self.call_endings:
                remember(unit, end)
        for part in self.partings:
            part(unit, conversation, draft, outcome, now)
        await self.change(unit, conversation, draft, outcome=outcome)
        if (call := conversation.call) is not None and conversation.stages:
            invitation = conversation.invitations.get(call.id)
            if invitation is not None and conversation.is_silent(invitation):
                for silent in self.silences:
                    silent(conversation, outcome)

    async def _end_invitations(
        self, unit: Unit, draft: ActiveConversation, outcome: Outcome
    ) -> None:
        """End the invitations that nobody can answer any more; their messages are missed."""
        for invitation in draft.open_invitations():
            if draft.is_void(invitation):
                draft.invitations[invitation.id] = invitation_after(invitation, outcome.event)
                message = await self.first_message(draft, invitation)
                written = [message, *draft.later] if message is not None else draft.later
                missed = outcome != outcomes.COMPLETED_ELSEWHERE
                unit.save(*[attrs.evolve(one, missed=missed) for one in written])

    async def decline(
        self,
        endpoint: Device,
        invitation_id: str,
        everywhere: bool,
        now: float,
        outcome: Outcome = outcomes.DECLINED,
    ) -> None:
        """UCWA decline: this device, or with `everywhere` all of the user's, will not answer.

        409 when the invitation is over or is not the application's to answer.
        """
        conversation = self.find_invitation(endpoint, invitation_id)[0]
        async with self.lock(conversation.id):
            _, invitation, leg = self.find_invitation(endpoint, invitation_id)
            must_ring(invitation, leg)
            legs, over = [leg], None
            if everywhere:
                over = invitation
                ringing = conversation.ringing(invitation)
                legs = [one for one in ringing if one.user_uri == leg.user_uri]
                if leg.user_uri == invitation.to_uri:  # else who was called may still be reached
                    conversation.stages = 0
            if invitation.kind == CALL:
                await self.hang_up(conversation, legs, outcome, now, over)
            else:
                await self.drop(conversation, legs, outcome, now, over)

    async def cancel(
        self,
        endpoint: Device,
        invitation_id: str,
        now: float,
        outcome: Outcome = outcomes.CANCELLED,
    ) -> None:
        """UCWA cancel: who sent the invitation gives it up.  409 when it is over."""
        conversation = self.find_invitation(endpoint, invitation_id)[0]
        async with self.lock(conversation.id):
            _, invitation, _ = self.find_invitation(endpoint, invitation_id)
            sent = invitation.from_application_id == endpoint.id
            if not sent or not INVITATION.allows(invitation.state, Invited.CANCELLED):
                raise Refusal("Conflict", None, "The invitation cannot be cancelled any more.")
            await self.withdraw(conversation, invitation, outcome, now)

    async def terminate(self, endpoint: Device, conversation_id: str, now: float) -> None:
        """UCWA DELETE conversation: the application leaves it.

        A caller that waits for an answer cancels the invitation, a callee that rings declines it
        on this device; what is between two parties ends for both, a conference goes on.
        """
        self.find(endpoint, conversation_id)
        async with self.lock(conversation_id):
            conversation, leg = self.find(endpoint, conversation_id)
            conversation.readings.leaving.add(leg.user_uri)
            await self.drop(conversation, [leg], outcome_of(leg, outcomes.DECLINED), now)

    async def leave(self, endpoint: Device, now: float) -> None:
        """The application ends: it leaves each of its conversations, the oldest first, and the
        others are told."""
        for conversation_id in [conversation.id for conversation, _ in self.of(endpoint)]:
            async with self.lock(conversation_id):
                conversation = self._conversations.get(conversation_id)
                leg = conversation.legs.get(endpoint.id) if conversation is not None else None
                if conversation is not None and leg is not None:
                    await self.drop(conversation, [leg], outcome_of(leg, outcomes.SIGNED_OUT), now)

    async def first_message(
        self, conversation: ActiveConversation, invitation: Invitation
    ) -> Message | None:
        """The message the invitation carries; after a restart only the store has it."""
        if not invitation.message_number:
            return None
        if conversation.first_message is not None:
            return conversation.first_message
        return await self._archive.message(conversation.id, invitation.message_number)

    async def message(self, conversation_id: str, number: int) -> Message | None:
        """A message of a conversation that goes on or is over."""
        return await self._archive.message(conversation_id, number)

    def _open(self, conversation: ActiveConversation, invitation: Invitation) -> None:
        """An open invitation expires unless it ends before."""
        self._of_invitation[invitation.id] = conversation
        self._await_answer(conversation, invitation)

        async def expire(now: float) -> None:
            await self._expire(conversation, invitation.id, now)

        self._agenda.at(invitation.expires_at, expire)

    async def _expire(
        self, conversation: ActiveConversation, invitation_id: str, now: float
    ) -> None:
        """Nobody answered in time: the invitation ends, the message stays in the stream."""
        async with self.lock(conversation.id):
            invitation = conversation.invitations.get(invitation_id)
            if (
                self._conversations.get(conversation.id) is conversation
                and invitation is not None
                and invitation.state == "Connecting"
            ):
                if now < invitation.expires_at:  # it waits longer than it was to
                    self._open(conversation, invitation)
                else:
                    await self.withdraw(conversation, invitation, outcomes.UNANSWERED, now)


def _without_waiting(
    conversation: ActiveConversation, over: Invitation | None
) -> ActiveConversation:
    """A draft in which nobody is waited for to wake and answer `over`."""
    draft = conversation.draft()
    if over is not None and over.awaited:
        draft.invitations[over.id] = attrs.evolve(over, awaited=False)
    return draft
