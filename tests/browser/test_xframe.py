"""Web pages of other origins in a real browser: through the cross-domain frame, and by CORS."""

import json
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin

from twisted.internet import reactor
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from mobility.demo import text_of
from tests.browser.chromium import Chromium
from tests.interop.front_end_process import PASSWORD, FrontEndProcess

PAGE = """\
<!DOCTYPE html>
<title>A page of another origin</title>
<script>
  let frameLoaded;
  const loaded = new Promise((resolve) => {{ frameLoaded = resolve; }});
</script>
<iframe id="frame" src="{frame}" style="display: none" onload="frameLoaded()"></iframe>
<script>
  const frame = document.getElementById("frame");
  const waiting = new Map();
  window.addEventListener("message", (event) => {{
    const response = JSON.parse(event.data);
    if (event.origin === new URL(frame.src).origin && waiting.has(response.messageId)) {{
      waiting.get(response.messageId)(response);
      waiting.delete(response.messageId);
    }}
  }});

  // Ask through the frame, as the vendor's sample client does.
  async function ask(request) {{
    await loaded;
    const messageId = crypto.randomUUID();
    const answered = new Promise((resolve) => waiting.set(messageId, resolve));
    frame.contentWindow.postMessage(JSON.stringify({{...request, messageId}}), "*");
    return answered;
  }}

  // Follow the event channel through the frame; its events wait for whoever wants to hear them.
  const events = [];
  let wanted = () => {{}};
  let channel;
  async function follow(href, headers) {{
    for (;;) {{
      const url = new URL(href, frame.src).href;
      const response = await ask({{type: "GET", url, headers, accepts: "application/json"}});
      if (response.status !== 200) return response.status;
      const {{_links, sender}} = JSON.parse(response.responseText);
      href = _links.next.href;
      for (const one of sender ?? []) events.push(...one.events);
      wanted();
    }}
  }}
  async function listen(href, headers) {{
    channel = follow(href, headers);
  }}

  // The status with which the event channel ended.
  const ended = () => channel;

  // The next event of this type about this rel, in the state if one is given.
  async function heard(type, rel, state) {{
    for (;;) {{
      const index = events.findIndex((event) => event.type === type && event.link.rel === rel
        && (!state || event._embedded[rel].state === state));
      if (index >= 0) return events.splice(index, 1)[0];
      await new Promise((resolve) => {{ wanted = resolve; }});
    }}
  }}

  // Ask directly.
  async function reach(url, options) {{
    const response = await fetch(url, options);
    return {{
      status: response.status,
      challenge: response.headers.get("WWW-Authenticate"),
      text: await response.text(),
    }};
  }}

  // Send the picture of a data: URL.
  async function upload(url, picture, headers) {{
    const body = await (await fetch(picture)).blob();
    return (await fetch(url, {{method: "PUT", headers, body}})).status;
  }}

  // The width of an image, 0 when it cannot be shown.
  function show(url) {{
    return new Promise((resolve) => {{
      const image = new Image();
      image.onload = () => resolve(image.naturalWidth);
      image.onerror = () => resolve(0);
      image.src = url;
      document.body.append(image);
    }});
  }}
</script>
"""

DRAW = """async () => {
    const canvas = document.createElement("canvas");
    canvas.width = 48;
    canvas.height = 48;
    canvas.getContext("2d").fillRect(0, 0, 48, 24);
    return canvas.toDataURL("image/jpeg");
}"""
"""Makes a picture: a data URL of a JPEG, 48 pixels wide."""

C = TypeVar("C", bound="XFrameTests")


def pictured(test: Callable[[C], Awaitable[None]]) -> Callable[[C], Awaitable[None]]:
    """A test that saves a screenshot when it fails."""

    @wraps(test)
    async def wrapped(self: C) -> None:
        try:
            await test(self)
        except Exception as error:
            file = Path(self.mktemp()).with_suffix(".png").absolute()
            await self.chromium.picture(file)
            console = "\n".join(await self.chromium.console())
            error.args = (f"{error}\nThe browser showed {file} and wrote:\n{console}",)
            raise

    return wrapped


class XFrameTests(TestCase):
    """A page that the test serves at two origins, of which the front end allows one."""

    timeout = 300

    async def setUp(self) -> None:
        self.process = FrontEndProcess(Path(self.mktemp()))
        frame = f"{self.process.external}/Autodiscover/XFrame/XFrame.html"
        root = Resource()
        root.putChild(b"", Data(PAGE.format(frame=frame).encode(), "text/html; charset=utf-8"))
        port = reactor.listenTCP(0, Site(root), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.allowed = f"http://localhost:{port.getHost().port}"
        self.foreign = f"http://127.0.0.1:{port.getHost().port}"
        self.process.add_to("web", f'cross_domain_origins = ["{self.allowed}"]')
        self.chromium = Chromium(Path(self.mktemp()))
        await self.chromium.start(self, self.process.ca)

    async def start(self, page: str) -> None:
        """Start the front end and open the page at one of its origins."""
        self.process.start()
        self.addCleanup(self.process.kill)
        await self.process.ready()
        await self.chromium.open(f"{page}/")

    async def ask(self, method: str, href: str, **options: Any) -> Any:
        """A request through the frame, with the options of jQuery's ajax."""
        url = urljoin(self.process.external, href)
        options.setdefault("accepts", "application/json")
        answer = await self.chromium.call("ask", {"type": method, "url": url, **options})
        self.assertEqual(
            set(answer), {"status", "statusText", "responseText", "headers", "messageId"}
        )
        return answer

    async def sign_in(self) -> dict[str, str]:
        """Get a token through the frame; the headers that carry it."""
        form = f"grant_type=password&username=alice@example.test&password={PASSWORD}"
        kind = "application/x-www-form-urlencoded;charset='utf-8'"
        answer = await self.ask("POST", "/WebTicket/oauthtoken", data=form, contentType=kind)
        self.assertEqual(answer["status"], 200, answer)
        return {"Authorization": f"Bearer {json.loads(answer['responseText'])['access_token']}"}

    async def register(self, headers: dict[str, str]) -> Any:
        """Make an application through the frame; its document."""
        body = {"userAgent": "browser", "endpointId": "1", "culture": "en-US"}
        made = await self.ask(
            "POST",
            "/ucwa/oauth/v1/applications",
            headers=headers,
            data=json.dumps(body),
            contentType="application/json",
        )
        self.assertEqual(made["status"], 201, made)
        return json.loads(made["responseText"])

    @pictured
    async def test_the_walk_through_the_frame(self) -> None:
        """A page of an allowed origin goes through the frame from the root to the event channel,
        and the frame's own policy stands in the way of nothing."""
        await self.start(self.allowed)
        root = await self.ask("GET", "/")
        self.assertEqual((root["status"], root["statusText"]), (200, "OK"))
        self.assertRegex(root["headers"], r"\A(?:[!-9;-~]+: [^\r\n]*\r\n)+\Z")
        self.assertIn("X-MS-Server-Fqdn: localhost\r\n", root["headers"])
        links = json.loads(root["responseText"])["_links"]
        self.assertEqual(
            links["xframe"]["href"], f"{self.process.external}/Autodiscover/XFrame/XFrame.html"
        )

        challenged = await self.ask("GET", links["user"]["href"])
        self.assertEqual(challenged["status"], 401)
        token_url = f"{self.process.external}/WebTicket/oauthtoken"
        self.assertRegex(
            challenged["headers"], f'WWW-Authenticate: .*MsRtcOAuth href="{token_url}",grant_type='
        )

        headers = await self.sign_in()
        user = await self.ask("GET", links["user"]["href"], headers=headers)
        self.assertEqual(user["status"], 200)
        self.assertIn("applications", json.loads(user["responseText"])["_links"])

        application = await self.register(headers)
        me = application["_embedded"]["me"]["_links"]
        available = await self.ask(
            "POST",
            me["makeMeAvailable"]["href"],
            headers=headers,
            data={"supportedModalities": ["Messaging"]},
            contentType="application/json",
        )
        self.assertEqual((available["status"], available["responseText"]), (204, ""))
        polled = await self.ask("GET", application["_links"]["events"]["href"], headers=headers)
        self.assertEqual(polled["status"], 200)
        document = json.loads(polled["responseText"])
        self.assertIn("ack=2", document["_links"]["next"]["href"])
        rels = [event["link"]["rel"] for sender in document["sender"] for event in sender["events"]]
        self.assertIn("presence", rels)
        await self.assert_nothing_was_blocked()

    @pictured
    async def test_a_conversation_through_the_frame(self) -> None:
        """A page signs in, sees somebody's presence change, writes with them and signs out, while
        the frame holds its event channel open."""
        await self.start(self.allowed)
        headers = await self.sign_in()
        application = await self.register(headers)
        of = application["_embedded"]

        async def post(href: str, data: object = "", kind: str = "application/json") -> Any:
            options = {"headers": headers, "contentType": kind}
            text = data if isinstance(data, str) else json.dumps(data)
            return await self.ask("POST", href, data=text, **options)

        async def shown(href: str) -> Any:
            answer = await self.ask("GET", href, headers=headers)
            self.assertEqual(answer["status"], 200, answer)
            return json.loads(answer["responseText"])

        async def heard(*event: str) -> Any:
            return await self.chromium.call("heard", *event)

        wishes = {"supportedModalities": ["Messaging"], "signInAs": "Online"}
        await post(of["me"]["_links"]["makeMeAvailable"]["href"], wishes)
        await self.chromium.call("listen", application["_links"]["events"]["href"], headers)
        await heard("added", "presence")

        bob = await self.process.sign_in(self, "bob")
        watch = {"duration": 10, "uris": [bob.uri]}
        made = await post(of["people"]["_links"]["presenceSubscriptions"]["href"], watch)
        self.assertEqual(made["status"], 201, made)
        await bob.post("presence", {"availability": "DoNotDisturb"}, expect=204)
        await bob.post("presence", {"availability": "Busy"}, expect=204)
        availability = ""
        while availability != "Busy":
            changed = await heard("updated", "contactPresence")
            availability = (await shown(changed["link"]["href"]))["availability"]

        message = {"href": "data:text/plain;charset=utf-8,Gr%C3%BC%C3%9Fe"}
        asked = {"to": bob.uri, "operationId": "1", "_links": {"message": message}}
        made = await post(of["communication"]["_links"]["startMessaging"]["href"], asked)
        self.assertEqual((made["status"], made["responseText"]), (201, ""))
        self.assertRegex(made["headers"], "\r\nLocation: /ucwa/")
        rings = await bob.event("started", "messagingInvitation")
        await bob.post_href(rings["_embedded"]["messagingInvitation"]["_links"]["accept"]["href"])
        messaging = (await heard("updated", "messaging", "Connected"))["_embedded"]["messaging"]
        completed = await heard("completed", "messagingInvitation")
        self.assertEqual(completed["status"], "Success")

        typing = await post(messaging["_links"]["setIsTyping"]["href"])
        self.assertEqual(typing["status"], 204)
        await bob.event("added", "participant", within="typingParticipants")
        sent = await post(messaging["_links"]["sendMessage"]["href"], "a & b <c>", "text/plain")
        self.assertEqual(sent["status"], 201)
        read = [await bob.event("completed", "message", direction="Incoming") for _ in range(2)]
        links = [one["_embedded"]["message"]["_links"] for one in read]
        texts = [text_of(one["plainMessage"]["href"]) for one in links]
        self.assertEqual(texts, ["Grüße", "a & b <c>"])
        his = await bob.get(links[0]["messaging"]["href"])
        await bob.post_text(his["_links"]["sendMessage"]["href"], "Ja")
        direction = ""
        while direction != "Incoming":  # those the page has sent are told of too
            answer = (await heard("completed", "message"))["_embedded"]["message"]
            direction = answer["direction"]
        self.assertEqual(text_of(answer["_links"]["plainMessage"]["href"]), "Ja")

        gone = await self.ask("DELETE", application["_links"]["self"]["href"], headers=headers)
        self.assertEqual(gone["status"], 204)
        self.assertEqual(await self.chromium.call("ended"), 404)
        await bob.event("deleted", "conversation")
        await self.assert_nothing_was_blocked()

    async def assert_nothing_was_blocked(self) -> None:
        for line in await self.chromium.console():
            self.assertNotIn("Content Security Policy", line)
            self.assertNotIn("Refused to", line)

    @pictured
    async def test_errors_come_through_the_frame(self) -> None:
        """An error's status, body and headers reach the page as they were sent."""
        await self.start(self.allowed)
        missing = await self.ask("GET", "/no/such/thing")
        self.assertEqual((missing["status"], missing["statusText"]), (404, "Not Found"))
        self.assertEqual(json.loads(missing["responseText"])["code"], "NotFound")
        form = "grant_type=password&username=alice@example.test&password=wrong"
        kind = "application/x-www-form-urlencoded"
        refused = await self.ask("POST", "/WebTicket/oauthtoken", data=form, contentType=kind)
        self.assertEqual(refused["status"], 400)
        self.assertIn('\r\nX-Ms-diagnostics: 28903;source="localhost"', refused["headers"])

    @pictured
    async def test_the_frame_refuses_other_origins(self) -> None:
        """A page of an origin that is not allowed gets 403 with the documented reason, and no
        request is made for it."""
        await self.start(self.foreign)
        answer = await self.ask("GET", "/")
        self.assertEqual((answer["status"], answer["responseText"]), (403, ""))
        reason = 'reason="Service does not allow a cross domain request from this origin."'
        self.assertRegex(answer["headers"], rf'^X-Ms-diagnostics: [0-9]+;source="[^"]+";{reason}')
        self.assertEqual(self.process.events("http.request", route="root"), [])

    @pictured
    async def test_fetch_from_an_allowed_origin(self) -> None:
        """A page of an allowed origin may use the service directly: the browser asks first
        (preflight) and then hands on answers and challenges."""
        await self.start(self.allowed)
        headers = await self.sign_in()
        user = f"{self.process.external}/Autodiscover/AutodiscoverService.svc/root/oauth/user"
        json_only = {"Accept": "application/json"}
        answer = await self.chromium.call("reach", user, {"headers": {**headers, **json_only}})
        self.assertEqual(answer.get("status"), 200, answer)
        self.assertIn("applications", json.loads(answer["text"])["_links"])
        challenged = await self.chromium.call("reach", user, {"headers": json_only})
        self.assertEqual(challenged.get("status"), 401, challenged)
        self.assertIn('MsRtcOAuth href="', challenged["challenge"])
        preflights = await self.process.logged_times(1, "http.request", method="OPTIONS")
        self.assertEqual([line["status"] for line in preflights], [204])

    @pictured
    async def test_fetch_from_another_origin(self) -> None:
        """The server refuses a page of an origin that is not allowed, and the browser shows it
        nothing."""
        await self.start(self.foreign)
        options = {"headers": {"Authorization": "Bearer cwt=x"}}
        for given in ({}, options):
            answer = await self.chromium.call("reach", f"{self.process.external}/", given)
            self.assertEqual(answer, {"rejected": "TypeError: Failed to fetch"})
        lines = await self.process.logged_times(2, "http.request", listener="external", status=403)
        refused = [line["method"] for line in lines]
        self.assertEqual(refused, ["GET", "OPTIONS"])

    @pictured
    async def test_photos_are_shown_by_cookie(self) -> None:
        """An image element shows a photo by the cookie that came with the application; without
        the cookie there is no photo."""
        await self.start(self.allowed)
        headers = await self.sign_in()
        application = await self.register(headers)
        links = application["_embedded"]["me"]["_links"]
        own = urljoin(self.process.external, links["mobility:photo"]["href"])
        picture = await self.chromium.call(DRAW)
        self.assertEqual(await self.chromium.call("upload", own, picture, headers), 204)
        photo = urljoin(self.process.external, links["photo"]["href"])

        without = await self.chromium.call("reach", photo, {"credentials": "omit"})
        self.assertEqual(without.get("status"), 401, without)
        self.assertEqual(await self.chromium.call("show", photo), 48)
