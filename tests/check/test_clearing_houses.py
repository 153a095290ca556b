"""Asking a clearing house how it is, over TLS on loopback."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet import reactor, ssl
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from mobility import pki
from mobility.check.clearing_houses import ask
from mobility.check.push import Asked, judge
from mobility.config.push import PushConfig
from mobility.push.wire import HEALTH_PATH, Health, ProviderHealth
from mobility.push.wire_json import encode_health
from tests.clearing_house.running import ORGANISATION, RunningCase

PROVIDERS = (ProviderHealth("fcm", "com.example.chat", "refused", "bad key"),)


class House(Resource):
    """Answers the question for its health."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.status = 200
        self.body = encode_health(Health("example.com", PROVIDERS))

    def render_GET(self, request: Any) -> bytes:
        request.setResponseCode(self.status if request.path == HEALTH_PATH.encode() else 404)
        return self.body


class AskTests(TestCase):
    """What each hop shows."""

    timeout = 300

    def setUp(self) -> None:
        now = datetime.now(UTC)
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        authority = pki.certificate_authority("test CA", now)
        server = pki.server_certificate(authority, ["localhost"], now)
        client = pki.peer_certificate(authority, "fe1.example.com", now)
        for name, data in (
            ("ca.pem", authority.certificate_pem),
            ("client.pem", client.certificate_pem),
            ("client.key", client.key_pem),
            ("other.pem", pki.certificate_authority("other CA", now).certificate_pem),
        ):
            (self.directory / name).write_bytes(data)
        own = ssl.PrivateCertificate.loadPEM(server.certificate_pem + server.key_pem)
        trusted = ssl.Certificate.loadPEM(authority.certificate_pem)
        self.house = House()
        self.port = reactor.listenSSL(
            0, Site(self.house), own.options(trusted), interface="127.0.0.1"
        )
        self.number = self.port.getHost().port
        self.addCleanup(self.port.stopListening)

    async def asked(self, *, certificate: str = "client", ca: str = "ca.pem") -> Asked:
        """What a front end with these files finds."""
        found = await ask(
            PushConfig(
                clearing_house=f"https://localhost:{self.number}",
                certificate=str(self.directory / f"{certificate}.pem"),
                key=str(self.directory / "client.key"),
                ca=str(self.directory / ca),
            ),
            "mobility.toml",
            reactor,
        )
        if found is None:
            raise AssertionError("no clearing house was asked")
        return found

    async def test_health(self) -> None:
        """A clearing house that knows us tells of its providers."""
        found = await self.asked()
        self.assertEqual((PROVIDERS, "", ""), (found.providers, found.refusal, found.handshake))
        self.assertIsNotNone(found.leaf)

    async def test_answers(self) -> None:
        """One that does not know us is told apart from one that is none."""
        self.house.status = 403
        found = await self.asked()
        self.assertEqual((True, "it answered 403"), (found.refused, found.refusal))
        self.house.status = 200
        self.house.body = b"<html>"
        found = await self.asked()
        self.assertFalse(found.refused)
        self.assertIn("cannot be read", found.refusal)

    async def test_trust(self) -> None:
        """A certificate that we do not trust, and ours that is not trusted, fail the handshake."""
        self.assertNotEqual("", (await self.asked(ca="other.pem")).handshake)

    async def test_files(self) -> None:
        """A certificate that is not there, or not that of the key, cannot be used."""
        self.assertIn("cannot be read", (await self.asked(certificate="none")).unusable)
        self.assertIn("does not belong", (await self.asked(certificate="other")).unusable)

    async def test_nobody_there(self) -> None:
        """A port that nobody listens on is told apart from all of that."""
        await self.port.stopListening()
        self.assertEqual("Connection refused", (await self.asked()).unreachable)

    async def test_none(self) -> None:
        """Without a clearing house nobody is asked."""
        self.assertIsNone(await ask(PushConfig(), "mobility.toml", reactor))


class RealHouseTests(RunningCase):
    """The clearing house of this project, with its providers' doubles."""

    async def found(self, name: str) -> list[str]:
        """What is found by a front end that shows the certificate of `name`."""
        directory = self.directory.absolute()
        asked = await ask(
            PushConfig(
                clearing_house=f"https://localhost:{self.port}",
                certificate=str(directory / f"{name}.pem"),
                key=str(directory / f"{name}.key"),
                ca=str(directory / "ca.pem"),
            ),
            "mobility.toml",
            reactor,
        )
        return judge(asked, datetime.now(UTC)).ids

    async def test_known(self) -> None:
        """An organisation that is on its list has nothing against it; another one is told."""
        self.assertEqual([], await self.found(ORGANISATION))
        self.assertEqual(["push.not-allowed"], await self.found("server"))

    async def test_down(self) -> None:
        """One that is stopped is found out of reach."""
        await self.stop()
        self.assertEqual(["push.unreachable"], await self.found(ORGANISATION))


class ClockTests(RealHouseTests):
    """A clearing house whose clock is two hours ahead."""

    ahead_s = 7_200.0

    async def test_known(self) -> None:
        """It is told, beside what providers do not take of it."""
        self.assertIn("push.clocks", await self.found(ORGANISATION))
