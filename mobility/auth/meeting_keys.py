"""How often the keys of meetings may be tried.

A key is 80 random bits (`mobility.domain.meetings`), so nobody finds one by trying; whoever tries
is slowed down all the same, as with passwords, wherever an answer would tell that a key is right.
"""

from mobility.auth.clients import Clients
from mobility.auth.lockout import Lockout
from mobility.http.message import Request

MAX_KEY = 64
"""Characters of a tried key by which its failures are counted: four times what a key has."""


class MeetingKeys:
    """The failures of all keys and of the addresses they were tried from."""

    def __init__(self, lockout: Lockout, clients: Clients) -> None:
        self._lockout = lockout
        self._clients = clients

    def wait_s(self, key: str, request: Request) -> float:
        """Seconds until `key` may be tried from where the request came; 0.0 when it may be now."""
        return self._lockout.wait_s(_party(key), self._client(request), request.now)

    def missed(self, key: str, request: Request) -> None:
        """There is no meeting of this key."""
        self._lockout.failed(_party(key), self._client(request), request.now)

    def _client(self, request: Request) -> str:
        return self._clients.counted(request.client_address)


def _party(key: str) -> str:
    return key[:MAX_KEY].upper()
