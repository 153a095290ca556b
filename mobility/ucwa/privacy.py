"""UCWA area *people*: privacy relationships, which say what contacts may see and do."""

import uuid
from collections.abc import Iterable

from mobility.domain.privacy import LEVELS
from mobility.domain.records import User
from mobility.errors import Refusal
from mobility.http.body import fields
from mobility.http.message import Document, Response
from mobility.ucwa import documents
from mobility.ucwa.channel import Priority
from mobility.ucwa.declaration import Call, Event, Operation, Resource
from mobility.ucwa.hrefs import Hrefs
from mobility.ucwa.people import person
from mobility.ucwa.preconditions import require_put_token, required_tags
from mobility.ucwa.service import Ucwa

REVISION = 2
"""contactPrivacyRelationship2 can be changed; what revision 1 shows is a part of it."""


async def get_relationships(ucwa: Ucwa, call: Call) -> Response:
    """myPrivacyRelationships: the levels in use, each with who has it."""
    holders = await _holders(ucwa, call)
    return Response(
        document={
            "rel": "myPrivacyRelationships",
            "_links": documents.links(self=call.hrefs.of("people/privacyRelationships")),
            "_embedded": {
                "myPrivacyRelationship": [
                    _level(call.hrefs, level, uris) for level, uris in holders.items() if uris
                ]
            },
        }
    )


async def get_level(ucwa: Ucwa, call: Call) -> Response:
    """myPrivacyRelationship: who has one level."""
    level = call.parameter("level")
    if level not in LEVELS:
        raise Refusal("NotFound", "ResourceNotFound", "There is no such privacy level.")
    holders = await _holders(ucwa, call)
    return Response(document=_level(call.hrefs, level, holders[level]))


def get_relationship(ucwa: Ucwa, call: Call) -> Response:
    return Response(document=_relationship(ucwa, call, _another(ucwa, call)))


async def put_relationship(ucwa: Ucwa, call: Call) -> Response:
    """Give a contact a level: PUT with the version in If-Match and the GUID property.

    Without `relationshipLevel` the contact keeps its level, which is then the owner's word.
    """
    known_tags = required_tags(call.request)
    user = _another(ucwa, call)
    own = call.endpoint.user_uri
    body = fields(call.request)
    require_put_token(body, _put_token(own, user.uri))
    before = ucwa.privacy.level(own, user.uri)
    level = body.choice("relationshipLevel", LEVELS) or before
    body.check()
    if _relationship(ucwa, call, user)["etag"] not in known_tags:
        raise Refusal("PreconditionFailed", None, "The level has changed since it was read.")
    await ucwa.privacy.assign(own, user.uri, level, before)
    return Response(document=_relationship(ucwa, call, user))


async def reset_relationship(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.privacy.reset(call.endpoint.user_uri, _another(ucwa, call).uri)
    return Response(204)


def _another(ucwa: Ucwa, call: Call) -> User:
    """The user the path names; 404 for the caller, who has no level for itself."""
    user = person(ucwa, call)
    if user.uri == call.endpoint.user_uri:
        raise Refusal("NotFound", "ResourceNotFound", "Nobody has a level for themselves.")
    return user


async def _holders(ucwa: Ucwa, call: Call) -> dict[str, list[str]]:
    """Each level with the users who have it: those of the contact list, and whoever was given
    one."""
    own = call.endpoint.user_uri
    entries = await ucwa.contacts.of(own)
    uris = {*entries.uris(), *ucwa.privacy.assigned(own)} - {own}
    holders: dict[str, list[str]] = {level: [] for level in LEVELS}
    for uri in sorted(uris):
        if ucwa.users.acquaintance(uri) is not None:
            holders[ucwa.privacy.level(own, uri)].append(uri)
    return holders


def _level(hrefs: Hrefs, level: str, uris: Iterable[str]) -> Document:
    return {
        "rel": "myPrivacyRelationship",
        "relationshipLevel": level,
        "_links": {
            "self": documents.link(hrefs.of(f"people/privacyRelationships/{level}")),
            "contact": [documents.link(hrefs.person(uri)) for uri in uris],
        },
    }


def _relationship(ucwa: Ucwa, call: Call, user: User) -> Document:
    """contactPrivacyRelationship; it can be reset while the level is the owner's word."""
    own, href = call.endpoint.user_uri, call.hrefs.privacy(user.uri)
    rels = {"self": documents.revised(href, REVISION)}
    if user.uri in ucwa.privacy.assigned(own):
        reset = "resetContactPrivacyRelationship"
        rels |= documents.links(**{reset: f"{href}/{reset}"})
    return documents.tagged(
        {
            _put_token(own, user.uri): documents.PUT_TOKEN_VALUE,
            "rel": "contactPrivacyRelationship",
            "relationshipLevel": ucwa.privacy.level(own, user.uri),
            "_links": rels,
        }
    )


def _put_token(owner_uri: str, contact_uri: str) -> str:
    """The GUID property of a relationship, always the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{owner_uri};privacy={contact_uri}"))


RESOURCES = (
    Resource(
        "myPrivacyRelationships",
        "people/privacyRelationships",
        (Operation("GET", get_relationships),),
        aliases=("myPrivacyRelationships",),
    ),
    Resource(
        "myPrivacyRelationship",
        "people/privacyRelationships/{level}",
        (Operation("GET", get_level),),
        aliases=("myPrivacyRelationships/{level}",),
    ),
    Resource(
        "contactPrivacyRelationship",
        "people/{address}/privacyRelationship",
        (
            Operation("GET", get_relationship),
            Operation(
                "PUT",
                put_relationship,
                refusals=(
                    ("Forbidden", "LimitExceeded"),
                    ("PreconditionFailed", ""),
                    ("PreconditionRequired", ""),
                ),
                parameters=("relationshipLevel",),
            ),
        ),
        events=(Event("updated", "people", Priority.MEDIUM, "contact"),),
        revision=REVISION,
        aliases=("people/{address}/contactPrivacyRelationship",),
    ),
    Resource(
        "resetContactPrivacyRelationship",
        "people/{address}/privacyRelationship/resetContactPrivacyRelationship",
        (Operation("POST", reset_relationship, (204,)),),
        aliases=("people/{address}/contactPrivacyRelationship/resetContactPrivacyRelationship",),
    ),
)
