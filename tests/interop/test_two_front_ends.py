"""nginx and HAProxy before two front ends, set up as `mobility proxy-config` says."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from treq.client import HTTPClient
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool

from mobility.check.looking import Wishes
from mobility.check.parts import Check
from mobility.config import load
from mobility.planning.deployment import deployment_of
from tests.interop.child import RETRY_S, Child, free_port, program
from tests.interop.curl import Curl
from tests.interop.front_end_process import PASSWORD, FrontEndProcess
from tests.interop.phone import Phone, events_of
from tests.interop.proxies import nginx_directory, proxy_config

CLIENTS = [f"127.0.0.{number}" for number in range(2, 22)]
"""Addresses of clients.  That all of 20 go to one front end of two does not happen by chance."""

START = "/Autodiscover/AutodiscoverService.svc/root"


class TwoFrontEndsTestCase(TestCase):
    """Two front ends, each with its own database, and a proxy before both."""

    timeout = 300
    kind = ""

    async def setUp(self) -> None:
        self.https, self.http = free_port(), free_port()
        self.published = f"https://localhost:{self.https}"
        self.front_ends: list[FrontEndProcess] = []
        domains = 'sip_domains = ["example.test", "second.test"]'
        for number in (1, 2):
            one = FrontEndProcess(Path(self.mktemp()), f"--external-url={self.published}")
            self.front_ends.append(one)
            one.configure('server_fqdn = "localhost"', f'server_fqdn = "fe{number}.example.test"')
            one.configure('sip_domains = ["example.test"]', domains)
            one.add_to("web", 'trusted_proxies = ["127.0.0.1"]')
            one.start()
            self.addCleanup(one.kill)
            await one.ready()
        first, second = self.front_ends
        # Each front end has an authority of its own here; the proxy trusts both.
        trusted = first.directory / "tls" / "both.pem"
        trusted.write_bytes(first.ca.read_bytes() + second.ca.read_bytes())
        self.curl = Curl(first.ca)
        places = [f"127.0.0.1:{one.port(4443)}:{one.port(8080)}" for one in self.front_ends]
        text = proxy_config(
            first,
            self.kind,
            *(f"--front-end={place}" for place in places),
            f"--authority={trusted}",
            http_port=self.http,
        )
        self.proxy = self.start_proxy(text)
        self.addCleanup(self.proxy.stop)
        await self.proxy.listening(self.https)
        await self.both_serve()

    def start_proxy(self, text: str) -> Child:
        """Start the proxy with a configuration."""
        raise NotImplementedError

    async def fetch(self, client: str) -> tuple[int, str]:
        """The status that a client at an address gets, and the front end that answers it.

        Each time on a connection of its own.
        """
        authority = ssl.Certificate.loadPEM(self.front_ends[0].ca.read_bytes())
        policy = BrowserLikePolicyForHTTPS(ssl.trustRootFromCertificates([authority]))
        pool = HTTPConnectionPool(reactor, persistent=False)
        agent = Agent(reactor, policy, bindAddress=(client, 0), pool=pool)
        response = await HTTPClient(agent).get(f"{self.published}{START}")
        await response.content()
        return response.code, response.headers.getRawHeaders("X-MS-Server-Fqdn", [""])[0]

    async def servers(self, client: str, times: int = 3) -> set[str]:
        """The front ends that answer a client that connects several times."""
        answers = [await self.fetch(client) for _ in range(times)]
        self.assertEqual({200}, {status for status, _ in answers})
        return {server for _, server in answers}

    async def both_serve(self) -> None:
        """Wait until the proxy has found both front ends."""
        await self.until(self._both)

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Ask again and again until something is so."""
        while not await condition():
            await deferLater(reactor, RETRY_S)

    async def _both(self) -> bool:
        answers = [await self.fetch(client) for client in CLIENTS]
        return {server for _, server in answers} >= {"fe1.example.test", "fe2.example.test"}

    async def test_affinity_and_hosts(self) -> None:
        """Each client's connections all go to one front end, and both have clients; links carry
        the SIP domain of the name that was asked for, over HTTPS and HTTP."""
        served = [await self.servers(client) for client in CLIENTS]
        self.assertEqual({1}, {len(names) for names in served})
        self.assertEqual({"fe1.example.test", "fe2.example.test"}, set().union(*served))
        await self.check_hosts()

    async def check_proxy(self) -> None:
        """Let `mobility check proxy` sign in and wait for an event: nothing is wrong."""
        config = load(self.front_ends[0].config)
        wishes = Wishes(
            authority_pem=self.front_ends[0].ca.read_bytes(),
            http_port=self.http,
            user="alice@example.test",
            password=PASSWORD,
            hold_s=1.0,
        )
        now = datetime.now(UTC)
        check = Check(config, deployment_of(config), wishes, now, reactor, ("proxy",))
        report = await check.report("proxy")
        self.assertEqual(((), ()), (report.findings, report.skipped))

    async def test_clients(self) -> None:
        """Two people find the service, sign in, meet and write to each other; a request for
        events is held, and answered as soon as something happens; a check finds no fault."""
        await self.front_ends[0].converse(self, self.published)
        await self.check_proxy()
        phone = Phone(self.front_ends[0].client(self), self.published, "alice")
        await phone.sign_in(available=False)
        polling = Deferred.fromCoroutine(phone.poll())
        body = {"to": "sip:bob@example.test"}
        await phone.expect(201, "POST", phone.links["startMessaging"], json=body)
        document = await polling
        self.assertEqual("messagingInvitation", events_of(document)[0]["link"]["rel"])

    async def check_hosts(self) -> None:
        host = ("--header", "Host: lyncdiscover.second.test")
        hal = ("--header", "Accept: application/json")
        for url, rel in (
            (f"{self.published}/", "user"),
            (f"http://localhost:{self.http}/", "redirect"),
        ):
            answer = await self.curl(url, *host, *hal)
            self.assertEqual(200, answer.status)
            href = answer.document["_links"][rel]["href"]
            self.assertTrue(href.startswith(f"{self.published}{START}"), href)
            self.assertTrue(href.endswith("?originalDomain=second.test"), href)

    async def test_a_front_end_that_stops(self) -> None:
        """Its clients go to the other one, and back when it serves again."""
        await self.front_ends[1].child.stop()
        await self.until(self._all_on_the_first)
        self.front_ends[1].start()
        await self.front_ends[1].ready()
        await self.both_serve()

    async def _all_on_the_first(self) -> bool:
        answers = [await self.fetch(client) for client in CLIENTS]
        return set(answers) == {(200, "fe1.example.test")}


class NginxTests(TwoFrontEndsTestCase):
    """nginx with its passive probes."""

    kind = "nginx"

    def start_proxy(self, text: str) -> Child:
        """nginx, in the foreground."""
        directory = nginx_directory(Path(self.mktemp()), text)
        arguments = ["-e", "stderr", "-p", str(directory), "-c", str(directory / "nginx.conf")]
        return Child([program("nginx", "nginx-light"), *arguments], directory)


class HaproxyTests(TwoFrontEndsTestCase):
    """HAProxy in HTTP mode, which ends TLS and probes both."""

    kind = "haproxy"

    def start_proxy(self, text: str) -> Child:
        """HAProxy, in the foreground."""
        file = self.front_ends[0].directory / "haproxy.cfg"
        file.write_text(text)
        haproxy = program("haproxy", "haproxy")
        return Child([haproxy, "-db", "-f", str(file)], self.front_ends[0].directory)

    async def check_hosts(self) -> None:
        """Also: a name that is not published gets 404 from HAProxy itself."""
        await super().check_hosts()
        answer = await self.curl(f"{self.published}/", "--header", "Host: other.example.test")
        self.assertEqual((404, []), (answer.status, answer.values("X-MS-Server-Fqdn")))


del TwoFrontEndsTestCase
