"""Name servers on loopback: an authority with records, and one that does something wrong."""

from collections.abc import Iterable, Mapping
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.protocol import DatagramProtocol
from twisted.names import dns
from twisted.names.common import ResolverBase
from twisted.names.error import DomainError
from twisted.names.server import DNSServerFactory
from twisted.trial.unittest import TestCase

from mobility.check.resolvers import Server

Records = Mapping[str, Iterable[Any]]


class Zone(ResolverBase):
    """Answers from a table of records: a name without any does not exist.

    As a real authority does, it follows an alias as far as the table goes.
    """

    def __init__(self, records: Records) -> None:
        super().__init__()
        self._records = {name.lower(): list(found) for name, found in records.items()}

    def _lookup(self, name: bytes, cls: int, type: int, timeout: Any) -> "Deferred[Any]":  # noqa: A002
        wanted = name.decode().lower()
        answers: list[dns.RRHeader] = []
        while True:
            found = self._records.get(wanted)
            if found is None:
                return succeed((answers, [], [])) if answers else fail(DomainError(name))
            for record in found:
                if record.TYPE in (type, dns.CNAME):
                    header = dns.RRHeader(wanted, record.TYPE, dns.IN, 60, record, auth=True)
                    answers.append(header)
            aliases = [one for one in found if one.TYPE == dns.CNAME]
            if not aliases or type == dns.CNAME:
                return succeed((answers, [], []))
            wanted = aliases[0].name.name.decode().lower()


class Silent(DatagramProtocol):
    """Takes questions and says nothing."""

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Nothing."""


def serve(test: TestCase, records: Records) -> Server:
    """A name server with these records until the end of the test."""
    factory = DNSServerFactory(clients=[Zone(records)])
    factory.noisy = False
    return listen(test, dns.DNSDatagramProtocol(factory))


def listen(test: TestCase, protocol: DatagramProtocol) -> Server:
    """Somebody at a UDP port of loopback until the end of the test."""
    port = reactor.listenUDP(0, protocol, "127.0.0.1")
    test.addCleanup(port.stopListening)
    return Server("127.0.0.1", port.getHost().port)
