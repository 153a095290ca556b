"""What keeps users busy, and what makes them available beside their applications.

These are ports: whoever knows of calls, conferences, meetings or devices of other protocols says so
when it is asked, and has `Applications.look_again` ask when its answer is another.
"""

from collections.abc import Iterator

from mobility.domain.agenda import Agenda
from mobility.domain.applications import Applications
from mobility.domain.conversation import CONFERENCED, JOIN
from mobility.domain.conversations import Conversations
from mobility.domain.facts import CallChanged, ConversationChanged, Fact, OnlineMeetingChanged
from mobility.domain.ledger import Committed
from mobility.domain.lines import Device
from mobility.domain.presence import CALL, CONFERENCE


class ConversationEngagements:
    """The calls that users are in, and the online meetings that they have joined.

    Who was asked into a conversation of several that only write is not busy by it, as in Lync.
    """

    def __init__(
        self, agenda: Agenda, applications: Applications, conversations: Conversations
    ) -> None:
        self._agenda = agenda
        self._applications = applications
        self._conversations = conversations
        self._waiting: set[str] = set()
        """Users who are to be looked at again."""
        conversations.lines.listeners.append(self._line_heard)

    def of(self, uri: str) -> Iterator[str]:
        """What a user is in (an Engagement)."""
        lines = self._conversations.lines.of_user(uri)
        devices: list[Device] = [*self._applications.of_user(uri), *lines]
        for device in devices:
            for conversation, leg in self._conversations.of(device):
                called = leg.call == "Connected"
                if leg.state == CONFERENCED:
                    invitation = conversation.invitation_of(leg)
                    if called or (invitation is not None and invitation.kind == JOIN):
                        yield CONFERENCE
                elif called:
                    yield CALL

    def committed(self, committed: Committed) -> None:
        """A unit of work was stored: look again at those whom it may have made busy or free (a bus
        listener).  Memory follows the store in a moment."""
        for entry in committed.entries:
            endpoint = self._applications.find(entry.stream_id)
            if endpoint is not None:
                self._heard(endpoint.user_uri, entry.fact)

    def _line_heard(self, uri: str, fact: Fact) -> None:
        if self._conversations.reach.is_there(uri):
            self._heard(uri, fact)

    def _heard(self, uri: str, fact: Fact) -> None:
        if self._matters(fact, uri):
            if not self._waiting:
                self._agenda.at(0.0, self._look)
            self._waiting.add(uri)

    def _matters(self, fact: Fact, uri: str) -> bool:
        if isinstance(fact, CallChanged | OnlineMeetingChanged):
            return True
        if not isinstance(fact, ConversationChanged):
            return False
        return fact.conversation.state == CONFERENCED or self._applications.is_engaged(uri)

    async def _look(self, now: float) -> None:  # noqa: ARG002  # an Action
        while self._waiting:
            uri = next(iter(self._waiting))
            await self._applications.look_again(uri)
            self._waiting.discard(uri)
