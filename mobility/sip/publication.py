"""Event state that others publish (RFC 3903): what is kept, for how long, under which entity-tag.

Sans-IO: time and randomness are arguments.
"""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import attrs

T = TypeVar("T")


class PublicationRefused(Exception):
    """A publication is answered with `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


@attrs.define(slots=True, eq=False)
class Publication(Generic[T]):
    """What one publisher has published: `content`, until `expires_at`, under the `etag`."""

    etag: str
    content: T
    expires_at: float


class Publications(Generic[T]):
    """The publications of all users for one event package.

    `per_user` is how many a user may have.  `new_etag` gives text that nobody can guess.
    """

    def __init__(self, new_etag: Callable[[], str], per_user: int) -> None:
        self._new_etag = new_etag
        self._per_user = per_user
        self._of: dict[str, dict[str, Publication[T]]] = {}

    def of(self, uri: str, now: float) -> list[T]:
        """What is published of a user and has not expired."""
        return [one.content for one in self._of.get(uri, {}).values() if one.expires_at > now]

    def publish(
        self, uri: str, etag: str, content: T | None, expires_at: float, now: float
    ) -> Publication[T] | None:
        """A PUBLISH came; the publication under its new entity-tag, None once it is removed.

        `etag` is that of SIP-If-Match, "" for a new one; without `content` it is as it was.  It is
        removed by an `expires_at` that is not after `now`.  Raises PublicationRefused: 412 for an
        entity-tag of nothing, 400 for a new publication without content, 403 above `per_user`.
        """
        known = self._of.get(uri, {})
        earlier = known.get(etag)
        if etag and (earlier is None or earlier.expires_at <= now):
            raise PublicationRefused(412)
        if earlier is None and content is None:
            raise PublicationRefused(400)
        if expires_at <= now:
            self._forget(uri, etag)
            return None
        live = sum(one.expires_at > now for one in known.values())
        if earlier is None and live >= self._per_user:
            raise PublicationRefused(403)
        self._forget(uri, etag)
        kept = content if content is not None or earlier is None else earlier.content
        if kept is None:
            raise PublicationRefused(400)
        made = Publication(self._new_etag(), kept, expires_at)
        self._of.setdefault(uri, {})[made.etag] = made
        return made

    def expire(self, now: float) -> list[str]:
        """Forget what is over; the users whom that concerns."""
        gone = [
            (uri, etag)
            for uri, known in self._of.items()
            for etag, one in known.items()
            if one.expires_at <= now
        ]
        for uri, etag in gone:
            self._forget(uri, etag)
        return list(dict.fromkeys(uri for uri, _ in gone))

    def forget(self, uri: str) -> None:
        """Nothing is published of a user any more."""
        self._of.pop(uri, None)

    def __iter__(self) -> Iterator[str]:
        """The users of whom something is published."""
        return iter(self._of)

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def _forget(self, uri: str, etag: str) -> None:
        known = self._of.get(uri)
        if known is not None:
            known.pop(etag, None)
            if not known:
                del self._of[uri]
