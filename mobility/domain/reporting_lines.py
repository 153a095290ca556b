"""Who reports to whom: the managers that users have, both ways."""

from collections.abc import Iterable

from mobility.domain.records import User


class ReportingLines:
    """An index of the users' managers.

    A manager is named by its URI, or by the name (DN) it has in the directory of a mirrored user.
    """

    def __init__(self, users: Iterable[User] = ()) -> None:
        self._reports: dict[str, set[str]] = {}
        """What users name as their manager, to the URIs of those users."""
        self._names: dict[str, str] = {}
        """The name of each mirrored user in its directory, to its URI."""
        for user in users:
            self.add(user)

    def add(self, user: User) -> None:
        if user.manager:
            self._reports.setdefault(_folded(user.manager), set()).add(user.uri)
        if user.source_name:
            self._names[_folded(user.source_name)] = user.uri

    def remove(self, user: User) -> None:
        manager = _folded(user.manager)
        reports = self._reports.get(manager)
        if reports is not None:
            reports.discard(user.uri)
            if not reports:
                del self._reports[manager]
        name = _folded(user.source_name)
        if self._names.get(name) == user.uri:
            del self._names[name]

    def manager_of(self, user: User) -> str:
        """The URI of a user's manager, "" without one; it may be of nobody known here."""
        return self._names.get(_folded(user.manager), user.manager)

    def reports_of(self, user: User) -> set[str]:
        """The URIs of those whose manager a user is."""
        found = set(self._reports.get(_folded(user.uri), ()))
        if user.source_name:
            found |= self._reports.get(_folded(user.source_name), set())
        return found


def _folded(name: str) -> str:
    """A URI, or a name in a directory, for comparison: case and spaces after commas say nothing."""
    return ",".join([part.strip() for part in name.casefold().split(",")])
