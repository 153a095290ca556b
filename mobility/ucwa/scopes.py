"""Which of UCWA's scopes open which resources (the reference pages' "Permissions").

A resource needs any one of its scopes.  What is open to every scope, such as `application`, is not
listed.  Tests hold the table against the catalogue.
"""

from collections.abc import Mapping

from mobility.domain.scopes import CONTACTS, INITIATE, MEETINGS, RECEIVE, USER
from mobility.errors import Refusal
from mobility.http.message import Document

Limits = frozenset[str] | None
"""The scopes that a caller is limited to, None for a person."""

_RELS: dict[tuple[str, ...], str] = {
    (INITIATE, RECEIVE): """
        accept acceptWithAnswer addAudio addAudioVideo addMessaging addParticipant
        addPhoneAudio addVideo admit answer applicationSharer applicationSharing
        applicationSharingRenegotiation audioTranscript audioVideo
        audioVideoNegotiation audioVideoPolicies audioVideoRenegotiation audioVideoSession
        audioVideoSessions cancel communication continueAudio continueAudioVideo
        continueMessaging continuePhoneAudio continueVideo conversationLog
        conversationLogRecipient conversationLogTranscript conversationLogTranscripts
        conversationLogs conversations dataCollaboration decline demote
        disableAudienceMessaging dismiss eject enableAudienceMessaging errorTranscript
        escalateAudio escalateAudioVideo
        holdPhoneAudio invitations localParticipant markAsRead mediaPolicies mediaRelay
        message messageTranscript messages messaging missedItems muteAudio muteVideo
        myAssignedOnlineMeeting myOnlineMeeting nextConversationLogTranscripts
        onlineMeeting onlineMeetingExtension onlineMeetingExtensions
        onlineMeetingInvitation participant participantApplicationSharing participantAudio
        participantDataCollaboration participantInvitation
        participantMessaging participantVideo phoneAudio promote reject renegotiations
        replayMessage reportMediaDiagnostics resumeAudio resumeAudioVideo resumePhoneAudio
        sendMessage sessions setIsTyping startAudio startAudioOnBehalfOfDelegator
        startAudioVideo startAudioVideoOnBehalfOfDelegator startEmergencyCall
        startMessaging startPhoneAudio startPhoneAudioOnBehalfOfDelegator startVideo
        mobility:lockVideo mobility:startApplicationSharing mobility:startDataCollaboration
        mobility:stopApplicationSharing mobility:stopDataCollaboration mobility:unlockVideo
        stopAudio stopAudioVideo stopMessaging stopPhoneAudio stopVideo unmuteAudio
        unmuteVideo videoFreeze videoLockedOnParticipant
    """,
    (USER,): """
        callForwardingSettings changeNumber changeVisibility immediateForwardSettings
        immediateForwardToContact immediateForwardToDelegates immediateForwardToVoicemail
        location me mediaDiagnostics mobility:photo mobility:pushSubscription
        mobility:pushSubscriptions note phone phones presence presenceSubscription
        publishCallQualityFeedback reportMyActivity resetUnansweredCallSettings
        simultaneousRingSettings simultaneousRingToContact simultaneousRingToDelegates
        simultaneousRingToTeam turnOffCallForwarding unansweredCallSettings
        unansweredCallToContact unansweredCallToVoicemail
    """,
    (CONTACTS,): """
        addToContactList contact contactLocation contactNote contactPhoto contactPresence
        contactPrivacyRelationship contactSupportedModalities defaultGroup delegatesGroup
        delegatorsGroup distributionGroup expandDistributionGroup group groupMemberships
        myContactsAndGroupsSubscription myGroupMembership myGroups myOrganizationGroup
        people pinnedGroup removeContactFromAllGroups removeFromContactList
        resetContactPrivacyRelationship search
        startOrRefreshSubscriptionToContactsAndGroups stopSubscriptionToContactsAndGroups
    """,
    (RECEIVE,): """
        attendees conversation disableAudienceMuteLock enableAudienceMuteLock leaders
        lobby mobility:unread participants typingParticipants
    """,
    (INITIATE,): """
        acceptWithPhoneAudio audioVideoInvitation joinOnlineMeeting messagingInvitation
        phoneAudioInvitation replaceWithPhoneAudio sendProvisionalAnswer
    """,
    (MEETINGS,): """
        myOnlineMeetings startOnlineMeeting
    """,
    (RECEIVE, USER): """
        makeMeAvailable
    """,
}

SCOPES_OF: Mapping[str, frozenset[str]] = {
    rel: frozenset(scopes) for scopes, rels in _RELS.items() for rel in rels.split()
}
"""The scopes of each rel that is not open to all."""


def allows(scopes: Limits, rel: str) -> bool:
    """Whether who is limited to `scopes` may use a resource."""
    needed = SCOPES_OF.get(rel)
    return scopes is None or needed is None or bool(scopes & needed)


def require(scopes: Limits, rel: str) -> None:
    """403 Forbidden for what a service account's scopes do not open."""
    if not allows(scopes, rel):
        needed = " or ".join(sorted(SCOPES_OF[rel]))
        raise Refusal("Forbidden", None, f"This service account may not: {rel} needs {needed}.")


def without_closed(document: Document, scopes: frozenset[str]) -> Document:
    """A document without the links that lead to what the scopes do not open."""
    pruned: Document = {}
    for name, value in document.items():
        if name == "_links" and isinstance(value, dict):
            pruned[name] = {
                rel: one for rel, one in value.items() if rel == "self" or allows(scopes, rel)
            }
        elif name == "_embedded" and isinstance(value, dict):
            pruned[name] = {rel: _each(one, scopes) for rel, one in value.items()}
        else:
            pruned[name] = value
    return pruned


def _each(embedded: object, scopes: frozenset[str]) -> object:
    if isinstance(embedded, list):
        return [_each(one, scopes) for one in embedded]
    return without_closed(embedded, scopes) if isinstance(embedded, dict) else embedded
