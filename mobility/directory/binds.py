"""Passwords proved by a bind, on connections that are used for nothing else."""

from collections import deque

from mobility.directory.connection import LdapConnection
from mobility.directory.faults import DirectoryFault, ServerLost, reason_of
from mobility.directory.messages import SUCCESS, Result
from mobility.directory.servers import Servers
from mobility.directory.settings import Server

KEPT = 4
"""Idle connections that are kept for the next sign-ins (our choice)."""

REFUSED = frozenset({19, 32, 34, 48, 49, 50, 53})
"""Result codes by which servers refuse a name or its password, or an account that is locked,
expired or disabled (RFC 4511 appendix A.2; Active Directory says 49 for all of them)."""


class Binds:
    """Asks whether a password is right; as many at a time as are called."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._idle: deque[LdapConnection] = deque()

    async def accepted(self, dn: str, password: str) -> bool:
        """Whether the directory lets `dn` in with `password`; an empty one is never asked about.

        Raises DirectoryFault when no server says yes or no.
        """
        if not dn or not password:
            return False
        while self._idle:
            connection = self._idle.pop()
            if not connection.usable:
                continue
            try:
                return await self._ask(connection, dn, password)
            except ServerLost:  # a server may end what was idle
                continue

        async def ask(fresh: LdapConnection, _server: Server) -> bool:
            return await self._ask(fresh, dn, password)

        return await self._servers.use(ask)

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    async def _ask(self, connection: LdapConnection, dn: str, password: str) -> bool:
        verdict = _verdict(await connection.bind(dn, password))
        if len(self._idle) < KEPT:
            self._idle.append(connection)
        else:
            connection.close()
        return verdict


def _verdict(result: Result) -> bool:
    """Raises DirectoryFault for a result that says nothing about the password."""
    if result.code == SUCCESS:
        return True
    if result.code in REFUSED:
        return False
    raise DirectoryFault(f"a sign-in got {reason_of(result.code)}")
