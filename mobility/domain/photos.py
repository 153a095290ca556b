"""Photos of users, each from where its user is kept."""

import hashlib
from collections.abc import Awaitable, Mapping
from typing import Protocol

import attrs

from mobility.domain.records import User

VERSION_DIGITS = 16
"""Hex digits of a version: as many as make two photos differ."""


@attrs.frozen(slots=True)
class Picture:
    """A photo as it is stored: JPEG or PNG."""

    image: bytes = attrs.field(repr=False)

    @property
    def version(self) -> str:
        """What changes with the image."""
        return hashlib.sha256(self.image).hexdigest()[:VERSION_DIGITS]


class PhotoSource(Protocol):
    """Where the photos of some users are."""

    def photo_of(self, user: User) -> Awaitable[Picture | None]:
        """The photo of a user, None without one; Unavailable when it cannot be read now."""
        ...


class LocalPhotos:
    """Those of local users, which are part of their records."""

    async def photo_of(self, user: User) -> Picture | None:
        return None if user.photo is None else Picture(user.photo)


class Photos:
    """The photos of all users; `sources` are named as `User.source` is."""

    def __init__(self, sources: Mapping[str, PhotoSource]) -> None:
        self._sources = sources

    async def photo_of(self, user: User) -> Picture | None:
        """As `PhotoSource.photo_of`; None also when the user's source is not there any more."""
        source = self._sources.get(user.source)
        return None if source is None else await source.photo_of(user)
