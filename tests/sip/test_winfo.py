"""Users see who watches them (presence.winfo)."""

from mobility.domain.privacy import BLOCKED
from mobility.sip import winfo_package
from mobility.sip.message import Response
from mobility.sip.watcher_info import Watcher, WatcherInfo
from tests.domain.doubles import uri
from tests.sip.event_stack import DOMAIN, PROXY, EventTestCase, Station

ALICE, BOB, CAROL = uri("alice"), uri("bob"), uri("carol")
WINFO = "Event: presence.winfo"
PRESENCE = "Event: presence"


class WinfoTestCase(EventTestCase):
    """A trusted peer speaks for everybody's phones: alice's looks at her watchers."""

    def setUp(self) -> None:
        super().setUp()
        self.alice = Station(self.core, frozenset({PROXY}), "192.0.2.10")
        self.answer = self.look()

    def look(self, *lines: str) -> Response:
        """Alice's phone subscribes."""
        self.answer = self.alice.ask("SUBSCRIBE", ALICE, WINFO, *lines, sender="alice")
        return self.answer

    def told(self, number: int = -1) -> WatcherInfo:
        request = self.alice.got[number]
        self.assertEqual(request.first("Content-Type"), "application/watcherinfo+xml")
        return WatcherInfo.parse(request.body)

    def watchers(self, number: int = -1) -> list[Watcher]:
        (one,) = self.told(number).lists
        self.assertEqual((one.resource, one.package), (ALICE, "presence"))
        return list(one.watchers)

    def shown(self, number: int = -1) -> list[tuple[str, str, str]]:
        return [(one.uri, one.status, one.event) for one in self.watchers(number)]


class PhoneTests(WinfoTestCase):
    def test_nobody(self) -> None:
        """The first document is whole, also where nobody watches."""
        self.assertEqual(self.answer.status, 200)
        self.assertEqual(self.told().full, True)
        self.assertEqual((self.told().version, self.watchers()), (0, []))

    def test_comes_and_goes(self) -> None:
        """Who begins to watch is told, and who stops, as a change to what was told before."""
        self.pass_time(5)
        bob = self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE, "Expires: 600")
        self.clock.advance(0)
        (watcher,) = self.watchers()
        self.assertEqual((self.told().full, self.told().version), (False, 1))
        self.assertEqual((watcher.uri, watcher.status, watcher.event), (BOB, "active", "subscribe"))
        self.assertEqual((watcher.name, watcher.expires_s), ("Bob", 600))
        self.pass_time(10)
        self.proxy.again(bob, ALICE, PRESENCE, "Expires: 0")
        self.clock.advance(0)
        self.assertEqual(self.shown(), [(BOB, "terminated", "timeout")])
        self.assertEqual((self.told().version, self.watchers()[0].id), (2, watcher.id))
        self.assertEqual(self.watchers()[0].subscribed_s, 10)
        self.look("Expires: 60")
        self.assertEqual(self.watchers(), [])

    def test_not_often(self) -> None:
        """What changes within five seconds is told at once, each watcher as it is then."""
        for sender in ("bob", "carol"):
            self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE, sender=sender)
            self.clock.advance(0)
        self.assertEqual(self.shown(), [(BOB, "active", "subscribe")])
        carol = self.proxy.heard[-1]
        self.proxy.again(carol, ALICE, PRESENCE, "Expires: 0")
        self.pass_time(5)
        self.assertEqual(len(self.alice.got), 3)
        self.assertEqual(self.shown(), [(CAROL, "terminated", "timeout")])

    def test_refreshed(self) -> None:
        """After each SUBSCRIBE everything is told."""
        self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE)
        self.pass_time(7)
        self.alice.again(self.answer, ALICE, WINFO, "Expires: 600")
        self.assertEqual((self.told().full, self.told().version), (True, 2))
        (watcher,) = self.watchers()
        self.assertEqual((watcher.uri, watcher.subscribed_s), (BOB, 7))

    def test_lists(self) -> None:
        """Who watches with a list of others watches, too."""
        self.done(self.world.contacts.add(CAROL, ALICE))
        target = f"sip:contacts@{DOMAIN}"
        self.proxy.ask("SUBSCRIBE", target, PRESENCE, "Supported: eventlist", sender="carol")
        self.pass_time(5)
        self.assertEqual(self.shown(), [(CAROL, "active", "subscribe")])

    def test_blocked(self) -> None:
        """Who is blocked watches all the same, and sees somebody offline."""
        self.done(self.world.privacy.assign(ALICE, BOB, BLOCKED, "Colleagues"))
        self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE)
        self.clock.advance(0)
        self.assertEqual(self.shown(), [(BOB, "active", "subscribe")])

    def test_other_packages(self) -> None:
        """Who watches calls, or who watches, is no watcher of presence."""
        self.proxy.ask("SUBSCRIBE", ALICE, "Event: dialog")
        self.look()
        self.pass_time(5)
        self.assertEqual(self.watchers(), [])

    def test_lost(self) -> None:
        """A watcher that takes no notifications any more is none."""
        self.pass_time(5)
        self.proxy.answers_with = 481
        self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE)
        self.pass_time(5)
        self.assertEqual(self.shown(), [(BOB, "terminated", "timeout")])

    def test_many(self) -> None:
        """What does not fit into one notification follows in the next ones."""
        self.patch(winfo_package, "WATCHERS_TOLD", 2)
        for _ in range(5):
            self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE)
        self.alice = Station(self.core, frozenset({PROXY}), "192.0.2.12")
        self.look()
        self.pass_time(20)
        whole, *rest = [self.told(number) for number in range(-3, 0)]
        self.assertEqual((whole.full, [one.full for one in rest]), (True, [False, False]))
        ids = [one.id for told in (whole, *rest) for one in told.lists[0].watchers]
        self.assertEqual((len(ids), len(set(ids))), (5, 5))

    def test_missed(self) -> None:
        """Who could not be told of all changes is told everything."""
        self.patch(winfo_package, "MAX_CHANGES", 2)
        self.alice.again(self.answer, ALICE, WINFO, "Expires: 0")
        self.look()
        self.alice.answers_with = 0
        self.pass_time(6)
        station = Station(self.core, frozenset({PROXY}), "192.0.2.11")
        for _ in range(2):
            station.ask("SUBSCRIBE", ALICE, PRESENCE)
        self.clock.advance(0)
        for _ in range(4):
            station.ask("SUBSCRIBE", ALICE, PRESENCE)
        self.alice.answers_with = 200
        self.alice.answer(self.alice.got[-1], 200)
        self.pass_time(6)
        self.assertTrue(self.told().full)
        self.assertEqual(len(self.watchers()), 6)


class WhoTests(WinfoTestCase):
    def test_owner(self) -> None:
        """Nobody sees the watchers of somebody else, and strangers have none."""
        for who, status in ((ALICE, 403), (uri("dave"), 404)):
            answer = self.proxy.ask("SUBSCRIBE", who, WINFO, sender="bob")
            self.assertEqual(answer.status, status)

    def test_no_more(self) -> None:
        """There are no watchers of watchers, and no lists of them."""
        answer = self.alice.ask("SUBSCRIBE", ALICE, "Event: presence.winfo.winfo", sender="alice")
        self.assertEqual(answer.status, 489)
        self.assertIn("presence.winfo", answer.first("Allow-Events") or "")
        answer = self.alice.ask("SUBSCRIBE", f"sip:contacts@{DOMAIN}", WINFO, sender="alice")
        self.assertEqual(answer.status, 489)

    def test_accept(self) -> None:
        """Who does not take such documents is told so."""
        answer = self.look("Accept: application/pidf+xml")
        self.assertEqual(answer.status, 406)


class ApplicationTests(WinfoTestCase):
    def test_application(self) -> None:
        """An application that watches is a watcher until it stops, or ends."""
        bob = self.world.sign_in("bob")
        self.pass_time(5)
        for watched in (True, False):
            if watched:
                self.done(self.world.subscriptions.subscribe(bob, [ALICE], 10, self.world.now))
            else:
                self.done(self.world.applications.end(bob, self.world.now))
            self.pass_time(6)
            (watcher,) = self.watchers()
            self.assertEqual((watcher.uri, watcher.name), (BOB, "Bob"))
            self.assertEqual(watcher.status, "active" if watched else "terminated")
            self.assertNotIn(bob.id, watcher.id)
        self.look()
        self.assertEqual(self.watchers(), [])

    def test_there_before(self) -> None:
        """One that has watched before is there at the beginning."""
        bob = self.world.sign_in("bob")
        self.done(self.world.subscriptions.subscribe(bob, [ALICE, CAROL], 10, self.world.now))
        self.look()
        self.assertEqual(self.shown(), [(BOB, "active", "subscribe")])

    def test_nobody_looks(self) -> None:
        """Where nobody looks nothing is kept."""
        self.alice.again(self.answer, ALICE, WINFO, "Expires: 0")
        self.proxy.ask("SUBSCRIBE", ALICE, PRESENCE)
        self.assertEqual(self.side.watchers.number(ALICE), 0)
        self.assertEqual(self.side.watchers.since(ALICE, 0), None)
