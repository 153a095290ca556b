"""Two-party instant messaging: who is invited, who answers, what each side is told.

Every decision becomes one unit of work; memory follows once it is stored.  Changes of one
conversation's state wait for one another; messages only wait for a change that is under way.
"""

import secrets
from collections.abc import Iterable, Mapping

import attrs

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications, Endpoint
from mobility.domain.conversation import (
    CANCELLED,
    DECLINED,
    ELSEWHERE,
    SIGNED_OUT,
    UNANSWERED,
    UNKNOWN,
    UNREACHABLE,
    ActiveConversation,
    Outcome,
    tell_connected,
    tell_ended,
    tell_message,
    tell_started,
)
from mobility.domain.ledger import Archive, Ledger, Unit
from mobility.domain.locks import Locks
from mobility.domain.records import Conversation, Invitation, Leg, Message, Receipt
from mobility.domain.typing_notices import TypingNotices
from mobility.domain.users import Users
from mobility.errors import Refusal


@attrs.frozen(slots=True)
class ConversationLimits:
    """Times (seconds) and the number of conversations an application may take part in."""

    invitation_timeout_s: float
    typing_timeout_s: float
    per_application: int


@attrs.frozen(slots=True)
class Text:
    """The body of a message; `format` is a MessageFormat."""

    format: str
    body: str = attrs.field(repr=False)


@attrs.frozen(slots=True)
class Call:
    """What startMessaging asks for."""

    to_uri: str
    operation_id: str = ""
    subject: str = ""
    importance: str = "Normal"
    thread_id: str = ""
    text: Text | None = None


class Conversations:
    """The active conversations of this front end."""

    def __init__(
        self,
        ledger: Ledger,
        archive: Archive,
        agenda: Agenda,
        users: Users,
        applications: Applications,
        limits: ConversationLimits,
    ) -> None:
        self._ledger = ledger
        self._archive = archive
        self._agenda = agenda
        self._users = users
        self._applications = applications
        self._limits = limits
        self._conversations: dict[str, ActiveConversation] = {}
        self._of_invitation: dict[str, ActiveConversation] = {}
        self._locks = Locks()
        self._typing = TypingNotices(
            ledger, agenda, self._settled, users.name_of, limits.typing_timeout_s
        )

    def load(
        self,
        records: Iterable[Conversation],
        legs: Iterable[Leg],
        invitations: Iterable[Invitation],
        message_counts: Mapping[str, int],
    ) -> None:
        """Take the stored conversations into memory; invitations keep their expiry."""
        for record in records:
            self._conversations[record.id] = ActiveConversation(
                record, message_count=message_counts.get(record.id, 0)
            )
        for leg in legs:
            conversation = self._conversations.get(leg.conversation_id)
            endpoint = self._applications.find(leg.application_id)
            if conversation is not None and endpoint is not None:
                conversation.legs[leg.application_id] = leg
                endpoint.conversations.add(conversation.id)
        for invitation in invitations:
            conversation = self._conversations.get(invitation.conversation_id)
            if conversation is not None:
                self._open(conversation, invitation)

    def of(self, endpoint: Endpoint) -> list[tuple[ActiveConversation, Leg]]:
        """The conversations an application takes part in, oldest first, each with its leg."""
        mine = [self._conversations[key] for key in endpoint.conversations]
        mine.sort(key=lambda conversation: conversation.record.created_at)
        return [(conversation, conversation.legs[endpoint.id]) for conversation in mine]

    def find(self, endpoint: Endpoint, conversation_id: str) -> tuple[ActiveConversation, Leg]:
        """A conversation and the application's leg; 404 ConversationNotFound when it has none."""
        conversation = self._conversations.get(conversation_id)
        leg = conversation.legs.get(endpoint.id) if conversation is not None else None
        if conversation is None or leg is None:
            raise Refusal("NotFound", "ConversationNotFound", "There is no such conversation.")
        return conversation, leg

    def find_invitation(
        self, endpoint: Endpoint, invitation_id: str
    ) -> tuple[ActiveConversation, Invitation, Leg]:
        """An invitation of a conversation that is still active; 404 otherwise."""
        conversation = self._of_invitation.get(invitation_id)
        leg = conversation.legs.get(endpoint.id) if conversation is not None else None
        if conversation is None or conversation.invitation is None or leg is None:
            raise Refusal("NotFound", "ResourceNotFound", "There is no such invitation.")
        return conversation, conversation.invitation, leg

    def __len__(self) -> int:
        return len(self._conversations)

    async def start_messaging(
        self, endpoint: Endpoint, call: Call, now: float, receipt: Receipt | None = None
    ) -> Invitation:
        """UCWA startMessaging: ring every application of the callee that can take messages.

        An invitation that can reach nobody is completed at once, failed; its message is kept as
        missed.  Refused with 409 TooManyConversations or ThreadIdAlreadyExists.
        """
        endpoint.must_live()
        self._check_start(endpoint, call)
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
            message = self._new_message(conversation, endpoint.user_uri, call.text, now)
            conversation.first_message = message
        invitation = Invitation(
            id=secrets.token_hex(16),
            conversation_id=conversation.id,
            from_uri=endpoint.user_uri,
            from_application_id=endpoint.id,
            to_uri=call.to_uri,
            operation_id=call.operation_id,
            created_at=now,
            expires_at=now + self._limits.invitation_timeout_s,
            message_number=message.number if message is not None else 0,
        )
        caller = _leg(conversation, endpoint, "Connecting")
        callees = [_leg(conversation, callee, "Incoming") for callee in self._ringing(call.to_uri)]
        unit = Unit()
        if receipt is not None:
            unit.save(attrs.evolve(receipt, resource_id=invitation.id))
        for leg in (caller, *callees):
            tell_started(
                unit,
                conversation,
                invitation,
                leg,
                self._users.name_of,
                message if leg is not caller else None,
            )
        if not callees:
            return await self._fail_at_once(unit, conversation, invitation, caller, message)
        unit.save(conversation.record, invitation, caller, *callees)
        if message is not None:
            unit.save(message)
        async with self._locks.of(conversation.id):  # an application that ends now waits for it
            self._conversations[conversation.id] = conversation
            for leg in (caller, *callees):
                self._join(conversation, leg)
            try:
                await self._ledger.commit(unit)
            except BaseException:
                self._forget(conversation)
                raise
            self._open(conversation, invitation)
        return invitation

    async def accept(self, endpoint: Endpoint, invitation_id: str) -> None:
        """UCWA accept: this application answers, and the others that ring are told so.

        409 when the invitation is over or is not the application's to answer.
        """
        conversation = self.find_invitation(endpoint, invitation_id)[0]
        async with self._locks.of(conversation.id):
            _, invitation, leg = self.find_invitation(endpoint, invitation_id)
            _must_ring(invitation, leg)
            accepted = attrs.evolve(invitation, state="Connected", accepted_by=leg.user_uri)
            caller = conversation.legs[invitation.from_application_id]
            losers = [
                other
                for other in conversation.legs.values()
                if other.state == "Incoming" and other is not leg
            ]
            message = await self._first_message(conversation, invitation)
            record = self._next_version(conversation)
            unit = Unit()
            unit.save(record, accepted)
            connected = [conversation.evolve_leg(side, "Connected") for side in (caller, leg)]
            unit.save(*connected)
            for side in connected:
                tell_connected(
                    unit,
                    conversation,
                    accepted,
                    side,
                    self._users.name_of,
                    message if side.application_id == endpoint.id else None,
                )
            elsewhere = attrs.evolve(invitation, state="Failed")
            for loser in losers:
                tell_ended(
                    unit,
                    conversation,
                    loser,
                    self._users.name_of,
                    elsewhere,
                    ELSEWHERE,
                )
            unit.remove(*losers)
            await self._ledger.commit(unit)
            conversation.record, conversation.invitation = record, accepted
            conversation.first_message = None
            for side in connected:
                conversation.legs[side.application_id] = side
            for loser in losers:
                self._part(conversation, loser)

    async def decline(self, endpoint: Endpoint, invitation_id: str, everywhere: bool) -> None:
        """UCWA decline: this device, or with `everywhere` all of the user's, will not answer."""
        conversation = self.find_invitation(endpoint, invitation_id)[0]
        async with self._locks.of(conversation.id):
            _, invitation, leg = self.find_invitation(endpoint, invitation_id)
            _must_ring(invitation, leg)
            if everywhere:
                await self._finish(conversation, DECLINED)
            else:
                await self._stop_ringing(conversation, leg, DECLINED)

    async def send_message(
        self,
        endpoint: Endpoint,
        conversation_id: str,
        text: Text,
        operation_id: str,
        now: float,
        receipt: Receipt | None = None,
    ) -> Message:
        """UCWA sendMessage: answers once the message is durable in every recipient's stream.

        409 while messaging is not connected.
        """
        await self._settled(conversation_id)
        conversation, leg = self.find(endpoint, conversation_id)
        _must_be_connected(leg)
        message = self._new_message(conversation, leg.user_uri, text, now)
        unit = Unit()
        unit.save(message)
        if receipt is not None:
            unit.save(attrs.evolve(receipt, resource_id=str(message.number)))
        typed = self._typing.end(unit, conversation, leg)
        tell_message(unit, message, leg, self._users.name_of, operation_id)
        for other in conversation.others(leg):
            tell_message(unit, message, other, self._users.name_of)
        try:
            await self._ledger.commit(unit)
        except BaseException:
            if typed and endpoint.id not in conversation.typing:
                self._typing.end_later(conversation, leg, now)
            raise
        return message

    async def set_typing(self, endpoint: Endpoint, conversation_id: str, now: float) -> None:
        """UCWA setIsTyping: the others see it until a few seconds after the last call."""
        await self._settled(conversation_id)
        conversation, leg = self.find(endpoint, conversation_id)
        _must_be_connected(leg)
        await self._typing.begin(conversation, leg, now)

    async def terminate(self, endpoint: Endpoint, conversation_id: str) -> None:
        """UCWA cancel, stopMessaging and DELETE conversation: messaging is its only modality.

        A caller that waits for an answer cancels the invitation, a callee that rings declines it
        on this device, and otherwise the conversation ends for both.
        """
        self.find(endpoint, conversation_id)
        async with self._locks.of(conversation_id):
            conversation, leg = self.find(endpoint, conversation_id)
            await self._quit(conversation, leg, DECLINED)

    async def leave(self, endpoint: Endpoint, now: float) -> None:  # noqa: ARG002  # a Departure
        """The application ends: it leaves each of its conversations, and the others are told."""
        for conversation, _ in self.of(endpoint):
            async with self._locks.of(conversation.id):
                leg = conversation.legs.get(endpoint.id)
                if leg is not None:
                    await self._quit(conversation, leg, SIGNED_OUT)

    async def _settled(self, conversation_id: str) -> None:
        """Wait for the change of a conversation's state that is under way, if there is one."""
        lock = self._locks.held(conversation_id)
        if lock is not None:
            async with lock:
                pass

    async def _expire(self, conversation: ActiveConversation, invitation_id: str) -> None:
        """Nobody answered in time: the invitation ends, the message stays in the stream."""
        async with self._locks.of(conversation.id):
            invitation = conversation.invitation
            if (
                self._conversations.get(conversation.id) is conversation
                and invitation is not None
                and invitation.id == invitation_id
                and invitation.state == "Connecting"
            ):
                await self._finish(conversation, UNANSWERED)

    async def _quit(self, conversation: ActiveConversation, leg: Leg, unanswered: Outcome) -> None:
        """`leg` goes; if it only rings, the invitation of the last such one ends `unanswered`."""
        if leg.state == "Incoming":
            await self._stop_ringing(conversation, leg, unanswered)
        else:
            await self._finish(conversation, CANCELLED)

    async def _stop_ringing(
        self, conversation: ActiveConversation, leg: Leg, outcome: Outcome
    ) -> None:
        """One device will not answer; with the last one the invitation ends."""
        ringing = [other for other in conversation.legs.values() if other.state == "Incoming"]
        invitation = conversation.invitation
        if len(ringing) == 1 or invitation is None:
            await self._finish(conversation, outcome)
            return
        unit = Unit()
        unit.remove(leg)
        here = attrs.evolve(invitation, state=outcome.state)
        tell_ended(unit, conversation, leg, self._users.name_of, here, outcome.callee)
        await self._ledger.commit(unit)
        self._part(conversation, leg)

    async def _finish(self, conversation: ActiveConversation, outcome: Outcome) -> None:
        """End the conversation for everybody; an open invitation ends in `outcome`."""
        unit = Unit()
        record = attrs.evolve(self._next_version(conversation), state="Ended")
        unit.save(record)
        unit.remove(*conversation.legs.values())
        invitation = conversation.invitation
        if invitation is not None and invitation.state == "Connecting":
            invitation = attrs.evolve(invitation, state=outcome.state)
            unit.save(invitation)
        else:
            invitation = None
        for leg in conversation.legs.values():
            calling = leg.state == "Connecting"
            reason = outcome.caller if calling else outcome.callee
            tell_ended(unit, conversation, leg, self._users.name_of, invitation, reason)
        if invitation is not None:
            message = await self._first_message(conversation, invitation)
            if message is not None:
                unit.save(attrs.evolve(message, missed=True))
        await self._ledger.commit(unit)
        self._forget(conversation)

    async def _fail_at_once(
        self,
        unit: Unit,
        conversation: ActiveConversation,
        invitation: Invitation,
        caller: Leg,
        message: Message | None,
    ) -> Invitation:
        failed = attrs.evolve(invitation, state="Failed")
        callee = self._users.find(invitation.to_uri)
        known = callee is not None and callee.enabled
        reason = UNREACHABLE if known else UNKNOWN
        tell_ended(unit, conversation, caller, self._users.name_of, failed, reason)
        unit.save(attrs.evolve(conversation.record, state="Ended"), failed)
        if message is not None and known:
            unit.save(attrs.evolve(message, missed=True))
        await self._ledger.commit(unit)
        return failed

    async def _first_message(
        self, conversation: ActiveConversation, invitation: Invitation
    ) -> Message | None:
        """The message the invitation carries; after a restart only the store has it."""
        if not invitation.message_number:
            return None
        if conversation.first_message is not None:
            return conversation.first_message
        return await self._archive.message(conversation.id, invitation.message_number)

    def _check_start(self, endpoint: Endpoint, call: Call) -> None:
        if len(endpoint.conversations) >= self._limits.per_application:
            raise Refusal("Conflict", "TooManyConversations", "Too many conversations.")
        if call.thread_id and any(
            conversation.record.thread_id == call.thread_id for conversation, _ in self.of(endpoint)
        ):
            raise Refusal("Conflict", "ThreadIdAlreadyExists", "This thread has a conversation.")

    def _ringing(self, uri: str) -> list[Endpoint]:
        user = self._users.find(uri)
        if user is None or not user.enabled:
            return []
        return [
            endpoint
            for endpoint in self._applications.reachable(uri, "Messaging")
            if len(endpoint.conversations) < self._limits.per_application
        ]

    def _new_message(
        self, conversation: ActiveConversation, from_uri: str, text: Text, now: float
    ) -> Message:
        conversation.message_count += 1
        return Message(
            conversation_id=conversation.id,
            number=conversation.message_count,
            from_uri=from_uri,
            format=text.format,
            body=text.body,
            sent_at=now,
        )

    @staticmethod
    def _next_version(conversation: ActiveConversation) -> Conversation:
        return attrs.evolve(conversation.record, version=conversation.record.version + 1)

    def _open(self, conversation: ActiveConversation, invitation: Invitation) -> None:
        conversation.invitation = invitation
        self._of_invitation[invitation.id] = conversation

        async def expire(now: float) -> None:  # noqa: ARG001  # an Action
            await self._expire(conversation, invitation.id)

        self._agenda.at(invitation.expires_at, expire)

    def _join(self, conversation: ActiveConversation, leg: Leg) -> None:
        conversation.legs[leg.application_id] = leg
        endpoint = self._applications.find(leg.application_id)
        if endpoint is not None:
            endpoint.conversations.add(conversation.id)

    def _part(self, conversation: ActiveConversation, leg: Leg) -> None:
        conversation.legs.pop(leg.application_id, None)
        endpoint = self._applications.find(leg.application_id)
        if endpoint is not None:
            endpoint.conversations.discard(conversation.id)

    def _forget(self, conversation: ActiveConversation) -> None:
        for leg in list(conversation.legs.values()):
            self._part(conversation, leg)
        for appointment in conversation.typing.values():
            appointment.cancel()
        conversation.typing.clear()
        del self._conversations[conversation.id]
        if conversation.invitation is not None:
            self._of_invitation.pop(conversation.invitation.id, None)


def _leg(conversation: ActiveConversation, endpoint: Endpoint, state: str) -> Leg:
    return Leg(conversation.id, endpoint.id, endpoint.user_uri, state, "Connecting")


def _must_ring(invitation: Invitation, leg: Leg) -> None:
    if invitation.state != "Connecting" or leg.state != "Incoming":
        raise Refusal("Conflict", None, "The invitation cannot be answered any more.")


def _must_be_connected(leg: Leg) -> None:
    if leg.state != "Connected":
        raise Refusal("Conflict", None, "Messaging is not connected.")
