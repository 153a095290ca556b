"""UCWA onlineMeetingExtension: what applications keep with a meeting, as named texts."""

import secrets

import msgspec

from mobility.domain.meetings import OnlineMeeting
from mobility.domain.records import MeetingExtension
from mobility.errors import Refusal
from mobility.http.body import Fields, fields
from mobility.http.message import Response
from mobility.ucwa import documents, meeting_documents
from mobility.ucwa.declaration import Call, Operation, Resource
from mobility.ucwa.preconditions import require_put_token, required_tags
from mobility.ucwa.service import Ucwa

TYPES = ("Undefined", "RoamedOrganizerData", "RoamedParticipantData")
"""OnlineMeetingExtensionType, the first being that of an extension without one."""

MAX_ID = 100
"""Characters of an extension's id (our choice; the page names no bound)."""

MAX_PROPERTIES = 32
"""Properties of one extension (our choice, as above)."""

MAX_NAME = 100
"""Characters of a property's name (our choice, as above)."""

MAX_VALUE = 4_096
"""Characters of a property's value (our choice, as above)."""

OWN = frozenset({"id", "type", "rel", "etag", "href", "_links", "_embedded"})
"""Names that are not the application's to use."""


def get_extensions(ucwa: Ucwa, call: Call) -> Response:
    meeting = _meeting(ucwa, call)
    own = f"{call.hrefs.meeting(meeting.record.id)}/extensions"
    shown = [
        meeting_documents.extension(call.hrefs, extension)
        for extension in meeting.extensions.values()
    ]
    return Response(
        document={
            "rel": "onlineMeetingExtensions",
            "_links": documents.links(self=own),
            "_embedded": {"onlineMeetingExtension": shown},
        }
    )


async def post_extensions(ucwa: Ucwa, call: Call) -> Response:
    meeting = _meeting(ucwa, call)
    body = fields(call.request)
    extension = MeetingExtension(
        meeting_id=meeting.record.id,
        id=body.text("id", max_length=MAX_ID) or secrets.token_hex(8),
        type=body.choice("type", TYPES) or TYPES[0],
        properties=_properties(body),
    )
    body.check()
    extension = await ucwa.meetings.add_extension(call.endpoint, extension, call.now)
    document = meeting_documents.extension(call.hrefs, extension)
    location = document["_links"]["self"]["href"]
    return Response(201, document=document, headers=[("Location", location)])


def get_extension(ucwa: Ucwa, call: Call) -> Response:
    return Response(document=meeting_documents.extension(call.hrefs, _named(ucwa, call)))


async def put_extension(ucwa: Ucwa, call: Call) -> Response:
    """PUT with the version in If-Match and the GUID property.

    The application's properties become those that are sent; an absent type keeps its value.
    """
    known_tags = required_tags(call.request)
    known = _named(ucwa, call)
    shown = meeting_documents.extension(call.hrefs, known)
    body = fields(call.request)
    token = next(name for name, value in shown.items() if value == documents.PUT_TOKEN_VALUE)
    require_put_token(body, token)
    if body.text("id", max_length=MAX_ID) not in ("", known.id):
        body.fail("id", "cannot be changed")
    changes = {
        "type": body.choice("type", TYPES) or known.type,
        "properties": _properties(body, token),
    }
    body.check()
    if shown["etag"] not in known_tags:
        raise Refusal("PreconditionFailed", None, "The extension has changed since it was read.")
    changed = await ucwa.meetings.change_extension(call.endpoint, known, changes, call.now)
    return Response(document=meeting_documents.extension(call.hrefs, changed))


async def delete_extension(ucwa: Ucwa, call: Call) -> Response:
    meeting_id, extension_id = call.parameter("meeting"), call.parameter("extension")
    await ucwa.meetings.remove_extension(call.endpoint, meeting_id, extension_id, call.now)
    return Response(204)


def _meeting(ucwa: Ucwa, call: Call) -> OnlineMeeting:
    return ucwa.meetings.find(call.endpoint.user_uri, call.parameter("meeting"), call.now)


def _named(ucwa: Ucwa, call: Call) -> MeetingExtension:
    return _meeting(ucwa, call).extension(call.parameter("extension"))


def _properties(body: Fields, token: str = "") -> str:
    """The application's own properties as a JSON object; `token` is the GUID property."""
    names = [name for name in body.properties if name.lower() not in OWN and name != token]
    if len(names) > MAX_PROPERTIES:
        body.fail(names[MAX_PROPERTIES], f"is one of more than {MAX_PROPERTIES} properties")
        return "{}"
    properties: dict[str, str] = {}
    for name in sorted(names):
        if not name or len(name) > MAX_NAME:
            body.fail(name[:MAX_NAME], f"is no name of 1 to {MAX_NAME} characters")
        elif name.lower() in {other.lower() for other in properties}:
            body.fail(name, "is there twice")
        else:
            properties[name] = body.text(name, max_length=MAX_VALUE)
    return msgspec.json.encode(properties).decode()


RESOURCES = (
    Resource(
        "onlineMeetingExtensions",
        "onlineMeetings/myOnlineMeetings/{meeting}/extensions",
        (
            Operation("GET", get_extensions),
            Operation(
                "POST",
                post_extensions,
                (201,),
                refusals=(("Conflict", "AlreadyExists"), ("Forbidden", "LimitExceeded")),
                parameters=("id", "type"),
            ),
        ),
        aliases=("onlineMeetings/myOnlineMeetings/{meeting}/onlineMeetingExtensions",),
    ),
    Resource(
        "onlineMeetingExtension",
        "onlineMeetings/myOnlineMeetings/{meeting}/extensions/{extension}",
        (
            Operation("GET", get_extension),
            Operation(
                "PUT",
                put_extension,
                refusals=(("PreconditionFailed", ""), ("PreconditionRequired", "")),
                parameters=("id", "type"),
            ),
            Operation("DELETE", delete_extension, (204,)),
        ),
        aliases=("onlineMeetings/myOnlineMeetings/{meeting}/onlineMeetingExtensions/{extension}",),
    ),
)
