"""What the log says of telephones."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.descriptions import Description
from mobility.domain.telephone import Happening, Order, TelephoneLeg
from mobility.domain.voice_objects import Gateway
from mobility.operate.telephones import LoggedTelephones
from mobility.testing import MemoryLog, MemoryTelephones

NUMBER = "+4930123456"


class LoggedTelephonesTests(SynchronousTestCase):
    """One line for each leg, when it is over."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog()
        self.network = MemoryTelephones()
        self.telephones = LoggedTelephones(self.network, self.log, self.clock.seconds)
        self.heard: list[Happening] = []

    def place(self, *, emergency: bool = False) -> TelephoneLeg:
        order = Order(Gateway("gw.test"), NUMBER, emergency=emergency)
        return self.telephones.place(order, self.heard.append)

    def logged(self) -> list[tuple[object, object, object]]:
        fields = self.log.named("telephone.leg")
        return [(one["outcome"], one["ringing_s"], one["talking_s"]) for one in fields]

    def test_completed(self) -> None:
        """A call that was answered is completed, whoever hangs up; it is told of as it happens."""
        for ends in ("hangs_up", "hang_up"):
            leg = self.place()
            telephone = self.network.placed[-1]
            telephone.rings()
            self.clock.advance(3)
            telephone.answers()
            self.clock.advance(60.04)
            self.assertEqual((1, []), (len(self.telephones), self.log.events))
            getattr(telephone if ends == "hangs_up" else leg, ends)()
            self.assertEqual([("completed", 3.0, 60.0)], self.logged())
            self.assertEqual((0, "over"), (len(self.telephones), telephone.state))
            leg.hang_up()
            self.assertEqual(1, len(self.logged()))
            self.log.events.clear()
        self.assertEqual([Happening.RINGING, Happening.ANSWERED, Happening.HUNG_UP], self.heard[:3])

    def test_not_answered(self) -> None:
        """What was not answered says why; an emergency call says so; no line has a number."""
        for ends, outcome in (
            ("is_busy", "busy"),
            ("declines", "declined"),
            ("is_not_known", "unknown"),
            ("is_not_available", "unavailable"),
            ("is_not_answered", "unanswered"),
            ("cannot_be_reached", "unreachable"),
        ):
            self.place()
            self.clock.advance(2)
            getattr(self.network.placed[-1], ends)()
            self.assertEqual((outcome, 2.0, 0.0), self.logged()[-1])
        self.place(emergency=True).hang_up()
        last = self.log.named("telephone.leg")[-1]
        self.assertEqual(
            ("given up", True, "gw.test"), (last["outcome"], last["emergency"], last["gateway"])
        )
        self.assertNotIn("4930", repr(self.log.events))

    def test_media(self) -> None:
        """Legs of the network below are joined, held and connected."""
        one, other = self.place(), self.place()
        first, second = self.network.placed
        answer = Description("v=0", ())
        first.answers(answer)
        second.answers()
        one.join(other)
        one.hold()
        one.connect(answer)
        self.assertEqual(
            (second, True, answer, answer),
            (first.joined, first.held, first.connected, one.description),
        )
        one.resume()
        self.assertFalse(first.held)
