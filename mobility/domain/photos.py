"""Photos of users, each from where its user is kept, in the sizes clients ask for."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Mapping
from typing import Protocol

import attrs

from mobility.domain.ledger import Archive
from mobility.domain.records import Photo, User
from mobility.domain.users import Users

VERSION_DIGITS = 16
"""Hex digits of a version: as many as make two photos differ."""

SIZES = (48, 64, 96, 120, 240, 360, 432, 504, 648)
"""The edges of photos in pixels (Exchange high-resolution photos, HR48x48 to HR648x648)."""

LARGEST = SIZES[-1]
"""The edge of the picture that is kept of a local user."""

CACHED = 2_000
"""Pictures kept in memory, some two to eighty kilobytes each, mostly small (our choice)."""


class NoPicture(Exception):
    """The bytes are no picture that can be read."""


@attrs.frozen(slots=True)
class Picture:
    """A photo: JPEG or PNG."""

    image: bytes = attrs.field(repr=False)

    @property
    def version(self) -> str:
        """What changes with the image."""
        return hashlib.sha256(self.image).hexdigest()[:VERSION_DIGITS]


class Darkroom(Protocol):
    """Makes pictures of other sizes, away from the reactor."""

    def square(self, image: bytes, edge: int) -> Awaitable[bytes]:
        """A square JPEG with an edge of at most `edge` pixels.  Raises NoPicture."""
        ...


class PhotoSource(Protocol):
    """Where the photos of some users are."""

    def photo_of(self, user: User) -> Awaitable[Picture | None]:
        """The photo of a user, None without one; Unavailable when it cannot be read now."""
        ...


class LocalPhotos:
    """Those of local users, whom the users themselves set."""

    def __init__(self, users: Users, archive: Archive, darkroom: Darkroom) -> None:
        self._users = users
        self._archive = archive
        self._darkroom = darkroom

    async def photo_of(self, user: User) -> Picture | None:
        photo = await self._archive.photo(user.uri) if user.photo_version else None
        return None if photo is None else Picture(photo.image)

    async def put(self, user: User, image: bytes, now: float) -> None:
        """Make `image`, a JPEG or PNG, the user's photo.  Raises NoPicture."""
        picture = Picture(await self._darkroom.square(image, LARGEST))
        await self._users.update(
            user.uri,
            lambda stored: attrs.evolve(stored, photo_version=picture.version),
            now,
            lambda unit: unit.save(Photo(user.uri, picture.image)),
        )

    async def remove(self, user: User, now: float) -> None:
        """Take the user's photo away."""
        await self._users.update(
            user.uri,
            lambda stored: attrs.evolve(stored, photo_version=""),
            now,
            lambda unit: unit.remove(Photo(user.uri, b"")),
        )


class Photos:
    """The photos of all users; `sources` are named as `User.source` is."""

    def __init__(self, sources: Mapping[str, PhotoSource], darkroom: Darkroom) -> None:
        self._sources = sources
        self._darkroom = darkroom
        self._pictures: OrderedDict[tuple[str, int], Picture] = OrderedDict()

    async def of(self, user: User, edge: int) -> Picture | None:
        """The photo of a user as a JPEG of `edge` pixels a side, one of SIZES; None without one.

        One that cannot be read as a picture is none, and so is one whose source is not there any
        more.  Raises Unavailable when it cannot be read now.
        """
        source = self._sources.get(user.source)
        kept = None if source is None else await source.photo_of(user)
        if kept is None:
            return None
        key = (kept.version, edge)
        picture = self._pictures.get(key)
        if picture is None:
            try:
                picture = Picture(await self._darkroom.square(kept.image, edge))
            except NoPicture:
                return None
            self._pictures[key] = picture
            if len(self._pictures) > CACHED:
                self._pictures.popitem(last=False)
        self._pictures.move_to_end(key)
        return picture


def edge_of(size: str) -> int | None:
    """The edge for a `size` such as HR64X64: the smallest that is kept and not smaller.

    "" is HR48X48; None for what is no size (UCWA rel `contactPhoto`).
    """
    if not size:
        return SIZES[0]
    height, found, width = size.lower().removeprefix("hr").partition("x")
    if not (size.lower().startswith("hr") and found and _is_edge(height) and _is_edge(width)):
        return None
    wanted = max(int(height), int(width))
    return next((edge for edge in SIZES if edge >= wanted), LARGEST)


def _is_edge(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < len(text) <= 4
