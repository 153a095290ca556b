"""Facts of the domain as UCWA events: who sends them, how urgent they are, what they show."""

from collections.abc import Collection, Hashable, Iterator

import attrs

from mobility.domain import facts
from mobility.domain.applications import Endpoint
from mobility.domain.call_policy import CallPolicies, CallPolicy
from mobility.domain.facts import Fact, Reason
from mobility.domain.ledger import Entry
from mobility.domain.outcomes import UNDELIVERED
from mobility.domain.presence import PARTS
from mobility.domain.records import Message, Presence, User
from mobility.domain.subscriptions import Subscriptions
from mobility.http.message import Document
from mobility.ucwa import call_documents, call_events, documents, sharing_documents
from mobility.ucwa import conversation_documents as conversations
from mobility.ucwa.channel import Pending, Priority
from mobility.ucwa.hrefs import Hrefs

Sent = tuple[str, str, Document]
"""Rel and href of an event's sender, and the event."""

_PARTS = {
    "contactPresence": "presence",
    "contactNote": "note",
    "contactLocation": "location",
    "contactSupportedModalities": "supportedMedia",
}
"""What a watched contact shows, by rel: the path below the contact."""


def pending(entry: Entry, priorities: dict[tuple[str, str], Priority]) -> Pending:
    """A stream entry on its way to the client; `priorities` are the declared ones.

    The completion of the client's own message, which it has its 201 for, need not be hurried.
    """
    fact = entry.fact
    if isinstance(fact, facts.MessageCompleted):
        priority = Priority.HIGH if fact.direction == "Incoming" else Priority.SOON
        return Pending(entry.position, priority, entry)
    rel, kind = subject(fact)
    return Pending(entry.position, priorities[rel, kind], entry, _target(fact, kind))


def subject(fact: Fact) -> tuple[str, str]:
    """The subject and the event type under which a fact is declared."""
    match fact:
        case facts.MeChanged():
            return "me", "updated"
        case facts.SelfPresence():
            return fact.part, fact.change
        case facts.CommunicationChanged():
            return "communication", "updated"
        case facts.PoliciesChanged():
            return "policies", "updated"
        case facts.SubscriptionChanged():
            return "presenceSubscription", fact.change
        case facts.ContactWatched():
            return "subscribedContacts", fact.change
        case facts.ContactListChanged():
            if fact.uri and not fact.group_id:
                return "myContacts", fact.change
            group = documents.group_rel(fact.group_id)
            return (f"{group} contact" if fact.uri else group), fact.change
        case facts.ContactSubscriptionChanged():
            return "myContactsAndGroupsSubscription", "updated"
        case facts.ContactSeenAnew():
            return "contactPresence", "updated"
        case facts.PrivacyChanged():
            return "contactPrivacyRelationship", "updated"
        case facts.MissedItemsChanged():
            return "missedItems", "updated"
        case facts.UnreadChanged():
            return documents.UNREAD_EXTENSION, "updated"
        case facts.ConversationChanged():
            return "conversation", fact.change
        case facts.MessagingChanged():
            return "messaging", "updated"
        case facts.ParticipantChanged():
            if fact.within:
                return fact.within, fact.change
            return ("localParticipant" if fact.local else "participant"), fact.change
        case facts.RosterShown():
            return "participant", "added"
        case facts.OnlineMeetingChanged():
            return "onlineMeeting", fact.change
        case facts.ParticipantMessagingChanged():
            return "participantMessaging", fact.change
        case facts.TypingChanged():
            return "typingParticipants", fact.change
        case facts.InvitationChanged():
            return conversations.invitation_rel(fact), fact.change
        case facts.MessageCompleted():
            return "message", "completed"
        case (
            facts.CallChanged()
            | facts.NegotiationChanged()
            | facts.SessionChanged()
            | facts.RenegotiationChanged()
            | facts.ParticipantMediaChanged()
            | facts.MediaShown()
            | facts.VideoLocked()
        ):
            return call_events.subject(fact)
        case (
            facts.ContentChanged()
            | facts.SharerChanged()
            | facts.ParticipantContentChanged()
            | facts.ContentOffered()
        ):
            return sharing_documents.subject(fact)


def _target(fact: Fact, kind: str) -> Hashable | None:
    """What an `updated` event is about, so that only the latest of several is shown."""
    if kind != "updated":
        return None
    match fact:
        case facts.ConversationChanged():
            return "conversation", fact.conversation.id
        case facts.MessagingChanged():
            return "messaging", fact.conversation_id
        case facts.InvitationChanged():
            return "invitation", fact.id
        case facts.CallChanged():
            return fact.modality, fact.conversation_id
        case facts.ContentChanged():
            return fact.modality, fact.conversation_id
        case facts.ParticipantContentChanged():
            return fact.modality, fact.conversation_id, fact.uri
        case facts.SessionChanged():
            return "audioVideoSession", fact.conversation_id
        case facts.ParticipantMediaChanged():
            return fact.medium, fact.conversation_id, fact.uri
        case facts.SubscriptionChanged():
            return "presenceSubscription", fact.subscription_id
        case facts.ContactListChanged():
            return "group", fact.group_id
        case (
            facts.MeChanged()
            | facts.CommunicationChanged()
            | facts.PoliciesChanged()
            | facts.ContactSubscriptionChanged()
            | facts.MissedItemsChanged()
            | facts.UnreadChanged()
        ):
            return type(fact).__name__
        case facts.SelfPresence():
            return fact.part
        case facts.ContactSeenAnew() | facts.PrivacyChanged():
            return type(fact).__name__, fact.uri
    return None


def is_shared(fact: Fact) -> bool:
    """Whether all who are told of the fact are told the same, but for the hrefs."""
    match fact:
        case facts.MessageCompleted():
            return not fact.operation_id
        case facts.ParticipantChanged() | facts.ParticipantMessagingChanged():
            return not fact.local
        case facts.ParticipantContentChanged():
            return not fact.local
        case facts.TypingChanged() | facts.OnlineMeetingChanged() | facts.SharerChanged():
            return True
    return False


def shared_events(
    hrefs: Hrefs, fact: Fact, message: Message | None, *, html: bool
) -> Iterator[Sent]:
    """The events that tell of such a fact; messages in HTML with `html`.

    Raises TypeError for any other fact.
    """
    match fact:
        case facts.MessageCompleted():
            document = conversations.message(hrefs, fact, message, html=html)
            event = _shown("message", document, "completed")
            event["status"] = "Failure" if fact.failed else "Success"
            if fact.failed:
                event["reason"] = reason_document(UNDELIVERED)
            yield _conversation(hrefs, fact, event)
        case facts.ParticipantChanged():
            yield from _participants(hrefs, fact)
        case facts.OnlineMeetingChanged():
            href = f"{hrefs.conversation(fact.conversation_id)}/onlineMeeting"
            yield _conversation(hrefs, fact, _event("onlineMeeting", href, fact.change))
        case facts.ParticipantMessagingChanged():
            yield _conversation(hrefs, fact, _participant_messaging(hrefs, fact))
        case facts.TypingChanged():
            href = hrefs.participant(fact.conversation_id, fact.uri)
            event = _event("participant", href, fact.change, fact.name)
            event["in"] = {
                "rel": "typingParticipants",
                "href": f"{hrefs.messaging(fact.conversation_id)}/typingParticipants",
            }
            yield _conversation(hrefs, fact, event)
        case facts.SharerChanged() | facts.ParticipantContentChanged():
            yield sharing_documents.told_alike(hrefs, fact)
        case _:
            raise TypeError(f"{type(fact).__name__} is told to each in its own way")


@attrs.frozen(slots=True)
class Renderer:
    """Renders the facts of one application's stream."""

    endpoint: Endpoint
    user: User
    subscriptions: Subscriptions
    call_policies: CallPolicies
    network_of: conversations.NetworkOf

    @property
    def call_policy(self) -> CallPolicy:
        """The policy as it is now; most facts need none."""
        return self.call_policies.at(self.endpoint)

    def events(self, entry: Entry) -> Iterator[Sent]:
        """The events that tell of a stream entry."""
        fact, hrefs = entry.fact, Hrefs(self.endpoint.id, guest=self.endpoint.guest)
        match fact:
            case facts.MessageCompleted():  # by far the most frequent
                html = self.endpoint.record.shows_html
                yield from shared_events(hrefs, fact, entry.message, html=html)
            case facts.MeChanged():
                yield self._me(hrefs, _event("me", hrefs.of("me"), "updated"))
            case facts.SelfPresence():
                yield self._me(hrefs, _event(fact.part, hrefs.of(f"me/{fact.part}"), fact.change))
            case facts.CommunicationChanged():
                document = documents.communication(
                    self.endpoint, call_documents.call_links(hrefs, self.call_policy)
                )
                yield _communication(hrefs, _shown("communication", document, "updated"))
            case facts.PoliciesChanged():
                href = hrefs.of("policies")
                yield "policies", href, _event("policies", href, "updated")
            case facts.SubscriptionChanged():
                yield self._subscription(hrefs, fact)
            case facts.ContactWatched():
                yield from _watched(hrefs, fact)
            case facts.ContactListChanged():
                yield _contact_list(hrefs, fact)
            case facts.ContactSubscriptionChanged():
                document = documents.contact_subscription(hrefs, fact.state)
                event = _shown("myContactsAndGroupsSubscription", document, "updated")
                yield "people", hrefs.of("people"), event
            case facts.ContactSeenAnew():
                for rel in _PARTS:
                    yield part_event(hrefs, fact.uri, rel)
            case facts.PrivacyChanged():
                event = _event("contactPrivacyRelationship", hrefs.privacy(fact.uri), "updated")
                event["in"] = {"rel": "contact", "href": hrefs.person(fact.uri)}
                yield "people", hrefs.of("people"), event
            case facts.RosterShown():
                for one in fact.participants:
                    yield from _participants(hrefs, one)
            case facts.MissedItemsChanged():
                href = hrefs.of("communication/missedItems")
                yield _communication(hrefs, _event("missedItems", href, "updated"))
            case facts.UnreadChanged():
                href = hrefs.of("communication/unread")
                yield _communication(hrefs, _event(documents.UNREAD_EXTENSION, href, "updated"))
            case facts.InvitationChanged():
                yield _communication(hrefs, self._invitation(hrefs, fact, entry.message))
            case facts.ConversationChanged():
                event = _explained(self._conversation(hrefs, fact), fact.reason)
                yield _communication(hrefs, event)
            case facts.MessagingChanged():
                event = _shown("messaging", conversations.messaging(hrefs, fact), "updated")
                yield _conversation(hrefs, fact, _explained(event, fact.reason))
            case (
                facts.CallChanged()
                | facts.NegotiationChanged()
                | facts.SessionChanged()
                | facts.RenegotiationChanged()
                | facts.ParticipantMediaChanged()
                | facts.VideoLocked()
            ):
                yield call_events.rendered(hrefs, fact, self.call_policy)
            case facts.MediaShown():
                for medium in fact.media:
                    yield call_events.rendered(hrefs, medium, self.call_policy)
            case facts.ContentChanged() | facts.ContentOffered():
                yield sharing_documents.rendered(hrefs, fact, self.call_policy)
            case _:
                html = self.endpoint.record.shows_html
                yield from shared_events(hrefs, fact, entry.message, html=html)

    @staticmethod
    def _me(hrefs: Hrefs, event: Document) -> Sent:
        return "me", hrefs.of("me"), event

    def _subscription(self, hrefs: Hrefs, fact: facts.SubscriptionChanged) -> Sent:
        href = hrefs.subscription(fact.subscription_id)
        event = _event("presenceSubscription", href, fact.change)
        live = self.subscriptions.get(self.endpoint, fact.subscription_id)
        if fact.change == "updated" and live is not None:
            event["_embedded"] = {"presenceSubscription": documents.subscription(hrefs, live)}
        return "people", hrefs.of("people"), event

    def _invitation(
        self, hrefs: Hrefs, fact: facts.InvitationChanged, message: Message | None
    ) -> Document:
        document = call_documents.invitation(
            hrefs,
            fact,
            message,
            self.network_of,
            html=self.endpoint.record.shows_html,
            policy=self.call_policy,
        )
        event = _shown(document["rel"], document, fact.change)
        if fact.change == "completed":
            event["status"] = "Success" if fact.reason is None else "Failure"
            _explained(event, fact.reason)
        return event

    def _conversation(self, hrefs: Hrefs, fact: facts.ConversationChanged) -> Document:
        snapshot = fact.conversation
        if fact.change == "deleted":
            return _event("conversation", hrefs.conversation(snapshot.id), "deleted")
        document = conversations.conversation(
            hrefs, snapshot, self.user.uri, self.user.name, self.call_policy
        )
        return _shown("conversation", document, fact.change)


def changed_parts(presence: Presence, after: int, hidden: Collection[str] = ()) -> tuple[str, ...]:
    """The rels of the parts of a watched presence that changed after number `after`, without the
    `hidden` ones."""
    return tuple(
        [
            rel
            for rel, part in zip(_PARTS, PARTS, strict=True)
            if getattr(presence, part) > after and part not in hidden
        ]
    )


def part_event(hrefs: Hrefs, uri: str, rel: str) -> Sent:
    """The event that tells of one part of a contact's presence."""
    person = hrefs.person(uri)
    event = _event(rel, f"{person}/{_PARTS[rel]}", "updated")
    event["in"] = {"rel": "contact", "href": person}
    return "people", hrefs.of("people"), event


def reason_document(reason: Reason) -> Document:
    """Why an operation failed or a state changed, in the common error structure."""
    return {"code": reason.code, "subcode": reason.subcode, "message": reason.message}


def _explained(event: Document, reason: Reason | None) -> Document:
    """The event with its reason, if it has one (UCWA "Event channel details")."""
    if reason is not None:
        event["reason"] = reason_document(reason)
    return event


def _event(rel: str, href: str, kind: str, title: str = "") -> Document:
    return {"link": {"rel": rel, **documents.link(href, title)}, "type": kind}


def _shown(rel: str, document: Document, kind: str) -> Document:
    """An event that embeds the resource, under the key that equals `link.rel`."""
    event = _event(rel, document["_links"]["self"]["href"], kind)
    event["_embedded"] = {rel: document}
    return event


def _communication(hrefs: Hrefs, event: Document) -> Sent:
    return "communication", hrefs.of("communication"), event


def _conversation(
    hrefs: Hrefs,
    fact: facts.MessagingChanged
    | facts.ParticipantChanged
    | facts.OnlineMeetingChanged
    | facts.ParticipantMessagingChanged
    | facts.TypingChanged
    | facts.MessageCompleted,
    event: Document,
) -> Sent:
    return "conversation", hrefs.conversation(fact.conversation_id), event


def _participants(hrefs: Hrefs, fact: facts.ParticipantChanged) -> Iterator[Sent]:
    """What is told of a participant: in the conversation, and in the views it leaves and enters."""
    if fact.left:
        yield _conversation(hrefs, fact, _in_view(hrefs, fact, "deleted", fact.left))
    if fact.within:
        yield _conversation(hrefs, fact, _in_view(hrefs, fact, fact.change, fact.within))
    else:
        yield _conversation(hrefs, fact, _participant(hrefs, fact))
    if fact.entered:
        yield _conversation(hrefs, fact, _in_view(hrefs, fact, "added", fact.entered))


def _in_view(hrefs: Hrefs, fact: facts.ParticipantChanged, change: str, view: str) -> Document:
    href = hrefs.participant(fact.conversation_id, fact.uri)
    event = _event("participant", href, change, fact.name)
    conversation = hrefs.conversation(fact.conversation_id)
    event["in"] = {"rel": view, "href": f"{conversation}/{view}"}
    return event


def _participant(hrefs: Hrefs, fact: facts.ParticipantChanged) -> Document:
    href = hrefs.participant(fact.conversation_id, fact.uri)
    rel = "localParticipant" if fact.local else "participant"
    event = _event(rel, href, fact.change, fact.name)
    if fact.local and fact.change == "added":
        network = "Everyone" if fact.anonymous else "SameEnterprise"
        own = conversations.participant(hrefs, fact, lambda _: network)
        event["_embedded"] = {rel: own}
    return event


def _participant_messaging(hrefs: Hrefs, fact: facts.ParticipantMessagingChanged) -> Document:
    owner = hrefs.participant(fact.conversation_id, fact.uri)
    event = _event("participantMessaging", f"{owner}/messaging", fact.change)
    event["in"] = {
        "rel": "localParticipant" if fact.local else "participant",
        **documents.link(owner, fact.name),
    }
    if fact.local and fact.change == "added":
        event["_embedded"] = {
            "participantMessaging": conversations.participant_messaging(
                hrefs, fact.conversation_id, fact.uri, fact.name
            )
        }
    return event


def _watched(hrefs: Hrefs, fact: facts.ContactWatched) -> Iterator[Sent]:
    event = _event("contact", hrefs.person(fact.uri), fact.change)
    event["in"] = {
        "rel": "subscribedContacts",
        "href": hrefs.of("people/subscribedContacts"),
    }
    yield "people", hrefs.of("people"), event
    if fact.change == "added":
        for rel in _PARTS:
            yield part_event(hrefs, fact.uri, rel)


def _contact_list(hrefs: Hrefs, fact: facts.ContactListChanged) -> Sent:
    rel, href = documents.group_rel(fact.group_id), documents.group_href(hrefs, fact.group_id)
    if not fact.uri:
        event = _event(rel, href, fact.change)
        if fact.change != "updated":
            event["in"] = {"rel": "myGroups", "href": hrefs.of("people/groups")}
        return "people", hrefs.of("people"), event
    if not fact.group_id:
        rel, href = "myContacts", hrefs.of("people/contacts")
    event = _event("contact", hrefs.person(fact.uri), fact.change)
    event["in"] = {"rel": rel, "href": href}
    return "people", hrefs.of("people"), event
