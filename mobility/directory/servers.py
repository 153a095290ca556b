"""Reaching one of several directory servers, over TLS that proves who it is."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import attrs
from OpenSSL.crypto import Error as CertificateError
from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.ssl import (
    Certificate,
    TLSVersion,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)

from mobility.directory.connection import LdapConnection
from mobility.directory.faults import DirectoryFault, ServerLost
from mobility.directory.settings import LdapConfig, Server, servers_of
from mobility.errors import OperatorFault
from mobility.events import Catalogue, EventLog
from mobility.reactor import IReactor

T = TypeVar("T")

EVENTS: Catalogue = {
    "directory.server_down": {
        "server": "host and port",
        "reason": "why it cannot be used",
    },
    "directory.server_up": {"server": "host and port of one that can be used again"},
}

PEM_BEGIN = b"-----BEGIN CERTIFICATE-----"


class NoServer(DirectoryFault):
    """No server can be used now; `retry_after_s` says when one is tried again."""

    def __init__(self, reason: str, retry_after_s: float) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Connect(Protocol):
    """Opens a connection to a server, with TLS unless the settings allow to go without."""

    def __call__(self, server: Server) -> Awaitable[LdapConnection]: ...


def trust_of(ca_file: Path | None) -> Any:
    """The authorities that may vouch for a server, as Twisted takes them.  Raises OperatorFault."""
    if ca_file is None:
        return platformTrust()
    try:
        pem = ca_file.read_bytes()
        parts = [PEM_BEGIN + part for part in pem.split(PEM_BEGIN)[1:]]
        certificates = [Certificate.loadPEM(part) for part in parts]
    except OSError as error:
        raise OperatorFault(str(ca_file), f"cannot be read: {error.strerror}") from error
    except (CertificateError, ValueError) as error:
        raise OperatorFault(str(ca_file), "holds what is no certificate") from error
    if not certificates:
        raise OperatorFault(str(ca_file), "holds no certificate in PEM form")
    return trustRootFromCertificates(certificates)


class Connector:
    """Connections as the settings want them: TLS 1.2 or newer, the name in the certificate checked.

    Building it reads the trusted certificates and raises OperatorFault.
    """

    def __init__(self, settings: LdapConfig, reactor: IReactor) -> None:
        self._settings = settings
        self._reactor = reactor
        self._trust = trust_of(settings.ca_file)

    async def __call__(self, server: Server) -> LdapConnection:
        """A connection on which TLS has begun.  Raises ServerLost or DirectoryFault.

        That the certificate is not good may show only when something is asked.
        """
        settings = self._settings
        endpoint: IStreamClientEndpoint = HostnameEndpoint(
            self._reactor, server.host, server.port, timeout=settings.connect_timeout_s
        )
        if server.tls:
            endpoint = wrapClientTLS(self._tls(server), endpoint)
        made = LdapConnection(self._reactor, settings.operation_timeout_s)
        try:
            await endpoint.connect(Factory.forProtocol(lambda: made))
        except (ConnectError, DNSLookupError) as error:
            raise ServerLost(f"it cannot be reached: {_text(error)}") from error
        if not server.tls and settings.start_tls:
            try:
                await made.start_tls(self._tls(server))
            except (DirectoryFault, CancelledError):
                made.close()
                raise
        return made

    def _tls(self, server: Server) -> IOpenSSLClientConnectionCreator:
        return optionsForClientTLS(
            server.host,
            trustRoot=self._trust,
            extraCertificateOptions={"raiseMinimumTo": TLSVersion.TLSv1_2},
        )


@attrs.define(slots=True)
class _Standing:
    """Whether a server is used: not before `retry_at` (seconds of the clock)."""

    server: Server
    down: bool = False
    retry_at: float = 0.0


class Servers:
    """The servers in the order of the settings.

    One that failed is left alone for `server_retry_s`; while that is true of all, nobody waits.
    """

    def __init__(
        self,
        settings: LdapConfig,
        connect: Connect,
        seconds: Callable[[], float],
        log: EventLog,
    ) -> None:
        self._standings = [_Standing(server) for server in servers_of(settings)]
        self._retry_s = settings.server_retry_s
        self._connect = connect
        self._seconds = seconds
        self._log = log

    @property
    def problem(self) -> str:
        """Which servers are down, "" when none is."""
        down = [str(one.server) for one in self._standings if one.down]
        return f"not in use: {', '.join(down)}" if down else ""

    @property
    def reachable(self) -> bool:
        """Whether one of them was good when it was last asked, or has not been asked."""
        return any(not one.down for one in self._standings)

    async def use(self, ask: Callable[[LdapConnection, Server], Awaitable[T]]) -> T:
        """What `ask` makes of a new connection to the first server on which it does not fail.

        `ask` raises DirectoryFault when the server fails, and then the connection is closed.
        Raises NoServer when all did.
        """
        reasons = []
        for standing in self._standings:
            if standing.down and self._seconds() < standing.retry_at:
                continue
            try:
                result = await self._on(standing.server, ask)
            except DirectoryFault as fault:
                reasons.append(f"{standing.server}: {fault}")
                self.failed(standing.server, str(fault))
                continue
            if standing.down:
                standing.down = False
                self._log.emit("directory.server_up", server=str(standing.server))
            return result
        wait_s = max(1.0, min(one.retry_at for one in self._standings) - self._seconds())
        raise NoServer("; ".join(reasons) or "no server can be reached", wait_s)

    def failed(self, server: Server, reason: str) -> None:
        """Leave a server alone for a while, because of `reason`."""
        for standing in self._standings:
            if standing.server == server:
                standing.retry_at = self._seconds() + self._retry_s
                if not standing.down:
                    standing.down = True
                    self._log.emit("directory.server_down", server=str(server), reason=reason)

    async def _on(self, server: Server, ask: Callable[[LdapConnection, Server], Awaitable[T]]) -> T:
        connection = await self._connect(server)
        try:
            return await ask(connection, server)
        except (DirectoryFault, CancelledError):
            connection.close()
            raise


def _text(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
