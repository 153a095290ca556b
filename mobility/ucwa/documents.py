"""The documents of UCWA's resources: one function a rel, pure, from domain values.

A link is a capability: it is there only when its operation would be allowed (UCWA "Hypermedia").
"""

import uuid
import zlib
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from mobility.domain.addresses import address_of
from mobility.domain.applications import Endpoint
from mobility.domain.contact_subscriptions import CONNECTED
from mobility.domain.contacts import DEFAULT_GROUP, PINNED_GROUP
from mobility.domain.delegates import DELEGATES_GROUP, DELEGATORS_GROUP
from mobility.domain.organization import ORGANIZATION_GROUP
from mobility.domain.phones import phones_of, visible_numbers
from mobility.domain.records import (
    Contact,
    DistributionGroup,
    Group,
    Presence,
    PresenceSubscription,
    User,
)
from mobility.http.message import Document, Instant
from mobility.ucwa.hrefs import ADHOC, ASSIGNED_MEETING, Hrefs

PHOTO_EXTENSION = "mobility:photo"
"""The rel of our own under which a user sets a photo."""

BUILTIN_GROUPS = {
    DEFAULT_GROUP.id: "defaultGroup",
    PINNED_GROUP.id: "pinnedGroup",
    DELEGATES_GROUP: "delegatesGroup",
    DELEGATORS_GROUP: "delegatorsGroup",
    ORGANIZATION_GROUP: "myOrganizationGroup",
}
"""The rels of the groups of which everybody has one, by id."""
PUSH_EXTENSION = "mobility:pushSubscriptions"
"""The rel of our own under which a user's devices say how they are woken."""

DELIVERY_EXTENSION = "mobility:delivery"
"""A property of our own of a message: how far it has come (`mobility.domain.message_states`)."""

UNREAD_EXTENSION = "mobility:unread"
"""The rel of our own under which a user's devices agree on what is read."""

START_SHARING, STOP_SHARING = "mobility:startApplicationSharing", "mobility:stopApplicationSharing"
"""The rels of our own under which a screen is shared, and is not any more."""

START_COLLABORATION = "mobility:startDataCollaboration"
STOP_COLLABORATION = "mobility:stopDataCollaboration"
"""The rels of our own under which people work on documents together, and stop to."""

CONTENT_EXTENSION = "mobility:content"
"""The rel of our own under which those who share tell clients where what they share is found."""

PUT_TOKEN_VALUE = "please pass this in a PUT request"  # noqa: S105  # the protocol's fixed text
"""The value of the GUID property that a PUT must bring back (protocol's exact text)."""


def link(href: str, title: str = "") -> Document:
    return {"href": href, "title": title} if title else {"href": href}


def revised(href: str, revision: int) -> Document:
    """A link to a resource that is not of revision 1."""
    return {"href": href, "revision": str(revision)}


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
    calls: Document,
) -> Document:
    record, hrefs = endpoint.record, Hrefs(endpoint.id, guest=endpoint.guest)
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
            **({} if hrefs.guest else {"reportMyNetwork": hrefs.of("reportMyNetwork")}),
        ),
        "_embedded": {
            "me": me(endpoint, user),
            "people": people(hrefs),
            "onlineMeetings": online_meetings(hrefs, assigned=assigned_meeting),
            "communication": communication(endpoint, calls),
        },
    }
    return tagged(document)


def me(endpoint: Endpoint, user: User) -> Document:
    hrefs = Hrefs(endpoint.id)
    if endpoint.guest:
        own = links(self=hrefs.of("me"))
        return {"rel": "me", "name": user.name, "uri": user.uri, "_links": own}
    abilities = {"makeMeAvailable": revised(hrefs.of("me/makeMeAvailable"), 2)}
    if endpoint.record.available:
        rels = ("presence", "note", "location", "reportMyActivity")
        abilities = {rel: link(hrefs.of(f"me/{rel}")) for rel in rels}
    return {
        "rel": "me",
        "name": user.name,
        "uri": user.uri,
        **_card(user, "officeLocation", {one.kind: one.number for one in phones_of(user)}),
        "_links": {
            **links(self=hrefs.of("me")),
            **abilities,
            **(
                links(callForwardingSettings=hrefs.of("me/callForwardingSettings"))
                if user.enterprise_voice
                else {}
            ),
            **links(phones=hrefs.of("me/phones"), photo=hrefs.photo(user.uri)),
            **({} if user.source else {PHOTO_EXTENSION: link(hrefs.of("me/photo"))}),
            PUSH_EXTENSION: link(hrefs.of("me/pushSubscriptions")),
        },
    }


def people(hrefs: Hrefs) -> Document:
    own = hrefs.of("people")
    if hrefs.guest:
        return {"rel": "people", "_links": links(self=own)}
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
                myPrivacyRelationships=f"{own}/privacyRelationships",
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
    if hrefs.guest:
        return {"rel": "onlineMeetings", "_links": rels}
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


def communication(endpoint: Endpoint, calls: Document) -> Document:
    """`calls` are the links by which calls begin."""
    record, hrefs = endpoint.record, Hrefs(endpoint.id, guest=endpoint.guest)
    own = hrefs.of("communication")
    starts: Document = {rel: calls[rel] for rel in ("mediaRelayAccessToken",) if rel in calls}
    if not hrefs.guest:
        adhoc = f"{own}/onlineMeetingInvitations?onlineMeetingUri={ADHOC}"
        starts = {
            **calls,
            "replayMessage": link(f"{own}/replayMessage"),
            "startOnlineMeeting": link(adhoc),
            "startMessaging": revised(f"{own}/messagingInvitations", 2),
            **links(conversationLogs=f"{own}/conversationLogs", missedItems=f"{own}/missedItems"),
            UNREAD_EXTENSION: link(f"{own}/unread"),
        }
    return {
        record.put_token: PUT_TOKEN_VALUE,
        "rel": "communication",
        "supportedModalities": listed(record.modalities),
        "supportedMessageFormats": listed(record.formats),
        "conversationHistory": record.conversation_history,
        **present(
            audioPreference=record.audio_preference,
            phoneNumber=record.phone_number,
            lisLocation=record.lis_location,
            lisQueryResult=record.lis_result,
        ),
        **(
            {"publishEndpointLocation": record.publishes_location == "Enabled"}
            if record.publishes_location
            else {}
        ),
        "_links": {
            **links(
                self=own,
                conversations=f"{own}/conversations?filter=active",
                mediaPolicies=hrefs.of("mediaPolicies"),
                joinOnlineMeeting=f"{own}/onlineMeetingInvitations",
            ),
            **starts,
        },
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


def contact(hrefs: Hrefs, user: User, viewer_uri: str) -> Document:
    """A user as the viewer sees it (`mobility.domain.privacy`)."""
    person = hrefs.person(user.uri)
    privacy = {"contactPrivacyRelationship": revised(hrefs.privacy(user.uri), 2)}
    return tagged(
        {
            "rel": "contact",
            "uri": user.uri,
            "name": user.name,
            "type": "User",
            "sourceNetwork": "SameEnterprise",
            **_card(user, "office", visible_numbers(user)),
            "_links": links(
                self=person,
                contactPhoto=hrefs.photo(user.uri),
                contactPresence=f"{person}/presence",
                contactLocation=f"{person}/location",
                contactNote=f"{person}/note",
                contactSupportedModalities=f"{person}/supportedMedia",
            )
            | ({} if user.uri == viewer_uri else privacy),
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
    """A group of people; who is in a virtual one is not for the user to say, so that it has no
    memberships."""
    own = hrefs.group(entry.id)
    memberships = links(groupMemberships=f"{own}/groupMemberships")
    return tagged(
        {
            **({group_put_token(entry): PUT_TOKEN_VALUE} if entry.kind == "custom" else {}),
            "rel": group_rel(entry.id),
            "id": entry.id,
            "name": entry.name,
            "_links": {
                **links(self=own, groupContacts=hrefs.of_group("contacts", entry.id)),
                **({} if entry.kind == "virtual" else memberships),
                **links(subscribeToGroupPresence=hrefs.of_group("presenceSubscriptions", entry.id)),
            },
        }
    )


def distribution_group(
    hrefs: Hrefs, found: DistributionGroup, name: str, *, listed: bool
) -> Document:
    """A distribution group; `name` is what the user calls it, `listed` whether it is on the
    contact list."""
    group_id = address_of(found.uri)
    own, of_groups = hrefs.distribution_group(group_id), hrefs.of("people/groups")
    move = {
        "removeFromContactList": f"{of_groups}/removeFromContactList?{_query(groupId=group_id)}"
    }
    if not listed:
        values = _query(displayName=name, smtpAddress=group_id)
        move = {"addToContactList": f"{of_groups}/addToContactList?{values}"}
    return {
        "rel": "distributionGroup",
        "uri": found.uri,
        "id": group_id,
        "name": name,
        "_links": links(
            self=own,
            **move,
            expandDistributionGroup=f"{own}/expandDistributionGroup",
            subscribeToGroupPresence=hrefs.of_group("presenceSubscriptions", group_id),
        ),
    }


def _query(**values: str) -> str:
    return urlencode(values, quote_via=quote)


def group_rel(group_id: str) -> str:
    """The rel of a group; the ids of the built-in groups are the same for everybody, and those of
    distribution groups are mail addresses."""
    return BUILTIN_GROUPS.get(group_id) or ("distributionGroup" if "@" in group_id else "group")


def group_href(hrefs: Hrefs, group_id: str) -> str:
    """Where the group of an id is, of whatever kind."""
    return hrefs.distribution_group(group_id) if "@" in group_id else hrefs.group(group_id)


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


def _card(user: User, office: str, numbers: Mapping[str, str]) -> Document:
    """What a user's card says, with telephone `numbers` by kind of phone.

    `office` is the name that `me` or `contact` has for it.
    """
    return present(
        emailAddresses=[user.email] if user.email else [],
        company=user.company,
        department=user.department,
        **{office: user.office},
        title=user.title,
        **{f"{kind}PhoneNumber": tel(number) for kind, number in numbers.items()},
    )


def tel(number: str) -> str:
    return f"tel:{number}" if number else ""


def _instant(epoch_s: float) -> Instant | None:
    return Instant(epoch_s) if epoch_s else None
