"""UCWA area *invitation*: what of an application's invitations waits for an answer.

Each kind of invitation is served with what it invites to; this is the list of them, for a client
that has lost its place in the event channel.
"""

from mobility.domain.conversation_facts import invitation_fact
from mobility.http.message import Document, Response
from mobility.ucwa.conversation_documents import invitation_rel
from mobility.ucwa.declaration import Call, Operation, Resource
from mobility.ucwa.documents import link, links
from mobility.ucwa.service import Ucwa


def get_invitations(ucwa: Ucwa, call: Call) -> Response:
    """The open invitations that the application sent or got, by their rels."""
    own = call.hrefs.of("communication/invitations")
    found: dict[str, list[Document]] = {}
    for conversation, leg in ucwa.conversations.of(call.endpoint):
        name_of = ucwa.conversations.names_in(conversation)
        for invitation in conversation.open_invitations():
            sent = invitation.from_application_id == leg.application_id
            if sent or leg in conversation.ringing(invitation):
                fact = invitation_fact(conversation, invitation, leg, "updated", name_of)
                rel = invitation_rel(fact)
                found.setdefault(rel, []).append(link(call.hrefs.invitation(invitation.id, rel)))
    return Response(document={"rel": "invitations", "_links": {**links(self=own), **found}})


RESOURCES = (
    Resource("invitations", "communication/invitations", (Operation("GET", get_invitations),)),
)
"""The resources of this module."""
