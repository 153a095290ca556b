"""The documents of shared content, and the events that tell of it: from domain values.

A link is a capability: it is there only when its operation would be allowed (UCWA "Hypermedia").
"""

from mobility.domain.call_policy import CallPolicy
from mobility.domain.content_states import SCREEN
from mobility.domain.facts import (
    ContentChanged,
    ContentOffered,
    ParticipantContentChanged,
    SharerChanged,
)
from mobility.http.message import Document
from mobility.ucwa.documents import (
    CONTENT_EXTENSION,
    START_COLLABORATION,
    START_SHARING,
    STOP_COLLABORATION,
    STOP_SHARING,
    link,
    links,
    present,
)
from mobility.ucwa.hrefs import Hrefs, data_uri

SDP = "application/sdp"

SharingFact = ContentChanged | SharerChanged | ParticipantContentChanged | ContentOffered

Sent = tuple[str, str, Document]
"""Rel and href of an event's sender, and the event."""


def content_rel(modality: str) -> str:
    """The rel of a modality: applicationSharing or dataCollaboration."""
    return modality[0].lower() + modality[1:]


def content(hrefs: Hrefs, fact: ContentChanged, policy: CallPolicy) -> Document:
    """A modality of shared content."""
    conversation = hrefs.conversation(fact.conversation_id)
    rel = content_rel(fact.modality)
    own = f"{conversation}/{rel}"
    rels = links(self=own, conversation=conversation)
    screen = fact.modality == SCREEN
    start, stop = (
        (START_SHARING, STOP_SHARING) if screen else (START_COLLABORATION, STOP_COLLABORATION)
    )
    if fact.sharer_uri:
        sharer = hrefs.participant(fact.conversation_id, fact.sharer_uri)
        rels["applicationSharer"] = link(sharer, fact.sharer_name)
    if fact.may_start and policy.allows(fact.modality):
        rels[start] = link(f"{own}/start")
    if fact.may_stop:
        rels[stop] = link(f"{own}/stop")
    if screen and fact.may_stop:
        rels["reportMediaDiagnostics"] = link(f"{conversation}/audioVideo/reportMediaDiagnostics")
    if fact.content:
        rels[CONTENT_EXTENSION] = link(fact.content)
    return {"rel": rel, "state": fact.state, "_links": rels}


def participant_content(hrefs: Hrefs, fact: ParticipantContentChanged) -> Document:
    """The part of a participant in what is shared."""
    owner = hrefs.participant(fact.conversation_id, fact.uri)
    rel = f"participant{fact.modality}"
    return {
        "rel": rel,
        **present(
            applicationSharingDirection=fact.direction, applicationSharingSourceId=fact.source_id
        ),
        "_links": {
            "self": link(f"{owner}/{rel}", fact.source_id),
            "participant": link(owner, fact.name),
        },
    }


def offer(hrefs: Hrefs, fact: ContentOffered) -> Document:
    """The offer to view a screen, and its answer."""
    conversation = hrefs.conversation(fact.conversation_id)
    own = f"{conversation}/applicationSharing/renegotiations/{fact.id}"
    rels = links(self=own, conversation=conversation)
    if fact.session:
        rels["audioVideoSession"] = link(f"{conversation}/audioVideo/audioVideoSession")
    if fact.direction == "Incoming" and fact.state == "Offered" and fact.change != "completed":
        rels |= links(answer=f"{own}/answer", dismiss=f"{own}/dismiss")
    if fact.offer:
        rels["mediaOffer"] = link(data_uri(fact.offer, SDP))
    if fact.answer:
        rels["mediaAnswer"] = link(data_uri(fact.answer, SDP))
    return {
        "rel": "applicationSharingRenegotiation",
        "direction": fact.direction,
        **present(operationId=fact.operation_id),
        "_links": rels,
    }


def subject(fact: SharingFact) -> tuple[str, str]:
    """The subject and the event type under which a fact is declared."""
    match fact:
        case ContentChanged():
            return content_rel(fact.modality), "updated"
        case SharerChanged():
            return "applicationSharer", fact.change
        case ParticipantContentChanged():
            return f"participant{fact.modality}", fact.change
        case ContentOffered():
            return "applicationSharingRenegotiation", fact.change


def rendered(hrefs: Hrefs, fact: SharingFact, policy: CallPolicy) -> Sent:
    """The event that tells of a fact, with its sender."""
    rel, change = subject(fact)
    conversation = hrefs.conversation(fact.conversation_id)
    match fact:
        case ContentChanged():
            event = _shown(rel, content(hrefs, fact, policy), change)
        case ContentOffered():
            event = _shown(rel, offer(hrefs, fact), change)
            if change == "completed":
                event["status"] = "Success" if fact.reason is None else "Failure"
            if fact.reason is not None:
                code, subcode, message = fact.reason
                event["reason"] = {"code": code, "subcode": subcode, "message": message}
            return "communication", hrefs.of("communication"), event
        case SharerChanged() | ParticipantContentChanged():
            return told_alike(hrefs, fact)
    return "conversation", conversation, event


def told_alike(hrefs: Hrefs, fact: SharerChanged | ParticipantContentChanged) -> Sent:
    """The event that tells of what all see alike."""
    rel, change = subject(fact)
    conversation = hrefs.conversation(fact.conversation_id)
    owner = link(hrefs.participant(fact.conversation_id, fact.uri), fact.name)
    if isinstance(fact, SharerChanged):
        event: Document = {"link": {"rel": rel, **owner}, "type": change}
        event["in"] = {"rel": "applicationSharing", "href": f"{conversation}/applicationSharing"}
    else:
        event = _shown(rel, participant_content(hrefs, fact), change)
        event["in"] = {"rel": "localParticipant" if fact.local else "participant", **owner}
    return "conversation", conversation, event


def _shown(rel: str, document: Document, kind: str) -> Document:
    """An event that embeds the resource unless it is gone, under the key that equals its rel."""
    event: Document = {
        "link": {"rel": rel, "href": document["_links"]["self"]["href"]},
        "type": kind,
    }
    if kind != "deleted":
        event["_embedded"] = {rel: document}
    return event
