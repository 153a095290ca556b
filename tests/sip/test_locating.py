"""From hosts to addresses (RFC 3263)."""

from collections.abc import Sequence
from typing import cast

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorPluggableNameResolver, IReactorUDP
from twisted.internet.protocol import DatagramProtocol
from twisted.names import dns
from twisted.names.authority import FileAuthority
from twisted.names.client import Resolver
from twisted.names.server import DNSServerFactory
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mobility.sip.locating import (
    NOWHERE,
    DnsLocator,
    DnsRecords,
    Pointer,
    Service,
    Silence,
    Unreachable,
    addresses,
    in_order,
    system_lookup,
    weighted,
)
from mobility.sip.routing import Hop, Target

ALL = ("TLS", "TCP", "UDP")


@attrs.define
class MemoryRecords:
    """A DNS in memory."""

    pointers_of: dict[str, list[Pointer]] = attrs.Factory(dict)
    services_of: dict[str, list[Service]] = attrs.Factory(dict)
    addresses_of: dict[str, list[str]] = attrs.Factory(dict)

    async def pointers(self, name: str) -> Sequence[Pointer]:
        return self.pointers_of.get(name, [])

    async def services(self, name: str) -> Sequence[Service]:
        return self.services_of.get(name, [])

    async def addresses(self, host: str) -> Sequence[str]:
        return self.addresses_of.get(host, [])


def zeros(size: int) -> bytes:
    return bytes(size)


class DnsLocatorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.records = MemoryRecords()

    def hops(self, target: Target, transports: Sequence[str] = ALL) -> list[Hop]:
        locator = DnsLocator(self.records, transports, zeros)
        return self.successResultOf(Deferred.fromCoroutine(locator.hops(target)))

    def test_addresses(self) -> None:
        """An address is where it says, over UDP where that is spoken, at the usual port."""
        self.assertEqual(
            self.hops(Target("192.0.2.1")), [Hop("UDP", "192.0.2.1", 5060, "192.0.2.1")]
        )
        (hop,) = self.hops(Target("[2001:db8::1]", 5070, "TLS"))
        self.assertEqual(hop, Hop("TLS", "2001:db8::1", 5070, "2001:db8::1"))
        self.assertEqual(self.hops(Target("192.0.2.1"), ["TCP"])[0].transport, "TCP")

    def test_port(self) -> None:
        """A host with a port is looked up as it is."""
        self.records.services_of["_sips._tcp.a.test"] = [Service(0, 0, 1, "other")]
        self.records.addresses_of["a.test"] = ["192.0.2.1", "192.0.2.2"]
        hops = self.hops(Target("a.test", 5099, "TLS"))
        self.assertEqual([hop.address for hop in hops], ["192.0.2.1", "192.0.2.2"])
        self.assertEqual({hop.port for hop in hops}, {5099})

    def test_pointers(self) -> None:
        """NAPTR records say transports and names, of which those not spoken are left out; the
        certificate has to be for the domain all the same."""
        self.records.pointers_of["a.test"] = [
            Pointer(20, 1, "SIP+D2U", "_sip._udp.a.test"),
            Pointer(10, 2, "SIP+D2T", "_sip._tcp.a.test"),
            Pointer(10, 1, "SIPS+D2T", "_sips._tcp.a.test"),
            Pointer(1, 1, "E2U+sip", "x"),
        ]
        for name in ("_sip._udp", "_sip._tcp", "_sips._tcp"):
            self.records.services_of[f"{name}.a.test"] = [Service(0, 0, 5071, "one.a.test")]
        self.records.addresses_of["one.a.test"] = ["192.0.2.1"]
        hops = self.hops(Target("a.test"))
        self.assertEqual([hop.transport for hop in hops], ["TLS", "TCP", "UDP"])
        self.assertEqual({(hop.port, hop.name) for hop in hops}, {(5071, "a.test")})
        self.assertEqual([hop.transport for hop in self.hops(Target("a.test"), ["TCP"])], ["TCP"])

    def test_services(self) -> None:
        """Without NAPTR each transport that is spoken is looked for; a named one only."""
        self.records.services_of["_sip._tcp.a.test"] = [
            Service(2, 0, 5062, "two.a.test"),
            Service(1, 0, 5061, "one.a.test"),
            Service(3, 0, 5063, "nowhere.a.test"),
        ]
        self.records.addresses_of["one.a.test"] = ["192.0.2.1"]
        self.records.addresses_of["two.a.test"] = ["192.0.2.2"]
        for target in (Target("a.test"), Target("a.test", None, "TCP")):
            hops = self.hops(target)
            self.assertEqual([hop.port for hop in hops], [5061, 5062])
        with self.assertRaises(Unreachable):
            locator = DnsLocator(self.records, ALL, zeros)
            target = Target("a.test", None, "TLS")
            self.failureResultOf(Deferred.fromCoroutine(locator.hops(target))).raiseException()

    def test_service_that_is_not_there(self) -> None:
        """A domain may say that it has no such service; then its addresses are not asked, and
        where it has another that one is."""
        self.records.addresses_of["a.test"] = ["192.0.2.1"]
        self.records.services_of["_sip._udp.a.test"] = [Service(0, 0, 0, NOWHERE)]
        with self.assertRaises(Unreachable):
            locator = DnsLocator(self.records, ALL, zeros)
            self.failureResultOf(
                Deferred.fromCoroutine(locator.hops(Target("a.test")))
            ).raiseException()
        self.records.services_of["_sip._tcp.a.test"] = [Service(0, 0, 5070, "a.test")]
        self.assertEqual(self.hops(Target("a.test")), [Hop("TCP", "192.0.2.1", 5070, "a.test")])

    def test_no_services(self) -> None:
        """Without any of these the host itself is asked, at the usual port."""
        self.records.addresses_of["a.test"] = ["192.0.2.1"]
        self.assertEqual(self.hops(Target("a.test")), [Hop("UDP", "192.0.2.1", 5060, "a.test")])


class OrderTests(SynchronousTestCase):
    @given(
        st.lists(st.builds(Service, *[st.integers(0, 3)] * 2, st.integers(1, 9), st.just("a"))),
        st.binary(min_size=4, max_size=4),
    )
    def test_order(self, services: list[Service], chance: bytes) -> None:
        """All are tried, by priority."""
        ordered = in_order(services[:16], lambda size: chance)
        self.assertEqual(sorted(map(repr, ordered)), sorted(map(repr, services[:16])))
        self.assertEqual(
            [one.priority for one in ordered], sorted(one.priority for one in services[:16])
        )

    def test_weights(self) -> None:
        """How often one comes first is its share of the weights."""
        counts = [0, 0, 0]
        for number in range(4_000):
            counts[weighted([0, 1, 2], lambda size, n=number: n.to_bytes(size, "big"))] += 1
        self.assertEqual(counts, [1_000, 1_000, 2_000])


class DnsTests(TestCase):
    """Records of a real name server."""

    timeout = 300

    def setUp(self) -> None:
        zone = {
            b"a.test": [
                dns.Record_NAPTR(10, 1, b"s", b"SIPS+D2T", b"", b"_sips._tcp.a.test", ttl=60),
                dns.Record_NAPTR(10, 2, b"u", b"SIP+D2T", b"!x!y!", b"", ttl=60),
            ],
            b"_sips._tcp.a.test": [dns.Record_SRV(1, 2, 5071, b"one.a.test", ttl=60)],
            b"_sip._udp.a.test": [dns.Record_SRV(0, 0, 0, b".", ttl=60)],
            b"one.a.test": [
                dns.Record_A("192.0.2.1", ttl=60),
                dns.Record_AAAA("2001:db8::1", ttl=60),
            ],
        }
        soa = dns.Record_SOA(b"a.test", b"a.test", 1, 60, 60, 60, 60)
        authority = Zone((b"a.test", soa), {b"a.test": [soa, *zone.pop(b"a.test")], **zone})
        factory = DNSServerFactory(authorities=[authority])
        factory.noisy = False
        protocol = dns.DNSDatagramProtocol(controller=factory)
        protocol.noisy = False
        port = cast(IReactorUDP, reactor).listenUDP(0, protocol, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.now = 0.0
        servers = [("127.0.0.1", port.getHost().port)]
        self.records = DnsRecords(
            lambda: Resolver(None, servers, reactor=reactor), None, lambda: self.now
        )

    async def test_hops(self) -> None:
        """A domain leads to the addresses of its servers, of both families."""
        locator = DnsLocator(self.records, ALL, zeros)
        hops = await locator.hops(Target("a.test"))
        self.assertEqual([hop.address for hop in hops], ["192.0.2.1", "2001:db8::1"])
        self.assertEqual({hop.port for hop in hops}, {5071})

    async def test_service_that_is_not_there(self) -> None:
        """It is told apart from one of which nothing is said."""
        (found,) = await self.records.services("_sip._udp.a.test")
        self.assertEqual(found.host, NOWHERE)

    async def test_silence(self) -> None:
        """Where no name server answers nobody waits for more than one question, nothing of it is
        kept, and there are no hops."""
        asked: list[bytes] = []

        class Silent(DatagramProtocol):
            noisy = False

            def datagramReceived(self, datagram: bytes, addr: object) -> None:
                asked.append(datagram)

        class Hasty(DnsRecords):
            TIMEOUTS_S = (1,)  # type: ignore[assignment]  # fewer than it has

        protocol = Silent()
        port = cast(IReactorUDP, reactor).listenUDP(0, protocol, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        servers = [("127.0.0.1", port.getHost().port)]
        records = Hasty(lambda: Resolver(None, servers, reactor=reactor), None, lambda: 0.0)
        for question in (records.pointers, records.services, records.addresses):
            with self.assertRaises(Silence):
                await question("a.test")
        asked.clear()
        with self.assertRaisesRegex(Unreachable, "no name server answers"):
            await DnsLocator(records, ALL, zeros).hops(Target("a.test"))
        self.assertEqual(2, len(asked))

    async def test_no_name(self) -> None:
        """What can be no name, as a URI may have it, has no addresses, and nobody is asked."""
        asked = system_lookup(cast(IReactorPluggableNameResolver, reactor))
        for host in ("a" * 64 + ".test", "a..test", ".".join(["a" * 60] * 5), "a" * 254, "", "."):
            with self.assertRaises(Unreachable):
                await addresses(asked, host)
            self.assertEqual(await self.records.addresses(host), [])
            self.assertEqual(await self.records.services(f"_sip._tcp.{host}"), [])

    async def test_nothing(self) -> None:
        """A name that is not there has no records."""
        self.assertEqual(await self.records.services("_sip._tcp.b.a.test"), [])
        self.assertEqual(await self.records.addresses("b.a.test"), [])


class Zone(FileAuthority):
    """A zone that is no file."""

    def __init__(
        self, soa: tuple[bytes, dns.Record_SOA], records: dict[bytes, list[object]]
    ) -> None:
        super().__init__(None)
        self.soa, self.records = soa, records

    def loadFile(self, filename: object) -> None:
        """There is none."""
