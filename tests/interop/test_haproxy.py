"""HAProxy in TCP mode with the PROXY protocol, set up as `mobility proxy-config
haproxy` says."""

from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.interop.child import RETRY_S, Child, free_port, program, run
from tests.interop.curl import Curl
from tests.interop.front_end_process import FrontEndProcess
from tests.interop.phone import Phone
from tests.interop.proxies import proxy_config

CLIENT = "127.0.0.2"
"""Where clients connect from, unlike HAProxy."""


class HaproxyTests(TestCase):
    """A front end whose external listeners are reached through HAProxy, and end TLS themselves."""

    timeout = 300

    async def setUp(self) -> None:
        haproxy = program("haproxy", "haproxy")
        https, http = free_port(), free_port()
        self.published = f"https://localhost:{https}"
        self.plain = f"http://127.0.0.1:{http}"
        self.process = FrontEndProcess(Path(self.mktemp()), f"--external-url={self.published}")
        self.behind = {port: self.process.port(port) for port in (4443, 8080)}
        for port in self.behind.values():
            self.process.configure(f'"tcp:{port}:', f'"haproxy:tcp:{port}:')
        self.curl = Curl(self.process.ca)
        await self.process.run_for(self)
        text = proxy_config(self.process, "haproxy", http_port=http)
        file = self.process.directory / "haproxy.cfg"
        file.write_text(text)
        self.haproxy = Child([haproxy, "-db", "-f", str(file)], self.process.directory)
        self.addCleanup(self.haproxy.stop)
        await self.haproxy.listening(https)

    async def test_the_configuration_is_without_fault(self) -> None:
        """HAProxy has nothing to say against what the command prints."""
        file = self.process.directory / "haproxy.cfg"
        outcome = await run([program("haproxy", "haproxy"), "-c", "-f", str(file)])
        self.assertEqual((outcome.status, outcome.err), (0, ""))

    async def test_a_conversation(self) -> None:
        """Two people find the service, sign in, meet, and write to each other through HAProxy."""
        await self.process.converse(self, self.published)

    async def test_the_client_address_is_the_real_one(self) -> None:
        """The access line has the address that the PROXY header tells, over TLS and plain."""
        for url in (self.published, self.plain):
            missing = await self.curl(f"{url}/none", "--interface", CLIENT)
            request_id = missing.document["debugInfo"]["requestId"]
            line = await self.process.logged("http.request", id=request_id)
            self.assertEqual(line["address"], CLIENT)

    async def test_a_parked_request(self) -> None:
        """An event request is parked through HAProxy, and its line has the client's address."""
        phone = Phone(self.process.client(self), self.published, "alice")
        await phone.sign_in(available=False)
        left = Deferred.fromCoroutine(phone.poll())
        await self.process.parked(1)
        left.cancel()
        await self.assertFailure(left, Exception)
        line = await self.process.logged("http.request", status=499)
        self.assertEqual((line["route"], line["address"]), ("events", "127.0.0.1"))

    async def test_nobody_gets_past_the_proxy(self) -> None:
        """A connection without a PROXY header is closed, and not served."""
        for scheme, port in (("https", self.behind[4443]), ("http", self.behind[8080])):
            url = f"{scheme}://localhost:{port}/"
            outcome = await run(["curl", "-sS", "--cacert", str(self.process.ca), url])
            self.assertNotEqual(outcome.status, 0)
            self.assertEqual(outcome.out, "")

    async def test_health_checks(self) -> None:
        """HAProxy finds a front end down that has stopped, and up when it is there again."""
        servers = ("external_https/fe1", "external_http/fe1")
        await self.process.child.stop()
        await self._told(*(f"Server {server} is DOWN" for server in servers))
        self.process.start()
        await self.process.ready()
        await self._told(*(f"Server {server} is UP" for server in servers))
        answer = await self.curl(f"{self.published}/")
        self.assertEqual(answer.status, 200)

    async def _told(self, *texts: str) -> None:
        """Wait until HAProxy has written each of these."""
        while not all(text in self.haproxy.err.decode() for text in texts):
            await deferLater(reactor, RETRY_S)
