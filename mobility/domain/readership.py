"""Who may read which messages of a conversation that goes on, and who has."""

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from mobility.domain.conversation import ActiveConversation
    from mobility.domain.records import DispositionRequest


@attrs.define(slots=True, eq=False)
class Readings:
    """What is known of the readers of a conversation, by their URIs.

    `marked` is up to which message users have marked it as read, `said` the number of the latest
    message that each wrote.  `delivered` and `displayed` are up to which message people without an
    application have got and seen what was written, `requests` what the writers of messages wish to
    hear, by the numbers of these.  `leaving` are those who go by their own choice: they know what
    there is.  `left` are the names of those who have left a conference; of guests not after a
    restart.
    """

    marked: dict[str, int] = attrs.Factory(dict)
    delivered: dict[str, int] = attrs.Factory(dict)
    displayed: dict[str, int] = attrs.Factory(dict)
    requests: "dict[int, DispositionRequest]" = attrs.Factory(dict)
    said: dict[str, int] = attrs.Factory(dict)
    leaving: set[str] = attrs.Factory(set)
    left: dict[str, str] = attrs.Factory(dict)

    def upto(self, uri: str) -> int:
        """The last message that a user has read: what the user wrote was read by then."""
        marked = max(self.marked.get(uri, 0), self.displayed.get(uri, 0))
        return max(marked, self.said.get(uri, 0))


def shown(conversation: "ActiveConversation", uri: str) -> tuple[int, int]:
    """The messages a user may read: those after one number up to and with another."""
    last = conversation.message_count
    if not conversation.is_conference:
        return 0, last
    participant = conversation.participants.get(uri)
    if participant is None or participant.in_lobby:
        return last, last
    return participant.after_message, last


def unread(conversation: "ActiveConversation", uri: str) -> int:
    """How many messages a user has not read."""
    after, last = shown(conversation, uri)
    return last - min(last, max(after, conversation.readings.upto(uri)))


def others_of(conversation: "ActiveConversation", uri: str) -> dict[str, str]:
    """Who else takes or took part, or was called: names by URI, "" for who is no participant of a
    conference."""
    if conversation.is_conference:
        there = {one.uri: one.name for one in conversation.roster()}
        found = {**conversation.readings.left, **there}
    else:
        parties = [leg.user_uri for leg in conversation.legs.values()]
        for invitation in conversation.invitations.values():
            parties += invitation.from_uri, invitation.to_uri
        found = dict.fromkeys(parties, "")
    found.pop(uri, None)
    return found
