"""The active conversations in memory, found by id, by invitation, by meeting and by who is in."""

from collections.abc import Callable, Iterable, Iterator

import attrs

from mobility.domain.applications import Applications, Endpoint
from mobility.domain.conversation import MESSAGING, ActiveConversation, NameOf
from mobility.domain.lines import Device, Lines
from mobility.domain.reach import Reach
from mobility.domain.records import Invitation, Leg
from mobility.domain.users import Users
from mobility.errors import Refusal


@attrs.frozen(slots=True)
class ConversationLimits:
    """Times (seconds) and the number of conversations an application may take part in."""

    invitation_timeout_s: float
    typing_timeout_s: float
    per_application: int


Waker = Callable[[str, str], bool]
"""Whether a user has a device that is not there now and can be woken, by the user's URI and the
modality that would ring it."""


class ConversationBook:
    """Where the active conversations of this front end are found, and what can join them."""

    def __init__(
        self, users: Users, applications: Applications, reach: Reach, limits: ConversationLimits
    ) -> None:
        self._users = users
        self._applications = applications
        self.reach = reach
        self.limits = limits
        self._conversations: dict[str, ActiveConversation] = {}
        self._of_invitation: dict[str, ActiveConversation] = {}
        self._of_meeting: dict[str, ActiveConversation] = {}
        self._writing_to: dict[str, dict[str, ActiveConversation]] = {}
        """By their callees: the open invitations to exchange messages, by id."""
        self.wakers: list[Waker] = []
        self.lines = Lines()

    def __iter__(self) -> Iterator[ActiveConversation]:
        return iter(list(self._conversations.values()))

    def get(self, conversation_id: str) -> ActiveConversation | None:
        """The conversation of an id, None once it is over."""
        return self._conversations.get(conversation_id)

    def of(self, endpoint: Device) -> list[tuple[ActiveConversation, Leg]]:
        """The conversations a device takes part in, oldest first, each with its leg."""
        mine = [self._conversations[key] for key in endpoint.conversations]
        mine.sort(key=lambda conversation: conversation.record.created_at)
        return [(one, one.legs[endpoint.id]) for one in mine if endpoint.id in one.legs]

    def find(self, endpoint: Device, conversation_id: str) -> tuple[ActiveConversation, Leg]:
        """A conversation and the application's leg; 404 ConversationNotFound when it has none."""
        conversation = self._conversations.get(conversation_id)
        leg = conversation.legs.get(endpoint.id) if conversation is not None else None
        if conversation is None or leg is None:
            raise Refusal("NotFound", "ConversationNotFound", "There is no such conversation.")
        return conversation, leg

    def find_invitation(
        self, endpoint: Device, invitation_id: str
    ) -> tuple[ActiveConversation, Invitation, Leg]:
        """An invitation that the application sent or got, of a conversation that is still active;
        404 otherwise."""
        conversation = self._of_invitation.get(invitation_id)
        leg = conversation.legs.get(endpoint.id) if conversation is not None else None
        if conversation is None or leg is None:
            raise Refusal("NotFound", "ResourceNotFound", "There is no such invitation.")
        invitation = conversation.invitations[invitation_id]
        rings = conversation.call is not None and conversation.call.id == invitation_id
        sent = invitation.from_application_id == endpoint.id
        if invitation_id != leg.invitation_id and not sent and not rings:
            raise Refusal("NotFound", "ResourceNotFound", "The invitation is not this device's.")
        return conversation, invitation, leg

    def of_call(self, call_id: str) -> ActiveConversation | None:
        """The conversation of a call that rings or goes on, None once it is over."""
        return self._of_invitation.get(call_id)

    def of_meeting(self, uri: str) -> ActiveConversation | None:
        """The conference of the meeting with this URI, if it goes on."""
        return self._of_meeting.get(uri)

    def names_in(self, conversation: ActiveConversation) -> NameOf:
        """Display names as the conversation knows them: the anonymous have theirs only there."""
        participants, name_of = conversation.participants, self.name_of

        def name(uri: str) -> str:
            participant = participants.get(uri)
            return participant.name if participant is not None else name_of(uri)

        return name

    def name_of(self, uri: str) -> str:
        """The display name of a user or of who is at the other end of a line."""
        return self._users.name_of(uri) or self.lines.name_of(uri)

    def __len__(self) -> int:
        return len(self._conversations)

    def check_room(self, endpoint: Device) -> None:
        """409 TooManyConversations when the application takes part in as many as it may."""
        if not self._has_room(endpoint):
            raise Refusal("Conflict", "TooManyConversations", "Too many conversations.")

    def check_start(self, device: Device, thread_id: str) -> None:
        """409 TooManyConversations, or ThreadIdAlreadyExists for a thread with a conversation."""
        self.check_room(device)
        mine = (self._conversations[key] for key in device.conversations)
        if thread_id and any(one.record.thread_id == thread_id for one in mine):
            raise Refusal("Conflict", "ThreadIdAlreadyExists", "This thread has a conversation.")

    def carries(self, device_id: str, modalities: Iterable[str]) -> bool:
        """Whether a device takes one of the modalities; lines take what there is."""
        endpoint = self._applications.find(device_id)
        if endpoint is None:
            return self.lines.find(device_id) is not None
        carried = endpoint.record.modalities.split(",")
        wanted = (one for one in modalities if self.reach.allows(endpoint, one))
        return not endpoint.ending and any(one in carried for one in wanted)

    def reachable(self, uri: str, modality: str, caller_uri: str) -> list[Endpoint]:
        """The applications of a user that this caller's invitation of this modality can ring."""
        if self.reach.obstacle(uri, caller_uri) is not None:
            return []
        found = self._applications.reachable(uri, modality)
        return [one for one in found if self._has_room(one) and self.reach.allows(one, modality)]

    def may_wake(self, uri: str, modality: str, caller_uri: str) -> bool:
        """Whether a device of a user may wake because of this caller's invitation."""
        if self.reach.obstacle(uri, caller_uri) is not None:
            return False
        return any(wakes(uri, modality) for wakes in self.wakers)

    def writing_to(self, uri: str) -> list[tuple[ActiveConversation, Invitation]]:
        """The open invitations to exchange messages with a user, and their conversations."""
        found = self._writing_to.get(uri, {})
        return [(one, one.invitations[key]) for key, one in found.items()]

    def _await_answer(self, conversation: ActiveConversation, invitation: Invitation) -> None:
        if invitation.kind == MESSAGING and invitation.state == "Connecting":
            self._writing_to.setdefault(invitation.to_uri, {})[invitation.id] = conversation

    def _answered(self, invitation: Invitation) -> None:
        """An invitation is not open any more."""
        waiting = self._writing_to.get(invitation.to_uri, {})
        waiting.pop(invitation.id, None)
        if not waiting:
            self._writing_to.pop(invitation.to_uri, None)

    def _remember(self, conversation: ActiveConversation) -> None:
        self._conversations[conversation.id] = conversation
        if conversation.is_conference:
            self._of_meeting[conversation.record.meeting_uri] = conversation

    def _hang_on(self, leg: Leg) -> None:
        device = self._device(leg.application_id)
        if device is not None:
            device.conversations.add(leg.conversation_id)

    def _let_go(self, leg: Leg) -> None:
        device = self._device(leg.application_id)
        if device is not None:
            device.conversations.discard(leg.conversation_id)

    def _device(self, device_id: str) -> Device | None:
        return self._applications.find(device_id) or self.lines.find(device_id)

    def _has_room(self, endpoint: Device) -> bool:
        return len(endpoint.conversations) < self.limits.per_application

    def _forget(self, conversation: ActiveConversation) -> None:
        for leg in conversation.legs.values():
            self._let_go(leg)
        for appointment in conversation.typing.values():
            appointment.cancel()
        conversation.typing.clear()
        del self._conversations[conversation.id]
        self._of_meeting.pop(conversation.record.meeting_uri, None)
        for invitation in conversation.invitations.values():
            self._of_invitation.pop(invitation.id, None)
            self._answered(invitation)
