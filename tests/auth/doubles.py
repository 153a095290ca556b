"""What the tests of sign-in stand on: a ledger in memory, users, a verifier, requests."""

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed

from mobility.auth.passwords import Hashing
from mobility.auth.turns import Turns
from mobility.domain.ledger import Committed, Unit
from mobility.domain.records import Token, User
from mobility.http.message import Media, Request, Site

QUICK = Hashing(memory_kib=8, time_cost=1)
"""The cheapest cost argon2 allows, so that tests are quick."""

NOW = 1_700_000_000.0

EXTERNAL = Site("external", True)
INTERNAL = Site("internal", True)


class MemoryLedger:
    """Commits at once, or, while `held` is a list, when the Deferreds in it are fired."""

    def __init__(self) -> None:
        self.tokens: dict[str, Token] = {}
        self.units: list[Unit] = []
        self.fault: Exception | None = None
        self.held: list[Deferred[None]] | None = None

    async def commit(self, unit: Unit) -> Committed:
        self.units.append(unit)
        if self.held is not None:
            waiting: Deferred[None] = Deferred()
            self.held.append(waiting)
            await waiting
        if self.fault is not None:
            raise self.fault
        await succeed(None)
        for record in unit.saves:
            if isinstance(record, Token):
                self.tokens[record.digest] = record
        for record in unit.removes:
            if isinstance(record, Token):
                self.tokens.pop(record.digest, None)
        return Committed([], [])


def pseudonym(uri: str) -> str:
    return f"p({len(uri)})"


def request(
    method: str = "GET",
    path: str = "/",
    *,
    site: Site = EXTERNAL,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    client_address: str = "192.0.2.7",
    now: float = NOW,
) -> Request:
    """A request as the HTTP layer hands it to a handler."""
    return Request(
        id="r1",
        site=site,
        method=method,
        path=path,
        query=query or {},
        raw_query="",
        headers=headers or {},
        body=body,
        client_address=client_address,
        now=now,
        media=Media("application/json"),
    )


class Directory:
    """Users in a dict."""

    def __init__(self, *users: User) -> None:
        self.users = {user.uri: user for user in users}
        self.fault: Exception | None = None

    def find(self, uri: str) -> User | None:
        return self.users.get(uri)

    async def update(self, uri: str, change: Callable[[User], User], now: float) -> User:
        if self.fault is not None:
            raise self.fault
        self.users[uri] = change(self.users[uri])
        return self.users[uri]


class Verifier:
    """A `PasswordVerifier` whose password is always "secret"; `during` runs while it verifies."""

    def __init__(self) -> None:
        self.asked: list[User | None] = []
        self.during: Callable[[], object] = lambda: None
        self.turn = Turns(1).turn

    async def verify(self, user: User | None, password: str, now: float) -> bool:
        self.asked.append(user)
        self.during()
        return user is not None and password == "secret"
