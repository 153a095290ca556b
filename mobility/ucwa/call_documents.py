"""The documents of calls: one function a rel, pure, from domain values.

A link is a capability: it is there only when its operation would be allowed (UCWA "Hypermedia").
"""

from collections.abc import Iterable

from mobility.domain.call import AUDIO_VIDEO
from mobility.domain.call_policy import CallPolicy
from mobility.domain.conversation import CALL, MIXED, PHONE
from mobility.domain.descriptions import AUDIO, VIDEO
from mobility.domain.facts import (
    CallChanged,
    CallTerms,
    InvitationChanged,
    NegotiationChanged,
    ParticipantMediaChanged,
    RenegotiationChanged,
    SessionChanged,
)
from mobility.domain.records import Message
from mobility.http.message import Document
from mobility.media.offers import without
from mobility.ucwa import conversation_documents as conversations
from mobility.ucwa.conversation_documents import NetworkOf
from mobility.ucwa.documents import link, links, present, revised, tel
from mobility.ucwa.hrefs import Hrefs, data_uri, is_number
from mobility.ucwa.phone_documents import phone_links

ANY_CALL = CallPolicy()
"""What is permitted where no policy says otherwise."""

OPEN_STATES = ("Connecting", "Alerting", "Forwarded", "TeamRing")
"""States of an invitation that waits for an answer."""

SDP = "application/sdp"

EXTENSIONS = {"lockVideo": "mobility:lockVideo", "unlockVideo": "mobility:unlockVideo"}
"""Our own rels, under which leaders choose whose video everybody is shown."""

_CALLS: dict[str, tuple[str, ...]] = {
    "startAudio": ("Audio",),
    "startAudioVideo": ("Audio", "Video"),
    "startVideo": ("Video",),
}
"""What each call of `communication` asks for."""

_ADDED = {"addAudio": ("Audio",), "addAudioVideo": ("Audio", "Video"), "addVideo": ("Video",)}
"""What each call that is added to a conversation asks for."""


def call_links(hrefs: Hrefs, policy: CallPolicy) -> Document:
    """The links of `communication` by which calls begin, as policy permits."""
    revisions = {"startAudio": 2, "startAudioVideo": 2, "startVideo": 1}
    begun = {
        rel: _revised(hrefs.of(f"communication/{rel}"), revisions[rel])
        for rel in _allowed(_CALLS, policy)
    }
    if policy.for_others:
        for rel in ("startAudio", "startAudioVideo"):
            if rel in begun:
                another = f"{rel}OnBehalfOfDelegator"
                begun[another] = link(hrefs.of(f"communication/{another}"))
    if policy.relay:
        begun["mediaRelayAccessToken"] = link(hrefs.of("mediaRelayAccessToken"))
    return begun | phone_links(hrefs, policy)


def invitation(
    hrefs: Hrefs,
    fact: InvitationChanged,
    message: Message | None,
    network_of: NetworkOf,
    *,
    html: bool,
    policy: CallPolicy = ANY_CALL,
) -> Document:
    """Any invitation, under the rel that `conversation_documents.invitation_rel` says.

    Its message is HTML, if it is any, with `html`.  What `policy` forbids the reader is not offered
    to it: a call with video is one with audio then.
    """
    if fact.kind not in (CALL, MIXED, PHONE):
        return conversations.invitation(hrefs, fact, message, network_of, html=html)
    rel = conversations.invitation_rel(fact)
    own = hrefs.invitation(fact.id, rel)
    conversation = hrefs.conversation(fact.conversation_id)
    terms = fact.call or CallTerms(AUDIO_VIDEO, ())
    modality = terms.modality
    rels = {
        "self": link(own),
        "conversation": link(conversation),
        modality: link(f"{conversation}/{modality}"),
    }
    if not (hrefs.guest or is_number(fact.to_uri)):
        rels["to"] = link(hrefs.person(fact.to_uri), fact.to_name)
    embedded: Document = {}
    waiting = fact.state in OPEN_STATES
    if fact.direction == "Outgoing":
        rels["from"] = link(hrefs.participant(fact.conversation_id, fact.from_uri), fact.from_name)
        if waiting:
            rels["cancel"] = link(f"{own}/cancel")
    else:
        embedded["from"] = conversations.participant(
            hrefs, conversations.other(fact, fact.from_uri, fact.from_name), network_of
        )
        if waiting:
            rels["decline"] = link(f"{own}/decline")
            if modality == AUDIO_VIDEO:
                if any(policy.allows(medium) for medium in terms.media):
                    rels |= links(
                        acceptWithAnswer=f"{own}/acceptWithAnswer",
                        sendProvisionalAnswer=f"{own}/sendProvisionalAnswer",
                    )
                if policy.phone and "Audio" in terms.media:
                    rels["acceptWithPhoneAudio"] = link(f"{own}/acceptWithPhoneAudio")
    if terms.offer:
        rels["mediaOffer"] = link(data_uri(_offer(fact, terms, policy), SDP))
    if waiting and modality == AUDIO_VIDEO:
        rels["reportMediaDiagnostics"] = link(f"{conversation}/audioVideo/reportMediaDiagnostics")
    rels |= _people(hrefs, fact, terms)
    if fact.custom_content:
        rels["customContent"] = link(fact.custom_content)
    if fact.accepted_by is not None and fact.direction == "Outgoing":
        embedded["acceptedByParticipant"] = [
            conversations.participant(
                hrefs, conversations.other(fact, *fact.accepted_by), network_of
            )
        ]
    document: Document = {
        "rel": rel,
        "direction": fact.direction,
        "importance": fact.importance,
        "threadId": fact.thread_id,
        "state": fact.state,
        "to": fact.to_uri,
        **present(operationId=fact.operation_id),
        "subject": fact.subject,
    }
    if modality == AUDIO_VIDEO:
        document |= {
            **present(delegator=terms.on_behalf_of, sessionContext=terms.session_context),
            "joinAudioMuted": terms.audio_muted,
            "joinVideoMuted": terms.video_muted,
        }
    else:
        document |= {
            **present(delegator=terms.on_behalf_of, phoneNumber=tel(terms.session_context)),
            "joinAudioMuted": terms.audio_muted,
        }
    document["_links"] = rels
    if embedded:
        document["_embedded"] = embedded
    return document


def _people(hrefs: Hrefs, fact: InvitationChanged, terms: CallTerms) -> Document:
    """Who else has to do with a call: who sent it on, for whom it is made, who took it."""
    found: Document = {}
    if terms.forwarded_by:
        found["forwardedBy"] = link(hrefs.person(terms.forwarded_by))
    if terms.transferred_by and fact.direction == "Incoming":
        found["transferredBy"] = link(hrefs.person(terms.transferred_by))
    if terms.on_behalf_of:
        rel = "delegator" if fact.direction == "Outgoing" else "onBehalfOf"
        found[rel] = link(hrefs.person(terms.on_behalf_of))
    if terms.delegator:
        found["delegator"] = link(hrefs.person(terms.delegator))
    if fact.accepted_by is not None and fact.direction == "Incoming":
        found["acceptedByContact"] = link(hrefs.person(fact.accepted_by[0]), fact.accepted_by[1])
    elif fact.accepted_by is not None and fact.accepted_by[0] != fact.to_uri:
        conversation = hrefs.conversation(fact.conversation_id)
        found["derivedConversation"] = link(conversation)
        rel = "derivedAudioVideo" if terms.modality == AUDIO_VIDEO else "derivedPhoneAudio"
        found[rel] = link(f"{conversation}/{terms.modality}")
    return found


def audio_video(hrefs: Hrefs, fact: CallChanged, policy: CallPolicy) -> Document:
    """The audio/video modality of a conversation; in a conference as far as media are mixed."""
    conversation = hrefs.conversation(fact.conversation_id)
    own = f"{conversation}/audioVideo"
    rels = links(
        self=own,
        conversation=conversation,
        audioVideoPolicies=hrefs.of("communication/audioVideoPolicies"),
    )
    if fact.may_add:
        rels |= {
            rel: link(f"{own}/{rel}")
            for rel in _allowed(_ADDED, policy)
            if not fact.mixed or _is_mixed(_ADDED[rel], policy)
        }
    if fact.may_escalate and _is_mixed(fact.media, policy):
        rel = "escalateAudioVideo" if VIDEO in fact.media else "escalateAudio"
        rels[rel] = link(f"{own}/{rel}")
    if fact.may_replace and (policy.joins_by_phone if fact.mixed else policy.phone):
        rels["replaceWithPhoneAudio"] = link(f"{own}/replaceWithPhoneAudio")
    if fact.frozen:
        rels["videoFreeze"] = link(f"{own}/videoFreeze")
    if fact.locked is not None:
        uri, name = fact.locked
        locked = hrefs.participant(fact.conversation_id, uri)
        rels["videoLockedOnParticipant"] = link(locked, name)
    if fact.state != "Disconnected":
        rels |= links(
            reportMediaDiagnostics=f"{own}/reportMediaDiagnostics",
            stopAudioVideo=f"{own}/stopAudioVideo",
        )
    if fact.state == "Connected":
        rels["audioVideoSession"] = link(f"{own}/audioVideoSession")
        rels |= {f"stop{medium}": link(f"{own}/stop{medium}") for medium in fact.media}
    return {
        "rel": "audioVideo",
        "state": fact.state,
        "supportsReplaces": "None",
        **present(videoSourcesAllowed=fact.sources),
        "_links": rels,
    }


def session(hrefs: Hrefs, fact: SessionChanged) -> Document:
    """The media session of a call that is connected."""
    conversation = hrefs.conversation(fact.conversation_id)
    own = f"{conversation}/audioVideo/audioVideoSession"
    rels = links(
        self=own,
        audioVideo=f"{conversation}/audioVideo",
        conversation=conversation,
        applicationSharing=f"{conversation}/applicationSharing",
        dataCollaboration=f"{conversation}/dataCollaboration",
        publishCallQualityFeedback=f"{own}/publishCallQualityFeedback",
        renegotiations=f"{own}/renegotiations",
    )
    if fact.may_resume:
        rels["resumeAudioVideo" if "Video" in fact.media else "resumeAudio"] = link(
            f"{own}/resumeAudioVideo" if "Video" in fact.media else f"{own}/resumeAudio"
        )
    return {
        "rel": "audioVideoSession",
        "state": fact.state,
        **present(sessionContext=fact.session_context, remoteEndpoint=fact.remote_endpoint),
        "_links": rels,
    }


def negotiation(hrefs: Hrefs, fact: NegotiationChanged) -> Document:
    """The answer that an outgoing call has got."""
    invitation_href = hrefs.invitation(fact.invitation_id, "audioVideoInvitation")
    conversation = hrefs.conversation(fact.conversation_id)
    rels = links(
        self=f"{invitation_href}/audioVideoNegotiation", audioVideoInvitation=invitation_href
    )
    rel = "mediaProvisionalAnswer" if fact.provisional else "mediaAnswer"
    rels[rel] = link(data_uri(fact.answer, SDP))
    if not fact.provisional:
        rels["audioVideoSession"] = link(f"{conversation}/audioVideo/audioVideoSession")
    return {
        "rel": "audioVideoNegotiation",
        **present(
            msAcceptedContentId=fact.content_id,
            remoteEndpoint=fact.remote_endpoint,
            sessionContext=fact.session_context,
        ),
        "_links": rels,
    }


def renegotiation(
    hrefs: Hrefs, fact: RenegotiationChanged, policy: CallPolicy = ANY_CALL
) -> Document:
    """One offer within a call, and its answer.

    What it adds and `policy` forbids the reader is not offered to it, as in an invitation.
    """
    conversation = hrefs.conversation(fact.conversation_id)
    session_href = f"{conversation}/audioVideo/audioVideoSession"
    own = f"{session_href}/renegotiations/{fact.id}"
    rels = links(self=own, conversation=conversation)
    if not fact.early:
        rels |= links(audioVideoSession=session_href)
    if fact.direction == "Incoming" and fact.state == "Offered" and fact.change != "completed":
        rels |= links(answer=f"{own}/answer", dismiss=f"{own}/dismiss")
    if fact.offer:
        added = [medium for medium in (AUDIO, VIDEO) if medium not in fact.media]
        rels["mediaOffer"] = link(data_uri(_permitted(fact.offer, added, policy), SDP))
    if fact.answer:
        rels["mediaAnswer"] = link(data_uri(fact.answer, SDP))
    return {
        "rel": "audioVideoRenegotiation",
        "direction": fact.direction,
        **present(operationId=fact.operation_id),
        "_links": rels,
    }


def participant_media(hrefs: Hrefs, fact: ParticipantMediaChanged) -> Document:
    """The audio or video of a participant; who it belongs to may mute it, and in a conference
    leaders may."""
    owner = hrefs.participant(fact.conversation_id, fact.uri)
    rel = f"participant{fact.medium}"
    own = f"{owner}/{rel}"
    name = fact.medium.lower()
    rels = {"self": link(own), "participant": link(owner, fact.name)}
    powers = fact.powers
    if fact.local and not fact.mixed:
        powers = ("unmute" if fact.muted else "mute",)
    for power in powers:
        act = f"{power}{fact.medium}"
        rels[EXTENSIONS.get(act, act)] = link(f"{own}/{act}")
    return {
        "rel": rel,
        f"{name}Direction": fact.direction,
        f"{name}Muted": fact.muted,
        **present(**{f"{name}SourceId": str(fact.source) if fact.source else ""}),
        "_links": rels,
    }


def _is_mixed(media: Iterable[str], policy: CallPolicy) -> bool:
    """Whether conferences here have these media."""
    return policy.mixed and (policy.mixed_video or VIDEO not in media)


def _offer(fact: InvitationChanged, terms: CallTerms, policy: CallPolicy) -> str:
    """The offer of an invitation as its reader may answer it."""
    if fact.direction == "Outgoing":
        return terms.offer
    return _permitted(terms.offer, (AUDIO, VIDEO), policy)


def _permitted(offer: str, media: Iterable[str], policy: CallPolicy) -> str:
    """An offer with those of `media` closed that policy forbids."""
    forbidden = tuple(medium for medium in media if not policy.allows(medium))
    return without(offer, forbidden) if forbidden else offer


def _allowed(media: dict[str, tuple[str, ...]], policy: CallPolicy) -> Iterable[str]:
    return [rel for rel, asked in media.items() if all(policy.allows(one) for one in asked)]


def _revised(href: str, revision: int) -> Document:
    return revised(href, revision) if revision > 1 else link(href)
