"""Where the wire differs from the reference pages on purpose, each with its reason.

The declarations' own tables are those of `tests.ucwa.test_declaration`; here is what only the wire
shows.
"""

from tests.ucwa import test_declaration
from tests.ucwa.test_declaration import EMBEDDED, EVENT_TARGETS, EVENTS, PROPERTIES

__all__ = ["EMBEDDED", "EVENTS", "EVENT_TARGETS", "LINKS", "PROPERTIES"]

LINKS = test_declaration.LINKS | {
    ("invitations", f"{kind}Invitation")
    for kind in ("audioVideo", "messaging", "onlineMeeting", "participant", "phoneAudio")
}
"""Links shown beyond the page: those of the declarations, and the collection of invitations links
to every kind of them."""

MORE_PROPERTIES = {
    ("makeMeAvailable", "operations"): "the task page tells of it as what revision 2 answers with",
}
"""Properties beyond the pages that only answers to POST have, and why."""

OPAQUE = frozenset({"xframe", "photo", "contactPhoto", "batch"})
"""Rels that lead to no UCWA document: a page, pictures, and parts of other answers."""

REL_UNSAID = frozenset({"root", "user", "redirect"})
"""Rels of documents that need not say them: the task pages' discovery answers have links only."""

SELFLESS = frozenset({"root", "user"})
"""Rels of documents without a `self` link: discovery that sends the client on says only where."""

SUCCESS: dict[tuple[str, str], frozenset[int]] = {
    ("applications", "POST"): frozenset({200}),  # "Multi-Tab Support": a known instance
    ("presenceSubscription", "POST"): frozenset({200}),  # the task page; nothing is created
    ("participants", "GET"): frozenset({200}),  # the page describes a link only
    ("typingParticipants", "GET"): frozenset({200}),  # as participants
}
"""Further status codes with which operations succeed."""

SUCCESS_ANYWHERE = frozenset({204})
"""With what OPTIONS succeeds, which every resource answers with Allow alone."""

SUCCESS_OF_OWN = frozenset({200, 201, 204})
"""With what the server's own resources succeed, which no page describes."""

TARGETS: dict[str, frozenset[str]] = {
    "applicationSharer": frozenset({"participant"}),
    "onBehalfOf": frozenset({"contact"}),
    "from": frozenset({"participant"}),
    "localParticipant": frozenset({"participant"}),
    "acceptedByParticipant": frozenset({"participant"}),
    "failedDeliveryParticipant": frozenset({"participant"}),
    "delegator": frozenset({"contact"}),
    "forwardedBy": frozenset({"contact"}),
    "transferredBy": frozenset({"contact"}),
    "groupContacts": frozenset({"myContacts"}),
    "redirect": frozenset({"root", "user"}),
}
"""Links whose pages say what they lead to in words only."""

UNTAGGED = frozenset({"applications", "myOnlineMeetings", "onlineMeetingExtensions"})
"""Collections without an ETag, though their pages' samples have one: what is embedded does not
count towards it (UCWA "Payload format"), so it would say nothing about them."""

SPARSE = {
    "acceptedByParticipant": "somebody must have accepted",
    "distributionGroup": "a directory must have some",
    "onlineMeetingExtension": "onlineMeeting links to the extensions that concern it",
    "startEmergencyCallInput": "belongs to emergency calls, which are not built",
}
"""Embedded resources of which there may be many, that are left out when there are none, and why."""

UNSTEADY = frozenset({"mediaRelayAccessToken"})
"""Rels of what is made anew for each GET: credentials."""

MOVING = frozenset({("conversation", "expirationTime")})
"""Properties that change by themselves: when an idle conversation ends is known once it is looked
for idle ones."""

MANY = frozenset(
    {
        ("participants", "participant"),
        ("typingParticipants", "participant"),
        *(pair for pair in LINKS if pair[0] == "invitations"),
    }
)
"""Links of collections of which there may be many, though their pages do not say so."""

VALUES: frozenset[tuple[str, str, str]] = frozenset(
    {
        # no target is chosen yet: the sample of the page has it so
        ("immediateForwardSettings", "target", "None"),
    }
)
"""Values of properties beyond those of their enumeration: rel, name, value."""

GENERIC = frozenset(
    {
        "BadRequest",
        "ClientTimeout",
        "EntityTooLarge",
        "Gone",
        "MethodNotAllowed",
        "NotFound",
        "PreconditionFailed",
        "PreconditionRequired",
        "ServiceFailure",
        "ServiceUnavailable",
        "Timeout",
        "TooManyRequests",
        "UnsupportedMediaType",
    }
)
"""Error codes that every operation may answer with (UCWA "Generic synchronous errors")."""

GENERIC_PAIRS = frozenset({("Conflict", "PGetReplaced"), ("Gone", "TooManyApplications")})
"""Code and subcode, likewise."""

GENERIC_SUBCODES = frozenset(
    {
        "MobileApplicationNoLongerAllowed",
        "ResourceNotFound",
        "ServiceTimeout",
        "VersionNotSupported",
    }
)
"""Names of the page of generic errors that the list of subcodes does not have."""

REFUSALS: frozenset[tuple[str, str, str, str]] = frozenset(
    {
        # EnableIPAudioVideo; the page of startPhoneAudio documents 403 for its own policy
        ("startAudio", "POST", "Forbidden", ""),
    }
)
"""Errors of one operation beyond its page: rel, method, code, subcode."""

GOAL_AREAS = frozenset({"discovery", "application", "me", "call forwarding", "people", "history"})
"""The areas that are to be complete first; the whole reference follows."""

ABOVE_THE_TREE = frozenset(
    {"root", "user", "redirect", "xframe", "applications", "anonApplications", "reason"}
)
"""Rels that are served without a declaration: what stands above an application, and errors."""

LINK_NAMES = {
    "acceptedByContact": "contact",
    "applicationSharer": "participant",
    "acceptedByParticipant": "participant",
    "addToPresenceSubscription": "presenceSubscriptionMemberships",
    "delegator": "contact",
    "derivedAudioVideo": "audioVideo",
    "derivedConversation": "conversation",
    "derivedPhoneAudio": "phoneAudio",
    "failedDeliveryParticipant": "participant",
    "forwardedBy": "contact",
    "from": "participant",
    "groupContacts": "myContacts",
    "invitation": "messagingInvitation",
    "onBehalfOf": "contact",
    "session": "audioVideoSession",
    "localParticipant": "participant",
    "organizer": "contact",
    "memberships": "presenceSubscriptionMemberships",
    "photo": "contactPhoto",
    "subscribeToGroupPresence": "presenceSubscriptions",
    "to": "contact",
    "transferredBy": "contact",
    "videoLockedOnParticipant": "participant",
}
"""Rels that are names of links to a declared resource."""


_REPLACED = (
    "who takes over a call by SIP (Replaces) takes the place of the leg that it replaces in the "
    "same conversation, so no invitation replaces a call: applications are offered the new media"
)

ABSENT_RESOURCES: dict[str, str] = {
    **dict.fromkeys(("replacesAudioVideo", "replacesPhoneAudio"), _REPLACED),
    "participantPanoramicVideo": (
        "it is the second video of a camera that sends a meeting room into a conference, which a "
        "description does not tell from its first: no stream of it says so"
    ),
    "derivedMessaging": (
        "messages ring on the devices of the person who was asked and on nobody else's, so nobody "
        "but the participant answers when messaging is added to a conversation"
    ),
    "conversationExtensionResult": "no page says what shows it, and nothing links to it",
    "errorTranscript": "served for a message that the store has lost; a script cannot lose one",
    "userAcknowledged": "its page describes no operation and no property, and no page links to it",
}
"""Rels that are not served, and why: the end of a sentence that begins "deliberately absent
because".  Their operations and events are absent with them."""

ABSENT_OPERATIONS: dict[tuple[str, str], str] = {}
"""Documented operations of served rels that are not, and why, likewise."""

ABSENT_EVENTS: dict[tuple[str, str, str], str] = {
    (part, part, "deleted"): "an application that was made available stays so until it ends"
    for part in ("presence", "note", "location")
} | {
    ("onlineMeetingInvitation", "onlineMeetingInvitation", "updated"): (
        "nothing of it changes before it is completed"
    ),
    **{
        (page, group, kind): why
        for group in ("defaultGroup", "pinnedGroup")
        for page, kind, why in (
            ("myGroups", "added", "everybody has this group from the beginning"),
            ("myGroups", "deleted", "everybody has this group, and nobody can remove it"),
            (group, "updated", "its id and its name, which are all it shows, never change"),
        )
    },
    **{
        ("myOrganizationGroup", "delegatorsGroup", kind): (
            "no delegators are in an organization: its page repeats the events of delegatorsGroup's"
        )
        for kind in ("added", "updated", "deleted")
    },
    ("message", "message", "started"): (
        "a message is delivered when it is stored, so it shows only `completed`, as the page of "
        "operations says of fast ones"
    ),
    ("videoLockedOnParticipant", "videoLockedOnParticipant", "updated"): (
        "the video of another participant is locked by unlocking the first, which is deleted then"
    ),
    **{
        (rel, rel, "updated"): "it has two links that never change, and is there or not"
        for rel in ("participantMessaging", "participantDataCollaboration")
    },
}
"""Documented events that are not sent, and why, likewise: page, what it is about, type."""
