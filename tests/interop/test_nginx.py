"""nginx as reverse proxy, set up as `mobility proxy-config nginx` says."""

import shutil
import tempfile
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.interop.child import Child, free_port, program
from tests.interop.curl import Curl
from tests.interop.front_end_process import FrontEndProcess
from tests.interop.phone import Phone, events_of
from tests.interop.proxies import nginx_directory, proxy_config

CLIENT = "127.0.0.2"
"""Where clients connect from, unlike nginx."""

SPOOFED = "203.0.113.9"
"""An address that a client makes up (RFC 5737 TEST-NET-3)."""


class NginxTestCase(TestCase):
    """A front end whose external site is published by nginx."""

    timeout = 300

    def setUp(self) -> None:
        self.https, self.http = free_port(), free_port()
        self.published = f"https://localhost:{self.https}"
        self.process = FrontEndProcess(Path(self.mktemp()), f"--external-url={self.published}")
        self.curl = Curl(self.process.ca)

    async def start_nginx(self) -> None:
        """Start it with what the command prints."""
        nginx = program("nginx", "nginx-light")
        text = proxy_config(self.process, "nginx", http_port=self.http)
        directory = nginx_directory(Path(self.mktemp()), text)
        arguments = ["-e", "stderr", "-p", str(directory), "-c", str(directory / "nginx.conf")]
        self.nginx = Child([nginx, *arguments], directory)
        self.addCleanup(self.nginx.stop)
        await self.nginx.listening(self.https)

    async def start(self) -> None:
        await self.process.run_for(self)

    async def seen_as(self, url: str, client: str, *options: str) -> str:
        """Where a request of `client` comes from, by the front end's log."""
        missing = await self.curl(f"{url}/none", "--interface", client, *options)
        request_id = missing.document["debugInfo"]["requestId"]
        line = await self.process.logged("http.request", id=request_id)
        return line["address"]


class TcpTests(NginxTestCase):
    """TLS from nginx to the front end."""

    async def setUp(self) -> None:
        super().setUp()
        self.process.add_to("web", 'trusted_proxies = ["127.0.0.1"]')
        await self.start_nginx()

    async def test_a_conversation(self) -> None:
        """Two people find the service, sign in, meet, and write to each other through nginx."""
        await self.start()
        await self.process.converse(self, self.published)

    async def test_a_parked_request(self) -> None:
        """An event request is parked through nginx until something happens."""
        await self.start()
        phone = Phone(self.process.client(self), self.published, "alice")
        await phone.sign_in(available=False)
        polling = Deferred.fromCoroutine(phone.poll())
        await self.process.parked(1)
        body = {"to": "sip:bob@example.test"}
        await phone.expect(201, "POST", phone.links["startMessaging"], json=body)
        document = await polling
        self.assertEqual(events_of(document)[0]["link"]["rel"], "messagingInvitation")

    async def test_a_client_that_goes_away(self) -> None:
        """A request whose client has gone from nginx is not parked any more."""
        await self.start()
        phone = Phone(self.process.client(self), self.published, "alice")
        await phone.sign_in(available=False)
        left = Deferred.fromCoroutine(phone.poll())
        await self.process.parked(1)
        left.cancel()
        await self.process.parked(0)
        await self.assertFailure(left, Exception)

    async def test_a_trusted_proxy_tells_the_client(self) -> None:
        """The access line has the client's own address, whatever it says of itself."""
        await self.start()
        self.assertEqual(await self.seen_as(self.published, CLIENT), CLIENT)
        claim = ("--header", f"X-Forwarded-For: {SPOOFED}")
        self.assertEqual(await self.seen_as(self.published, CLIENT, *claim), CLIENT)

    async def test_others_are_not_believed(self) -> None:
        """X-Forwarded-For from somebody who is no trusted proxy is ignored."""
        await self.start()
        claim = ("--header", f"X-Forwarded-For: {SPOOFED}")
        direct = f"https://localhost:{self.process.port(4443)}"
        self.assertEqual(await self.seen_as(direct, CLIENT, *claim), CLIENT)

    async def test_an_untrusted_proxy_is_the_client(self) -> None:
        """Without trusted_proxies all that comes through nginx comes from nginx."""
        self.process.configure('trusted_proxies = ["127.0.0.1"]', "trusted_proxies = []")
        await self.start()
        self.assertEqual(await self.seen_as(self.published, CLIENT), "127.0.0.1")

    async def test_links_lead_to_the_proxy(self) -> None:
        """The links of Autodiscover are on the published URL, over plain HTTP as well, and carry
        the SIP domain of the name that was asked for."""
        domains = 'sip_domains = ["example.test", "second.test"]'
        self.process.configure('sip_domains = ["example.test"]', domains)
        await self.start()
        host = ("--header", "Host: lyncdiscover.second.test")
        json_only = ("--header", "Accept: application/json")
        start = f"{self.published}/Autodiscover/AutodiscoverService.svc/root"
        for url, rel, path in (
            (f"{self.published}/", "user", "/oauth/user?originalDomain=second.test"),
            (f"http://127.0.0.1:{self.http}/", "redirect", "?originalDomain=second.test"),
        ):
            answer = await self.curl(url, *host, *json_only)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.document["_links"][rel]["href"], start + path)


class UnixTests(NginxTestCase):
    """nginx on the same machine, which reaches the front end on a UNIX socket without TLS."""

    async def setUp(self) -> None:
        super().setUp()
        directory = Path(tempfile.mkdtemp())  # the path of a UNIX socket must be short
        self.addCleanup(shutil.rmtree, directory)
        directory.chmod(0o711)
        socket = directory / "mobility"
        self.process.configure(
            f"""\
endpoint = "tcp:{self.process.port(4443)}:interface=127.0.0.1"
site = "external"
tls = true
certificate = "tls/server.pem"
key = "tls/server.key"
""",
            f"""\
endpoint = "unix:{socket}:mode=666"
site = "external"
tls = false
secure = true
""",
        )
        self.process.add_to("web", 'trusted_proxies = ["unix"]')
        await self.start_nginx()
        await self.start()

    async def test_a_conversation(self) -> None:
        """Two people find the service, sign in, meet, and write to each other."""
        await self.process.converse(self, self.published)

    async def test_the_client_address(self) -> None:
        """The access line has the client's own address."""
        self.assertEqual(await self.seen_as(self.published, CLIENT), CLIENT)
