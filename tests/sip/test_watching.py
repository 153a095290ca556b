"""Subscriptions of ours: people of other domains, and mailboxes."""

import attrs

from mobility.domain.records import Presence
from mobility.sip.identity import Sender
from mobility.sip.message import Request, Response
from mobility.sip.message_summary import MessageSummary
from mobility.sip.pidf import Pidf
from tests.domain.doubles import uri
from tests.sip.event_stack import DOMAIN, PARTNER, EventTestCase, Station

EVE = f"sip:eve@{PARTNER}"
ALICE = uri("alice")


class WatchTestCase(EventTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.number = 0

    def accept(self, subscribe: Request, expires_s: int = 600) -> None:
        """The other system answers a SUBSCRIBE."""
        fields = {"Expires": str(expires_s), "Contact": "<sip:server@sip.partner.test;lr>"}
        self.partner.answer(subscribe, 200, **fields)

    def notify(
        self, subscribe: Request, body: object, state: str = "active;expires=600", **more: str
    ) -> Response:
        """The other system says something; how that was answered."""
        self.number += 1
        kinds = {Pidf: "application/pidf+xml", MessageSummary: "application/simple-message-summary"}
        fields = {
            "Via": [f"SIP/2.0/TLS sip.partner.test;branch=z9hG4bKn{self.number}"],
            "From": [f"{subscribe.to};tag=s" if not subscribe.to.tag else str(subscribe.to)],
            "To": [str(subscribe.from_)],
            "Call-ID": [subscribe.call_id],
            "CSeq": [f"{self.number} NOTIFY"],
            "Contact": ["<sip:server@sip.partner.test>"],
            "Event": [subscribe.fields["Event"][0]],
            "Subscription-State": [state],
        }
        if body is not None:
            fields["Content-Type"] = [kinds.get(type(body), "text/plain")]
        fields |= {name.replace("_", "-"): [value] for name, value in more.items()}
        sent = b"" if body is None else bytes(body)  # type: ignore[call-overload]
        uri_ = "sip:presence@192.0.2.1"
        self.partner.come(Request(method="NOTIFY", uri=uri_, fields=fields, body=sent))
        return self.partner.heard[-1]

    def watch(self) -> Request:
        """Alice's application watches Eve; the SUBSCRIBE that goes out for it."""
        self.partner.answers_with = 0
        self.alice = self.world.sign_in("alice")
        subscriptions = self.world.subscriptions
        wanted = subscriptions.subscribe(self.alice, [EVE], 30, self.world.now)
        self.subscription = self.done(wanted)
        self.clock.advance(1)
        return self.partner.got[-1]

    def looks(self, who: str = EVE) -> tuple[str, str]:
        presence = self.world.presence.of(who)
        return presence.availability, presence.activity


class PresenceTests(WatchTestCase):
    def test_life(self) -> None:
        """Who is watched by an application is subscribed to, shown as told, and left again."""
        subscribe = self.watch()
        self.assertEqual((subscribe.method, subscribe.uri), ("SUBSCRIBE", EVE))
        self.assertEqual(subscribe.from_.sip.aor, f"sip:presence@{DOMAIN}")
        self.assertEqual(subscribe.first("Accept"), "application/pidf+xml")
        self.assertEqual(subscribe.first("Contact"), "<sip:192.0.2.1:5089;transport=tls>")
        self.accept(subscribe)
        pidf = Pidf(EVE, open=True, activities=frozenset({"on-the-phone"}), note="Hi")
        self.assertEqual(self.notify(subscribe, pidf).status, 200)
        self.assertEqual(self.looks(), ("Busy", "on-the-phone"))
        self.assertEqual(self.world.presence.of(EVE).note, "Hi")
        self.clock.advance(481)
        refresh = self.partner.got[-1]
        self.assertEqual((refresh.to.tag, refresh.uri), ("s", "sip:server@sip.partner.test"))
        self.accept(refresh)
        self.done(self.world.subscriptions.cancel(self.alice.id, self.subscription.id))
        self.clock.advance(0)
        leave = self.partner.got[-1]
        self.assertEqual((leave.first("Expires"), len(self.partner.got)), ("0", 3))
        self.accept(leave, 0)
        gone = "terminated;reason=timeout"
        self.assertIn(self.notify(subscribe, None, gone).status, (200, 481))
        self.assertEqual((len(self.core.dialogs), len(self.side.watching)), (0, 0))

    def test_one_for_all(self) -> None:
        """However many watch somebody, there is one subscription."""
        self.watch()
        self.done(
            self.world.subscriptions.subscribe(self.world.sign_in("bob"), [EVE], 30, self.world.now)
        )
        self.clock.advance(1)
        self.assertEqual(len(self.partner.got), 1)

    def test_notified_first(self) -> None:
        """A NOTIFY that is faster than the answer is taken."""
        subscribe = self.watch()
        self.assertEqual(self.notify(subscribe, Pidf(EVE, open=True)).status, 200)
        self.assertEqual(self.looks(), ("Online", ""))
        self.accept(subscribe)
        self.assertEqual(len(self.core.dialogs), 1)

    def test_terminated(self) -> None:
        """Who is not told of any more is offline, and is asked for again."""
        subscribe = self.watch()
        self.accept(subscribe)
        self.notify(subscribe, Pidf(EVE, open=True))
        self.notify(subscribe, None, "terminated;reason=deactivated")
        self.assertEqual(self.looks(), ("Offline", ""))
        self.clock.advance(1)
        self.assertEqual(len(self.partner.got), 2)
        self.assertNotEqual(self.partner.got[1].call_id, subscribe.call_id)
        states = [line["state"] for line in self.log.named("sip.watching")]
        self.assertEqual(states, ["active", "terminated"])

    def test_refused(self) -> None:
        """Who refuses is asked again after long; 423 says how long a subscription must be."""
        subscribe = self.watch()
        self.partner.answer(subscribe, 423, Min_Expires="7200")
        self.assertEqual(self.partner.got[-1].first("Expires"), "7200")
        self.partner.answer(self.partner.got[-1], 403)
        self.clock.advance(3_000)
        self.assertEqual(len(self.partner.got), 2)
        self.clock.advance(700)
        self.assertEqual(len(self.partner.got), 3)

    def test_bad_notifications(self) -> None:
        """What cannot be read changes nothing."""
        subscribe = self.watch()
        self.accept(subscribe)
        self.notify(subscribe, Pidf(EVE, open=True))
        for body, more, status in (
            (b"nonsense", {"Content-Type": "application/pidf+xml"}, 400),
            (b"nonsense", {}, 415),
            (Pidf(EVE), {"Event": "dialog"}, 489),
            (Pidf(EVE), {"Subscription-State": "a b"}, 400),
        ):
            self.assertEqual(self.notify(subscribe, body, **more).status, status)
        self.assertEqual(self.looks(), ("Online", ""))

    def test_strangers(self) -> None:
        """A NOTIFY of no subscription is answered 481."""
        subscribe = self.watch()
        other = attrs.evolve(subscribe, fields={**subscribe.fields, "Call-ID": ["other"]})
        self.assertEqual(self.notify(other, Pidf(EVE, open=True)).status, 481)

    def test_watched_by_phone(self) -> None:
        """A phone that subscribes to somebody elsewhere is told what is told here."""
        self.partner.answers_with = 0
        phone = Station(self.core)
        self.patch(self.identity, "sender", lambda _: Sender(uri("bob"), "b"))
        self.assertEqual(phone.ask("SUBSCRIBE", EVE, "Event: presence").status, 200)
        self.clock.advance(1)
        subscribe = self.partner.got[-1]
        self.accept(subscribe)
        self.notify(subscribe, Pidf(EVE, open=True))
        self.clock.advance(0)
        self.assertTrue(Pidf.parse(phone.got[-1].body).open)

    def test_restart(self) -> None:
        """After a restart nobody is shown as before until it is told again, and is asked for."""
        subscribe = self.watch()
        self.accept(subscribe)
        self.notify(subscribe, Pidf(EVE, open=True))
        self.begin(self.world.restarted())
        self.partner.answers_with = 0
        self.settle()
        self.assertEqual(self.looks(), ("Offline", ""))
        self.clock.advance(1)
        self.assertEqual(self.partner.got[-1].uri, EVE)

    def test_unreachable_domains(self) -> None:
        """Nobody asks for people of domains that nothing leads to, or of this one."""
        alice = self.world.sign_in("alice")
        wanted = ["sip:x@unknown.test", f"sip:nobody@{DOMAIN}", "sip:é@partner.test"]
        self.done(self.world.subscriptions.subscribe(alice, wanted, 30, self.world.now))
        self.clock.advance(1)
        self.assertEqual((self.partner.got, len(self.side.watching)), ([], 0))
        known = [self.world.users.acquaintance(one) is not None for one in (*wanted, EVE)]
        self.assertEqual(known, [False, False, False, True])

    def test_stop(self) -> None:
        """A front end that stops leaves."""
        subscribe = self.watch()
        self.accept(subscribe)
        self.notify(subscribe, Pidf(EVE, open=True))
        self.side.close()
        self.assertEqual(self.partner.got[-1].first("Expires"), "0")
        self.assertIsInstance(self.world.presence.of(EVE), Presence)


class MailboxTests(WatchTestCase):
    def enable(self) -> Request:
        """Alice gets Enterprise Voice; the SUBSCRIBE to her mailbox."""
        self.partner.answers_with = 0
        enabled = self.world.users.update(
            ALICE, lambda user: attrs.evolve(user, enterprise_voice=True), self.world.now
        )
        self.done(enabled)
        self.clock.advance(1)
        return self.partner.got[-1]

    def test_mailbox(self) -> None:
        """The mailbox of who has Enterprise Voice is watched, and its counts are kept."""
        subscribe = self.enable()
        self.assertEqual(subscribe.uri, "sip:alice@vm.test")
        self.assertEqual(subscribe.from_.sip.aor, ALICE)
        self.accept(subscribe)
        self.notify(subscribe, MessageSummary(True, 3, 4))
        count = self.voicemail.of(ALICE)
        self.assertEqual((count.total, count.unread), (7, 3))
        self.notify(subscribe, MessageSummary(False, counted=False))
        self.assertEqual(self.voicemail.of(ALICE).unread, 0)
        self.done(self.world.users.remove(ALICE, self.world.now))
        self.clock.advance(0)
        self.assertEqual(self.partner.got[-1].first("Expires"), "0")

    def test_unsolicited(self) -> None:
        """A trusted peer counts without being asked."""
        kind = "Content-Type: application/simple-message-summary"
        lines = ("Event: message-summary", "Subscription-State: active", kind)
        body = bytes(MessageSummary(True, 1, 0))
        answer = self.proxy.ask("NOTIFY", ALICE, *lines, body=body)
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.voicemail.of(ALICE).unread, 1)
        nobody = f"sip:nobody@{DOMAIN}"
        for station, target, more, status in (
            (Station(self.core), ALICE, lines, 403),
            (self.proxy, nobody, lines, 404),
            (self.proxy, ALICE, ("Event: presence", *lines[1:]), 481),
            (self.proxy, ALICE, (*lines[:2], "Content-Type: text/plain"), 415),
        ):
            answer = station.ask("NOTIFY", target, *more, body=body)
            self.assertEqual(answer.status, status)
