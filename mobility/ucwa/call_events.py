"""Facts about calls as UCWA events."""

from mobility.domain import facts
from mobility.domain.call import PHONE_AUDIO
from mobility.domain.call_policy import CallPolicy
from mobility.http.message import Document
from mobility.ucwa import call_documents as documents
from mobility.ucwa.documents import link
from mobility.ucwa.hrefs import Hrefs
from mobility.ucwa.phone_documents import phone_audio

Sent = tuple[str, str, Document]

CallFact = (
    facts.CallChanged
    | facts.NegotiationChanged
    | facts.SessionChanged
    | facts.RenegotiationChanged
    | facts.ParticipantMediaChanged
    | facts.VideoLocked
)


def subject(fact: CallFact | facts.MediaShown) -> tuple[str, str]:
    """The rel and the event type under which a fact is declared."""
    match fact:
        case facts.CallChanged():
            return fact.modality, "updated"
        case facts.NegotiationChanged():
            return "audioVideoNegotiation", "updated"
        case facts.SessionChanged():
            return "audioVideoSessions", fact.change
        case facts.RenegotiationChanged():
            return "audioVideoRenegotiation", fact.change
        case facts.ParticipantMediaChanged():
            return f"participant{fact.medium}", fact.change
        case facts.MediaShown():
            return "participantAudio", "added"
        case facts.VideoLocked():
            return "videoLockedOnParticipant", fact.change


def rendered(hrefs: Hrefs, fact: CallFact, policy: CallPolicy) -> Sent:
    """The event that tells of a fact, with its sender."""
    conversation = hrefs.conversation(fact.conversation_id)
    rel, change = subject(fact)
    match fact:
        case facts.CallChanged():
            shown = phone_audio if fact.modality == PHONE_AUDIO else documents.audio_video
            event = _shown(rel, shown(hrefs, fact, policy), change)
            return "conversation", conversation, _explained(event, fact.reason)
        case facts.NegotiationChanged():
            document = documents.negotiation(hrefs, fact)
            sender = "audioVideoInvitation"
            return (
                sender,
                hrefs.invitation(fact.invitation_id, sender),
                _shown(rel, document, change),
            )
        case facts.SessionChanged():
            document = documents.session(hrefs, fact)
            event = _shown("audioVideoSession", document, change)
            event["in"] = {"rel": rel, "href": f"{conversation}/audioVideo/sessions"}
        case facts.RenegotiationChanged():
            event = _shown(rel, documents.renegotiation(hrefs, fact, policy), change)
            if change == "completed":
                event["status"] = "Success" if fact.reason is None else "Failure"
            _explained(event, fact.reason)
        case facts.ParticipantMediaChanged():
            event = _shown(rel, documents.participant_media(hrefs, fact), change)
            event["in"] = {
                "rel": "localParticipant" if fact.local else "participant",
                **link(hrefs.participant(fact.conversation_id, fact.uri), fact.name),
            }
            return "conversation", conversation, event
        case facts.VideoLocked():
            own = f"{conversation}/audioVideo"
            participant = hrefs.participant(fact.conversation_id, fact.uri)
            return (
                "conversation",
                conversation,
                {
                    "link": {"rel": rel, **link(participant, fact.name)},
                    "type": change,
                    "in": {"rel": "audioVideo", "href": own},
                },
            )
    return "communication", hrefs.of("communication"), event


def _shown(rel: str, document: Document, kind: str) -> Document:
    """An event that embeds the resource unless it is gone, under the key that equals its rel."""
    event: Document = {
        "link": {"rel": rel, "href": document["_links"]["self"]["href"]},
        "type": kind,
    }
    if kind != "deleted":
        event["_embedded"] = {rel: document}
    return event


def _explained(event: Document, reason: tuple[str, str, str] | None) -> Document:
    """The event with its reason, if it has one."""
    if reason is not None:
        code, subcode, message = reason
        event["reason"] = {"code": code, "subcode": subcode, "message": message}
    return event
