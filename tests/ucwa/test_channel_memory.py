"""The event channel: presence numbers, and what it keeps in memory and reads from the store."""

import sys

from twisted.trial.unittest import SynchronousTestCase

from mobility.ucwa.channel import (
    BATCH_ENTRIES,
    MEDIUM_S,
    ORIGIN,
    REPOLL_S,
    TIMEOUT_S,
    Channel,
    Cursor,
    Fetch,
)
from tests.ucwa.test_channel import HIGH, LOW, answered, entry, positions


class PresenceTests(SynchronousTestCase):
    """Watched presence, by number."""

    def test_latest_state_after_medium(self) -> None:
        """Presence waits `medium` seconds from the first change; the answer reaches the last."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a")
        channel.presence_changed(1.0, 4)
        channel.presence_changed(3.0, 6)
        self.assertEqual(channel.next_wakeup, 1.0 + MEDIUM_S)
        (answer,) = channel.tick(1.0 + MEDIUM_S)
        self.assertEqual((answer.since, answer.cursor), (ORIGIN, Cursor(0, 6)))

    def test_goes_with_urgent(self) -> None:
        """An urgent event takes changed presence along."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a")
        channel.presence_changed(1.0, 4)
        (answer,) = channel.arrived(1.5, entry(1))
        self.assertEqual(answer.cursor, Cursor(1, 4))
        channel.poll(2.0, 2, answer.cursor, "b")
        self.assertEqual(channel.next_wakeup, 2.0 + TIMEOUT_S)

    def test_number_already_given(self) -> None:
        """A number at or below the client's cursor is no news."""
        channel = Channel(counter=9)
        channel.poll(0.0, 3, Cursor(0, 9), "a")
        channel.presence_changed(1.0, 9)
        self.assertEqual(channel.next_wakeup, TIMEOUT_S)
        channel.presence_changed(1.0, 10)
        (answer,) = channel.tick(1.0 + MEDIUM_S)
        channel.presence_changed(7.0, 10)
        channel.poll(8.0, 4, answer.cursor, "b")
        self.assertEqual(channel.next_wakeup, 8.0 + TIMEOUT_S)

    def test_number_out_of_order(self) -> None:
        """A number lower than one told before takes nothing back."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a")
        channel.presence_changed(1.0, 6)
        channel.presence_changed(1.0, 4)
        (answer,) = channel.arrived(2.0, entry(1))
        self.assertEqual(answer.cursor, Cursor(1, 6))

    def test_number_given_out_since(self) -> None:
        """A link with a number that was given out after the channel was made is believed."""
        channel = Channel(counter=5)
        channel.presence_changed(0.0, 9)
        self.assertEqual(channel.poll(1.0, 3, Cursor(0, 9), "a"), [])
        self.assertEqual(channel.confirmed, Cursor(0, 9))

    def test_changed_while_away(self) -> None:
        """A change while the client was away, or while nothing was remembered, is due `medium`
        seconds after it became known."""
        channel = Channel(counter=9)
        channel.presence_changed(0.0, 8)
        channel.poll(1.0, 3, Cursor(0, 7), "a")
        self.assertEqual(channel.next_wakeup, 1.0 + MEDIUM_S)
        (answer,) = channel.tick(1.0 + MEDIUM_S)
        self.assertEqual(answer.cursor, Cursor(0, 8))
        channel.presence_changed(20.0, 10)
        (answer,) = channel.poll(30.0, 4, answer.cursor, "b")
        self.assertEqual((answer.since, answer.cursor), (Cursor(0, 8), Cursor(0, 10)))

    def test_cursor_beyond_the_watched(self) -> None:
        """A cursor above every watched number, as after an unsubscription, does not move back."""
        channel = Channel(counter=9)
        channel.presence_changed(0.0, 5)
        channel.poll(1.0, 3, Cursor(0, 9), "a")
        (answer,) = channel.arrived(2.0, entry(1))
        self.assertEqual(answer.cursor, Cursor(1, 9))


class StoreTests(SynchronousTestCase):
    """When memory is short and the store is read."""

    def behind(self, head: int) -> tuple[Channel, Fetch]:
        """A channel whose client came back after a restart with `head` entries to read."""
        channel = Channel(head=head)
        (fetch,) = channel.poll(0.0, 1, None, "a")
        assert isinstance(fetch, Fetch)
        return channel, fetch

    def test_gap(self) -> None:
        """A position that does not follow means that a message of the bus was lost: the parked
        request is answered from the store."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a")
        channel.arrived(0.0, entry(1, LOW))
        (fetch,) = channel.arrived(1.0, entry(3, LOW))
        self.assertEqual(fetch, Fetch(0, 3, BATCH_ENTRIES))
        (answer,) = channel.fetched(1.1, fetch, [entry(1, LOW), entry(2, LOW), entry(3, LOW)])
        self.assertEqual((positions(answer), answer.cursor.position), ([1, 2, 3], 3))

    def test_known_position(self) -> None:
        """An entry that is already known is ignored."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a")
        channel.arrived(0.0, entry(1, LOW))
        self.assertEqual(channel.arrived(0.0, entry(1, HIGH)), [])
        self.assertEqual(positions(channel.arrived(0.0, entry(2))[0]), [1, 2])

    def test_sleeping_client(self) -> None:
        """Entries for a client that stays away are left in the store."""
        channel = Channel()
        answer = answered(channel, 0.0, upto=1)
        channel.arrived(1.0, entry(2))
        channel.arrived(1.0 + REPOLL_S, entry(3))
        (fetch,) = channel.poll(100.0, 2, answer.cursor, "b")
        self.assertEqual(fetch, Fetch(1, 3, BATCH_ENTRIES))

    def test_too_many_in_memory(self) -> None:
        """More entries than a batch are not kept for a client that is on its way back."""
        channel = Channel()
        answer = answered(channel, 0.0, upto=1)
        for position in range(2, BATCH_ENTRIES + 2):
            channel.arrived(0.0, entry(position))
        full = channel.poll(0.1, 2, answer.cursor, "b")
        self.assertEqual(len(positions(full[0])), BATCH_ENTRIES)
        for position in range(BATCH_ENTRIES + 2, 2 * BATCH_ENTRIES + 3):
            channel.arrived(0.2, entry(position))
        (fetch,) = channel.poll(0.3, 3, Cursor(BATCH_ENTRIES + 1, 0), "c")
        self.assertIsInstance(fetch, Fetch)

    def test_remainder_follows(self) -> None:
        """A full batch from the store is followed by the next one at once, in order."""
        channel, fetch = self.behind(head=BATCH_ENTRIES + 1)
        batch = [entry(position, LOW) for position in range(1, BATCH_ENTRIES + 1)]
        (answer,) = channel.fetched(0.1, fetch, batch)
        self.assertEqual(answer.cursor.position, BATCH_ENTRIES)
        (fetch,) = channel.poll(0.2, 2, answer.cursor, "b")
        self.assertEqual(fetch.after, BATCH_ENTRIES)
        (answer,) = channel.fetched(0.3, fetch, [entry(BATCH_ENTRIES + 1, LOW)])
        self.assertEqual(positions(answer), [BATCH_ENTRIES + 1])
        self.assertEqual(channel.poll(0.4, 3, answer.cursor, "c"), [])

    def test_commits_during_a_read(self) -> None:
        """What is committed while the store is read comes once, whether the read saw it or not."""
        for seen in (1, 2):
            channel, fetch = self.behind(head=1)
            self.assertEqual(channel.arrived(0.1, entry(2)), [])
            (answer,) = channel.fetched(0.2, fetch, [entry(p) for p in range(1, seen + 1)])
            self.assertEqual(answer.cursor.position, seen)
            rest = channel.poll(0.3, 2, answer.cursor, "b")
            self.assertEqual(rest, [] if seen == 2 else [Fetch(1, 2, BATCH_ENTRIES)])

    def test_read_ahead_of_the_bus(self) -> None:
        """An entry that the store gave before the bus did is not taken twice."""
        channel, fetch = self.behind(head=1)
        (answer,) = channel.fetched(0.1, fetch, [entry(1), entry(2)])
        self.assertEqual(positions(answer), [1, 2])
        self.assertEqual(channel.arrived(0.2, entry(2)), [])
        self.assertEqual(channel.poll(0.3, 2, answer.cursor, "b"), [])

    def test_nothing_to_read(self) -> None:
        """When the store has none of the entries it is not asked again for them."""
        channel, fetch = self.behind(head=1)
        self.assertEqual(channel.fetched(0.1, fetch, []), [])
        (answer,) = channel.arrived(0.2, entry(2))
        self.assertEqual(positions(answer), [2])

    def test_missing_at_the_end(self) -> None:
        """A read below its limit reaches as far as was known to be committed, so entries that the
        store does not have are not asked for again."""
        channel, fetch = self.behind(head=3)
        (answer,) = channel.fetched(0.1, fetch, [entry(1)])
        self.assertEqual(answer.cursor, Cursor(3, 0))
        self.assertEqual(channel.poll(0.2, 2, answer.cursor, "b"), [])

    def test_one_read_at_a_time(self) -> None:
        """A replacement or a time-out during a read starts no second one, and the read serves
        whoever is parked when it ends."""
        channel, fetch = self.behind(head=1)
        self.assertEqual(len(channel.poll(1.0, 1, None, "b")), 1)
        channel.presence_changed(1.0, 1)
        self.assertEqual(channel.tick(1.0 + MEDIUM_S), [])
        (empty,) = channel.tick(1.0 + TIMEOUT_S)
        self.assertEqual((positions(empty), empty.cursor), ([], Cursor(0, 1)))
        self.assertEqual(channel.poll(200.0, 2, empty.cursor, "c"), [])
        (answer,) = channel.fetched(201.0, fetch, [entry(1)])
        self.assertEqual((answer.request, positions(answer)), ("c", [1]))

    def test_read_for_nobody(self) -> None:
        """A read that ends when nobody is parked is forgotten, and made again for the next."""
        channel, fetch = self.behind(head=1)
        channel.disconnected(0.1, "a")
        self.assertEqual(channel.fetched(0.2, fetch, [entry(1)]), [])
        self.assertEqual(channel.poll(0.3, 1, None, "b"), [fetch])
        self.assertEqual(channel.fetched(0.4, fetch, [entry(1)]), [])

    def test_unreadable(self) -> None:
        """When the store cannot be read the request gets 503 and the next one asks again."""
        channel, fetch = self.behind(head=1)
        (refused,) = channel.unreadable(0.1, fetch)
        self.assertEqual((refused.request, refused.error.status), ("a", 503))
        (again,) = channel.poll(0.2, 1, None, "b")
        self.assertEqual(channel.unreadable(0.3, fetch), [])
        self.assertEqual(positions(channel.fetched(0.4, again, [entry(1)])[0]), [1])

    def test_size(self) -> None:
        """A parked idle channel stays within 600 bytes, its cursors and times included."""
        channel = Channel(Cursor(5_000, 70_000), head=6_000, counter=80_000)
        channel.presence_changed(1e9, 79_000)
        channel.poll(1e9, 300, Cursor(6_000, 79_500), request := object())
        parts = {id(channel): channel}
        for name in Channel.__slots__:
            part = getattr(channel, name)
            parts[id(part)] = part
            if isinstance(part, Cursor):
                parts |= {id(part.position): part.position, id(part.number): part.number}
        del parts[id(request)]
        self.assertLessEqual(sum(map(sys.getsizeof, parts.values())), 600)
