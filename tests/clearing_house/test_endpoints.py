"""Where the clearing house may be led to by those who register endpoints."""

from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHostnameResolver, IHostResolution
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import URI
from zope.interface import implementer

from mobility.clearing_house.endpoints import (
    WEB_PUSH_HOSTS,
    EndpointRefused,
    Tls,
    TlsEndpoints,
    checked,
)


class CheckTests(SynchronousTestCase):
    def test_allowed(self) -> None:
        """The push services of the browsers are allowed as they are."""
        for endpoint in (
            "https://fcm.googleapis.com/fcm/send/abc",
            "https://jmt17.google.com/fcm/send/abc",
            "https://updates.push.services.mozilla.com/wpush/v2/abc",
            "https://web.push.apple.com/abc",
            "https://wns2-par02p.notify.windows.com/w/?token=abc",
            "https://FCM.googleapis.com:443/fcm/send/abc",
        ):
            checked(endpoint, WEB_PUSH_HOSTS)

    def test_refused(self) -> None:
        """Everything else is refused: other hosts, schemes, ports, names and forms of addresses."""
        for endpoint in (
            "http://fcm.googleapis.com/abc",
            "https://fcm.googleapis.com:8443/abc",
            "https://user@fcm.googleapis.com/abc",
            "https://fcm.googleapis.com@127.0.0.1/abc",
            "https://fcm.googleapis.com.evil.example/abc",
            "https://evilfcm.googleapis.com/abc",
            "https://push.services.mozilla.com/abc",
            "https://evil.example/?fcm.googleapis.com",
            "https://fcm.googleapis.com\r\nX: y/abc",
            "https://fcm.googleapis.com/a b",
            "https://fcm.googleapis.com/\u00e9",
            "https://[::1/abc",
            "https://fcm.googleapis.com:99999/abc",
            "https:///abc",
            "ftp://fcm.googleapis.com/abc",
            "",
        ):
            with self.assertRaises(EndpointRefused, msg=endpoint):
                checked(endpoint, WEB_PUSH_HOSTS)

    def test_private_literals(self) -> None:
        """With every host allowed, addresses that are not public are still refused."""
        for host in (
            "127.0.0.1",
            "10.0.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "[::1]",
            "[fe80::1]",
            "[fd00::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[2002:7f00:1::]",
            "[2002:a9fe:a9fe::1]",
            "[64:ff9b::10.0.0.1]",
            "[::]",
            "224.0.0.1",
            "255.255.255.255",
            "[ff02::1]",
            "[fec0::1]",
            "[64:ff9b:1::7f00:1]",
            "[::ffff:0:127.0.0.1]",
            "[2001:0:7f00:1::]",
            "[2001:db8::1]",
            "[3fff::1]",
            "[5f00::1]",
            "[4000::1]",
        ):
            with self.assertRaises(EndpointRefused, msg=host):
                checked(f"https://{host}/abc", ["*"])
            checked(f"https://{host}:8443/abc", ["*"], private=True)


@implementer(IHostnameResolver)
class Names:
    """A resolver that knows one name."""

    def __init__(self, *hosts: str) -> None:
        self._hosts = hosts

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[Any] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        resolution: Any = object()
        resolutionReceiver.resolutionBegan(resolution)
        for host in self._hosts:
            kind = IPv6Address if ":" in host else IPv4Address
            resolutionReceiver.addressResolved(kind("TCP", host, portNumber))
        resolutionReceiver.resolutionComplete()
        found: IHostResolution = resolution
        return found


class ConnectTests(SynchronousTestCase):
    def connect(self, *hosts: str) -> tuple[list[Any], Deferred[Any]]:
        """Where it connects to when the endpoint's name leads to `hosts`."""
        reactor: Any = MemoryReactorClock()
        reactor.installNameResolver(Names(*hosts))
        endpoints = TlsEndpoints(reactor, Tls(None, "w", "k"), private=False)
        uri = URI.fromBytes(b"https://push.example.test/abc")
        connecting = endpoints.endpointForURI(uri).connect(_Factory())
        clock: Clock = reactor
        clock.advance(1)
        return [client[0] for client in reactor.tcpClients], connecting

    def test_public(self) -> None:
        """A name with a public address is connected to, at that address."""
        for address in ("93.184.216.34", "2606:2800:220:1::1"):
            addresses, _ = self.connect(address)
            self.assertEqual(addresses, [address])

    def test_private(self) -> None:
        """A name that leads to private addresses only is refused when it is connected to."""
        addresses, connecting = self.connect("127.0.0.1", "10.1.2.3", "::1")
        self.assertEqual(addresses, [])
        self.failureResultOf(connecting, EndpointRefused)

    def test_other_forms(self) -> None:
        """Numbers that a resolver takes for an address are judged by the address."""
        for host in ("2130706433", "0x7f000001", "0177.0.0.1", "127.1"):
            checked(f"https://{host}/abc", ["*"])
        addresses, connecting = self.connect("127.0.0.1")
        self.assertEqual(addresses, [])
        self.failureResultOf(connecting, EndpointRefused)
        addresses, connecting = self.connect(
            "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "::7f00:1", "fec0::1"
        )
        self.assertEqual(addresses, [])
        self.failureResultOf(connecting, EndpointRefused)

    def test_rebinding(self) -> None:
        """A name that leads elsewhere at the next request is judged anew for each connection."""
        reactor: Any = MemoryReactorClock()
        endpoints = TlsEndpoints(reactor, Tls(None, "w", "k"), private=False)
        uri = URI.fromBytes(b"https://push.example.test/abc")
        for host, expected in (("93.184.216.34", 1), ("127.0.0.1", 1), ("10.0.0.1", 1)):
            reactor.installNameResolver(Names(host))
            endpoints.endpointForURI(uri).connect(_Factory()).addErrback(lambda _: None)
            reactor.advance(1)
            self.assertEqual(len(reactor.tcpClients), expected, host)

    def test_both(self) -> None:
        """Of several addresses only the public ones are tried."""
        addresses, _ = self.connect("127.0.0.1", "93.184.216.34")
        self.assertEqual(addresses, ["93.184.216.34"])

    def test_plain(self) -> None:
        """Nothing but https is connected to."""
        reactor: Any = MemoryReactorClock()
        endpoints = TlsEndpoints(reactor, Tls(None, "w", "k"), private=True)
        with self.assertRaises(EndpointRefused):
            endpoints.endpointForURI(URI.fromBytes(b"http://push.example.test/abc"))


class _Factory:
    noisy = False

    def doStart(self) -> None:
        pass

    def doStop(self) -> None:
        pass

    def buildProtocol(self, addr: object) -> None:
        return None
