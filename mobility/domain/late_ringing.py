"""Devices that come while an invitation is open: they ring too, as long as it does."""

from collections.abc import Callable, Sequence
from functools import partial

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Endpoint
from mobility.domain.call import call_of, tell_calls
from mobility.domain.call_stages import CallStages
from mobility.domain.conversation import ActiveConversation
from mobility.domain.conversation_facts import tell_started
from mobility.domain.conversations import Conversations
from mobility.domain.correspondence import Correspondence
from mobility.domain.ledger import Unit
from mobility.domain.lines import Device, is_line
from mobility.domain.messaging import writing_leg


class LateRinging:
    """Lets a user's devices ring for what rings the user now, or waits for one that sleeps.

    A call that is answered or over, or that was sent on, does not ring them.
    """

    def __init__(self, conversations: Conversations, stages: CallStages) -> None:
        self._conversations = conversations
        self._stages = stages

    async def ring(self, user_uri: str, devices: Callable[[], Sequence[Device]]) -> None:
        """Ring phones that have come; `devices` makes them, once for each call."""
        await self._ring(user_uri, lambda _: devices())

    async def ring_application(self, endpoint: Endpoint) -> None:
        """Ring an application that has come, for the calls that it can take."""

        def able(conversation: ActiveConversation) -> Sequence[Device]:
            call = call_of(conversation)
            media = tuple(call.media.split(","))
            found = self._stages.own.applications(endpoint.user_uri, media, call.caller_uri)
            return [endpoint] if endpoint.id in found else []

        await self._ring(endpoint.user_uri, able)

    async def _ring(
        self, user_uri: str, devices: Callable[[ActiveConversation], Sequence[Device]]
    ) -> None:
        conversations, stages = self._conversations, self._stages
        for call_id, stage in stages.lasting(user_uri):
            conversation = conversations.of_call(call_id)
            if conversation is None:  # it has ended while another one rang
                continue
            async with conversations.lock(conversation.id):
                call = conversation.call
                if not stages.lasts(call_id, stage) or call is None or call.caller_uri == user_uri:
                    continue
                invitation = conversation.invitations[call_id]
                draft, unit = conversation.draft(), Unit()
                name_of = conversations.names_in(conversation)
                for device in devices(conversation):
                    if device.id in draft.legs or not stages.able(conversation, device):
                        continue
                    leg = stages.ringing_leg(invitation, device, stage.on_behalf_of)
                    draft.legs[device.id] = leg
                    tell_calls(unit, draft, invitation, leg, name_of, new=True)
                if unit:
                    await conversations.change(unit, conversation, draft)


class Arrivals:
    """What an application that was made available rings for (an Arrival)."""

    def __init__(self, conversations: Conversations, calls: LateRinging) -> None:
        self._conversations = conversations
        self._calls = calls

    async def __call__(self, endpoint: Endpoint, now: float) -> None:  # noqa: ARG002  # an Arrival
        await self._ring_for_messages(endpoint)
        await self._calls.ring_application(endpoint)

    async def _ring_for_messages(self, endpoint: Endpoint) -> None:
        conversations = self._conversations
        for conversation, waiting in conversations.writing_to(endpoint.user_uri):
            async with conversations.lock(conversation.id):
                invitation = conversation.invitations[waiting.id]
                reachable = conversations.reachable(
                    invitation.to_uri, "Messaging", invitation.from_uri
                )
                if (
                    invitation.state != "Connecting"
                    or endpoint.id in conversation.legs
                    or endpoint not in reachable
                ):
                    continue
                leg = writing_leg(invitation, endpoint, "Incoming")
                message = await conversations.first_message(conversation, invitation)
                draft, unit = conversation.draft(), Unit()
                draft.legs[endpoint.id] = leg
                name_of = conversations.name_of
                tell_started(unit, draft, invitation, leg, name_of, message)
                await conversations.change(unit, conversation, draft)


class LateMessages:
    """Brings what is written to a user to a phone that comes while that waits for an answer."""

    def __init__(
        self, agenda: Agenda, conversations: Conversations, correspondence: Correspondence
    ) -> None:
        self._agenda = agenda
        self._conversations = conversations
        self._correspondence = correspondence

    def came(self, user_uri: str) -> None:
        """A phone of a user can be reached, perhaps again."""
        if self._conversations.writing_to(user_uri):
            self._agenda.at(0.0, partial(self._ring, user_uri))

    async def _ring(self, user_uri: str, now: float) -> None:  # noqa: ARG002  # an Action
        conversations = self._conversations
        for conversation, waiting in conversations.writing_to(user_uri):
            async with conversations.lock(conversation.id):
                invitation = conversation.invitations[waiting.id]
                rings = conversation.ringing(invitation)
                if invitation.state != "Connecting" or any(
                    is_line(one.application_id) for one in rings
                ):
                    continue
                line = self._correspondence.line(user_uri, invitation.from_uri)
                if line is None:
                    return
                leg = writing_leg(invitation, line, "Incoming")
                message = await conversations.first_message(conversation, invitation)
                draft, unit = conversation.draft(), Unit()
                draft.legs[line.id] = leg
                tell_started(unit, draft, invitation, leg, conversations.name_of, message)
                await conversations.change(unit, conversation, draft)
