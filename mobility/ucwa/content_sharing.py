"""UCWA area *content sharing*: shared screens, and documents that people work on together.

UCWA shows both and begins neither, so how they begin and end is our own extension: the rels that
begin with `mobility:`, documented in docs/client-guide.md.
"""

from mobility.domain.addresses import user_uri
from mobility.domain.content_sharing import Share
from mobility.domain.content_states import DOCUMENTS, SCREEN
from mobility.domain.shared_content import content_fact, offer_fact, part_fact, parts_of, sees
from mobility.errors import Refusal
from mobility.http.body import Fields, fields
from mobility.http.message import Response
from mobility.media.offers import read_description
from mobility.media.sdp import MAX_BYTES as MAX_SDP_BYTES
from mobility.ucwa import sharing_documents
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Handler, Operation, Resource
from mobility.ucwa.documents import (
    START_COLLABORATION,
    START_SHARING,
    STOP_COLLABORATION,
    STOP_SHARING,
)
from mobility.ucwa.hrefs import data_uri
from mobility.ucwa.messaging import MAX_CUSTOM_CONTENT_BYTES, MAX_OPERATION_ID
from mobility.ucwa.service import Ucwa

MAX_SOURCE_ID = 100
"""Characters of applicationSharingSourceId (our choice: media stacks use small numbers)."""


def of_modality(modality: str) -> Handler:
    """A GET of a modality's state; 404 before the conversation is connected."""

    def get(ucwa: Ucwa, call: Call) -> Response:
        conversation, leg = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
        if not sees(leg):
            raise Refusal("NotFound", "ResourceNotFound", "The conversation is not connected.")
        name_of = ucwa.conversations.names_in(conversation)
        fact = content_fact(conversation, leg, modality, name_of)
        policy = ucwa.calls.policies.at(call.endpoint)
        return Response(document=sharing_documents.content(call.hrefs, fact, policy))

    return get


async def start_screen(ucwa: Ucwa, call: Call) -> Response:
    """Begin to share a screen, take over, or offer one's own anew."""
    body = fields(call.request)
    offer = body.data_link("mediaOffer", required=True, max_bytes=MAX_SDP_BYTES)
    if offer is not None and offer.content_type != sharing_documents.SDP:
        body.fail("mediaOffer", f"must be {sharing_documents.SDP}")
    source_id = body.text("applicationSharingSourceId", max_length=MAX_SOURCE_ID)
    operation_id, content = _common(body)
    body.check()
    description = read_description(offer.text if offer is not None else "")
    share = Share(operation_id, description, source_id, content)
    conversation_id = call.parameter("conversation")
    await ucwa.sharing.share_screen(call.endpoint, conversation_id, share, call.now, call.receipt)
    return started(ucwa, call, conversation_id)


async def start_documents(ucwa: Ucwa, call: Call) -> Response:
    """Begin to work on documents together, or join in."""
    body = fields(call.request)
    operation_id, content = _common(body)
    body.check()
    share = Share(operation_id, content=content)
    conversation_id = call.parameter("conversation")
    await ucwa.sharing.join_documents(call.endpoint, conversation_id, share, call.now, call.receipt)
    return started(ucwa, call, conversation_id)


def _common(body: Fields) -> tuple[str, str]:
    """operationId and customContent, which is shown to those who take part."""
    custom = body.data_link("customContent", max_bytes=MAX_CUSTOM_CONTENT_BYTES)
    content = data_uri(custom.text, custom.content_type) if custom is not None else ""
    return body.text("operationId", max_length=MAX_OPERATION_ID), content


def started(ucwa: Ucwa, call: Call, content_id: str) -> Response:  # noqa: ARG001  # a Repeat
    own = call.request.path.rpartition("/")[0]
    return Response(201, headers=[("Location", own)])


def stops(modality: str) -> Handler:
    """Share, view or work on it no more."""

    async def stop(ucwa: Ucwa, call: Call) -> Response:
        await ucwa.sharing.stop(call.endpoint, call.parameter("conversation"), modality)
        return Response(204)

    return stop


def get_offer(ucwa: Ucwa, call: Call) -> Response:
    found = ucwa.sharing.find_offer(
        call.endpoint, call.parameter("conversation"), call.parameter("renegotiation")
    )
    if found is None:
        raise Refusal("NotFound", "ResourceNotFound", "There is no such offer.")
    conversation, leg, view = found
    fact = offer_fact(conversation, view, leg, "updated")
    return Response(document=sharing_documents.offer(call.hrefs, fact))


def of_participant(modality: str) -> Handler:
    """A GET of a participant's part in what is shared; 404 while it takes none."""

    def get(ucwa: Ucwa, call: Call) -> Response:
        conversation, leg = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
        uri = user_uri(call.parameter("address")) or ""
        direction = parts_of(conversation).get((modality, uri))
        if direction is None or not sees(leg):
            raise Refusal("NotFound", "ResourceNotFound", "The participant takes no part in it.")
        name_of = ucwa.conversations.names_in(conversation)
        local = uri == leg.user_uri
        part = modality, uri
        fact = part_fact(conversation, part, direction, "updated", name_of, local=local)
        return Response(document=sharing_documents.participant_content(call.hrefs, fact))

    return get


_CONVERSATION = "communication/conversations/{conversation}"
_PARTICIPANT = f"{_CONVERSATION}/participants/{{address}}"
_CHANGES = ("added", "updated", "deleted")
_REFUSED = (("Forbidden", ""), ("Conflict", ""))

RESOURCES = (
    *(
        Resource(
            sharing_documents.content_rel(modality),
            f"{_CONVERSATION}/{sharing_documents.content_rel(modality)}",
            (Operation("GET", of_modality(modality)),),
            events=(Event("updated", "conversation", Priority.HIGH),),
        )
        for modality in (SCREEN, DOCUMENTS)
    ),
    Resource(
        START_SHARING,
        f"{_CONVERSATION}/applicationSharing/start",
        (
            Operation(
                "POST",
                start_screen,
                (201,),
                refusals=(*_REFUSED, ("BadRequest", "InvalidMediaDescription")),
                parameters=(
                    "operationId",
                    "mediaOffer",
                    "applicationSharingSourceId",
                    "customContent",
                ),
                repeat=started,
            ),
        ),
    ),
    Resource(
        START_COLLABORATION,
        f"{_CONVERSATION}/dataCollaboration/start",
        (
            Operation(
                "POST",
                start_documents,
                (201,),
                refusals=(*_REFUSED, ("Conflict", "AlreadyExists")),
                parameters=("operationId", "customContent"),
                repeat=started,
            ),
        ),
    ),
    *(
        Resource(
            rel,
            f"{_CONVERSATION}/{sharing_documents.content_rel(modality)}/stop",
            (Operation("POST", stops(modality), (204,), refusals=(("Conflict", ""),)),),
        )
        for rel, modality in ((STOP_SHARING, SCREEN), (STOP_COLLABORATION, DOCUMENTS))
    ),
    Resource(
        "applicationSharer",
        "",
        events=tuple(
            Event(kind, "conversation", Priority.HIGH, "applicationSharing") for kind in _CHANGES
        ),
    ),
    Resource(
        "applicationSharingRenegotiation",
        f"{_CONVERSATION}/applicationSharing/renegotiations/{{renegotiation}}",
        (Operation("GET", get_offer),),
        events=tuple(
            Event(kind, "communication", Priority.HIGH) for kind in ("started", "completed")
        ),
    ),
    *(
        Resource(
            f"participant{modality}",
            f"{_PARTICIPANT}/participant{modality}",
            (Operation("GET", of_participant(modality)),),
            events=tuple(
                Event(kind, "conversation", Priority.HIGH, "participant") for kind in _CHANGES
            ),
        )
        for modality in (SCREEN, DOCUMENTS)
    ),
)
