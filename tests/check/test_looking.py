"""Looking at other servers of the topology, on loopback."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
from twisted.internet import reactor, ssl
from twisted.internet.protocol import Factory, Protocol
from twisted.names import dns
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from mobility import pki
from mobility.check.looking import Lookout, Wishes, published, read_chain
from mobility.planning.deployment import Deployment, OtherPool, Place, SipServer
from tests.check.authority import serve
from tests.check.scenes import root

ROOT = "/Autodiscover/AutodiscoverService.svc/root"


class Root(Resource):
    """A discovery root of another pool, and nothing else."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        if request.path != ROOT.encode():
            request.setResponseCode(404)
            return b"{}"
        return root("example.com", place="https://web2.example.com").body


class OtherServersTests(TestCase):
    """The Access Edge, branch appliances and other pools."""

    timeout = 300

    def setUp(self) -> None:
        now = datetime.now(UTC)
        authority = pki.certificate_authority("test CA", now)
        server = pki.server_certificate(authority, ["web2.example.com"], now)
        own = ssl.PrivateCertificate.loadPEM(server.certificate_pem + server.key_pem)
        port = reactor.listenSSL(0, Site(Root()), own.options(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.pool = Place("web2.example.com", port.getHost().port)
        branch = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
        self.addCleanup(branch.stopListening)
        self.branch = Place("sba.example.com", branch.getHost().port)
        here = [dns.Record_A("127.0.0.1")]
        names = {self.pool.host: here, self.branch.host: here}
        self.wishes = Wishes(inside=(serve(self, names),))

    async def failures(self, **changes: Any) -> list[tuple[str, str]]:
        """What is tried, and how it fails."""
        place = Place("web.example.com", 443)
        nothing = Deployment(("example.com",), "fe1.example.com", place, place, "", (), ())
        lookout = Lookout(attrs.evolve(nothing, **changes), self.wishes, reactor)
        probed, skipped = await lookout.see_ports()
        self.assertEqual([], skipped)
        return [(one.kind, one.failure) for one in probed]

    async def test_all_there(self) -> None:
        """A pool whose root is one, and a port that takes connections, are good."""
        found = await self.failures(
            branches=(self.branch,),
            pools=(OtherPool("pool2", self.pool, ROOT),),
            edge=attrs.evolve(self.branch),
        )
        self.assertEqual([("edge", ""), ("branch", ""), ("pool", "")], found)

    async def test_mixers(self) -> None:
        """A conference server is tried over TCP; one that is asked over UDP cannot be."""
        over_tcp = SipServer(self.branch, "tcp")
        self.assertEqual([("mixer", "")], await self.failures(mixers=(over_tcp,)))
        nowhere = SipServer(Place("nobody.example.com", 5060), "tls")
        found = await self.failures(mixers=(nowhere,))
        self.assertEqual([("mixer", "it has no address")], found)
        place = Place("web.example.com", 443)
        over_udp = (SipServer(self.branch, "udp"),)
        told = Deployment(("example.com",), "fe1", place, place, "", (), (), mixers=over_udp)
        probed, skipped = await Lookout(told, self.wishes, reactor).see_ports()
        self.assertEqual([], probed)
        self.assertEqual(["conference server sba.example.com"], [one.what for one in skipped])

    async def test_faults(self) -> None:
        """A root that is none, a name that nobody knows and a service without TLS are told."""
        found = await self.failures(
            edge=Place("edge.example.com", 5061),
            pools=(
                OtherPool("pool2", self.pool, "/other"),
                OtherPool("pool3", attrs.evolve(self.pool, host="nobody.example.com"), ROOT),
            ),
        )
        self.assertEqual(
            [
                ("edge", "it has no address"),
                ("pool", "answers 404 without a root"),
                ("pool", "it has no address"),
            ],
            found,
        )

    async def test_where_the_root_leads(self) -> None:
        """From outside, the links of the root say where the service is published."""
        start = attrs.evolve(self.wishes, outside=self.wishes.inside, start=self.pool)
        self.assertEqual(Place("web2.example.com", 443), await published(start, reactor))
        nobody = Place("nobody.example.com", 443)
        elsewhere = attrs.evolve(start, start=nobody)
        self.assertEqual(nobody, await published(elsewhere, reactor))


class ChainTests(TestCase):
    """Certificate files."""

    def test_files(self) -> None:
        """A file gives its certificates, or says why it has none."""
        file = Path(self.mktemp())
        self.assertIn("cannot be read", read_chain(file)[1])
        file.write_text(json.dumps({}))
        self.assertIn("holds no PEM certificate", read_chain(file)[1])
        now = datetime.now(UTC)
        authority = pki.certificate_authority("test CA", now)
        server = pki.server_certificate(authority, ["a.example.com"], now)
        file.write_bytes(server.certificate_pem + authority.certificate_pem)
        self.assertEqual(((server.certificate, authority.certificate), ""), read_chain(file))
