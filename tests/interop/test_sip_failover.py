"""A server elsewhere that is not who it should be: the next one of its route is asked."""

from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from urllib.parse import quote

from twisted.internet import reactor, ssl
from twisted.internet.interfaces import IReactorSSL
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.trial.unittest import TestCase

from mobility import pki
from tests.interop.front_end_process import FrontEndProcess
from tests.interop.test_sip_calls import sdp

IMPOSTOR, PARTNER = "127.0.0.5", "127.0.0.6"

ROUTE = """
[[sip.route]]
name = "partner"
domains = ["partner.test"]
probe_s = 0
"""

TARGET = """
[[sip.route.target]]
host = "{host}"
port = {port}
transport = "tls"
priority = {priority}
"""

COPIED = ("via", "from", "call-id", "cseq")


class Server(Protocol):
    """A SIP server that takes every request."""

    def __init__(self, heard: list[str]) -> None:
        self._heard = heard
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        while b"\r\n\r\n" in self._data:
            head, _, rest = self._data.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            fields = [(line.partition(":")[0].lower(), line) for line in lines[1:]]
            length = next(
                int(line.split(":")[1]) for name, line in fields if name == "content-length"
            )
            if len(rest) < length:
                return
            body, self._data = rest[:length], rest[length:]
            method = lines[0].split()[0]
            self._heard.append(method)
            if method != "ACK":
                self._answer(fields, body if method == "INVITE" else b"")

    def _answer(self, fields: list[tuple[str, str]], body: bytes) -> None:
        answer = ["SIP/2.0 200 OK", *(line for name, line in fields if name in COPIED)]
        to = next(line for name, line in fields if name == "to")
        answer.append(to if ";tag=" in to else f"{to};tag=partner")
        if body:
            answer += [f"Contact: <sip:dora@{PARTNER}>", "Content-Type: application/sdp"]
        answer.append(f"Content-Length: {len(body)}")
        self.transport.write("\r\n".join([*answer, "", ""]).encode() + body)


class WrongNameTests(TestCase):
    timeout = 300

    def serve(self, authority: pki.Identity, address: str, name: str) -> tuple[int, list[str]]:
        """A server at this address with a certificate for this name; its port, and the methods of
        what it hears."""
        made = pki.server_certificate(authority, [name], datetime.now(UTC))
        certificate = ssl.PrivateCertificate.loadPEM(made.key_pem + made.certificate_pem)
        heard: list[str] = []
        factory = ServerFactory.forProtocol(lambda: Server(heard))
        listening = cast(IReactorSSL, reactor).listenSSL(
            0, factory, certificate.options(), interface=address
        )
        self.addCleanup(listening.stopListening)
        port: int = listening.getHost().port
        return port, heard

    async def test_next_target(self) -> None:
        """The first target's certificate is somebody else's: it hears no request, the log says why,
        and a message and a call go to the second target."""
        process = FrontEndProcess(Path(self.mktemp()))
        authority = pki.certificate_authority("partner CA", datetime.now(UTC))
        (process.directory / "tls" / "partner.pem").write_bytes(authority.certificate_pem)
        process.configure('peer_ca = "tls/ca.pem"', 'peer_ca = "tls/partner.pem"')
        wrong, at_impostor = self.serve(authority, IMPOSTOR, "else.test")
        right, at_partner = self.serve(authority, PARTNER, PARTNER)
        with open(process.config, "a") as file:
            file.write(ROUTE)
            file.write(TARGET.format(host=IMPOSTOR, port=wrong, priority=1))
            file.write(TARGET.format(host=PARTNER, port=right, priority=2))
        await process.run_for(self)
        alice = await process.sign_in(self, "alice", "Messaging", "Audio")
        offer = f"data:application/sdp;charset=utf-8,{quote(sdp())}"
        call = {"to": "sip:dora@partner.test", "_links": {"mediaOffer": {"href": offer}}}
        await alice.post("startAudio", call, expect=201)
        await alice.event("completed", "audioVideoInvitation", state="Connected")
        message = {
            "to": "sip:dora@partner.test",
            "operationId": "1",
            "_links": {"message": {"href": "data:text/plain;charset=utf-8,Hello"}},
        }
        await alice.post("startMessaging", message, expect=201)
        await alice.event("completed", "messagingInvitation")
        self.assertEqual(at_impostor, [])
        self.assertEqual(at_partner[:3], ["INVITE", "ACK", "MESSAGE"])
        failed = await process.logged("sip.connect_failed", peer=IMPOSTOR)
        self.assertIn("for another name", failed["reason"])
