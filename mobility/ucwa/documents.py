"""The documents of UCWA's resources: one function a rel, pure, from domain values.

A link is a capability: it is there only when its operation would be allowed (UCWA "Hypermedia").
"""

import uuid
import zlib
from collections.abc import Iterable

from mobility.domain.applications import Endpoint
from mobility.domain.contact_subscriptions import CONNECTED
from mobility.domain.contacts import DEFAULT_GROUP, PINNED_GROUP
from mobility.domain.facts import ConversationSnapshot, InvitationChanged, MessageCompleted
from mobility.domain.records import Contact, Group, Message, Presence, PresenceSubscription, User
from mobility.http.message import Document, Instant
from mobility.ucwa.hrefs import ASSIGNED_MEETING, Hrefs, data_uri

PUT_TOKEN_VALUE = "please pass this in a PUT request"  # noqa: S105  # the protocol's fixed text
"""The value of the GUID property that a PUT must bring back (protocol's exact text)."""


def link(href: str, title: str = "") -> Document:
    return {"href": href, "title": title} if title else {"href": href}


def links(**hrefs: str) -> Document:
    return {rel: {"href": href} for rel, href in hrefs.items()}


def tagged(document: Document) -> Document:
    """`document` with the `etag` of its properties and links (embedded content does not count)."""
    counted = repr([item for item in document.items() if item[0] != "_embedded"])
    document["etag"] = str(zlib.crc32(counted.encode()))
    return document


def present(**properties: object) -> Document:
    """The properties that have a value."""
    return {name: value for name, value in properties.items() if value not in ("", None, [], ())}


def listed(text: str) -> list[str]:
    """The items of a comma list."""
    return text.split(",") if text else []


def application(
    endpoint: Endpoint,
    user: User,
    instance_id: str,
    events_href: str,
    *,
    assigned_meeting: bool,
) -> Document:
    record, hrefs = endpoint.record, Hrefs(endpoint.id)
    document: Document = {
        "rel": "application",
        "culture": record.culture,
        "userAgent": record.user_agent,
        "endpointId": record.endpoint_id,
        "id": record.id,
        **present(type=record.type, instanceId=instance_id),
        "_links": links(
            self=hrefs.instance(instance_id),
            policies=hrefs.of("policies"),
            batch=hrefs.of("batch"),
            events=events_href,
            reportMyNetwork=hrefs.of("reportMyNetwork"),
        ),
        "_embedded": {
            "me": me(endpoint, user),
            "people": people(hrefs),
            "onlineMeetings": online_meetings(hrefs, assigned=assigned_meeting),
            "communication": communication(endpoint),
        },
    }
    return tagged(document)


def me(endpoint: Endpoint, user: User) -> Document:
    hrefs = Hrefs(endpoint.id)
    before = ("makeMeAvailable",)
    after = ("presence", "note", "location", "reportMyActivity")
    rels = after if endpoint.record.available else before
    return {
        "rel": "me",
        "name": user.name,
        "uri": user.uri,
        **_card(user, "officeLocation"),
        "_links": links(
            self=hrefs.of("me"),
            **{rel: hrefs.of(f"me/{rel}") for rel in rels},
            phones=hrefs.of("me/phones"),
            photo=hrefs.photo(user.uri),
        ),
    }


def people(hrefs: Hrefs) -> Document:
    own = hrefs.of("people")
    return {
        "rel": "people",
        "_links": {
            **links(
                self=own,
                presenceSubscriptions=f"{own}/presenceSubscriptions",
                subscribedContacts=f"{own}/subscribedContacts",
                presenceSubscriptionMemberships=f"{own}/presenceSubscriptionMemberships",
                myContacts=f"{own}/contacts",
                myContactsAndGroupsSubscription=f"{own}/contactsAndGroupsSubscription",
            ),
            "myGroupMemberships": {"href": f"{own}/groupMemberships", "revision": "2"},
            "myGroups": {"href": f"{own}/groups", "revision": "2"},
            "search": {"href": f"{own}/search", "revision": "2"},
        },
    }


def online_meetings(hrefs: Hrefs, *, assigned: bool) -> Document:
    """The dashboard; `assigned` says whether every user has a meeting that is always there."""
    own = hrefs.of("onlineMeetings")
    rels = links(self=own)
    if assigned:
        rels |= links(myAssignedOnlineMeeting=hrefs.meeting(ASSIGNED_MEETING))
    rels |= links(
        myOnlineMeetings=f"{own}/myOnlineMeetings",
        onlineMeetingDefaultValues=f"{own}/defaultValues",
        onlineMeetingEligibleValues=f"{own}/eligibleValues",
        onlineMeetingInvitationCustomization=f"{own}/customInvitation",
        onlineMeetingPolicies=f"{own}/policies",
        phoneDialInInformation=f"{own}/phoneDialInInformation",
    )
    return {"rel": "onlineMeetings", "_links": rels}


def communication(endpoint: Endpoint) -> Document:
    record, hrefs = endpoint.record, Hrefs(endpoint.id)
    own = hrefs.of("communication")
    return {
        record.put_token: PUT_TOKEN_VALUE,
        "rel": "communication",
        "supportedModalities": listed(record.modalities),
        "supportedMessageFormats": listed(record.formats),
        "conversationHistory": record.conversation_history,
        **present(audioPreference=record.audio_preference, phoneNumber=record.phone_number),
        "_links": links(
            self=own,
            conversations=f"{own}/conversations?filter=active",
            startMessaging=f"{own}/messagingInvitations",
        ),
        "etag": str(record.etag),
    }


def own_presence(hrefs: Hrefs, presence: Presence) -> Document:
    return {
        "rel": "presence",
        "availability": presence.availability,
        **present(activity=presence.activity),
        "_links": links(self=hrefs.of("me/presence")),
    }


def own_note(hrefs: Hrefs, presence: Presence) -> Document:
    return {
        "rel": "note",
        "message": presence.note,
        "type": presence.note_type,
        "_links": links(self=hrefs.of("me/note")),
    }


def own_location(hrefs: Hrefs, presence: Presence) -> Document:
    return {
        "rel": "location",
        "location": presence.location,
        "_links": links(self=hrefs.of("me/location")),
    }


def contact(hrefs: Hrefs, user: User) -> Document:
    person = hrefs.person(user.uri)
    return tagged(
        {
            "rel": "contact",
            "uri": user.uri,
            "name": user.name,
            "type": "User",
            "sourceNetwork": "SameEnterprise",
            **_card(user, "office"),
            "_links": links(
                self=person,
                contactPhoto=hrefs.photo(user.uri),
                contactPresence=f"{person}/presence",
                contactLocation=f"{person}/location",
                contactNote=f"{person}/note",
                contactSupportedModalities=f"{person}/supportedMedia",
            ),
        }
    )


def contact_presence(hrefs: Hrefs, presence: Presence) -> Document:
    return {
        "rel": "contactPresence",
        "availability": presence.availability,
        **present(activity=presence.activity),
        "deviceType": presence.device_type,
        **present(lastActive=_instant(presence.last_active_at)),
        "_links": links(self=f"{hrefs.person(presence.user_uri)}/presence"),
    }


def contact_note(hrefs: Hrefs, presence: Presence) -> Document:
    return {
        "rel": "contactNote",
        "message": presence.note,
        "type": presence.note_type,
        "_links": links(self=f"{hrefs.person(presence.user_uri)}/note"),
    }


def contact_location(hrefs: Hrefs, presence: Presence) -> Document:
    return {
        "rel": "contactLocation",
        "location": presence.location,
        "_links": links(self=f"{hrefs.person(presence.user_uri)}/location"),
    }


def contact_modalities(hrefs: Hrefs, presence: Presence) -> Document:
    return {
        "rel": "contactSupportedModalities",
        "modalities": listed(presence.modalities),
        "_links": links(self=f"{hrefs.person(presence.user_uri)}/supportedMedia"),
    }


def group(hrefs: Hrefs, entry: Group) -> Document:
    own = hrefs.group(entry.id)
    return tagged(
        {
            **({group_put_token(entry): PUT_TOKEN_VALUE} if entry.kind == "custom" else {}),
            "rel": group_rel(entry.id),
            "id": entry.id,
            "name": entry.name,
            "_links": links(
                self=own,
                groupContacts=hrefs.of_group("contacts", entry.id),
                groupMemberships=f"{own}/groupMemberships",
                subscribeToGroupPresence=hrefs.of_group("presenceSubscriptions", entry.id),
            ),
        }
    )


def group_rel(group_id: str) -> str:
    """The rel of a group; the ids of the built-in groups are the same for everybody."""
    builtin = {DEFAULT_GROUP.id: "defaultGroup", PINNED_GROUP.id: "pinnedGroup"}
    return builtin.get(group_id, "group")


def group_put_token(entry: Group) -> str:
    """The GUID property of a group, always the same; it tells a PUT of the group from others."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{entry.owner_uri};group={entry.id}"))


def group_membership(hrefs: Hrefs, entry: Contact) -> Document:
    own = {"href": hrefs.group_membership(entry.group_id, entry.uri), "revision": "2"}
    return {
        "rel": "myGroupMembership",
        "_links": {
            "self": own,
            "contact": link(hrefs.person(entry.uri)),
            group_rel(entry.group_id): link(hrefs.group(entry.group_id)),
        },
    }


def contact_subscription(hrefs: Hrefs, state: str) -> Document:
    """The contacts-and-groups subscription; it can be stopped while it is Connected."""
    own = hrefs.of("people/contactsAndGroupsSubscription")
    rels = ["startOrRefreshSubscriptionToContactsAndGroups"]
    if state == CONNECTED:
        rels.append("stopSubscriptionToContactsAndGroups")
    return {
        "rel": "myContactsAndGroupsSubscription",
        "state": state,
        "_links": links(self=own, **{rel: f"{own}/{rel}" for rel in rels}),
    }


def subscription(hrefs: Hrefs, entry: PresenceSubscription) -> Document:
    memberships = hrefs.of(
        f"people/presenceSubscriptionMemberships?presenceSubscriptionId={entry.id}"
    )
    return {
        "rel": "presenceSubscription",
        "id": entry.id,
        "_links": links(
            self=hrefs.subscription(entry.id),
            memberships=memberships,
            addToPresenceSubscription=memberships,
        ),
    }


def conversation(
    hrefs: Hrefs, snapshot: ConversationSnapshot, own_uri: str, own_name: str
) -> Document:
    own = hrefs.conversation(snapshot.id)
    rels = links(self=own, messaging=f"{own}/messaging")
    if snapshot.state != "Disconnected":
        rels["localParticipant"] = link(hrefs.participant(snapshot.id, own_uri), own_name)
        rels["participants"] = link(f"{own}/participants")
    return {
        "rel": "conversation",
        "state": snapshot.state,
        "threadId": snapshot.thread_id,
        "subject": snapshot.subject,
        "activeModalities": list(snapshot.modalities),
        "importance": snapshot.importance,
        "recording": False,
        "created": Instant(snapshot.created_at),
        "_links": rels,
    }


def messaging(
    hrefs: Hrefs, conversation_id: str, state: str, formats: Iterable[str] = ()
) -> Document:
    own = hrefs.messaging(conversation_id)
    rels = links(self=own, conversation=hrefs.conversation(conversation_id))
    if state != "Disconnected":
        rels["stopMessaging"] = link(f"{own}/terminate")
    if state == "Connected":
        rels |= links(
            sendMessage=f"{own}/messages",
            setIsTyping=f"{own}/typing",
            typingParticipants=f"{own}/typingParticipants",
        )
    return {
        "rel": "messaging",
        "state": state,
        **present(negotiatedMessageFormats=list(formats)),
        "_links": rels,
    }


def participant(hrefs: Hrefs, conversation_id: str, uri: str, name: str, local: bool) -> Document:
    rels = links(
        self=hrefs.participant(conversation_id, uri),
        conversation=hrefs.conversation(conversation_id),
    )
    if local:
        rels["me"] = link(hrefs.of("me"))
    else:
        person = hrefs.person(uri)
        rels |= links(
            contact=person, contactPresence=f"{person}/presence", contactPhoto=hrefs.photo(uri)
        )
    return {
        "rel": "participant",
        "sourceNetwork": "SameEnterprise",
        "anonymous": False,
        "local": local,
        "name": name,
        "uri": uri,
        "_links": rels,
    }


def participant_messaging(hrefs: Hrefs, conversation_id: str, uri: str, name: str) -> Document:
    own = hrefs.participant(conversation_id, uri)
    return {
        "rel": "participantMessaging",
        "_links": {"self": link(f"{own}/messaging"), "participant": link(own, name)},
    }


def invitation(hrefs: Hrefs, fact: InvitationChanged, message: Message | None) -> Document:
    own = hrefs.invitation(fact.id)
    rels = {
        "self": link(own),
        "to": link(hrefs.person(fact.to_uri), fact.to_name),
        "conversation": link(hrefs.conversation(fact.conversation_id)),
        "messaging": link(hrefs.messaging(fact.conversation_id)),
    }
    embedded: Document = {}
    open_now = fact.state == "Connecting"
    caller = (fact.conversation_id, fact.from_uri, fact.from_name)
    if fact.direction == "Outgoing":
        rels["from"] = link(hrefs.participant(fact.conversation_id, fact.from_uri), fact.from_name)
        if open_now:
            rels["cancel"] = link(f"{hrefs.messaging(fact.conversation_id)}/terminate")
    else:
        embedded["from"] = participant(hrefs, *caller, local=False)
        if open_now:
            rels |= links(accept=f"{own}/accept", decline=f"{own}/decline")
    if message is not None:
        rels["message"] = link(data_uri(message.body, _content_type(message)))
    if fact.accepted_by is not None:
        embedded["acceptedByParticipant"] = [
            participant(hrefs, fact.conversation_id, *fact.accepted_by, local=False)
        ]
    document: Document = {
        "rel": "messagingInvitation",
        "direction": fact.direction,
        "importance": fact.importance,
        "threadId": fact.thread_id,
        "state": fact.state,
        **present(operationId=fact.operation_id),
        "subject": fact.subject,
        "_links": rels,
    }
    if embedded:
        document["_embedded"] = embedded
    return document


def message(hrefs: Hrefs, fact: MessageCompleted, body: Message | None) -> Document:
    rels = {
        "self": link(hrefs.message(fact.conversation_id, fact.number)),
        "messaging": link(hrefs.messaging(fact.conversation_id)),
    }
    if fact.direction == "Incoming":
        rels["contact"] = link(hrefs.person(fact.from_uri))
        rels["participant"] = link(
            hrefs.participant(fact.conversation_id, fact.from_uri), fact.from_name
        )
    if body is not None:
        rel = "htmlMessage" if body.format == "Html" else "plainMessage"
        rels[rel] = link(data_uri(body.body, _content_type(body)))
    document: Document = {
        "rel": "message",
        "direction": fact.direction,
        "timeStamp": Instant(fact.sent_at),
        "_links": rels,
    }
    if fact.operation_id:
        document["operationId"] = fact.operation_id
    return document


def _card(user: User, office: str) -> Document:
    """What a user's card says; `office` is the name that `me` or `contact` has for it."""
    return present(
        emailAddresses=[user.email] if user.email else [],
        company=user.company,
        department=user.department,
        **{office: user.office},
        title=user.title,
        workPhoneNumber=_tel(user.work_phone),
        mobilePhoneNumber=_tel(user.mobile_phone),
        homePhoneNumber=_tel(user.home_phone),
        otherPhoneNumber=_tel(user.other_phone),
    )


def _content_type(message: Message) -> str:
    return "text/html" if message.format == "Html" else "text/plain"


def _tel(number: str) -> str:
    return f"tel:{number}" if number else ""


def _instant(epoch_s: float) -> Instant | None:
    return Instant(epoch_s) if epoch_s else None
