"""HTML messages over the wire: who may send them, and who is shown what."""

from typing import Any
from urllib.parse import unquote

from mobility.config import UcwaConfig
from mobility.domain.html_message import MAX_TAGS
from tests.ucwa.service import Client, Told, UcwaTestCase, converted, uri

HTML = '<b>Hi</b><script>no()</script> <a href="https://x.test/">there</a>'
KEPT = '<b>Hi</b> <a href="https://x.test/" rel="noopener noreferrer">there</a>'
PLAIN = "Hi there (https://x.test/)"
XML = {"Accept": "application/vnd.microsoft.com.ucwa+xml"}


def texts(links: dict[str, Any]) -> dict[str, str]:
    """The data links of a resource, decoded, by rel."""
    return {
        rel: unquote(link["href"].partition(",")[2])
        for rel, link in links.items()
        if isinstance(link, dict) and link["href"].startswith("data:")
    }


class HtmlTestCase(UcwaTestCase):
    async def with_formats(self, name: str, *formats: str) -> Client:
        """A client that is available with these formats."""
        client = await self.service.sign_in(name, available=False)
        body = {"supportedModalities": ["Messaging"], "supportedMessageFormats": list(formats)}
        self.assertEqual((await client.post("me/makeMeAvailable", body)).status, 204)
        await client.events()
        return client

    async def invited(self, caller: Client, callee: Client, href: str) -> Told:
        """The callee's `started` of an invitation with this message."""
        links = {"message": {"href": href}}
        body = {"to": uri(callee.name), "operationId": "html", "_links": links}
        self.accepted(await caller.post("communication/messagingInvitations", body), 201)
        (started, *_) = await callee.events()
        return started

    async def talking(self, caller: Client, callee: Client) -> tuple[str, dict[str, Any]]:
        """The caller's href of the messaging that connects them, and the resource."""
        started = await self.invited(caller, callee, "data:text/plain,Hi")
        answer = await callee.post(started.resource["_links"]["accept"]["href"])
        self.accepted(answer, 204)
        await callee.events()
        await caller.events()
        messaging = converted(started.resource["_links"]["messaging"]["href"], callee, caller)
        return messaging, await caller.document(messaging)

    async def said(self, client: Client) -> dict[str, str]:
        """The texts of the next message."""
        (event,) = await client.events()
        self.assertEqual(event.rel, "message")
        return texts(event.resource["_links"])

    async def say(self, client: Client, messaging: str, html: str) -> str:
        response = await client.post(
            f"{messaging}/messages", body=html.encode(), content_type="text/html;charset=utf-8"
        )
        return self.accepted(response, 201)


class HtmlTests(HtmlTestCase):
    """Messages in HTML where they are allowed."""

    async def test_both_show_it(self) -> None:
        """Between two that show HTML it is negotiated, and arrives sanitised."""
        alice = await self.with_formats("alice", "Plain", "Html")
        bob = await self.with_formats("bob", "Html", "Plain")
        messaging, shown = await self.talking(alice, bob)
        self.assertEqual(shown["negotiatedMessageFormats"], ["Plain", "Html"])
        sent = await self.say(alice, messaging, HTML)
        self.assertEqual(await self.said(bob), {"htmlMessage": KEPT})
        self.assertEqual(texts((await alice.document(sent))["_links"]), {"htmlMessage": KEPT})

    async def test_plain_for_who_shows_no_html(self) -> None:
        """Who shows no HTML gets the text of it; HTML is not negotiated then, and taken all the
        same."""
        alice = await self.with_formats("alice", "Plain", "Html")
        bob = await self.with_formats("bob", "Plain")
        messaging, shown = await self.talking(alice, bob)
        self.assertEqual(shown["negotiatedMessageFormats"], ["Plain"])
        sent = await self.say(alice, messaging, HTML)
        self.assertEqual(await self.said(bob), {"plainMessage": PLAIN})
        read = await bob.document(converted(sent, alice, bob))
        self.assertEqual(texts(read["_links"]), {"plainMessage": PLAIN})

    async def test_invitation(self) -> None:
        """An invitation carries HTML for who shows it and text for who does not."""
        alice = await self.with_formats("alice", "Plain", "Html")
        for name, formats, expected in (
            ("bob", ("Plain", "Html"), KEPT),
            ("carol", ("Plain",), PLAIN),
        ):
            callee = await self.with_formats(name, *formats)
            started = await self.invited(alice, callee, f"data:text/html,{HTML}")
            self.assertEqual(texts(started.resource["_links"]), {"message": expected})
            read = await callee.document(started.href)
            self.assertEqual(texts(read["_links"]), {"message": expected})

    async def test_after_a_restart(self) -> None:
        """What waits in the stream is shown in the same way by another process."""
        alice = await self.with_formats("alice", "Plain", "Html")
        bob = await self.with_formats("bob", "Plain")
        messaging, _ = await self.talking(alice, bob)
        await self.say(alice, messaging, HTML)
        await self.service.restart()
        self.assertEqual(await self.said(bob), {"plainMessage": PLAIN})

    async def test_xml(self) -> None:
        """In XML the data link is the same."""
        alice = await self.with_formats("alice", "Html")
        bob = await self.with_formats("bob", "Html")
        messaging, _ = await self.talking(alice, bob)
        sent = await self.say(alice, messaging, "<b>Hi</b>")
        response = await alice.request("GET", sent, headers=XML)
        self.assertIn(b'rel="htmlMessage" href="data:text/html;charset=utf-8,', response.body)

    async def test_wrong(self) -> None:
        """A message of which nothing remains is a wrong parameter, a monstrous one too large."""
        alice = await self.with_formats("alice", "Html")
        bob = await self.with_formats("bob", "Html")
        messaging, _ = await self.talking(alice, bob)
        for html, status in (("<script>x()</script>", 400), ("<b>" * (MAX_TAGS + 1), 413)):
            response = await alice.post(
                f"{messaging}/messages", body=html.encode(), content_type="text/html"
            )
            self.assertEqual(response.status, status, response.body)

    async def test_policy(self) -> None:
        """`policies` says that HTML messages are allowed."""
        alice = await self.with_formats("alice", "Plain")
        self.assertEqual((await alice.document("policies"))["htmlMessaging"], "Enabled")


class ForbiddenTests(HtmlTestCase):
    """Where policy allows no HTML."""

    ucwa = UcwaConfig(html_messaging=False)

    async def test_refused(self) -> None:
        """It is not negotiated, not taken as a message and not in an invitation."""
        alice = await self.with_formats("alice", "Plain", "Html")
        bob = await self.with_formats("bob", "Plain", "Html")
        self.assertEqual((await alice.document("policies"))["htmlMessaging"], "Disabled")
        messaging, shown = await self.talking(alice, bob)
        self.assertEqual(shown["negotiatedMessageFormats"], ["Plain"])
        response = await alice.post(
            f"{messaging}/messages", body=b"<b>Hi</b>", content_type="text/html"
        )
        self.refused(response, 415, "UnsupportedMediaType")
        body = {"to": uri("bob"), "_links": {"message": {"href": "data:text/html,<b>Hi</b>"}}}
        wrong = await alice.post("communication/messagingInvitations", body)
        self.assertEqual(self.wrong_parameters(wrong), {"message"})
