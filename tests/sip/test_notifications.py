"""SUBSCRIBE comes, NOTIFY goes: what every event package has in common."""

from email import message_from_bytes
from email.policy import SMTP

from mobility.domain.privacy import BLOCKED, WORKGROUP
from mobility.sip import list_state, notifications
from mobility.sip.identity import Sender
from mobility.sip.notifications import MAX_LIST
from mobility.sip.pidf import Pidf
from mobility.sip.refusal import SipRefusal
from mobility.sip.resource_lists import LISTS
from mobility.sip.summary_package import SummaryPackage
from mobility.sip.xml_elements import parse_xml
from tests.domain.doubles import uri
from tests.sip.event_stack import DOMAIN, PROXY, EventTestCase, Station

ALICE, BOB, CAROL = uri("alice"), uri("bob"), uri("carol")
PRESENCE = "Event: presence"


def pidf_of(station: Station, number: int = -1) -> Pidf:
    return Pidf.parse(station.got[number].body)


class SubscribeTests(EventTestCase):
    def test_first(self) -> None:
        """A SUBSCRIBE is answered with its time, and followed by a NOTIFY with what there is."""
        answer = self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE, "Expires: 600")
        self.assertEqual((answer.status, answer.first("Expires")), (200, "600"))
        self.assertEqual(answer.first("Contact"), "<sip:192.0.2.1:5089;transport=tls>")
        (notify,) = self.proxy.got
        self.assertEqual((notify.method, notify.first("Event")), ("NOTIFY", "presence"))
        self.assertEqual(notify.first("Subscription-State"), "active;expires=600")
        self.assertEqual(notify.first("Content-Type"), "application/pidf+xml")
        self.assertEqual((notify.from_.tag, notify.to.tag), (answer.to.tag, "f1"))
        self.assertEqual(notify.uri, "sip:bob@192.0.2.7:5061;transport=tls")
        self.assertEqual(pidf_of(self.proxy), Pidf(ALICE, open=False))
        (line,) = self.log.named("sip.subscribed")
        self.assertEqual((line["package"], line["expires_s"]), ("presence", 600))

    def test_change(self) -> None:
        """Watchers are told when somebody looks otherwise, no more than once in five seconds."""
        self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE)
        alice = self.world.sign_in("alice")
        self.clock.advance(0)
        self.assertEqual(pidf_of(self.proxy).activities, frozenset())
        self.assertTrue(pidf_of(self.proxy).open)
        for choice in ("Busy", "Away", "DoNotDisturb"):
            self.done(self.world.applications.set_presence(alice, choice, self.world.now))
            self.clock.advance(0)
        self.assertEqual(len(self.proxy.got), 2)
        self.pass_time(5)
        self.assertEqual(len(self.proxy.got), 3)
        self.assertEqual(pidf_of(self.proxy).activity_notes, ("Do not disturb",))

    def test_refresh_and_end(self) -> None:
        """It goes on when it is refreshed, and ends when the watcher says so, or says nothing."""
        answer = self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE, "Expires: 100")
        self.pass_time(90)
        again = self.proxy.again(answer, ALICE, PRESENCE, "Expires: 100")
        self.assertEqual((again.status, again.first("Expires")), (200, "100"))
        self.pass_time(90)
        self.assertEqual(self.proxy.states, ["active", "active"])
        self.pass_time(11)
        self.assertEqual(self.proxy.states[-1], "terminated;reason=timeout")
        self.assertEqual(self.proxy.again(answer, ALICE, PRESENCE).status, 481)
        self.assertEqual(len(self.side.notifications), 0)
        self.assertEqual(len(self.core.dialogs), 0)
        (line,) = self.log.named("sip.subscription_ended")
        self.assertEqual(line["reason"], "timeout")

    def test_gruu(self) -> None:
        """Events of one phone of a user are not known here; 480 where it is not registered."""
        self.bind("alice", "urn:x:1")
        answer = self.proxy.ask("SUBSCRIBE", f"{ALICE};gr=urn:x:1", PRESENCE)
        self.assertEqual(answer.status, 489)
        self.assertIn("presence", answer.first("Allow-Events") or "")
        for gruu, status in ((f"{ALICE};gr=urn:x:2", 480), (f"sip:tgruu.x@{DOMAIN};gr", 404)):
            self.assertEqual(self.proxy.ask("SUBSCRIBE", gruu, PRESENCE).status, status)
        self.assertEqual(len(self.side.notifications), 0)

    def test_unsubscribe(self) -> None:
        """Expires: 0 ends it, with a last NOTIFY that still says what there is."""
        answer = self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE)
        self.proxy.again(answer, ALICE, PRESENCE, "Expires: 0")
        self.assertEqual(self.proxy.states, ["active", "terminated;reason=timeout"])
        self.assertFalse(pidf_of(self.proxy).open)

    def test_fetch(self) -> None:
        """A SUBSCRIBE for no time is answered with one NOTIFY."""
        self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE, "Expires: 0")
        self.assertEqual(self.proxy.states, ["terminated;reason=timeout"])
        self.assertEqual(pidf_of(self.proxy), Pidf(ALICE, open=False))
        self.assertEqual(len(self.side.notifications), 0)

    def test_refused(self) -> None:
        """Each kind of wrong SUBSCRIBE has its answer."""
        for uri_, lines, status in (
            (ALICE, ("Event: weather",), 489),
            (ALICE, (), 400),
            (ALICE, (PRESENCE, "Expires: 10"), 423),
            (ALICE, (PRESENCE, "Accept: text/plain"), 406),
            (f"sip:nobody@{DOMAIN}", (PRESENCE,), 404),
            ("sip:bob@elsewhere.test", (PRESENCE,), 404),
        ):
            answer = self.proxy.ask("SUBSCRIBE", uri_, *lines)
            self.assertEqual(answer.status, status, lines)
        self.assertEqual(self.proxy.got, [])
        answer = self.proxy.ask("SUBSCRIBE", ALICE, "Event: weather")
        self.assertEqual(
            answer.first("Allow-Events"), "dialog, message-summary, presence, presence.winfo"
        )
        answer = self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE, "Expires: 10")
        self.assertEqual(answer.first("Min-Expires"), "60")

    def test_accept(self) -> None:
        """What is accepted may be named in several ways."""
        for accept in ("application/pidf+xml, text/plain", "application/*", "*/*;q=0.1"):
            answer = self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE, f"Accept: {accept}")
            self.assertEqual(answer.status, 200, accept)

    def test_strangers(self) -> None:
        """Who is no trusted peer is asked who it is, and speaks for itself alone."""
        phone = Station(self.core)
        answer = phone.ask("SUBSCRIBE", ALICE, PRESENCE)
        self.assertEqual(answer.status, 407)
        self.assertIn("Proxy-Authenticate", answer.fields)
        stranger = phone.ask("SUBSCRIBE", ALICE, PRESENCE, sender="x")
        self.assertEqual(stranger.status, 407)

    def test_mailboxes(self) -> None:
        """Users learn of the voicemails in their own mailboxes alone, trusted peers of all."""
        package = SummaryPackage(self.identity, self.voicemail)
        package.check(ALICE, Sender(ALICE, ALICE))
        package.check(ALICE, Sender(BOB, PROXY, trusted=True))
        for uri_, status in ((ALICE, 403), (f"sip:nobody@{DOMAIN}", 404)):
            refused = self.assertRaises(SipRefusal, package.check, uri_, Sender(BOB, BOB))
            self.assertEqual(refused.status, status)

    def test_other_requests(self) -> None:
        """Nothing but SUBSCRIBE has a place in such a dialog, and no other event."""
        answer = self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE)
        self.assertEqual(self.proxy.again(answer, ALICE, "Event: dialog").status, 489)
        self.assertEqual(self.proxy.again(answer, ALICE, method="BYE").status, 405)

    def test_another_connection(self) -> None:
        """Over another connection a watcher has to say again who it is: its dialog's tags are not
        enough."""
        answer = self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE)
        thief = Station(self.core, host="192.0.2.66")
        thief.number = 10
        self.assertEqual(thief.again(answer, ALICE, PRESENCE, "Expires: 0").status, 407)
        moved = Station(self.core, self.proxy.names, "192.0.2.8")
        moved.number = 20
        self.assertEqual(moved.again(answer, ALICE, PRESENCE).status, 200)
        self.assertEqual((len(self.proxy.got), len(moved.got)), (1, 1))

    def test_peer_that_is_gone(self) -> None:
        """Who answers 481, or not at all, is told nothing more."""
        for status in (481, 0):
            station = Station(self.core, self.proxy.names, f"192.0.2.{9 + status}")
            station.answers_with = status
            station.ask("SUBSCRIBE", ALICE, PRESENCE)
            self.pass_time(40)
            self.world.end(self.world.sign_in("alice"))
            self.pass_time(10)
            self.assertEqual(len(station.got), 1)
        self.assertEqual(len(self.side.notifications), 0)
        reasons = [line["reason"] for line in self.log.named("sip.subscription_ended")]
        self.assertEqual(reasons, ["481", "408"])

    def test_privacy(self) -> None:
        """Watchers see what the user lets them see; who is blocked sees somebody offline."""
        self.world.sign_in("alice")
        alice = self.world.applications.of_user(ALICE)[0]
        self.done(self.world.applications.set_note(alice, "In Berlin"))
        self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE)
        self.assertEqual((pidf_of(self.proxy).open, pidf_of(self.proxy).note), (True, "In Berlin"))
        self.done(self.world.privacy.assign(ALICE, BOB, BLOCKED, "Colleagues"))
        self.pass_time(6)
        self.assertEqual((pidf_of(self.proxy).open, pidf_of(self.proxy).note), (False, ""))
        self.done(self.world.privacy.assign(ALICE, CAROL, WORKGROUP, "Colleagues"))
        self.pass_time(6)
        self.assertEqual(len(self.proxy.got), 2)
        self.done(self.world.privacy.reset(ALICE, BOB))
        self.pass_time(6)
        self.assertTrue(pidf_of(self.proxy).open)

    def test_removed_user(self) -> None:
        """When a user is removed, who watches it is told, and what it watched ends."""
        self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE)
        other = Station(self.core, self.proxy.names, "192.0.2.8")
        other.ask("SUBSCRIBE", BOB, PRESENCE, sender="alice")
        self.done(self.world.users.remove(ALICE, self.world.now))
        self.clock.advance(0)
        self.assertEqual(self.proxy.states[-1], "terminated;reason=noresource")

    def test_stop(self) -> None:
        """A front end that stops tells everybody to subscribe anew."""
        self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE)
        self.proxy.ask("SUBSCRIBE", BOB, "Event: dialog;id=7")
        self.side.close()
        self.assertEqual(self.proxy.states[2:], ["terminated;reason=deactivated"] * 2)
        self.assertEqual(self.proxy.got[1].first("Event"), "dialog;id=7")
        self.assertEqual([one.body for one in self.proxy.got[2:]], [b"", b""])

    def test_bounds(self) -> None:
        """A peer may have so many subscriptions, and all together so many."""
        self.patch(notifications, "MAX_OF_PEER", 2)
        for status in (200, 200, 403):
            self.assertEqual(self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE).status, status)
        self.patch(notifications, "MAX_SUBSCRIPTIONS", 2)
        self.assertEqual(self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE).status, 503)

    def test_many_watchers(self) -> None:
        """Many watchers are told in several turns, each of them once."""
        self.patch(notifications, "NOTIFIED_A_TURN", 3)
        for _ in range(8):
            self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE)
        self.world.sign_in("alice")
        self.clock.advance(0)
        told = [one.call_id for one in self.proxy.got[8:]]
        self.assertEqual(sorted(told), sorted(one.call_id for one in self.proxy.got[:8]))

    def test_options(self) -> None:
        """OPTIONS says which events there are."""
        answer = self.proxy.ask("OPTIONS", ALICE)
        self.assertEqual(
            answer.first("Allow-Events"), "dialog, message-summary, presence, presence.winfo"
        )
        self.assertIn("SUBSCRIBE", answer.first("Allow") or "")


class ListTests(EventTestCase):
    def watch(self, *uris: str, **more: str) -> int:
        entries = "".join(f'<entry uri="{one}"/>' for one in uris)
        body = f'<resource-lists xmlns="{LISTS}"><list>{entries}</list></resource-lists>'
        lines = {
            "Event": "presence",
            "Supported": "eventlist",
            "Require": "recipient-list-subscribe",
            "Content-Type": "application/resource-lists+xml",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        written = [f"{name}: {value}" for name, value in lines.items() if value]
        target = f"sip:rls@{DOMAIN}"
        return self.proxy.ask("SUBSCRIBE", target, *written, body=body.encode()).status

    def told(self, number: int = -1) -> tuple[bool, dict[str, str], dict[str, Pidf]]:
        """Of a NOTIFY: whether it is full, each resource's state, and what was said of whom."""
        notify = self.proxy.got[number]
        head = f"Content-Type: {notify.first('Content-Type')}\r\n\r\n".encode()
        parts = list(message_from_bytes(head + notify.body, policy=SMTP).iter_parts())
        bodies = [one.get_payload(decode=True) for one in parts]
        root = parse_xml(bodies[0])
        states: dict[str, str] = {}
        for resource in root.all("resource"):
            instance = resource.first("instance")
            states[resource.get("uri")] = "" if instance is None else instance.get("state")
        told = [Pidf.parse(one) for one in bodies[1:]]
        return root.get("fullState") == "true", states, {one.entity: one for one in told}

    def test_list(self) -> None:
        """A list in the body is watched as one: all of it first, then what changes."""
        self.assertEqual(self.watch(ALICE, CAROL, f"sip:nobody@{DOMAIN}"), 200)
        self.assertEqual(self.proxy.heard[-1].first("Require"), "eventlist")
        full, states, bodies = self.told()
        self.assertTrue(full)
        expected = {ALICE: "active", CAROL: "active", f"sip:nobody@{DOMAIN}": "terminated"}
        self.assertEqual(states, expected)
        self.assertEqual(sorted(bodies), [ALICE, CAROL])
        self.world.sign_in("alice")
        self.clock.advance(0)
        full, states, bodies = self.told()
        self.assertEqual((full, states), (False, {ALICE: "active"}))
        self.assertTrue(bodies[ALICE].open)
        self.assertEqual(self.proxy.got[-1].first("Require"), "eventlist")

    def test_large_list(self) -> None:
        """What does not fit into one message follows in others, with all named in the first."""
        self.patch(list_state, "MAX_PARTS_BYTES", 1)
        self.watch(ALICE, BOB, CAROL)
        full, states, bodies = self.told(0)
        self.assertEqual((full, list(bodies)), (True, [ALICE]))
        self.assertEqual(states, {ALICE: "active", BOB: "pending", CAROL: "pending"})
        self.pass_time(12)
        rest = [self.told(number) for number in (1, 2)]
        self.assertEqual(
            [(one[0], list(one[2])) for one in rest], [(False, [BOB]), (False, [CAROL])]
        )
        self.assertEqual(len(self.proxy.got), 3)

    def test_contacts(self) -> None:
        """The list `contacts` is the watcher's own contact list."""
        self.done(self.world.contacts.add(BOB, CAROL))
        target = f"sip:contacts@{DOMAIN}"
        answer = self.proxy.ask("SUBSCRIBE", target, PRESENCE, "Supported: eventlist")
        self.assertEqual(answer.status, 200)
        self.assertEqual(list(self.told()[1]), [CAROL])
        answer = self.proxy.ask("SUBSCRIBE", target, PRESENCE)
        self.assertEqual((answer.status, answer.first("Require")), (421, "eventlist"))

    def test_refused(self) -> None:
        """Who cannot take a list, another body, and a list that is too long are refused."""
        self.assertEqual(self.watch(ALICE, Supported=""), 421)
        self.assertEqual(self.watch(ALICE, Content_Type="text/plain"), 415)
        self.assertEqual(self.watch(ALICE, Event="message-summary"), 489)
        self.assertEqual(self.watch(*(f"sip:{n}@{DOMAIN}" for n in range(MAX_LIST + 1))), 413)
        self.assertEqual(self.watch("nonsense"), 400)
        self.assertEqual(len(self.side.notifications), 0)
