"""Reverse number lookup: which user has a telephone number."""

from collections.abc import Iterable

from mobility.domain.phones import normalised
from mobility.domain.records import User


class NumberLookup:
    """The numbers of users with Enterprise Voice, to their users."""

    def __init__(self, users: Iterable[User] = ()) -> None:
        self._holders: dict[str, set[str]] = {}
        for user in users:
            self.changed(None, user)

    def holder(self, number: str) -> str | None:
        """The URI of the user who has `number`, the first of several, or None."""
        holders = self._holders.get(number)
        return min(holders) if holders else None

    def changed(self, before: User | None, after: User | None) -> None:
        """A user was added, changed or removed."""
        old = _line(before)
        new = _line(after)
        if before is not None and old and old != new:
            self._holders[old].discard(before.uri)
            if not self._holders[old]:
                del self._holders[old]
        if after is not None and new:
            self._holders.setdefault(new, set()).add(after.uri)


def _line(user: User | None) -> str:
    if user is None or not (user.enabled and user.enterprise_voice):
        return ""
    return normalised(user.work_phone) or ""
