"""Who is at the other end of each connection, by the names in its client certificate.

A certificate is read once for a connection, and only so many connections of one client are served:
each may hold a body while it comes, so one client can neither fill the memory nor leave no
connection for the others.
"""

from collections import Counter
from collections.abc import Callable

from mobility.http.channel import HttpChannel

Names = frozenset[str]


class ClientCertificates:
    """`names_of` reads the names off a transport; `most` connections of one client are served."""

    def __init__(self, names_of: Callable[[object], Names], most: int) -> None:
        self._names_of = names_of
        self._most = most
        self._known: dict[HttpChannel, Names] = {}
        self._number: Counter[Names] = Counter()

    def names(self, channel: HttpChannel) -> tuple[Names, bool]:
        """The names, and whether there are too many connections of their owner."""
        names = self._known.get(channel)
        if names is None:
            names = self._names_of(channel.transport)
            if self._number[names] >= self._most:
                return names, True
            self._known[channel] = names
            self._number[names] += 1
        return names, False

    def gone(self, channel: HttpChannel) -> None:
        """The connection has ended."""
        names = self._known.pop(channel, None)
        if names is not None:
            self._number[names] -= 1
            if not self._number[names]:
                del self._number[names]
