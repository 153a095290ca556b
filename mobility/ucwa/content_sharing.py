"""UCWA area *content sharing*: what a conference can say of shared screens and documents.

Nothing here begins to share: UCWA has no operation for it, and what other clients share reaches
this server with their media.  So both modalities are there, and Disconnected.
"""

from mobility.domain.conversation import CONFERENCED
from mobility.errors import Refusal
from mobility.http.message import Response
from mobility.ucwa import documents
from mobility.ucwa.declaration import Call, Handler, Operation, Resource
from mobility.ucwa.service import Ucwa

RELS = ("applicationSharing", "dataCollaboration")


def of_modality(rel: str) -> Handler:
    """A GET of a modality's state; 404 outside of conferences."""

    def get(ucwa: Ucwa, call: Call) -> Response:
        conversation, leg = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
        if leg.state != CONFERENCED:
            raise Refusal("NotFound", "ResourceNotFound", "This conversation is no conference.")
        own = call.hrefs.conversation(conversation.id)
        return Response(
            document={
                "rel": rel,
                "state": "Disconnected",
                "_links": documents.links(self=f"{own}/{rel}", conversation=own),
            }
        )

    return get


RESOURCES = tuple(
    Resource(
        rel,
        f"communication/conversations/{{conversation}}/{rel}",
        (Operation("GET", of_modality(rel)),),
    )
    for rel in RELS
)
