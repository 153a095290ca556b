"""What a person with curl sees: the walk from the discovery URL to the event channel, and HTTP."""

import gzip
import json
from pathlib import Path
from urllib.parse import urljoin

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.interop.child import run
from tests.interop.curl import Answer, Curl
from tests.interop.front_end_process import PASSWORD, FrontEndProcess

ROOT = "/Autodiscover/AutodiscoverService.svc/root"


class CurlTestCase(TestCase):
    """Has a front end that runs, and curl."""

    timeout = 300

    async def setUp(self) -> None:
        self.process = FrontEndProcess(Path(self.mktemp()))
        self.curl = Curl(self.process.ca)
        await self.process.run_for(self)

    async def token(self, url: str = "") -> Answer:
        form = f"grant_type=password&username=alice@example.test&password={PASSWORD}"
        return await self.curl(url or f"{self.process.external}/WebTicket/oauthtoken", "-d", form)


class WalkTests(CurlTestCase):
    """From nothing but the discovery URL."""

    async def test_the_walk(self) -> None:
        """Root leads to user, whose challenge leads to a token, with which user leads to
        applications, and an application to its event channel."""
        json_only = ("--header", "Accept: application/json")
        root = await self.curl(f"{self.process.external}/", *json_only)
        self.assertEqual(root.status, 200)
        user_url = root.document["_links"]["user"]["href"]

        challenged = await self.curl(user_url, *json_only)
        self.assertEqual(challenged.status, 401)
        bearer, oauth = challenged.values("WWW-Authenticate")
        self.assertRegex(bearer, r'^Bearer trusted_issuers="[^"]*", client_id="[^"]*"$')
        self.assertRegex(oauth, r'^MsRtcOAuth href="https://[^"]+",grant_type="[^"]+"$')

        granted = await self.token(oauth.split('href="')[1].split('"')[0])
        self.assertEqual((granted.status, granted.document["token_type"]), (200, "Bearer"))
        self.assertEqual(granted.values("Cache-Control"), ["no-store"])
        bearer = ("--header", f"Authorization: Bearer {granted.document['access_token']}")

        user = await self.curl(user_url, *json_only, *bearer)
        self.assertEqual(user.status, 200)
        applications = user.document["_links"]["applications"]["href"]

        registration = {"userAgent": "curl", "endpointId": "1", "culture": "en-US"}
        made = await self.curl.post_json(applications, registration, *bearer)
        self.assertEqual(made.status, 201)
        me = made.document["_embedded"]["me"]["_links"]
        wishes = {"supportedModalities": ["Messaging"]}
        href = urljoin(applications, me["makeMeAvailable"]["href"])
        available = await self.curl.post_json(href, wishes, *bearer)
        self.assertEqual((available.status, available.body), (204, ""))

        href = urljoin(applications, made.document["_links"]["events"]["href"])
        events = await self.curl(href, *json_only, *bearer)
        self.assertEqual(events.status, 200)
        self.assertIn("ack=2", events.document["_links"]["next"]["href"])
        told = {
            (event["type"], event["link"]["rel"])
            for sender in events.document["sender"]
            for event in sender["events"]
        }
        self.assertLessEqual({("updated", "me"), ("added", "presence")}, told)

    async def test_an_event_ends_a_parked_request(self) -> None:
        """A curl that waits on the event channel gets what another curl sets off."""
        granted = await self.token()
        bearer = ("--header", f"Authorization: Bearer {granted.document['access_token']}")
        applications = f"{self.process.external}/ucwa/oauth/v1/applications"
        registration = {"userAgent": "curl", "endpointId": "1", "culture": "en-US"}
        made = await self.curl.post_json(applications, registration, *bearer)
        events = urljoin(applications, made.document["_links"]["events"]["href"])
        waiting = Deferred.fromCoroutine(self.curl(events, *bearer))
        await self.process.parked(1)
        start = made.document["_embedded"]["communication"]["_links"]["startMessaging"]["href"]
        call = {"to": "sip:bob@example.test", "operationId": "71"}
        placed = await self.curl.post_json(urljoin(applications, start), call, *bearer)
        self.assertEqual((placed.status, placed.body), (201, ""))

        document = (await waiting).document
        started = document["sender"][0]["events"][0]
        self.assertEqual(
            (started["type"], started["link"]["rel"]), ("started", "messagingInvitation")
        )
        self.assertEqual(started["_embedded"]["messagingInvitation"]["operationId"], "71")
        self.assertEqual(started["link"]["href"], placed.values("Location")[0])

    async def test_plain_http_leads_to_https(self) -> None:
        """Over plain HTTP the root answers 200 with exactly one link, which is to the same site
        over HTTPS, and nothing else is served."""
        for port, site in ((8080, self.process.external), (80, self.process.internal)):
            plain = f"http://127.0.0.1:{self.process.port(port)}"
            for path in ("/", ROOT):
                root = await self.curl(plain + path)
                self.assertEqual(root.status, 200)
                (link,) = root.document["Root"]["Links"]
                self.assertEqual(link["token"], "Redirect")
                self.assertTrue(link["href"].startswith(site + ROOT), link["href"])
            hal = await self.curl(f"{plain}/", "--header", "Accept: application/json")
            self.assertEqual(list(hal.document["_links"]), ["redirect"])
            self.assertEqual((await self.curl(f"{plain}{ROOT}/oauth/user")).status, 404)
            self.assertEqual((await self.token(f"{plain}/WebTicket/oauthtoken")).status, 404)

    async def test_the_site_says_where_the_client_is(self) -> None:
        """AccessLocation is that of the site which was asked."""
        for url, location in (
            (self.process.internal, "Internal"),
            (self.process.external, "External"),
        ):
            root = await self.curl(f"{url}/")
            self.assertEqual(root.document["AccessLocation"], location)


class HttpTests(CurlTestCase):
    """HTTP as curl speaks it."""

    async def test_http_1_0(self) -> None:
        """A client of HTTP/1.0 gets a whole answer with a length, and the connection ends."""
        answer = await self.curl(f"{self.process.external}/", "--http1.0")
        self.assertEqual(answer.status_line, "HTTP/1.1 200 OK")
        self.assertEqual(answer.values("Content-Length"), [str(len(answer.body))])
        self.assertEqual(answer.values("Transfer-Encoding"), [])
        self.assertEqual(answer.values("Connection"), ["close"])

    async def test_http_2_is_not_needed(self) -> None:
        """A client that offers h2 is led to HTTP/1.1 by ALPN."""
        answer = await self.curl(f"{self.process.external}/", "--http2")
        self.assertEqual(answer.status_line, "HTTP/1.1 200 OK")

    async def test_head(self) -> None:
        """HEAD has the headers of GET and no body."""
        url = f"{self.process.external}/"
        got, headed = await self.curl(url), await self.curl(url, "--head")
        self.assertEqual((headed.status, headed.body), (200, ""))
        self.assertEqual(headed.values("Content-Length"), [str(len(got.body))])
        self.assertEqual(headed.values("Content-Type"), got.values("Content-Type"))

    async def test_gzip(self) -> None:
        """What is text is compressed for who asks for it, and is the same."""
        url = f"{self.process.external}/Autodiscover/XFrame/XFrame.html"
        plain = await self.curl(url)
        self.assertEqual(plain.values("Content-Encoding"), [])
        packed = Path(self.mktemp())
        asking = ("--header", "Accept-Encoding: gzip", "--cacert", str(self.process.ca))
        outcome = await run(["curl", "-sS", *asking, "--output", str(packed), url])
        self.assertEqual(outcome.status, 0, outcome.err)
        self.assertEqual(gzip.decompress(packed.read_bytes()).decode(), plain.body)
        unpacked = await self.curl(url, "--compressed")
        self.assertEqual(unpacked.values("Content-Encoding"), ["gzip"])
        self.assertEqual(unpacked.body, plain.body)

    async def test_expect_100_continue(self) -> None:
        """A body that waits for 100 Continue is asked for; one that is not wanted is not."""
        url = f"{self.process.external}/WebTicket/oauthtoken"
        form = f"grant_type=password&username=alice@example.test&password={PASSWORD}"
        expect = ("--header", "Expect: 100-continue", "--expect100-timeout", "60")
        granted = await self.curl(url, *expect, "--data", form)
        self.assertEqual((granted.interim, granted.status), ((100,), 200))
        refused = await self.curl(f"{self.process.external}/none", *expect, "--data", form)
        self.assertEqual((refused.interim, refused.status), ((), 404))

    async def test_chunked_body(self) -> None:
        """A body without a length in advance is read."""
        url = f"{self.process.external}/WebTicket/oauthtoken"
        form = f"grant_type=password&username=alice@example.test&password={PASSWORD}"
        chunked = ("--header", "Transfer-Encoding: chunked")
        self.assertEqual((await self.curl(url, *chunked, "--data", form)).status, 200)

    async def test_one_connection_for_many_requests(self) -> None:
        """A connection is kept for further requests."""
        url = f"{self.process.external}/"
        options = ("-sS", "--cacert", str(self.process.ca), "--write-out", "%{num_connects} ")
        bodies = ("--output", "/dev/null")
        outcome = await run(["curl", *options, *(*bodies, url) * 3])
        self.assertEqual(outcome.out.split(), ["1", "0", "0"])

    async def test_paths_are_read_as_clients_write_them(self) -> None:
        """Case, doubled slashes and escapes do not matter in a path."""
        for path in (ROOT.upper(), ROOT.replace("/", "//"), ROOT.replace("root", "%72oot")):
            answer = await self.curl(f"{self.process.external}{path}", "--path-as-is")
            self.assertEqual(answer.status, 200, path)

    async def test_errors_are_ucwa_bodies(self) -> None:
        """An unknown path and a wrong method are told as UCWA errors with the request's id."""
        url = f"{self.process.external}/no/such/thing"
        missing = await self.curl(url)
        self.assertEqual((missing.status, missing.document["code"]), (404, "NotFound"))
        wrong = await self.curl(f"{self.process.external}/", "--request", "DELETE")
        self.assertEqual((wrong.status, wrong.document["code"]), (405, "MethodNotAllowed"))
        self.assertEqual(wrong.values("Allow"), ["GET, HEAD, OPTIONS"])
        for answer in (missing, wrong):
            request_id = answer.document["debugInfo"]["requestId"]
            lines = await self.process.logged_times(1, "http.request", id=request_id)
            self.assertEqual(len(lines), 1)

    async def test_refuses_old_tls(self) -> None:
        """TLS 1.1 is not spoken."""
        old = ("--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")
        url = f"{self.process.external}/"
        outcome = await run(["curl", "-sS", "--cacert", str(self.process.ca), *old, url])
        self.assertEqual(outcome.status, 35, json.dumps(outcome.err))
