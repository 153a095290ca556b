"""TLS servers on free ports of 127.0.0.1."""

from typing import Any

from OpenSSL import SSL
from OpenSSL.crypto import X509, PKey
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import (
    IListeningPort,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
)
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from mobility.pki import Identity


@implementer(IOpenSSLServerConnectionCreator)
class ServerTls:
    """TLS 1.2 or newer with one ALPN protocol; `broken` makes every handshake fail."""

    def __init__(self, identity: Identity, alpn: bytes) -> None:
        self.broken = False
        self._alpn = alpn
        context = self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.use_certificate(X509.from_cryptography(identity.certificate))
        context.use_privatekey(PKey.from_cryptography_key(identity.key))
        context.set_alpn_select_callback(self._select)

    def _select(self, connection: SSL.Connection, offered: list[bytes]) -> Any:  # noqa: ARG002
        return self._alpn if self._alpn in offered else SSL.NO_OVERLAPPING_PROTOCOLS

    def serverConnectionForTLS(
        self,
        protocol: TLSMemoryBIOProtocol,  # noqa: ARG002
    ) -> SSL.Connection:
        context = SSL.Context(SSL.TLS_SERVER_METHOD) if self.broken else self._context
        return SSL.Connection(context, None)


async def listen(reactor: Any, factory: IProtocolFactory, tls: ServerTls, port: int) -> Any:
    """Listen on 127.0.0.1, on a free port when `port` is 0; the port object."""
    wrapped = TLSMemoryBIOFactory(tls, False, factory, reactor)
    wrapped.noisy = False
    endpoint = serverFromString(reactor, f"tcp:{port}:interface=127.0.0.1:backlog=1024")
    listening: IListeningPort = await endpoint.listen(wrapped)
    return listening
