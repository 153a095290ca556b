"""The documents of conversations: one function a rel, pure, from domain values.

A link is a capability: it is there only when its operation would be allowed (UCWA "Hypermedia").
"""

from collections.abc import Callable

from mobility.domain.addresses import is_guest
from mobility.domain.call_policy import CallPolicy
from mobility.domain.conversation import CALL, JOIN, LEADER, MESSAGING, MIXED, PARTICIPANT, PHONE
from mobility.domain.facts import (
    ConversationSnapshot,
    InvitationChanged,
    MessageCompleted,
    MessagingChanged,
    ParticipantChanged,
)
from mobility.domain.meetings import OnlineMeeting, conference_uri
from mobility.domain.records import Message
from mobility.http.message import Document, Instant
from mobility.ucwa.documents import link, links, present
from mobility.ucwa.hrefs import Hrefs, data_uri
from mobility.ucwa.meeting_documents import expiration, extension, join_href

NetworkOf = Callable[[str], str]
"""The SourceNetwork of somebody, by its URI (`mobility.domain.networks`)."""

_INCOMING = {MESSAGING: "messagingInvitation", PARTICIPANT: "onlineMeetingInvitation"}
_OUTGOING = {
    MESSAGING: "messagingInvitation",
    PARTICIPANT: "participantInvitation",
    JOIN: "onlineMeetingInvitation",
}


_OF_CONFERENCES = ("onlineMeeting", "leaders", "attendees")
"""What a conversation links to while it is a conference."""

_SHARED = ("applicationSharing", "dataCollaboration")
"""What a conversation links to while it is connected."""


def invitation_rel(fact: InvitationChanged) -> str:
    """Under which rel an application sees an invitation.

    Who is asked into a conference sees an onlineMeetingInvitation (UCWA participantInvitation).
    """
    if fact.kind in (CALL, MIXED, PHONE):
        modality = fact.call.modality if fact.call is not None else "audioVideo"
        return f"{modality}Invitation"
    return (_OUTGOING if fact.direction == "Outgoing" else _INCOMING)[fact.kind]


def conversation(
    hrefs: Hrefs,
    snapshot: ConversationSnapshot,
    own_uri: str,
    own_name: str,
    policy: CallPolicy,
    expires_at: float = 0.0,
) -> Document:
    """A conversation; `policy` is that of the application's user, `expires_at` when it will end by
    itself, 0 where that is not known."""
    own = hrefs.conversation(snapshot.id)
    rels = links(self=own, messaging=f"{own}/messaging")
    if policy.mixed or snapshot.call or not snapshot.conference:
        rels["audioVideo"] = link(f"{own}/audioVideo")
    if policy.joins_by_phone if snapshot.conference else policy.phone:
        rels["phoneAudio"] = link(f"{own}/phoneAudio")
    if snapshot.state != "Disconnected":
        rels["localParticipant"] = link(hrefs.participant(snapshot.id, own_uri), own_name)
        rels["participants"] = link(f"{own}/participants")
    escalates = snapshot.escalates and policy.mixed
    may_ask = (snapshot.state == "Connected" and not snapshot.call) or snapshot.leader or escalates
    if may_ask and not hrefs.guest:
        rels["addParticipant"] = link(
            hrefs.of(f"communication/participantInvitations?conversation={snapshot.id}")
        )
    if snapshot.state == "Conferenced":
        rels |= {rel: link(f"{own}/{rel}") for rel in _OF_CONFERENCES}
    if snapshot.state in ("Connected", "Conferenced"):
        rels |= {rel: link(f"{own}/{rel}") for rel in _SHARED}
    if snapshot.leader:
        rels["lobby"] = link(f"{own}/lobby")
        messages = "disable" if snapshot.audience_messaging == "Enabled" else "enable"
        mute = "disable" if snapshot.audience_mute == "Enabled" else "enable"
        rels[f"{messages}AudienceMessaging"] = link(f"{own}/messaging/{messages}AudienceMessaging")
        rels[f"{mute}AudienceMuteLock"] = link(f"{own}/{mute}AudienceMuteLock")
    return {
        "rel": "conversation",
        "state": snapshot.state,
        "threadId": snapshot.thread_id,
        "subject": snapshot.subject,
        "activeModalities": list(snapshot.modalities),
        **present(
            audienceMessaging=snapshot.audience_messaging,
            audienceMute=snapshot.audience_mute,
            participantCount=snapshot.participants or None,
            expirationTime=Instant(expires_at) if expires_at else None,
        ),
        "importance": snapshot.importance,
        "readLocally": snapshot.read,
        "recording": False,
        "created": Instant(snapshot.created_at),
        "_links": rels,
    }


def messaging(hrefs: Hrefs, shown: MessagingChanged) -> Document:
    own = hrefs.messaging(shown.conversation_id)
    rels = links(self=own, conversation=hrefs.conversation(shown.conversation_id))
    if shown.state != "Disconnected":
        rels["stopMessaging"] = link(f"{own}/terminate")
    elif shown.may_add:
        rels["addMessaging"] = link(f"{own}/addMessaging")
    if shown.state == "Connected":
        rels |= links(setIsTyping=f"{own}/typing", typingParticipants=f"{own}/typingParticipants")
        if shown.may_send:
            rels["sendMessage"] = link(f"{own}/messages")
    return {
        "rel": "messaging",
        "state": shown.state,
        **present(negotiatedMessageFormats=list(shown.formats)),
        "_links": rels,
    }


def participant(
    hrefs: Hrefs, shown: ParticipantChanged, network_of: NetworkOf, *, led: bool = False
) -> Document:
    """A participant; with `led` the application's user leads the conference."""
    own = hrefs.participant(shown.conversation_id, shown.uri)
    network = network_of(shown.uri)
    rels = links(self=own, conversation=hrefs.conversation(shown.conversation_id))
    if shown.local:
        rels["me"] = link(hrefs.of("me"))
    elif not (shown.anonymous or hrefs.guest or network == "Everyone"):
        person = hrefs.person(shown.uri)
        rels |= links(
            contact=person,
            contactPresence=f"{person}/presence",
            contactPhoto=hrefs.photo(shown.uri),
        )
    if led:
        rels |= {rel: link(f"{own}/{rel}") for rel in _powers_over(shown)}
    return {
        "rel": "participant",
        "sourceNetwork": network,
        "anonymous": shown.anonymous,
        **({"inLobby": shown.in_lobby, "organizer": shown.organizer} if shown.role else {}),
        "local": shown.local,
        "name": shown.name,
        **present(role=shown.role, otherPhoneNumber=f"tel:{shown.phone}" if shown.phone else ""),
        "uri": shown.uri,
        "_links": rels,
    }


def _powers_over(shown: ParticipantChanged) -> tuple[str, ...]:
    """What a leader may do with a participant."""
    if shown.in_lobby:
        return "admit", "reject"
    if shown.organizer:
        return ()
    role = "demote" if shown.role == LEADER else "promote"
    return (role,) if shown.local else (role, "eject")


def online_meeting(
    hrefs: Hrefs,
    conversation_id: str,
    shown: OnlineMeeting,
    join_url: str,
    organizer_name: str,
    *,
    dial_in: bool,
    own_meeting: bool,
) -> Document:
    """What the people in a conference see of its meeting; extensions are its organizer's."""
    record = shown.record
    own = hrefs.conversation(conversation_id)
    rels = links(self=f"{own}/onlineMeeting", conversation=own)
    embedded: Document = {}
    if not hrefs.guest:
        rels["organizer"] = link(hrefs.person(record.organizer_uri), organizer_name)
        if dial_in:
            rels["phoneDialInInformation"] = link(hrefs.of("onlineMeetings/phoneDialInInformation"))
    if own_meeting and not record.improvised:
        rels["onlineMeetingExtensions"] = link(f"{hrefs.meeting(record.id)}/extensions")
        embedded["onlineMeetingExtension"] = [
            extension(hrefs, one) for one in shown.extensions.values()
        ]
    return {
        "rel": "onlineMeeting",
        "accessLevel": record.access_level,
        "attendees": record.attendees.split(),
        "automaticLeaderAssignment": record.automatic_leader_assignment,
        **present(conferenceId=record.number if dial_in else ""),
        "description": record.description,
        "entryExitAnnouncement": record.entry_exit_announcement,
        **present(expirationTime=expiration(record)),
        "joinUrl": join_href(record, join_url),
        "leaders": record.leaders.split(),
        "lobbyBypassForPhoneUsers": record.lobby_bypass_for_phone_users,
        "onlineMeetingId": record.id,
        "onlineMeetingRel": "myAssignedOnlineMeeting" if record.assigned else "myOnlineMeetings",
        "onlineMeetingUri": conference_uri(record),
        "organizerName": organizer_name,
        "organizerUri": record.organizer_uri,
        "phoneUserAdmission": record.phone_user_admission,
        "subject": record.subject,
        "_links": rels,
        **({"_embedded": embedded} if embedded else {}),
    }


def participant_messaging(hrefs: Hrefs, conversation_id: str, uri: str, name: str) -> Document:
    own = hrefs.participant(conversation_id, uri)
    return {
        "rel": "participantMessaging",
        "_links": {"self": link(f"{own}/messaging"), "participant": link(own, name)},
    }


def invitation(
    hrefs: Hrefs,
    fact: InvitationChanged,
    message: Message | None,
    network_of: NetworkOf,
    *,
    html: bool,
) -> Document:
    """Any invitation, under the rel that `invitation_rel` says; its message as HTML with `html`."""
    rel = invitation_rel(fact)
    own = hrefs.invitation(fact.id, rel)
    rels = {
        "self": link(own),
        "conversation": link(hrefs.conversation(fact.conversation_id)),
    }
    if not hrefs.guest:
        rels["to"] = link(hrefs.person(fact.to_uri), fact.to_name)
    if fact.kind == MESSAGING:
        rels["messaging"] = link(hrefs.messaging(fact.conversation_id))
    embedded: Document = {}
    open_now = fact.state in ("Connecting", "Alerting")
    if fact.direction == "Outgoing":
        rels["from"] = link(hrefs.participant(fact.conversation_id, fact.from_uri), fact.from_name)
        if open_now:
            rels["cancel"] = link(
                f"{hrefs.messaging(fact.conversation_id)}/terminate"
                if fact.kind == MESSAGING
                else f"{own}/cancel"
            )
    else:
        caller = other(fact, fact.from_uri, fact.from_name)
        embedded["from"] = participant(hrefs, caller, network_of)
        if open_now:
            rels |= links(accept=f"{own}/accept", decline=f"{own}/decline")
    if fact.custom_content:
        rels["customContent"] = link(fact.custom_content)
    if message is not None:
        rels["message"] = link(message_uri(message, html=html))
    if fact.accepted_by is not None:
        accepted_by = other(fact, *fact.accepted_by)
        embedded["acceptedByParticipant"] = [participant(hrefs, accepted_by, network_of)]
    to_meeting = rel == "onlineMeetingInvitation"
    document: Document = {
        "rel": rel,
        "direction": fact.direction,
        "importance": fact.importance,
        "threadId": fact.thread_id,
        "state": fact.state,
        **present(
            operationId=fact.operation_id,
            onlineMeetingUri=fact.meeting_uri if to_meeting else "",
            anonymousDisplayName=fact.from_name if to_meeting and is_guest(fact.from_uri) else "",
        ),
        "subject": fact.subject,
        "_links": rels,
    }
    if embedded:
        document["_embedded"] = embedded
    return document


def message(hrefs: Hrefs, fact: MessageCompleted, body: Message | None, *, html: bool) -> Document:
    """A message; its text as HTML if it has any and the application shows it (`html`)."""
    rels: Document = {
        "self": link(hrefs.message(fact.conversation_id, fact.number)),
        "messaging": link(hrefs.messaging(fact.conversation_id)),
    }
    if fact.direction == "Incoming":
        if not (hrefs.guest or is_guest(fact.from_uri)):
            rels["contact"] = link(hrefs.person(fact.from_uri))
        rels["participant"] = link(
            hrefs.participant(fact.conversation_id, fact.from_uri), fact.from_name
        )
    if body is not None:
        rel = "htmlMessage" if html and body.format == "Html" else "plainMessage"
        rels[rel] = link(message_uri(body, html=html))
    if fact.failed:
        rels["failedDeliveryParticipant"] = [
            link(hrefs.participant(fact.conversation_id, uri), name) for uri, name in fact.failed
        ]
    document: Document = {
        "rel": "message",
        "direction": fact.direction,
        "timeStamp": Instant(fact.sent_at),
        "_links": rels,
    }
    if fact.direction == "Outgoing":
        document["status"] = "Failed" if fact.failed else "Succeeded"
    if fact.operation_id:
        document["operationId"] = fact.operation_id
    return document


def other(fact: InvitationChanged, uri: str, name: str) -> ParticipantChanged:
    """Somebody else whom an invitation names."""
    return ParticipantChanged(fact.conversation_id, uri, name, local=False, change="added")


def message_uri(message: Message, *, html: bool) -> str:
    """The text of a message for an application that shows HTML, or does not."""
    if html and message.format == "Html":
        return data_uri(message.body, "text/html")
    return data_uri(message.text)
