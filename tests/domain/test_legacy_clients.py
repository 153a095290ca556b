"""Tests of `mobility.domain.legacy_clients`."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mobility.domain.ledger import Unit
from mobility.domain.legacy_clients import (
    MAX_AGENT_CHARACTERS,
    MAX_AGENTS,
    NAMELESS,
    OTHERS,
    LegacyClients,
)
from mobility.domain.records import LegacyClient
from mobility.errors import Unavailable
from tests.domain.doubles import done, running


class Ledger:
    """Remembers units, or refuses them."""

    def __init__(self) -> None:
        self.units: list[Unit] = []
        self.refusing = False
        self.waiting: Deferred[None] | None = None

    async def commit(self, unit: Unit) -> None:
        if self.waiting is not None:
            await self.waiting
        if self.refusing:
            raise Unavailable("not now")
        self.units.append(unit)


class LegacyClientsTests(SynchronousTestCase):
    """Counting by User-Agent."""

    def setUp(self) -> None:
        self.ledger = Ledger()
        self.clients = LegacyClients(self.ledger)  # type: ignore[arg-type]  # as much as is asked

    def test_counts(self) -> None:
        """Each kind is counted from its first request to its last; the latest comes first."""
        for agent, now in (("A", 1.0), ("B", 2.0), ("A", 3.0)):
            self.clients.count(agent, now)
        self.assertEqual(
            [LegacyClient("A", 2, 1.0, 3.0), LegacyClient("B", 1, 2.0, 2.0)], self.clients.all()
        )

    def test_stored(self) -> None:
        """Only what changed is stored; a start goes on from there."""
        self.clients.count("A", 1.0)
        self.clients.count("B", 1.0)
        done(running(self.clients.store()))
        self.clients.count("A", 2.0)
        done(running(self.clients.store()))
        done(running(self.clients.store()))
        stored = [[one.user_agent for one in unit.saves] for unit in self.ledger.units]  # type: ignore[union-attr]  # LegacyClients
        self.assertEqual([["A", "B"], ["A"]], stored)
        again = LegacyClients(self.ledger, self.clients.all())  # type: ignore[arg-type]  # as above
        again.count("A", 3.0)
        self.assertEqual(LegacyClient("A", 3, 1.0, 3.0), again.all()[0])

    def test_store_refuses(self) -> None:
        """What could not be stored is stored the next time."""
        self.clients.count("A", 1.0)
        self.ledger.refusing = True
        self.failureResultOf(running(self.clients.store()), Unavailable)
        self.ledger.refusing = False
        done(running(self.clients.store()))
        self.assertEqual(1, len(self.ledger.units))

    def test_forget(self) -> None:
        """Counts begin anew."""
        self.clients.count("A", 1.0)
        done(running(self.clients.forget()))
        self.assertEqual([], self.clients.all())
        self.assertEqual([LegacyClient("A", 1, 1.0, 1.0)], self.ledger.units[0].removes)

    def test_forget_refused(self) -> None:
        """When that cannot be stored nothing is forgotten, and it can be done again."""
        self.clients.count("A", 1.0)
        done(running(self.clients.store()))
        self.clients.count("B", 2.0)
        self.ledger.waiting = Deferred()
        forgotten = running(self.clients.forget())
        self.clients.count("A", 3.0)
        self.clients.count("C", 4.0)
        self.ledger.waiting.errback(Unavailable("not now"))
        self.failureResultOf(forgotten, Unavailable)
        counted = [
            LegacyClient("C", 1, 4.0, 4.0),
            LegacyClient("A", 2, 1.0, 3.0),
            LegacyClient("B", 1, 2.0, 2.0),
        ]
        self.assertEqual(counted, self.clients.all())
        self.ledger.waiting = None
        done(running(self.clients.store()))
        saved = {one.user_agent for one in self.ledger.units[-1].saves}  # type: ignore[union-attr]  # LegacyClients
        self.assertEqual({"A", "B", "C"}, saved)
        done(running(self.clients.forget()))
        self.assertEqual(3, len(self.ledger.units[-1].removes))

    @given(st.lists(st.text(max_size=300), max_size=MAX_AGENTS + 50, unique=True))
    def test_bounds(self, agents: list[str]) -> None:
        """Whatever comes, names are few, short and printable, and no request is lost."""
        clients = LegacyClients(self.ledger)  # type: ignore[arg-type]  # as above
        for agent in agents:
            clients.count(agent, 1.0)
        known = clients.all()
        self.assertEqual(len(agents), sum(one.requests for one in known))
        self.assertLessEqual(len(known), MAX_AGENTS + 1)
        for one in known:
            self.assertTrue(0 < len(one.user_agent) <= max(MAX_AGENT_CHARACTERS, len(OTHERS)))
            self.assertNotIn("\n", one.user_agent)

    def test_many(self) -> None:
        """Beyond the limit new kinds count together; none sends nothing."""
        for number in range(MAX_AGENTS + 3):
            self.clients.count(f"App/{number}" if number else "", float(number))
        names = {one.user_agent: one.requests for one in self.clients.all()}
        self.assertEqual((3, 1), (names[OTHERS], names[NAMELESS]))
