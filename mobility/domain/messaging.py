"""Instant messaging: who is invited, who answers, what each side is told."""

import secrets
from typing import Protocol

import attrs

from mobility.domain.addresses import is_guest
from mobility.domain.agenda import Agenda
from mobility.domain.answering import must_ring
from mobility.domain.call_messages import tell_messaging_in_call, tell_messaging_over
from mobility.domain.carriages import Carriages
from mobility.domain.conference import tell_added, tell_stopped
from mobility.domain.conversation import CONFERENCED, ActiveConversation
from mobility.domain.conversation_facts import tell_connected, tell_ended, tell_started
from mobility.domain.conversations import Conversations
from mobility.domain.delivery import Delivery
from mobility.domain.history import History
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.lines import Device, Line, is_line
from mobility.domain.message_facts import tell_message, tell_sent
from mobility.domain.message_formats import MessageFormats
from mobility.domain.outcomes import ELSEWHERE, UNABLE
from mobility.domain.records import Conversation, Invitation, Leg, Message, Receipt
from mobility.domain.states import (
    Held,
    Invited,
    Involved,
    Messaged,
    conversation_after,
    invitation_after,
    leg_after,
    messaging_after,
)
from mobility.domain.typing_notices import TypingNotices
from mobility.errors import Refusal


@attrs.frozen(slots=True)
class Text:
    """The body of a message; `format` is a MessageFormat, `plain` the text of an Html one."""

    format: str
    body: str = attrs.field(repr=False)
    plain: str = attrs.field(repr=False, default="")


class Outside(Protocol):
    """Who reaches people that have no application: by their phones, and by other servers."""

    def line(self, to_uri: str, from_uri: str) -> Line | None:
        """A line to somebody that rings from now on; None where nothing leads there."""


@attrs.frozen(slots=True)
class Call:
    """What startMessaging asks for; without `outside` nobody but applications rings."""

    to_uri: str
    operation_id: str = ""
    subject: str = ""
    importance: str = "Normal"
    thread_id: str = ""
    text: Text | None = None
    custom_content: str = attrs.field(repr=False, default="")
    outside: bool = True


class Messaging:
    """The messaging modality of the active conversations.

    Who takes part is a device: an application, or a line to somebody who has none.
    """

    def __init__(
        self,
        ledger: Ledger,
        agenda: Agenda,
        conversations: Conversations,
        formats: MessageFormats,
        delivery: Delivery,
        history: History,
    ) -> None:
        self._history = history
        self._delivery = delivery
        self.formats = formats
        self._ledger = ledger
        self._conversations = conversations
        self.outside: Outside | None = None
        self.carriages = Carriages(ledger, delivery, conversations.name_of)
        self._typing = TypingNotices(
            ledger,
            conversations.lines,
            agenda,
            conversations.settled,
            conversations.name_of,
            conversations.limits.typing_timeout_s,
        )

    async def start(
        self, endpoint: Device, call: Call, now: float, receipt: Receipt | None = None
    ) -> Invitation:
        """UCWA startMessaging: ring every application of the callee that can take messages, and
        its phones.

        An invitation that can reach nobody is completed at once, failed; its message is kept as
        missed.  Refused with 409 TooManyConversations or ThreadIdAlreadyExists.
        """
        endpoint.must_live()
        self._conversations.check_start(endpoint, call.thread_id)
        conversation = ActiveConversation(
            record=Conversation(
                id=secrets.token_hex(8),
                thread_id=call.thread_id or secrets.token_hex(16),
                subject=call.subject,
                importance=call.importance,
                created_at=now,
            )
        )
        message = None
        if call.text is not None:
            message = _new_message(conversation, endpoint.user_uri, call.text, now)
            conversation.first_message = message
            conversation.readings.said[endpoint.user_uri] = message.number
        conversations, to_uri = self._conversations, call.to_uri
        invitation = Invitation(
            id=secrets.token_hex(16),
            conversation_id=conversation.id,
            from_uri=endpoint.user_uri,
            from_application_id=endpoint.id,
            to_uri=to_uri,
            operation_id=call.operation_id,
            created_at=now,
            expires_at=now + conversations.limits.invitation_timeout_s,
            message_number=message.number if message is not None else 0,
            custom_content=call.custom_content,
            awaited=conversations.may_wake(to_uri, "Messaging", endpoint.user_uri),
        )
        caller = writing_leg(invitation, endpoint, "Connecting")
        ringing = self._ringing(call, endpoint)
        callees = [writing_leg(invitation, callee, "Incoming") for callee in ringing]
        unit = Unit()
        if receipt is not None:
            unit.save(attrs.evolve(receipt, resource_id=invitation.id))
        for leg in (caller, *callees):
            tell_started(
                unit,
                conversation,
                invitation,
                leg,
                self._conversations.name_of,
                message if leg is not caller else None,
            )
        if not callees and not invitation.awaited:
            return await self._fail_at_once(unit, conversation, invitation, caller, message, now)
        if message is not None:
            unit.save(message)
        conversation.legs = {leg.application_id: leg for leg in (caller, *callees)}
        conversation.invitations = {invitation.id: invitation}
        await self._conversations.begin(unit, conversation)
        return invitation

    async def accept(self, endpoint: Device, invitation_id: str) -> None:
        """UCWA accept: this application answers, and the others that ring are told so.

        409 when the invitation is over or is not the application's to answer.
        """
        conversations = self._conversations
        conversation = conversations.find_invitation(endpoint, invitation_id)[0]
        async with conversations.lock(conversation.id):
            _, invitation, leg = conversations.find_invitation(endpoint, invitation_id)
            must_ring(invitation, leg)
            accepted = attrs.evolve(
                invitation_after(invitation, Invited.ANSWERED), accepted_by=leg.user_uri
            )
            message = await conversations.first_message(conversation, invitation)
            draft, unit = conversation.draft(), Unit()
            draft.invitations[invitation.id] = accepted
            sides = conversation.legs[invitation.from_application_id], leg
            formats = self.formats.common(*sides)
            later = [] if is_line(leg.application_id) else conversation.later
            for side in sides:
                connected = messaging_after(leg_after(side, Involved.ANSWERED), Messaged.CONNECTED)
                connected = attrs.evolve(connected, formats=formats)
                draft.legs[side.application_id] = connected
                tell_connected(
                    unit,
                    conversation,
                    accepted,
                    connected,
                    self._conversations.name_of,
                    message if side is leg else None,
                )
            for one in later:
                tell_message(unit, one, [leg], self._conversations.name_of)
            elsewhere = invitation_after(invitation, Invited.ANSWERED_ELSEWHERE)
            for loser in conversation.ringing(invitation):
                if loser is not leg:
                    del draft.legs[loser.application_id]
                    name_of = self._conversations.name_of
                    tell_ended(unit, conversation, loser, name_of, elsewhere, ELSEWHERE)
            await conversations.change(unit, conversation, draft)
            conversation.first_message = None
            conversation.later.clear()

    async def write(
        self, endpoint: Device, conversation_id: str, text: Text, now: float
    ) -> Message:
        """A further message of who has invited, answered or not: who answers gets it.

        409 when the conversation is not there any more to write in.
        """
        conversations = self._conversations
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(endpoint, conversation_id)
            if leg.state == "Connecting":
                message = _new_message(conversation, leg.user_uri, text, now)
                unit = Unit()
                unit.save(message)
                lines = [one for one in conversation.legs.values() if _hears_early(one)]
                tell_message(unit, message, lines, conversations.name_of)
                await self._ledger.commit(unit)
                conversation.later.append(message)
                conversation.readings.said[leg.user_uri] = message.number
                conversations.lines.tell(unit)
                return message
        return await self.send(endpoint, conversation_id, text, "", now)

    async def send(
        self,
        endpoint: Device,
        conversation_id: str,
        text: Text,
        operation_id: str,
        now: float,
        receipt: Receipt | None = None,
    ) -> Message:
        """UCWA sendMessage: answers once the message is durable in every recipient's stream.

        Whom it does not reach (`mobility.domain.delivery`) the sender is told when it completes:
        at once, or once a line says whether it was taken (`carriages`).
        409 while messaging is not connected, 403 for an attendee while the audience may not write.
        """
        await self._conversations.settled(conversation_id)
        conversation, leg = self._conversations.find(endpoint, conversation_id)
        _must_be_connected(leg)
        if not conversation.may_send(leg):
            raise Refusal("Forbidden", None, "Only leaders may send messages in this meeting.")
        conversation.used_at = now
        reached = self._delivery.of(conversation, leg)
        message = _new_message(conversation, leg.user_uri, text, now)
        if reached.failed:
            missed = not conversation.is_conference and self._delivery.is_missed(
                reached.failed, leg
            )
            message = attrs.evolve(message, failed=" ".join(reached.failed), missed=missed)
        unit = Unit()
        unit.save(message)
        if receipt is not None:
            unit.save(attrs.evolve(receipt, resource_id=str(message.number)))
        typed = self._typing.end(unit, conversation, leg)
        name_of = self._conversations.names_in(conversation)
        self._history.tell_readers(unit, conversation, message)
        beyond = (one for one in reached.legs if _is_beyond(one, leg))
        carriage = self.carriages.put(unit, message, leg, beyond, operation_id)
        if carriage is None:
            tell_sent(unit, message, leg, name_of, operation_id)
        tell_message(unit, message, reached.legs, name_of)
        try:
            await self._ledger.commit(unit)
        except BaseException:
            if typed and endpoint.id not in conversation.typing:
                self._typing.end_later(conversation, leg, now)
            raise
        conversation.readings.said[leg.user_uri] = message.number
        if carriage is not None:
            self.carriages.begin(carriage, message, leg, name_of)
        self._conversations.lines.tell(unit)
        return message

    async def add(
        self,
        endpoint: Device,
        conversation_id: str,
        operation_id: str,
        now: float,
        receipt: Receipt | None = None,
    ) -> Invitation:
        """UCWA addMessaging: take part in the messages of a conference, or write to the other one
        of a call, whose device takes messages too.

        409 when messaging is connected already, and where nobody could read.
        """
        conversations = self._conversations
        conversations.find(endpoint, conversation_id)
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(endpoint, conversation_id)
            other = conversation.may_write_to(leg)
            if other is not None and not conversations.carries(other.application_id, ["Messaging"]):
                raise Refusal("Conflict", None, "The other device takes no messages.")
            if other is None and (leg.state != CONFERENCED or leg.messaging == "Connected"):
                raise Refusal("Conflict", None, "Messaging cannot be added now.")
            draft, unit = conversation.draft(), Unit()
            asked = Invitation(
                id=secrets.token_hex(16),
                conversation_id=conversation.id,
                from_uri=leg.user_uri,
                from_application_id=endpoint.id,
                to_uri=conversation.organizer_uri if other is None else other.user_uri,
                operation_id=operation_id,
                created_at=now,
                expires_at=now,
            )
            invitation = invitation_after(asked, Invited.ANSWERED)
            if receipt is not None:
                unit.save(attrs.evolve(receipt, resource_id=invitation.id))
            draft.invitations[invitation.id] = invitation
            if other is not None:
                formats = self.formats.common(leg, other)
                for one in (leg, other):
                    added = messaging_after(one, Messaged.ADDED, Messaged.CONNECTED)
                    draft.legs[one.application_id] = attrs.evolve(added, formats=formats)
                tell_messaging_in_call(unit, draft, asked, conversations.names_in(conversation))
                await conversations.change(unit, conversation, draft)
                return invitation
            added = messaging_after(leg, Messaged.ADDED, Messaged.CONNECTED)
            draft.legs[endpoint.id] = attrs.evolve(added, formats=self.formats.common(leg))
            tell_added(unit, conversation, draft, asked, conversations.names_in(conversation))
            await conversations.change(unit, conversation, draft)
            return invitation

    async def stop(self, endpoint: Device, conversation_id: str, now: float) -> None:
        """UCWA stopMessaging: leave the messages of a conference, or end those of two parties.

        Two parties who do nothing but write end their conversation so.  409 when messaging is not
        connected.
        """
        conversations = self._conversations
        conversation, leg = conversations.find(endpoint, conversation_id)
        if not conversation.is_conference and leg.call == "Disconnected":
            await conversations.terminate(endpoint, conversation_id, now)
            return
        async with conversations.lock(conversation_id):
            conversation, leg = conversations.find(endpoint, conversation_id)
            _must_be_connected(leg)
            draft, unit = conversation.draft(), Unit()
            parties = [leg] if conversation.is_conference else list(conversation.legs.values())
            for one in parties:
                draft.legs[one.application_id] = messaging_after(one, Messaged.STOPPED)
                self._typing.end(unit, conversation, one)
            if conversation.is_conference:
                tell_stopped(unit, draft, draft.legs[endpoint.id])
            for one in parties if not conversation.is_conference else ():
                tell_messaging_over(unit, conversation, draft, one, self._conversations.name_of)
            await conversations.change(unit, conversation, draft)

    async def set_typing(self, endpoint: Device, conversation_id: str, now: float) -> None:
        """UCWA setIsTyping: the others see it until a few seconds after the last call."""
        await self._conversations.settled(conversation_id)
        conversation, leg = self._conversations.find(endpoint, conversation_id)
        _must_be_connected(leg)
        conversation.used_at = now
        await self._typing.begin(conversation, leg, now)

    def _ringing(self, call: Call, caller: Device) -> list[Device]:
        """The devices that an invitation to write rings."""
        to_uri, from_uri = call.to_uri, caller.user_uri
        conversations = self._conversations
        found: list[Device] = [*conversations.reachable(to_uri, "Messaging", from_uri)]
        if self.outside is not None and call.outside and not is_guest(from_uri):
            stranger = not conversations.reach.is_user(to_uri)
            if stranger or conversations.reach.obstacle(to_uri, from_uri) is None:
                line = self.outside.line(to_uri, from_uri)
                if line is not None:
                    found.append(line)
        return found

    async def _fail_at_once(
        self,
        unit: Unit,
        conversation: ActiveConversation,
        invitation: Invitation,
        caller: Leg,
        message: Message | None,
        now: float,
    ) -> Invitation:
        failed = invitation_after(invitation, Invited.UNREACHABLE)
        to_uri, from_uri = invitation.to_uri, invitation.from_uri
        reason = self._conversations.reach.reason(to_uri, from_uri)
        tell_ended(unit, conversation, caller, self._conversations.name_of, failed, reason)
        conversation.legs, conversation.invitations = {caller.application_id: caller}, {}
        conversation.invitations[failed.id] = failed
        after = conversation.draft()
        after.record, after.legs = conversation_after(conversation.record, Held.ENDED), {}
        unit.save(after.record, failed)
        if message is not None:
            missed = self._conversations.reach.keeps_missed(to_uri, from_uri)
            unit.save(attrs.evolve(message, missed=missed))
        self._history.parted(unit, conversation, after, UNABLE, now)
        self._history.failed(unit, conversation, failed, now)
        await self._ledger.commit(unit)
        return failed


def _new_message(
    conversation: ActiveConversation, from_uri: str, text: Text, now: float
) -> Message:
    conversation.message_count += 1
    return Message(
        conversation_id=conversation.id,
        number=conversation.message_count,
        from_uri=from_uri,
        format=text.format,
        body=text.body,
        sent_at=now,
        plain=text.plain,
    )


def writing_leg(invitation: Invitation, endpoint: Device, state: str) -> Leg:
    """The part of a device in a conversation that begins with an invitation to write."""
    return Leg(
        conversation_id=invitation.conversation_id,
        application_id=endpoint.id,
        user_uri=endpoint.user_uri,
        state=state,
        messaging="Connecting",
        invitation_id=invitation.id,
    )


def _is_beyond(leg: Leg, sender: Leg) -> bool:
    """Whether a message reaches somebody else over a line."""
    return is_line(leg.application_id) and leg.user_uri != sender.user_uri


def _hears_early(leg: Leg) -> bool:
    """Whether a leg that rings gets further messages at once: those of lines do."""
    return leg.state == "Incoming" and is_line(leg.application_id)


def _must_be_connected(leg: Leg) -> None:
    if leg.messaging != "Connected":
        raise Refusal("Conflict", None, "Messaging is not connected.")
