"""Whom a message in a conversation reaches, and whom it does not.

It reaches everybody who takes part in the messages with an application that lives, whether that
asks for its events now or comes back for them later.  It does not reach

- who is gone: every application of the participant in the conversation is being ended;
- who is no user any more, or disabled;
- between two parties, who has blocked the sender since they began to talk.

A line (`mobility.domain.lines`) is reached while it is open; whether what is at its end takes the
message is known only later.

The sender is told of these when the message is completed (UCWA rel `failedDeliveryParticipant`).
"""

import attrs

from mobility.domain.applications import Applications
from mobility.domain.conversation import ActiveConversation
from mobility.domain.lines import Lines, is_line
from mobility.domain.reach import Reach
from mobility.domain.records import Leg


@attrs.frozen(slots=True)
class Reached:
    """The legs that a message reaches, and the URIs of the participants whom it does not."""

    legs: list[Leg]
    failed: tuple[str, ...] = ()


class Delivery:
    """Decides at the moment a message is sent."""

    def __init__(self, applications: Applications, lines: Lines, reach: Reach) -> None:
        self._applications = applications
        self._lines = lines
        self._reach = reach

    def of(self, conversation: ActiveConversation, sender: Leg) -> Reached:
        """Whom what `sender` writes reaches; the sender's own other applications are among them."""
        hearers = conversation.hearers(sender)
        legs = [leg for leg in hearers if self._reaches(conversation, leg, sender)]
        if len(legs) == len(hearers):
            return Reached(legs)
        reached = {leg.user_uri for leg in legs}
        failed = dict.fromkeys(leg.user_uri for leg in hearers if leg.user_uri not in reached)
        failed.pop(sender.user_uri, None)
        return Reached(legs, tuple(failed))

    def is_missed(self, failed: tuple[str, ...], sender: Leg) -> bool:
        """Whether the message is kept for somebody whom it did not reach."""
        return any(self._reach.keeps_missed(uri, sender.user_uri) for uri in failed)

    def _reaches(self, conversation: ActiveConversation, leg: Leg, sender: Leg) -> bool:
        uri = leg.user_uri
        if is_line(leg.application_id):
            if self._lines.find(leg.application_id) is None:
                return False
            if not self._reach.is_user(uri):
                return True
        else:
            endpoint = self._applications.find(leg.application_id)
            if endpoint is None or endpoint.ending:
                return False
        if uri == sender.user_uri:
            return True
        if not conversation.is_conference:
            return self._reach.keeps_missed(uri, sender.user_uri)
        participant = conversation.participants.get(uri)
        return (participant is not None and participant.anonymous) or self._reach.is_there(uri)
