"""A front end with two addresses, one of which is for gateways."""

from pathlib import Path
from typing import cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTCP
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.interop.front_end_process import FrontEndProcess, command

FRONT_END, MEDIATION = "127.0.0.1", "127.0.0.2"
GATEWAY, SERVER = "127.0.0.3", "127.0.0.4"

SETTINGS = """
[topology]
interfaces = ["127.0.0.1", "127.0.0.2"]
mediation = "127.0.0.2"

[[sip.listen]]
name = "gateways"
endpoint = "tcp:{gateways}:interface=127.0.0.2"
transport = "tcp"

[[sip.listen]]
name = "servers"
endpoint = "tcp:{servers}:interface=127.0.0.1"
transport = "tcp"

[[sip.route]]
name = "partner"
domains = ["partner.test"]
probe_s = 1

[[sip.route.target]]
host = "127.0.0.4"
port = {server}
transport = "tcp"
"""


class Element(Protocol):
    """Hears one request, and says from where it came."""

    def __init__(self, heard: "Deferred[tuple[str, str]]") -> None:
        self._heard = heard
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        if b"\r\n\r\n" in self._data and not self._heard.called:
            vias = [line for line in self._data.decode().split("\r\n") if line.startswith("Via:")]
            peer: str = self.transport.getPeer().host
            self._heard.callback((peer, vias[0].split()[2].partition(";")[0]))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The front end goes."""


class MediationTests(TestCase):
    timeout = 300

    def element(self, address: str) -> "tuple[int, Deferred[tuple[str, str]]]":
        """Somebody who listens; the port, and what is heard: from which address, and the Via."""
        heard: Deferred[tuple[str, str]] = Deferred()
        factory = ServerFactory.forProtocol(lambda: Element(heard))
        port = cast(IReactorTCP, reactor).listenTCP(0, factory, interface=address)
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number, heard

    async def test_sources(self) -> None:
        """A gateway is asked from the address of mediation, a server from the front end's; each is
        told to connect to the listener on that address."""
        process = FrontEndProcess(Path(self.mktemp()))
        gateway, at_gateway = self.element(GATEWAY)
        server, at_server = self.element(SERVER)
        ports = {"gateways": process.port(5088), "servers": process.port(5060)}
        with open(process.config, "a") as file:
            file.write(SETTINGS.format(server=server, **ports))
        process.add_to("sip", "gateway_probe_s = 1")
        config = f"--config={process.config}"
        added = await deferToThread(
            command,
            *("voice", "gateway", "add", GATEWAY, f"--port={gateway}", "--transport=tcp", config),
        )
        self.assertEqual(0, added.returncode, added.stderr)
        process.start()
        self.addCleanup(process.kill)
        await process.ready()
        self.assertEqual((MEDIATION, f"{MEDIATION}:{ports['gateways']}"), await at_gateway)
        self.assertEqual((FRONT_END, f"{FRONT_END}:{ports['servers']}"), await at_server)

    async def test_all_addresses(self) -> None:
        """A listener on all addresses is refused when two interfaces are declared: one line that
        says which, and status 2."""
        process = FrontEndProcess(Path(self.mktemp()))
        settings = SETTINGS.format(
            gateways=process.port(5088), servers=process.port(5060), server=9
        )
        with open(process.config, "a") as file:
            file.write(settings.replace(":interface=127.0.0.2", ""))
        refused = await deferToThread(command, "user", "list", f"--config={process.config}")
        self.assertEqual(2, refused.returncode)
        (line,) = refused.stderr.splitlines()
        self.assertIn("sip.listen[2].endpoint", line)
        self.assertIn("must be bound to one of topology.interfaces", line)
