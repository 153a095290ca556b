"""Calls to the telephone network: one gateway after another."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.agenda import Agenda
from mobility.domain.descriptions import Description
from mobility.domain.telephone import GATEWAY_PATIENCE_S, Happening, Location, TelephoneCall
from mobility.domain.voice_objects import Gateway
from mobility.domain.voice_routing import Attempt, Itinerary
from mobility.testing import MemoryTelephone, MemoryTelephones, by_last_digit
from tests.domain.doubles import START, done, running

NUMBER = "+14255550199"
GATEWAYS = tuple(Gateway(f"g{place}.test") for place in range(3))


def itinerary(*gateways: Gateway, emergency: str = "") -> Itinerary:
    ways = tuple(Attempt(one, "R", "U", "+14255550100") for one in gateways)
    return Itinerary(NUMBER, NUMBER, attempts=ways, emergency=emergency)


class TelephoneTestCase(SynchronousTestCase):
    """A test with a telephone network in memory."""

    def setUp(self) -> None:
        self.network = MemoryTelephones()
        self.agenda = Agenda()
        self.now = START
        self.heard: list[Happening] = []

    def call(self, *gateways: Gateway) -> TelephoneCall:
        call = TelephoneCall(self.network, self.agenda, itinerary(*gateways), self.heard.append)
        call.place(self.now)
        return call

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for action in self.agenda.due(self.now):
            done(running(action(self.now)))

    @property
    def last(self) -> MemoryTelephone:
        return self.network.placed[-1]


class FailoverTests(TelephoneTestCase):
    """Which gateway is asked when."""

    def test_first(self) -> None:
        """The first gateway is asked with the number and the caller's number, and no other."""
        call = self.call(*GATEWAYS)
        self.last.rings()
        self.last.answers()
        self.advance(GATEWAY_PATIENCE_S)
        self.assertEqual([Happening.RINGING, Happening.ANSWERED], self.heard)
        self.assertEqual(1, len(self.network.placed))
        order = self.last.order
        self.assertEqual(
            ("g0.test", NUMBER, "+14255550100", False),
            (order.gateway.name, order.number, order.caller_id, order.emergency),
        )
        self.assertTrue(call.answered)

    def test_failover(self) -> None:
        """One that cannot reach the number hands over to the next, the last failure is told."""
        self.call(*GATEWAYS)
        for name in ("g0.test", "g1.test", "g2.test"):
            self.assertEqual([], self.heard)
            self.assertEqual(name, self.last.order.gateway.name)
            self.last.cannot_be_reached()
            self.advance(0)
        self.assertEqual([Happening.UNREACHABLE], self.heard)
        self.assertEqual(3, len(self.network.placed))

    def test_away(self) -> None:
        """One that is known to take no calls is asked after the others, and when there is none."""
        self.network.away = {"g0.test", "g2.test"}
        self.call(*GATEWAYS)
        asked = []
        for _ in GATEWAYS:
            asked.append(self.last.order.gateway.name)
            self.last.cannot_be_reached()
            self.advance(0)
        self.assertEqual(["g1.test", "g0.test", "g2.test"], asked)

    def test_silent(self) -> None:
        """One that says nothing is hung up after ten seconds, and can say nothing more."""
        self.call(*GATEWAYS)
        first = self.last
        self.advance(GATEWAY_PATIENCE_S - 1)
        self.assertEqual(1, len(self.network.placed))
        self.advance(1)
        self.assertEqual(("over", 2), (first.state, len(self.network.placed)))
        first.answers()
        self.assertEqual([], self.heard)

    def test_busy(self) -> None:
        """A number that is busy is so for every gateway."""
        self.call(*GATEWAYS)
        self.last.is_busy()
        self.advance(GATEWAY_PATIENCE_S)
        self.assertEqual(([Happening.BUSY], 1), (self.heard, len(self.network.placed)))

    def test_none(self) -> None:
        """Without a gateway the number is unreachable, which is told later."""
        self.call()
        self.assertEqual([], self.heard)
        self.advance(0)
        self.assertEqual([Happening.UNREACHABLE], self.heard)

    def test_hung_up(self) -> None:
        """After hanging up nothing is told and nobody is called, whatever the gateway does."""
        for happens in ("rings", "answers", "cannot_be_reached"):
            with self.subTest(happens=happens):
                call = self.call(*GATEWAYS)
                count = len(self.network.placed)
                call.hang_up()
                self.assertEqual("over", self.last.state)
                getattr(self.last, happens)()
                self.advance(GATEWAY_PATIENCE_S)
                self.assertEqual(([], count), (self.heard, len(self.network.placed)))

    def test_emergency(self) -> None:
        """An emergency call says so, and where the caller is; another call never does."""
        place = Location(city="Redmond")
        for emergency, expected in (("112", place), ("", None)):
            TelephoneCall(
                self.network,
                self.agenda,
                itinerary(GATEWAYS[0], emergency=emergency),
                self.heard.append,
                location=place,
            ).place(self.now)
            order = self.last.order
            self.assertEqual((bool(emergency), expected), (order.emergency, order.location))

    def test_media(self) -> None:
        """Calls are joined, held and resumed once they are answered."""
        described = Description("v=0", ())
        one, other = self.call(GATEWAYS[0]), self.call(GATEWAYS[1])
        first, second = self.network.placed
        one.hold()
        self.assertFalse(first.held)
        first.answers(described)
        second.answers()
        one.join(other)
        one.hold()
        self.assertEqual((second, True, described), (first.joined, first.held, one.description))
        one.resume()
        self.assertFalse(first.held)

    @given(st.lists(st.sampled_from(["ring", "answer", "busy", "gone", "wait", "hang up", "lost"])))
    def test_anything(self, steps: list[str]) -> None:
        """Whatever happens in whatever order, what is told makes sense, and ends once at most."""
        self.setUp()
        call = self.call(*GATEWAYS)
        for step in steps:
            {
                "ring": self.last.rings,
                "answer": self.last.answers,
                "busy": self.last.is_busy,
                "gone": self.last.cannot_be_reached,
                "wait": lambda: self.advance(GATEWAY_PATIENCE_S),
                "hang up": call.hang_up,
                "lost": self.last.hangs_up,
            }[step]()
            self.advance(0)
        over = [one for one in self.heard if one not in (Happening.RINGING, Happening.ANSWERED)]
        self.assertLessEqual(len(over), 1)
        if over:
            self.assertTrue(call.over)
            self.assertIs(over[0], self.heard[-1])
        if call.over:
            self.assertEqual("over", self.last.state)
        live = [one for one in self.network.placed if one.state != "over"]
        self.assertLessEqual(len(live), 1)


class MemoryTelephonesTests(SynchronousTestCase):
    """The network in memory itself."""

    def test_behaviours(self) -> None:
        """Numbers do what their last digit says, in their time."""
        for digit, expected in (
            ("0", ["ringing", "answered"]),
            ("2", ["busy"]),
            ("3", ["ringing", "declined"]),
            ("4", ["ringing"]),
            ("5", ["unreachable"]),
            ("6", ["ringing", "answered", "hung up"]),
            ("9", ["ringing", "answered"]),
        ):
            heard: list[str] = []
            waiting = []
            network = MemoryTelephones(
                by_last_digit,
                lambda after_s, action, waiting=waiting: waiting.append((after_s, action)),
            )
            call = TelephoneCall(
                network,
                Agenda(),
                Itinerary("", f"+1{digit}", attempts=(Attempt(GATEWAYS[0], "", "", ""),)),
                lambda one, heard=heard: heard.append(one.value),
            )
            call.place(START)
            for _, action in sorted(waiting, key=lambda one: one[0]):
                action()
            if expected[-1] == "unreachable":
                self.assertIs(network.to(f"+1{digit}").state, "over")
            else:
                self.assertEqual(expected, heard, digit)
        self.assertRaises(LookupError, network.to, "+2")
