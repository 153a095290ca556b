"""Searching as the service's own account, on a kept connection that is used for nothing else."""

from collections.abc import Awaitable, Callable, Sequence

from mobility.directory.connection import LdapConnection, Page
from mobility.directory.faults import DirectoryFault, ServerLost, reason_of
from mobility.directory.messages import BASE, SUCCESS, Entry, Search
from mobility.directory.servers import Servers
from mobility.directory.settings import Server
from mobility.domain.locks import Lock


class Searches:
    """One search at a time; who comes meanwhile waits.  Raises DirectoryFault when none works."""

    def __init__(self, servers: Servers, bind_dn: str, bind_password: str) -> None:
        self._servers = servers
        self._bind_dn = bind_dn
        self._bind_password = bind_password
        self._lock = Lock()
        self._connection: LdapConnection | None = None
        self._server: Server | None = None

    @property
    def server(self) -> str:
        """The server that answered last, "" before the first one."""
        return "" if self._server is None else str(self._server)

    async def each_page(
        self, search: Search, take: Callable[[Sequence[Entry]], Awaitable[None]]
    ) -> None:
        """Hand every page that is found to `take`, in order.

        Raises DirectoryFault also when more than `search.limit` entries come; a page counts as one
        at least, so that a server cannot go on for ever.
        """
        async with self._lock:
            page = await self._first_page(search)
            left = search.limit
            while True:
                left -= max(1, len(page.entries)) if page.cookie else len(page.entries)
                if left < 0:
                    raise DirectoryFault(f"more than {search.limit} entries were found")
                await take(page.entries)
                if not page.cookie:
                    return
                page = await self._page(search, page.cookie)

    async def entry(self, dn: str, attributes: Sequence[str]) -> Entry | None:
        """The entry of a name, or None when the directory shows none."""
        found: list[Entry] = []

        async def take(entries: Sequence[Entry]) -> None:
            found.extend(entries)

        await self.each_page(Search(dn, "(objectClass=*)", attributes, 1, scope=BASE), take)
        return found[0] if found else None

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def _first_page(self, search: Search) -> Page:
        """The first page, on a new connection when the one that was kept is no more."""
        if self._connection is not None and self._connection.usable:
            try:
                return await self._connection.page(search)
            except ServerLost:  # a server may end what was idle
                pass
        self._connection, self._server = await self._servers.use(self._bound)
        return await self._page(search, b"")

    async def _page(self, search: Search, cookie: bytes) -> Page:
        connection = self._connection
        if connection is None:
            raise ServerLost("the connection was closed")
        try:
            return await connection.page(search, cookie)
        except ServerLost as lost:
            self._connection = None
            if self._server is not None:
                self._servers.failed(self._server, str(lost))
            raise

    async def _bound(
        self, connection: LdapConnection, server: Server
    ) -> tuple[LdapConnection, Server]:
        result = await connection.bind(self._bind_dn, self._bind_password)
        if result.code != SUCCESS:
            raise DirectoryFault(
                f"the bind as {self._bind_dn!r} was refused: "
                f"{reason_of(result.code, result.message)}"
            )
        return connection, server
