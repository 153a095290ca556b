"""Asking name servers, over UDP on loopback."""

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import succeed
from twisted.names import dns
from twisted.names.server import DNSServerFactory
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mobility.check.dns import Host, Service
from mobility.check.resolvers import MAX_ALIASES, Asker, Server, system_servers
from mobility.errors import OperatorFault
from tests.check.authority import Silent, Zone, listen, serve

RECORDS = {
    "web.example.com": [
        dns.Record_A("198.51.100.5"),
        dns.Record_A("198.51.100.6"),
        dns.Record_AAAA("2001:db8::5"),
    ],
    "lyncdiscover.example.com": [dns.Record_CNAME("web.example.com")],
    "lyncdiscover.second.example": [dns.Record_CNAME("elsewhere.test")],
    "loop.example.com": [dns.Record_CNAME("loop.example.com")],
    "v6.example.com": [dns.Record_AAAA("2001:db8::7")],
    "_sip._tls.example.com": [
        dns.Record_SRV(0, 0, 443, "SIP.example.com"),
        dns.Record_SRV(1, 0, 444, "sip2.example.com"),
    ],
}


class Refusing(DNSServerFactory):
    """Refuses every question."""

    def handleQuery(self, message: Any, protocol: Any, address: Any) -> None:
        message.rCode = dns.EREFUSED
        self.sendReply(protocol, message, address)


class AnswerTests(TestCase):
    """What is made of answers."""

    timeout = 300

    def setUp(self) -> None:
        self.asker = Asker([serve(self, RECORDS)], reactor)

    async def test_addresses(self) -> None:
        """A host has its addresses of both kinds."""
        self.assertEqual(
            Host(("198.51.100.5", "198.51.100.6", "2001:db8::5")),
            await self.asker.host("web.example.com"),
        )
        self.assertEqual(Host(("2001:db8::7",)), await self.asker.host("v6.example.com"))

    async def test_aliases(self) -> None:
        """An alias has its target's addresses, and the target is told; one that leads nowhere has
        none."""
        self.assertEqual(
            Host(("198.51.100.5", "198.51.100.6", "2001:db8::5"), ("web.example.com",)),
            await self.asker.host("lyncdiscover.example.com"),
        )
        self.assertEqual(
            Host((), ("elsewhere.test",)), await self.asker.host("lyncdiscover.second.example")
        )

    async def test_no_such_name(self) -> None:
        """A name that does not exist has nothing, which is an answer."""
        self.assertEqual(Host(), await self.asker.host("nobody.example.com"))
        self.assertEqual(Service(), await self.asker.service("_sip._tls.example.org"))

    async def test_services(self) -> None:
        """An SRV name has hosts, in lower case, with ports."""
        self.assertEqual(
            Service((("sip.example.com", 443), ("sip2.example.com", 444))),
            await self.asker.service("_sip._tls.example.com"),
        )


class FailureTests(TestCase):
    """Servers that do not do what they should."""

    timeout = 300

    async def test_refused(self) -> None:
        """A server that refuses is not taken for one that knows no such name."""
        factory = Refusing()
        factory.noisy = False
        asker = Asker([listen(self, dns.DNSDatagramProtocol(factory))], reactor)
        self.assertEqual(Host(failure="REFUSED"), await asker.host("web.example.com"))

    async def test_a_circle(self) -> None:
        """An alias of itself ends."""

        class Circle(Zone):
            def _lookup(self, name: bytes, *_question: Any) -> Any:
                target = f"n{int(name.split(b'.')[0][1:] or b'0') + 1}.example.com"
                record = dns.Record_CNAME(target)
                header = dns.RRHeader(name, dns.CNAME, dns.IN, 60, record)
                return succeed(([header], [], []))

        factory = DNSServerFactory(clients=[Circle({})])
        factory.noisy = False
        asker = Asker([listen(self, dns.DNSDatagramProtocol(factory))], reactor)
        found = await asker.host("n0.example.com")
        self.assertEqual((), found.addresses)
        self.assertEqual(MAX_ALIASES, len(found.aliases))

    async def test_silence(self) -> None:
        """A server that says nothing has failed, and is not asked for every name."""
        asker = Asker([listen(self, Silent())], reactor, timeouts_s=(0.05,))
        view = await asker.view(["a.example.com", "b.example.com"], ["_sip._tls.example.com"])
        failures = [one.failure for one in view.hosts.values()]
        failures += [one.failure for one in view.services.values()]
        self.assertEqual(["no answer in time"] * 3, failures)


class ServersTests(SynchronousTestCase):
    """The resolvers of this machine."""

    def test_resolv_conf(self) -> None:
        """They are the nameserver lines of resolv.conf."""
        file = Path(self.mktemp())
        file.write_text("# nameserver 192.0.2.1\nnameserver 10.0.0.53\nnameserver\nsearch a b\n")
        self.assertEqual([Server("10.0.0.53")], system_servers(file))
        self.assertEqual("[2001:db8::1]:54", str(Server("2001:db8::1", 54)))

    def test_none(self) -> None:
        """A machine without any is told to name one."""
        file = Path(self.mktemp())
        self.assertIn("cannot be read", str(self.assertRaises(OperatorFault, system_servers, file)))
        file.write_text("search a\n")
        fault = self.assertRaises(OperatorFault, system_servers, file)
        self.assertIn("--inside-resolver", str(fault))
