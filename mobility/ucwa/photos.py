"""UCWA `photo` and `contactPhoto`: pictures that browsers load with the `cwt_ucwa` cookie."""

import attrs

from mobility.errors import Refusal
from mobility.http.message import Response
from mobility.ucwa.application import owner
from mobility.ucwa.declaration import Call, Operation, Resource
from mobility.ucwa.people import person
from mobility.ucwa.service import Ucwa

PHOTO_MAX_AGE_S = 3_600
"""How long a client may keep a photo (our choice)."""


@attrs.frozen(slots=True)
class CookieCaller:
    """Who a photo cookie stands for."""

    user_uri: str


async def get_photo(ucwa: Ucwa, call: Call) -> Response:
    """The photo of the person the path names, as it is stored; 404 without one."""
    picture = await ucwa.photos.photo_of(person(ucwa, call))
    if picture is None:
        raise Refusal("NotFound", "ResourceNotFound", "This person has no photo.")
    return Response(
        body=picture.image,
        content_type="image/png" if picture.image.startswith(b"\x89PNG") else "image/jpeg",
        headers=[
            ("Cache-Control", f"private, max-age={PHOTO_MAX_AGE_S}"),
            ("ETag", f'"{picture.version}"'),
        ],
    )


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
)
