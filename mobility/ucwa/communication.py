"""UCWA `communication` and the conversations in it."""

from collections.abc import Iterable

from mobility.domain.addresses import user_uri
from mobility.domain.call import media_facts
from mobility.domain.conference import seen
from mobility.domain.conversation import CONFERENCED, ActiveConversation
from mobility.domain.facts import ParticipantChanged
from mobility.domain.idle import ends_at
from mobility.domain.records import Leg
from mobility.domain.shared_content import parts_of, sees
from mobility.errors import Refusal
from mobility.http.body import fields
from mobility.http.message import Response
from mobility.ucwa import call_documents, conversation_documents, documents
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Operation, Resource
from mobility.ucwa.hrefs import TELEPHONE, is_number
from mobility.ucwa.me import AUDIO_PREFERENCES, FORMATS, MAX_PHONE, MODALITIES
from mobility.ucwa.preconditions import require_put_token, required_tags
from mobility.ucwa.service import Ucwa

LIS_RESULTS = ("Succeeded", "Failed")
"""LisQueryResultEnum."""

MAX_LIS_LOCATION = 8 * 1024
"""Characters of lisLocation (our choice: a civic address as PIDF-LO has some kilobytes)."""

HISTORY = ("Enabled", "Disabled", "None")
"""GenericPolicy of conversationHistory."""


def get_communication(ucwa: Ucwa, call: Call) -> Response:
    return _shown(ucwa, call)


async def put_communication(ucwa: Ucwa, call: Call) -> Response:
    """PUT with the version in If-Match and the GUID property; absent fields keep their values."""
    known_tags = required_tags(call.request)
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
        ("lisQueryResult", "lis_result", LIS_RESULTS),
    ):
        chosen = body.choice(name, allowed)
        if chosen is not None:
            changes[field] = chosen
    if "phoneNumber" in body:
        changes["phone_number"] = body.text("phoneNumber", max_length=MAX_PHONE)
    if "lisLocation" in body:
        changes["lis_location"] = body.text("lisLocation", max_length=MAX_LIS_LOCATION)
    if "publishEndpointLocation" in body:
        published = body.boolean("publishEndpointLocation")
        changes["publishes_location"] = "Enabled" if published else "Disabled"
    body.check()
    present = call.endpoint.record.etag
    await ucwa.applications.update_communication(
        call.endpoint, present if str(present) in known_tags else None, changes
    )
    return _shown(ucwa, call)


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
    document = conversation_documents.conversation(
        call.hrefs,
        conversation.snapshot(leg),
        leg.user_uri,
        ucwa.conversations.names_in(conversation)(leg.user_uri),
        ucwa.calls.policies.at(call.endpoint),
        _expires_at(ucwa, call, conversation, leg),
    )
    return Response(document=document)


def _expires_at(ucwa: Ucwa, call: Call, conversation: ActiveConversation, leg: Leg) -> float:
    """A conference ends with its meeting, which only who is in it is told."""
    if not conversation.is_conference:
        return ends_at(conversation, ucwa.conversation_idle_s)
    meeting = ucwa.meetings.at(conversation.record.meeting_uri, call.now)
    return meeting.record.expires_at if meeting is not None and leg.state == CONFERENCED else 0.0


async def delete_conversation(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.conversations.terminate(call.endpoint, call.parameter("conversation"), call.now)
    return Response(204)


def get_participants(ucwa: Ucwa, call: Call) -> Response:
    conversation, leg = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
    return view(ucwa, call, conversation, "participants", (leg.user_uri, *conversation.peers(leg)))


def view(
    ucwa: Ucwa, call: Call, conversation: ActiveConversation, rel: str, uris: Iterable[str]
) -> Response:
    """A view of the participants of a conversation: links to those it shows."""
    name_of = ucwa.conversations.names_in(conversation)
    people = [
        documents.link(call.hrefs.participant(conversation.id, uri), name_of(uri)) for uri in uris
    ]
    own = f"{call.hrefs.conversation(conversation.id)}/{rel}"
    return Response(
        document={
            "rel": rel,
            "_links": {**documents.links(self=own), "participant": people},
        }
    )


def get_participant(ucwa: Ucwa, call: Call) -> Response:
    conversation, leg, shown = _participant(ucwa, call)
    led = conversation.leads(leg.user_uri)
    network_of = ucwa.network_of(call.endpoint)
    document = conversation_documents.participant(call.hrefs, shown, network_of, led=led)
    own = call.hrefs.participant(conversation.id, shown.uri)
    if leg.messaging == "Connected" and conversation.writes(shown.uri):
        document["_links"]["participantMessaging"] = documents.link(f"{own}/messaging")
    if leg.call == "Connected" or conversation.is_conference:
        for fact in media_facts(conversation, leg, "updated", lambda _: ""):
            if fact.uri == shown.uri:
                rel = f"participant{fact.medium}"
                document["_links"][rel] = documents.link(f"{own}/{rel}")
    for modality, uri in parts_of(conversation) if sees(leg) else ():
        if uri == shown.uri:
            rel = f"participant{modality}"
            document["_links"][rel] = documents.link(f"{own}/{rel}")
    return Response(document=document)


def get_participant_messaging(ucwa: Ucwa, call: Call) -> Response:
    conversation, leg, shown = _participant(ucwa, call)
    if leg.messaging != "Connected" or not conversation.writes(shown.uri):
        raise Refusal("NotFound", "ResourceNotFound", "Messaging is not connected.")
    document = conversation_documents.participant_messaging(
        call.hrefs, conversation.id, shown.uri, shown.name
    )
    return Response(document=document)


def _participant(ucwa: Ucwa, call: Call) -> tuple[ActiveConversation, Leg, ParticipantChanged]:
    conversation, leg = ucwa.conversations.find(call.endpoint, call.parameter("conversation"))
    address = call.parameter("address")
    if address == TELEPHONE:
        uri = next(filter(is_number, conversation.peers(leg)), None)
    else:
        uri = user_uri(address)
    name_of = ucwa.conversations.names_in(conversation)
    shown = seen(conversation, leg, uri, name_of) if uri is not None else None
    if shown is None:
        raise Refusal("NotFound", "ResourceNotFound", "There is no such participant.")
    return conversation, leg, shown


def _shown(ucwa: Ucwa, call: Call) -> Response:
    policy = ucwa.calls.policies.at(call.endpoint)
    document = documents.communication(call.endpoint, call_documents.call_links(call.hrefs, policy))
    return Response(document=document)


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
                    "lisLocation",
                    "lisQueryResult",
                    "phoneNumber",
                    "publishEndpointLocation",
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
