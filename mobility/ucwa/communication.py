"""UCWA `communication` and the conversations in it."""

from mobility.domain.addresses import user_uri
from mobility.domain.conversation import ActiveConversation
from mobility.domain.records import Leg
from mobility.errors import Parameter, Refusal, validation_failure
from mobility.http.body import Fields, fields
from mobility.http.message import Document, Request, Response
from mobility.ucwa import documents
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Operation, Resource
from mobility.ucwa.hrefs import Hrefs
from mobility.ucwa.me import AUDIO_PREFERENCES, FORMATS, MAX_PHONE, MODALITIES
from mobility.ucwa.service import Ucwa

HISTORY = ("Enabled", "Disabled", "None")
"""GenericPolicy of conversationHistory."""


def get_communication(ucwa: Ucwa, call: Call) -> Response:  # noqa: ARG001  # all in the endpoint
    return _shown(call)


async def put_communication(ucwa: Ucwa, call: Call) -> Response:
    """PUT with the version in If-Match and the GUID property; absent fields keep their values."""
    etag = required_etag(call.request)
    body = fields(call.request)
    require_put_token(body, call.endpoint.record.put_token)
    changes: dict[str, str] = {}
    if "supportedModalities" in body:
        changes["modalities"] = ",".join(body.choices("supportedModalities", MODALITIES))
    if "supportedMessageFormats" in body:
        changes["formats"] = ",".join(body.choices("supportedMessageFormats", FORMATS))
    for name, field, allowed in (
        ("audioPreference", "audio_preference", AUDIO_PREFERENCES),
        ("conversationHistory", "conversation_history", HISTORY),
    ):
        chosen = body.choice(name, allowed)
        if chosen is not None:
            changes[field] = chosen
    if "phoneNumber" in body:
        changes["phone_number"] = body.text("phoneNumber", max_length=MAX_PHONE)
    body.check()
    await ucwa.applications.update_communication(
        call.endpoint, call.endpoint.record.etag if etag == "*" else _number(etag), changes
    )
    return _shown(call)


def required_etag(request: Request) -> str:
    """The entity tag of If-Match without quotes; 428 PreconditionRequired without one."""
    value = request.headers.get("if-match", "").strip()
    if not value:
        raise Refusal("PreconditionRequired", None, "A PUT needs If-Match with the etag.")
    return value.removeprefix("W/").strip('"')


def require_put_token(body: Fields, token: str) -> None:
    """Refuse a PUT that does not bring back the GUID property (UCWA "PUT")."""
    if body.text(token, max_length=100) != documents.PUT_TOKEN_VALUE:
        raise validation_failure(Parameter(token, "must be passed back in a PUT request"))


def get_conversations(ucwa: Ucwa, call: Call) -> Response:
    own = call.hrefs.of("communication/conversations")
    mine = [
        {"href": call.hrefs.conversation(conversation.id)}
        for conversation, _ in ucwa.conversations.of(call.endpoint)
    ]
    return Response(
        document={
            "rel": "conversations",
            "_links": {**documents.links(self=f"{own}?filter=active"), "conversation": mine},
        }
    )


def get_conversation(ucwa: Ucwa, call: Call) -> Response:
    conversation, leg = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
    document = documents.conversation(
        call.hrefs, conversation.snapshot(leg), leg.user_uri, ucwa.users.name_of(leg.user_uri)
    )
    return Response(document=document)


async def delete_conversation(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.conversations.terminate(call.endpoint, call.parameter("conversation"))
    return Response(204)


def get_participants(ucwa: Ucwa, call: Call) -> Response:
    conversation, leg = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
    own = f"{call.hrefs.conversation(conversation.id)}/participants"
    people = [
        documents.link(call.hrefs.participant(conversation.id, uri), ucwa.users.name_of(uri))
        for uri in (leg.user_uri, *conversation.peers(leg))
    ]
    return Response(
        document={
            "rel": "participants",
            "_links": {**documents.links(self=own), "participant": people},
        }
    )


def get_participant(ucwa: Ucwa, call: Call) -> Response:
    conversation, leg, uri = _participant(ucwa, call)
    return Response(document=_participant_document(ucwa, call.hrefs, conversation, leg, uri))


def get_participant_messaging(ucwa: Ucwa, call: Call) -> Response:
    conversation, leg, uri = _participant(ucwa, call)
    if leg.messaging != "Connected":
        raise Refusal("NotFound", "ResourceNotFound", "Messaging is not connected.")
    name = ucwa.users.name_of(uri)
    document = documents.participant_messaging(call.hrefs, conversation.id, uri, name)
    return Response(document=document)


def _participant(ucwa: Ucwa, call: Call) -> tuple[ActiveConversation, Leg, str]:
    conversation, leg = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
    uri = user_uri(call.parameter("address"))
    if uri is None or uri not in (leg.user_uri, *conversation.peers(leg)):
        raise Refusal("NotFound", "ResourceNotFound", "There is no such participant.")
    return conversation, leg, uri


def _participant_document(
    ucwa: Ucwa, hrefs: Hrefs, conversation: ActiveConversation, leg: Leg, uri: str
) -> Document:
    local = uri == leg.user_uri
    return documents.participant(hrefs, conversation.id, uri, ucwa.users.name_of(uri), local)


def _shown(call: Call) -> Response:
    document = documents.communication(call.endpoint)
    return Response(document=document)


def _number(etag: str) -> int | None:
    """The version an entity tag names; None for one that this server never gave out."""
    return int(etag) if etag.isascii() and etag.isdigit() and len(etag) <= 18 else None


RESOURCES = (
    Resource(
        "communication",
        "communication",
        (
            Operation("GET", get_communication),
            Operation(
                "PUT",
                put_communication,
                refusals=(("PreconditionFailed", ""), ("PreconditionRequired", "")),
                parameters=(
                    "audioPreference",
                    "conversationHistory",
                    "phoneNumber",
                    "supportedMessageFormats",
                    "supportedModalities",
                ),
            ),
        ),
        events=(Event("updated", "communication", Priority.MEDIUM),),
    ),
    Resource(
        "conversations", "communication/conversations", (Operation("GET", get_conversations),)
    ),
    Resource(
        "conversation",
        "communication/conversations/{conversation}",
        (
            Operation("GET", get_conversation),
            Operation("DELETE", delete_conversation, (204,)),
        ),
        events=tuple(
            Event(kind, "communication", Priority.HIGH) for kind in ("added", "updated", "deleted")
        ),
    ),
    Resource(
        "participants",
        "communication/conversations/{conversation}/participants",
        (Operation("GET", get_participants),),
    ),
    Resource(
        "participant",
        "communication/conversations/{conversation}/participants/{address}",
        (Operation("GET", get_participant),),
        events=tuple(
            Event(kind, "conversation", Priority.HIGH) for kind in ("added", "updated", "deleted")
        ),
    ),
    Resource(
        "localParticipant",
        "",
        events=tuple(
            Event(kind, "conversation", Priority.HIGH) for kind in ("added", "updated", "deleted")
        ),
    ),
    Resource(
        "participantMessaging",
        "communication/conversations/{conversation}/participants/{address}/messaging",
        (Operation("GET", get_participant_messaging),),
        events=tuple(
            Event(kind, "conversation", Priority.HIGH, "participant")
            for kind in ("added", "updated", "deleted")
        ),
        aliases=(
            "communication/conversations/{conversation}/participants/{address}/participantMessaging",
        ),
    ),
)
