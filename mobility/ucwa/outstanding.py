"""How many requests of batches each user has under way on this front end."""

from collections.abc import Iterator
from contextlib import contextmanager

from mobility.errors import Refusal


class Outstanding:
    """Counts by user; a user without requests takes no room."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    @contextmanager
    def taking(self, user_uri: str, count: int, limit: int) -> Iterator[None]:
        """Hold `count` requests of a user, all or none.

        Raises `Refusal`: 429 TooManyRequests when the user would then have more than `limit`.
        """
        if self._counts.get(user_uri, 0) + count > limit:
            raise Refusal(
                "TooManyRequests",
                None,
                f"A user may have {limit} requests of batches under way; send fewer, or later.",
            )
        self._counts[user_uri] = self._counts.get(user_uri, 0) + count
        try:
            yield
        finally:
            self._counts[user_uri] -= count
            if not self._counts[user_uri]:
                del self._counts[user_uri]
