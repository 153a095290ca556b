"""The documents of telephone audio: one function a rel, pure, from domain values.

A link is a capability: it is there only when its operation would be allowed (UCWA "Hypermedia").
"""

from mobility.domain.call_policy import CallPolicy
from mobility.domain.facts import CallChanged
from mobility.http.message import Document
from mobility.ucwa.documents import link, links, revised
from mobility.ucwa.hrefs import Hrefs


def phone_links(hrefs: Hrefs, policy: CallPolicy) -> Document:
    """The links of `communication` by which calls with telephones begin."""
    rels = {}
    if policy.emergency:
        rels["startEmergencyCall"] = link(hrefs.of("communication/startEmergencyCall"))
    if not policy.phone:
        return rels
    rels |= {"startPhoneAudio": revised(hrefs.of("communication/phoneAudioInvitations"), 2)}
    if policy.for_others:
        rel = "startPhoneAudioOnBehalfOfDelegator"
        rels[rel] = link(hrefs.of(f"communication/{rel}"))
    return rels


def phone_audio(hrefs: Hrefs, fact: CallChanged, policy: CallPolicy) -> Document:
    """The telephone audio of a conversation; in a conference its `fact` is `mixed`."""
    conversation = hrefs.conversation(fact.conversation_id)
    own = f"{conversation}/phoneAudio"
    acts = []
    if fact.may_add and (policy.joins_by_phone if fact.mixed else policy.phone):
        acts.append("addPhoneAudio")
    if fact.state == "Connected":
        acts.append("resumePhoneAudio" if fact.session == "Suspended" else "holdPhoneAudio")
    if fact.state != "Disconnected":
        acts.append("stopPhoneAudio")
    return {
        "rel": "phoneAudio",
        "state": fact.state,
        "_links": {
            **links(self=own, conversation=conversation),
            **{rel: link(f"{own}/{rel}") for rel in acts},
        },
    }
