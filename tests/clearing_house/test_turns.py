"""Organisations take turns, and one provider's queue leaves room for the others."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mobility.clearing_house.organisations import Organisation
from mobility.clearing_house.settings import OrganisationSettings
from mobility.clearing_house.turns import Turns
from tests.clearing_house.running import RunningCase, device, push, until


@attrs.frozen
class Item:
    organisation: str
    number: int


def items(owners: str) -> list[Item]:
    return [Item(owner, number) for number, owner in enumerate(owners)]


def taken(turns: Turns[Item]) -> list[Item]:
    found = []
    while turns:
        found.append(turns.popleft())
    return found


class TurnsTests(SynchronousTestCase):
    def test_turns(self) -> None:
        """Whoever has many waits behind each of the others once a round."""
        turns: Turns[Item] = Turns()
        for one in items("aaaabbc"):
            turns.append(one)
        self.assertEqual([(one.organisation) for one in taken(turns)], list("abcabaa"))
        self.assertRaises(IndexError, turns.popleft)

    def test_put_back(self) -> None:
        """What was taken and put back is the first again, though another had the next turn."""
        turns: Turns[Item] = Turns()
        for one in items("aab"):
            turns.append(one)
        first = turns.popleft()
        turns.put_back(first)
        self.assertEqual(turns.first(1), [first])
        self.assertEqual(turns.popleft(), first)

    @given(st.text("abc", max_size=30), st.integers(0, 40))
    def test_any(self, owners: str, number: int) -> None:
        """Nothing is lost, each organisation's order stays, and `first` says what comes."""
        turns: Turns[Item] = Turns()
        put = items(owners)
        for one in put:
            turns.append(one)
        foretold = turns.first(number)
        found = taken(turns)
        self.assertEqual(foretold, found[:number])
        for owner in "abc":
            self.assertEqual(
                [one for one in found if one.organisation == owner],
                [one for one in put if one.organisation == owner],
            )


class ShareTests(SynchronousTestCase):
    def test_share(self) -> None:
        """One destination holds half of an organisation's queue at most, all together the whole."""
        settings = OrganisationSettings(
            name="o", certificate_names=("fe.example.test",), apps=("*",), max_queued=4
        )
        one = Organisation(settings, lambda: 0.0)
        for _ in range(2):
            self.assertTrue(one.has_room("apns:a"))
            one.waits("apns:a")
        self.assertEqual((one.has_room("apns:a"), one.has_room("fcm:a")), (False, True))
        for _ in range(2):
            one.waits("fcm:a")
        self.assertFalse(one.has_room("wns:a"))
        one.waits_no_more("apns:a")
        self.assertTrue(one.has_room("apns:a"))
        self.assertEqual(one.queued, 3)


class FairnessTests(RunningCase):
    """Apple is slow: it has no stream for anybody at first, and one at a time then."""

    def prepare(self) -> None:
        self.providers.apns.streams_before = 0
        self.providers.apns.streams_after = 1

    async def test_flood(self) -> None:
        """What one organisation has many of delays another's one push by no more than a turn."""
        apns = self.providers.apns
        await self.sender.send([push(device(token=f"{n + 1:064x}")) for n in range(60)])
        await until(lambda: apns.connections, "it connects")
        few = push(device(token="ef" * 32))
        (result,) = await self.sender_as("other.example.test").send([few])
        self.assertEqual(result.outcome, "accepted")
        apns.connections[0].allow(1)
        await self.verdicts(60)
        ids = [one.id for one in apns.received]
        self.assertEqual(len(ids), 61)
        self.assertLess(ids.index(few.id), 3)


class FullDestinationTests(RunningCase):
    """A queue of 20, and a provider that is down."""

    async def test_room_for_others(self) -> None:
        """What waits for a provider that is down leaves room for what goes to others."""
        organisation = self.running.organisations.of(["fe.example.test"])
        assert organisation is not None
        organisation.change(attrs.evolve(organisation.settings, max_queued=20))
        await self.providers.stop_one("apns")
        results = await self.sender.send([push(device(token=f"{n + 1:064x}")) for n in range(30)])
        self.assertEqual([one.outcome for one in results], ["accepted"] * 10 + ["retry"] * 20)
        self.assertEqual(results[-1].reason, "quota")
        self.assertEqual((await self.fate(push(device("fcm")))).outcome, "delivered")
        await self.providers.start_one("apns")
        self.assertEqual({one.outcome for one in await self.verdicts(11)}, {"delivered"})
        self.assertEqual(organisation.queued, 0)
