"""UCWA `photo` and `contactPhoto`: pictures that browsers load with the `cwt_ucwa` cookie."""

import attrs

from mobility.domain.photos import SIZES, NoPicture, edge_of
from mobility.domain.records import User
from mobility.errors import Parameter, PeerFault, Refusal, validation_failure
from mobility.http.body import fields
from mobility.http.message import Response
from mobility.ucwa.application import owner
from mobility.ucwa.declaration import Call, Operation, Resource
from mobility.ucwa.documents import PHOTO_EXTENSION
from mobility.ucwa.people import person
from mobility.ucwa.preconditions import has_tag
from mobility.ucwa.service import Ucwa

MAX_PHOTO_BYTES = 10 * 1024 * 1024
"""Bytes of a photo that is sent here (our choice: what phones' cameras make)."""

MAX_SIZE = 16
"""Characters of `size`: HR1000X1000 and some."""

PHOTO_MAX_AGE_S = 3_600
"""How long a client may keep a photo (our choice)."""


@attrs.frozen(slots=True)
class CookieCaller:
    """Who a photo cookie stands for."""

    user_uri: str


async def get_photo(ucwa: Ucwa, call: Call) -> Response:
    """The photo of the person the path names, as image/jpeg; 404 without one."""
    query = fields(call.request)
    edge = edge_of(query.text("size", max_length=MAX_SIZE))
    if edge is None:
        query.fail("size", "must be a size such as HR64X64")
    query.check()
    user = person(ucwa, call)
    sight = ucwa.privacy.sight(user.uri, call.endpoint.user_uri)
    picture = await ucwa.photos.of(user, edge or SIZES[0]) if sight.card else None
    if picture is None:
        raise Refusal("NotFound", "ResourceNotFound", "This person has no photo.")
    headers = [
        ("Cache-Control", f"private, max-age={PHOTO_MAX_AGE_S}"),
        ("ETag", f'"{picture.version}"'),
        ("Vary", "Origin"),  # what an <img> has loaded is kept for scripts of the page too
    ]
    if has_tag(call.request, picture.version):
        return Response(304, headers=headers)
    return Response(body=picture.image, content_type="image/jpeg", headers=headers)


async def put_photo(ucwa: Ucwa, call: Call) -> Response:
    """Our extension: the body is a JPEG or a PNG, of any shape."""
    user = _own(ucwa, call)
    media_type = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in ("image/jpeg", "image/png"):
        raise PeerFault("UnsupportedMediaType", None, "A photo must be image/jpeg or image/png.")
    try:
        await ucwa.local_photos.put(user, call.request.body, call.now)
    except NoPicture as error:
        raise validation_failure(
            Parameter("photo", "must be a picture that can be read")
        ) from error
    return Response(204)


async def delete_photo(ucwa: Ucwa, call: Call) -> Response:
    await ucwa.local_photos.remove(_own(ucwa, call), call.now)
    return Response(204)


def _own(ucwa: Ucwa, call: Call) -> User:
    """The caller, who may change the photo; 403 for users of another directory."""
    user = owner(ucwa, call.endpoint)
    if user.source:
        raise Refusal("Forbidden", "OperationNotSupported", "The directory has this user's photo.")
    return user


def admitted(ucwa: Ucwa, call: Call) -> bool:
    """Whether the request's cookie admits it to this application's photos."""
    cookie = call.request.headers.get("cookie", "")
    user = owner(ucwa, call.endpoint)
    return ucwa.photo_cookies.admits(cookie, call.endpoint.id, user)


RESOURCES = (
    Resource(
        "contactPhoto",
        "photos/{address}",
        (Operation("GET", get_photo, parameters=("size",)),),
        aliases=("people/{address}/contactPhoto",),
        own_authorisation=True,
    ),
    Resource(
        PHOTO_EXTENSION,
        "me/photo",
        (
            Operation(
                "PUT",
                put_photo,
                (204,),
                refusals=(("Forbidden", "OperationNotSupported"), ("UnsupportedMediaType", "")),
                max_body_bytes=MAX_PHOTO_BYTES,
            ),
            Operation(
                "DELETE",
                delete_photo,
                (204,),
                refusals=(("Forbidden", "OperationNotSupported"),),
            ),
        ),
    ),
)
