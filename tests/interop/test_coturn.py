"""Debian's coturn takes the credentials that clients are given, and no others."""

from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.interop.child import Child, free_port, program, run
from tests.interop.front_end_process import FrontEndProcess
from tests.interop.phone import Phone

SECRET = "a secret of the tests"
SETTINGS = """
[media]
secret_file = "relay.secret"
lifetime_s = 60

[[media.relay]]
host = "localhost"
ipv4 = "127.0.0.1"
udp_port = {port}
tcp_port = {port}
"""


class CoturnTests(TestCase):
    """A relay, and a front end that gives out credentials for it."""

    timeout = 300

    async def setUp(self) -> None:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        self.directory = directory
        self.port = free_port()
        (directory / "turnserver.conf").write_text(
            f"listening-port={self.port}\nlistening-ip=127.0.0.1\nrelay-ip=127.0.0.1\n"
            f"use-auth-secret\nstatic-auth-secret={SECRET}\nrealm=example.test\n"
            f"no-tls\nno-dtls\nno-cli\nallow-loopback-peers\nlog-file=stdout\nsimple-log\n"
            f"pidfile={directory}/turnserver.pid\nuserdb={directory}/turndb\n"
        )
        self.relay = Child(
            [program("turnserver", "coturn"), "-c", str(directory / "turnserver.conf")], directory
        )
        self.addCleanup(self.relay.stop)
        await self.relay.listening(self.port)
        self.process = FrontEndProcess(Path(self.mktemp()))
        secret = self.process.directory / "relay.secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        with open(self.process.config, "a") as file:
            file.write(SETTINGS.format(port=self.port))
        await self.process.run_for(self)

    async def credentials(self) -> tuple[str, str]:
        """User name and password, as a client of Alice's finds them along the links."""
        phone = Phone(self.process.client(self), self.process.external, "alice")
        await phone.sign_in()
        reply = await phone.expect(200, "GET", phone.links["mediaRelayAccessToken"])
        shown = reply.document
        (relay,) = shown["_embedded"]["mediaRelay"]
        self.assertEqual(relay["udpPort"], self.port)
        return shown["userName"], shown["password"]

    async def allocate(self, user: str, password: str) -> int:
        """Send packets through the relay; the exit status of coturn's own client."""
        client = [program("turnutils_uclient", "coturn"), "-y", "-c", "-n", "2", "-m", "1"]
        whom = ["-p", str(self.port), "-u", user, "-w", password, "127.0.0.1"]
        outcome = await run([*client, *whom])
        self.out = outcome.out + outcome.err
        return outcome.status

    async def test_credentials(self) -> None:
        """Media pass the relay with them; with another password or a past time they do not."""
        user, password = await self.credentials()
        self.assertEqual(await self.allocate(user, password), 0, self.out)
        self.assertNotEqual(await self.allocate(user, password[:-2] + "=="), 0, self.out)
        expired = f"1000000000:{user.partition(':')[2]}"
        self.assertNotEqual(await self.allocate(expired, password), 0, self.out)
