"""Where the clearing house may connect to: known hosts, and public addresses only.

Endpoints of Web Push, UnifiedPush and WNS come from devices, so whoever can register one decides
where we send a request to.  Its host must be on the operator's list, and the address that its name
resolves to must be public, looked at when we connect, so that a name that changes its address
helps nobody.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from twisted.internet.ssl import (
    Certificate,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from mobility.clearing_house.signing import MAX_KEY_BYTES
from mobility.errors import OperatorFault
from mobility.reactor import IReactor

WEB_PUSH_HOSTS = (
    "fcm.googleapis.com",
    "jmt17.google.com",
    "*.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
)
"""The push services of Chromium, Firefox, Safari and Edge."""

WNS_HOSTS = ("*.notify.windows.com",)
CONNECT_S = 20.0

_IPV4_AT_THE_END = (ip_network("::/96"), ip_network("64:ff9b::/96"))
_IPV6_UNICAST = ip_network("2000::/3")
"""All that IANA has given out of it (RFC 4291 section 2.4): site-local addresses (RFC 3879), NAT64
prefixes of a network's own (RFC 8215) and translated addresses (RFC 7915) lie outside."""

_IPV6_DOCUMENTATION = ip_network("3fff::/20")
"""RFC 9637, which Python 3.11 does not know."""


class EndpointRefused(Exception):
    """It may not be connected to, for a reason that goes into a result or verdict."""


def checked(endpoint: str, allowed: Sequence[str], *, private: bool = False) -> SplitResult:
    """The parts of an endpoint that may be used.  Raises EndpointRefused.

    `allowed` are host names, `*.` before one for every name below it, or `*` for any host.
    `private` lets literal addresses be private ones, and other ports than 443 be used.
    """
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError as error:
        raise EndpointRefused("the endpoint is no URL") from error
    host = (parts.hostname or "").lower()
    if not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
        raise EndpointRefused("the endpoint is no URL")
    if parts.scheme != "https" or not host or parts.username is not None:
        raise EndpointRefused("the endpoint must begin with https:// and a host")
    if port not in (None, 443) and not private:
        raise EndpointRefused("the endpoint must use port 443")
    if not private and _is_private(host):
        raise EndpointRefused("the endpoint is a private address")
    if not any(fnmatchcase(host, pattern) for pattern in allowed):
        raise EndpointRefused("the endpoint's host is not on the allow list")
    return parts


def _is_private(host: str) -> bool:
    """Whether it is a literal address that is not one host's on the public Internet.

    An IPv6 address that stands for an IPv4 one is what that is: mapped and compatible addresses
    (RFC 4291 section 2.5.5), 6to4 (RFC 3056), NAT64 (RFC 6052).
    """
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if any(address in network for network in _IPV4_AT_THE_END):
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is None and (address not in _IPV6_UNICAST or address in _IPV6_DOCUMENTATION):
            return True
        address = inner or address
    return not address.is_global or address.is_multicast


@implementer(IResolutionReceiver)
class _PublicOnly:
    """Passes public addresses on, and says whether there were others only."""

    def __init__(self, receiver: IResolutionReceiver, resolver: "PublicResolver") -> None:
        self._receiver = receiver
        self._resolver = resolver
        self._public = self._private = 0

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self._receiver.resolutionBegan(resolutionInProgress)

    def addressResolved(self, address: IAddress) -> None:
        if _is_private(str(getattr(address, "host", ""))):
            self._private += 1
        else:
            self._public += 1
            self._receiver.addressResolved(address)

    def resolutionComplete(self) -> None:
        self._resolver.refused = self._private > 0 and not self._public
        self._receiver.resolutionComplete()


@implementer(IHostnameResolver)
class PublicResolver:
    """Resolves names as another resolver does, and leaves out addresses that are not public."""

    def __init__(self, resolver: IHostnameResolver) -> None:
        self._resolver = resolver
        self.refused = False
        """Whether the last name had addresses, and none of them public."""

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        return self._resolver.resolveHostName(
            _PublicOnly(resolutionReceiver, self),
            hostName,
            portNumber,
            addressTypes,
            transportSemantics,
        )


@implementer(IReactorPluggableNameResolver, IReactorTCP, IReactorTime)
class PublicReactor:
    """A reactor as `HostnameEndpoint` needs one, that finds public addresses only."""

    def __init__(self, reactor: IReactor) -> None:
        self._reactor = reactor
        self.nameResolver = PublicResolver(reactor.nameResolver)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


class Tls:
    """Whom we trust as a server: the platform's authorities, or those of `ca`."""

    def __init__(self, ca: Path | None, where: str, key: str) -> None:
        """Raises OperatorFault."""
        self._trust: Any = platformTrust()
        if ca is not None:
            try:
                with open(ca, "rb") as stream:
                    data = stream.read(MAX_KEY_BYTES)
                blocks = data.split(b"-----BEGIN CERTIFICATE-----")[1:]
                pem = [b"-----BEGIN CERTIFICATE-----" + block for block in blocks]
                if not pem:
                    raise ValueError("no certificate")
                self._trust = trustRootFromCertificates([Certificate.loadPEM(p) for p in pem])
            except OSError as error:
                raise OperatorFault(where, f"{ca} cannot be read: {error.strerror}", key) from error
            except Exception as error:  # what OpenSSL says of bytes that are no certificate
                raise OperatorFault(where, f"{ca} holds no PEM certificate", key) from error

    def options(self, host: str, alpn: bytes | None = None) -> IOpenSSLClientConnectionCreator:
        """TLS to `host`, whose certificate is checked with service-identity."""
        if alpn is None:
            return optionsForClientTLS(host, self._trust)
        return optionsForClientTLS(host, self._trust, acceptableProtocols=[alpn])


def tls_endpoint(
    reactor: Any, tls: Tls, host: str, port: int, alpn: bytes | None = None
) -> IStreamClientEndpoint:
    """TLS over TCP to a host name or address."""
    plain = HostnameEndpoint(reactor, host.encode("idna"), port, timeout=CONNECT_S)
    return wrapClientTLS(tls.options(host, alpn), plain)


@implementer(IStreamClientEndpoint)
class _PublicEndpoint:
    """Connects to a public address, or fails with EndpointRefused when there are only others."""

    def __init__(self, reactor: IReactor, tls: Tls, host: str, port: int) -> None:
        self._reactor = PublicReactor(reactor)
        self._endpoint = tls_endpoint(self._reactor, tls, host, port)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return self._endpoint.connect(protocolFactory).addErrback(self._failed)

    def _failed(self, failure: Failure) -> Failure:
        if self._reactor.nameResolver.refused:
            return Failure(EndpointRefused("the endpoint's name leads to a private address"))
        return failure


@implementer(IAgentEndpointFactory)
class TlsEndpoints:
    """For `twisted.web.client.Agent`: https only, and public addresses only unless `private`."""

    def __init__(self, reactor: IReactor, tls: Tls, *, private: bool) -> None:
        self._reactor = reactor
        self._tls = tls
        self._private = private

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        if uri.scheme != b"https":
            raise EndpointRefused("only https is spoken")
        host = uri.host.decode("ascii")
        if self._private:
            return tls_endpoint(self._reactor, self._tls, host, uri.port)
        return _PublicEndpoint(self._reactor, self._tls, host, uri.port)
