"""Photos from the directory: read when somebody wants to see them, and kept for a while."""

from collections import OrderedDict
from collections.abc import Callable
from math import ceil

import attrs

from mobility.directory.faults import DirectoryFault
from mobility.directory.messages import Entry
from mobility.directory.searches import Searches
from mobility.directory.servers import NoServer
from mobility.directory.settings import LdapConfig
from mobility.domain.locks import Locks
from mobility.domain.photos import Picture
from mobility.domain.records import User
from mobility.errors import Unavailable
from mobility.events import Catalogue, EventLog

EVENTS: Catalogue = {
    "directory.photo_ignored": {
        "user": "pseudonym of the user",
        "reason": "too_large (above photo_max_bytes) or format (neither JPEG nor PNG)",
        "size": "bytes of the photo",
    },
}

JPEG = b"\xff\xd8\xff"
PNG = b"\x89PNG\r\n\x1a\n"
"""How the images begin (ISO/IEC 10918-1 B.1.1.3, ISO/IEC 15948 5.2)."""


@attrs.frozen(slots=True)
class _Kept:
    """What the directory said of a photo, and until when that is believed."""

    picture: Picture | None
    until: float


class DirectoryPhotos:
    """A `PhotoSource` of the directory's users."""

    def __init__(
        self,
        settings: LdapConfig,
        searches: Searches,
        attributes: tuple[str, ...],
        seconds: Callable[[], float],
        log: EventLog,
        pseudonym: Callable[[str], str],
    ) -> None:
        self._settings = settings
        self._searches = searches
        self._attributes = attributes
        self._seconds = seconds
        self._log = log
        self._pseudonym = pseudonym
        self._locks = Locks()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def photo_of(self, user: User) -> Picture | None:
        """The photo, from memory while it is fresh; an old one when the directory is away.

        Raises Unavailable when it is away and there is none in memory.
        """
        if not self._attributes:
            return None
        async with self._locks.of(user.uri):
            kept = self._kept.get(user.uri)
            if kept is None or kept.until <= self._seconds():
                kept = await self._read(user, kept)
            return kept.picture

    async def _read(self, user: User, kept: _Kept | None) -> _Kept:
        try:
            entry = await self._searches.entry(user.source_name, self._attributes)
        except DirectoryFault as fault:
            if kept is not None:
                return kept
            wait_s = ceil(fault.retry_after_s) if isinstance(fault, NoServer) else 1
            raise Unavailable(
                "The directory cannot be reached; try again later.", wait_s
            ) from fault
        picture = None if entry is None else self._picture(user, entry)
        fresh = _Kept(picture, self._seconds() + self._settings.photo_cache_s)
        self._kept[user.uri] = fresh
        self._kept.move_to_end(user.uri)
        while len(self._kept) > self._settings.photo_cache_photos:
            self._kept.popitem(last=False)
        return fresh

    def _picture(self, user: User, entry: Entry) -> Picture | None:
        """The first good photo of an entry."""
        for name in self._attributes:
            for image in entry.attributes.get(name, ()):
                reason = self._wrong(image)
                if not reason:
                    return Picture(image)
                self._log.emit(
                    "directory.photo_ignored",
                    user=self._pseudonym(user.uri),
                    reason=reason,
                    size=len(image),
                )
        return None

    def _wrong(self, image: bytes) -> str:
        if len(image) > self._settings.photo_max_bytes:
            return "too_large"
        return "" if image.startswith((JPEG, PNG)) else "format"
