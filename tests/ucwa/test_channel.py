"""The event channel: each of its rules, and whole conversations with a client that keeps a ledger."""

import sys
from collections.abc import Sequence

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from mobility.ucwa.channel import (
    BATCH_ENTRIES,
    LOW_S,
    MEDIUM_S,
    ORIGIN,
    REPOLL_S,
    TIMEOUT_S,
    Action,
    Answer,
    Channel,
    Cursor,
    Fetch,
    Pending,
    Priority,
    Refuse,
    Resend,
    Resync,
    merge,
)

LOW, MEDIUM, HIGH, REAL_TIME = Priority


def entry(position: int, priority: Priority = HIGH, target: str | None = None) -> Pending:
    return Pending(position, priority, f"event {position}", target)


def positions(action: Action) -> list[int]:
    """The stream positions an answer carries."""
    assert isinstance(action, Answer), action
    return [pending.position for pending in action.events]


def subcode(action: Action) -> str | None:
    """The UCWA subcode a request is refused with."""
    assert isinstance(action, Refuse), action
    return action.error.subcode


def answered(channel: Channel, now: float, upto: int) -> Answer:
    """Ask for answer 1, let the entries up to `upto` arrive at once, and take what goes out."""
    assert channel.poll(now, 1, None, "first") == []
    actions: list[Action] = []
    for position in range(1, upto + 1):
        actions += channel.arrived(now, entry(position, HIGH if position == upto else LOW))
    (answer,) = actions
    assert isinstance(answer, Answer)
    channel.sent(answer.number, b"bytes of 1")
    return answer


class PollTests(SynchronousTestCase):
    """Which answer a P-GET asks for, and what it confirms."""

    def test_first_link_without_cursor(self) -> None:
        """`?ack=1` without a cursor begins at the start of the stream and waits for events."""
        channel = Channel()
        self.assertEqual(channel.poll(0.0, 1, None, "a"), [])
        (answer,) = channel.arrived(1.0, entry(1))
        self.assertEqual(answer, Answer("a", 1, ORIGIN, Cursor(1, 0), [entry(1)]))

    def test_next_confirms(self) -> None:
        """`ack=2` confirms answer 1 and nothing before it does."""
        channel = Channel()
        answer = answered(channel, 0.0, upto=2)
        self.assertEqual(channel.confirmed, ORIGIN)
        self.assertEqual(channel.poll(1.0, 2, answer.cursor, "b"), [])
        self.assertEqual(channel.confirmed, Cursor(2, 0))

    def test_lost_reply(self) -> None:
        """A repeat of `ack=N` gets the same bytes, as often as it comes, and confirms nothing."""
        channel = Channel()
        answered(channel, 0.0, upto=1)
        channel.arrived(1.0, entry(2))
        for request in ("again", "and again"):
            self.assertEqual(channel.poll(2.0, 1, None, request), [Resend(request, b"bytes of 1")])
        self.assertEqual(channel.confirmed, ORIGIN)

    def test_queued_while_away(self) -> None:
        """What came between an answer and the next P-GET is answered at once, without the store."""
        channel = Channel()
        answer = answered(channel, 0.0, upto=1)
        self.assertEqual(channel.arrived(0.1, entry(2)), [])
        (following,) = channel.poll(0.2, 2, answer.cursor, "b")
        self.assertEqual(positions(following), [2])

    def test_wrong_ack(self) -> None:
        """An ack too old, too new, or not a number of an answer gets `resync` to the first answer
        that is not confirmed, and following that link loses nothing."""
        channel = Channel()
        answer = answered(channel, 0.0, upto=1)
        for ack in (-1, 0, 3, 99):
            self.assertEqual(
                channel.poll(1.0, ack, answer.cursor, "x"), [Resync("x", 1, ORIGIN)], ack
            )
        self.assertEqual(channel.poll(1.0, 2, None, "x"), [Resync("x", 1, ORIGIN)])
        self.assertEqual(channel.poll(2.0, 1, ORIGIN, "y"), [Resend("y", b"bytes of 1")])
        self.assertEqual(channel.poll(3.0, 2, answer.cursor, "z"), [])
        self.assertEqual(channel.poll(4.0, 1, None, "x"), [Resync("x", 2, answer.cursor)])
        self.assertEqual(channel.link, (2, answer.cursor))

    def test_newer_ack_while_parked(self) -> None:
        """An ack beyond the answer that is still owed gets `resync`; the parked request stays."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a")
        self.assertEqual(channel.poll(1.0, 2, ORIGIN, "b"), [Resync("b", 1, ORIGIN)])
        (answer,) = channel.arrived(2.0, entry(1))
        self.assertEqual(answer.request, "a")

    def test_first_poll_beyond_stream(self) -> None:
        """A channel without memory believes no link that lies outside its stream or counter."""
        for cursor in (Cursor(4, 0), Cursor(11, 0), Cursor(5, 8), Cursor(5, -1), None):
            channel = Channel(Cursor(5, 0), head=10, counter=7)
            ack = 1 if cursor is None else 3
            self.assertEqual(
                channel.poll(0.0, ack, cursor, "a"), [Resync("a", 1, Cursor(5, 0))], cursor
            )
            self.assertEqual(channel.confirmed, Cursor(5, 0))
            self.assertEqual(channel.poll(0.0, 1, Cursor(5, 0), "b"), [Fetch(5, 10, BATCH_ENTRIES)])

    def test_adoption(self) -> None:
        """After a restart answer N is made anew from the link's position, and may hold more."""
        channel = Channel(Cursor(2, 0), head=9, counter=4)
        (fetch,) = channel.poll(0.0, 7, Cursor(6, 3), "a")
        self.assertEqual(fetch, Fetch(6, 9, BATCH_ENTRIES))
        self.assertEqual(channel.confirmed, Cursor(6, 3))
        (answer,) = channel.fetched(0.1, fetch, [entry(7), entry(8), entry(9)])
        self.assertEqual((answer.number, answer.since), (7, Cursor(6, 3)))
        self.assertEqual(answer.cursor, Cursor(9, 3))

    def test_adoption_with_nothing_missing(self) -> None:
        """After a restart a client that has everything is parked without a look into the store."""
        channel = Channel(Cursor(2, 0), head=9, counter=4)
        self.assertEqual(channel.poll(0.0, 7, Cursor(9, 3), "a"), [])
        (answer,) = channel.arrived(1.0, entry(10))
        self.assertEqual(positions(answer), [10])

    def test_link_of_another_process(self) -> None:
        """A link further on, which only another process can have made, is believed: the client
        has what its cursor says, so the parked request of its past is released and nothing that
        it received comes again."""
        channel = Channel(head=3)
        (fetch,) = channel.poll(0.0, 4, ORIGIN, "old")
        replaced, again = channel.poll(1.0, 5, Cursor(2, 0), "new", priority=-1)
        self.assertEqual((replaced.request, subcode(replaced)), ("old", "PGetReplaced"))
        self.assertEqual(again, Fetch(2, 3, BATCH_ENTRIES))
        self.assertEqual(channel.fetched(1.1, fetch, [entry(1), entry(2), entry(3)]), [])
        (answer,) = channel.fetched(1.2, again, [entry(3)])
        self.assertEqual((answer.number, positions(answer)), (5, [3]))

    def test_answer_that_was_never_rendered(self) -> None:
        """When an answer's bytes never came, its repeat is made anew from the store."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a")
        channel.arrived(0.0, entry(1))
        channel.arrived(0.1, entry(2))
        (fetch,) = channel.poll(1.0, 1, None, "b")
        (answer,) = channel.fetched(1.1, fetch, [entry(1), entry(2)])
        self.assertEqual((answer.number, positions(answer)), (1, [1, 2]))

    def test_bytes_of_an_older_answer(self) -> None:
        """Bytes that come for an answer already confirmed are not kept."""
        channel = Channel()
        answer = answered(channel, 0.0, upto=1)
        channel.poll(1.0, 2, answer.cursor, "b")
        channel.sent(2, b"too early")
        (second,) = channel.arrived(1.0, entry(2))
        channel.sent(1, b"too late")
        channel.sent(2, b"bytes of 2")
        self.assertEqual(channel.poll(2.0, 2, second.since, "c"), [Resend("c", b"bytes of 2")])


class ReplacementTests(SynchronousTestCase):
    """Two requests for one answer."""

    def test_later_wins(self) -> None:
        """Of equal priority the later request is kept and the older one gets PGetReplaced: a
        phone on a new network need not wait for its dead connection."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a")
        (replaced,) = channel.poll(1.0, 1, None, "b")
        self.assertEqual((replaced.request, subcode(replaced)), ("a", "PGetReplaced"))
        (answer,) = channel.arrived(2.0, entry(1))
        self.assertEqual(answer.request, "b")

    def test_larger_priority_wins(self) -> None:
        """A request of smaller priority gets PGetReplaced itself, and its intervals do not count;
        one of larger priority wins."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a", priority=5, timeout=300)
        (refused,) = channel.poll(1.0, 1, None, "b", priority=4, timeout=1800)
        self.assertEqual((refused.request, subcode(refused)), ("b", "PGetReplaced"))
        self.assertEqual(channel.next_wakeup, 300.0)
        (replaced,) = channel.poll(2.0, 1, None, "c", priority=6)
        self.assertEqual(replaced.request, "a")
        self.assertEqual(channel.next_wakeup, 302.0)

    def test_priority_is_of_one_request(self) -> None:
        """The priority of a request that is gone does not bind later ones."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a", priority=5)
        channel.disconnected(1.0, "a")
        self.assertEqual(channel.poll(2.0, 1, None, "b"), [])
        self.assertEqual(channel.poll(3.0, 1, None, "c")[0].request, "b")

    def test_replaced_request_disconnects(self) -> None:
        """When a request that was replaced goes away, the one in its place stays."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a")
        channel.poll(1.0, 1, None, "b")
        channel.disconnected(2.0, "a")
        self.assertEqual(channel.arrived(3.0, entry(1))[0].request, "b")

    def test_replacement_answered_with_what_is_due(self) -> None:
        """New intervals count for what is queued already, so a replacement may be due at once."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a", medium=600)
        channel.arrived(1.0, entry(1, MEDIUM))
        replaced, answer = channel.poll(11.0, 1, None, "b", medium=10)
        self.assertEqual((replaced.request, answer.request), ("a", "b"))
        self.assertEqual(positions(answer), [1])


class ReleaseTests(SynchronousTestCase):
    """When an answer goes out, and with what."""

    def test_urgent_takes_everything_along(self) -> None:
        """HIGH and REAL_TIME go out at once with all that is queued ahead of them, in order."""
        for urgent in (HIGH, REAL_TIME):
            channel = Channel()
            channel.poll(0.0, 1, None, "a")
            self.assertEqual(channel.arrived(1.0, entry(1, LOW)), [])
            self.assertEqual(channel.arrived(1.0, entry(2, MEDIUM)), [])
            (answer,) = channel.arrived(1.0, entry(3, urgent))
            self.assertEqual(positions(answer), [1, 2, 3])
            self.assertIsNone(channel.next_wakeup)

    def test_intervals(self) -> None:
        """MEDIUM waits 5 s and LOW 15 s from the first of them, and the other goes with it."""
        for priority, other, wait_s in ((MEDIUM, LOW, MEDIUM_S), (LOW, LOW, LOW_S)):
            channel = Channel()
            channel.poll(0.0, 1, None, "a")
            channel.arrived(1.0, entry(1, priority))
            channel.arrived(2.0, entry(2, priority))
            channel.arrived(3.0, entry(3, other))
            self.assertEqual(channel.next_wakeup, 1.0 + wait_s)
            self.assertEqual(channel.tick(0.9 + wait_s), [])
            (answer,) = channel.tick(1.0 + wait_s)
            self.assertEqual(positions(answer), [1, 2, 3])

    def test_intervals_stick(self) -> None:
        """Intervals hold until others are given, also over answers and lost replies."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a", low=100, medium=50, timeout=1000)
        (answer,) = channel.arrived(0.0, entry(1))
        channel.sent(1, b"bytes")
        channel.poll(0.0, 1, None, "b", low=90)
        channel.poll(0.0, 2, answer.cursor, "c")
        self.assertEqual(channel.next_wakeup, 1000.0)
        channel.arrived(1.0, entry(2, LOW))
        self.assertEqual(channel.next_wakeup, 91.0)
        channel.arrived(2.0, entry(3, MEDIUM))
        self.assertEqual(channel.next_wakeup, 52.0)

    def test_interval_counts_from_queueing(self) -> None:
        """The time an event waited before the P-GET came counts."""
        channel = Channel()
        answer = answered(channel, 0.0, upto=1)
        channel.arrived(1.0, entry(2, MEDIUM))
        self.assertEqual(channel.poll(4.0, 2, answer.cursor, "b"), [])
        self.assertEqual(channel.next_wakeup, 6.0)
        channel.disconnected(5.0, "b")
        (late,) = channel.poll(6.5, 2, answer.cursor, "c")
        self.assertEqual(positions(late), [2])

    def test_timeout(self) -> None:
        """After 180 s without an event the answer has links only, and its cursor did not move."""
        channel = Channel()
        channel.poll(10.0, 1, None, "a")
        self.assertEqual(channel.next_wakeup, 10.0 + TIMEOUT_S)
        self.assertEqual(channel.tick(189.9), [])
        self.assertEqual(channel.tick(190.0), [Answer("a", 1, ORIGIN, ORIGIN, [])])
        self.assertEqual(channel.tick(400.0), [])

    def test_timeout_before_interval(self) -> None:
        """An answer that goes out for the time-out takes along what still waits."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a", low=1800)
        channel.arrived(1.0, entry(1, LOW))
        self.assertEqual(positions(channel.tick(TIMEOUT_S)[0]), [1])

    def test_updates_merge(self) -> None:
        """Of several `updated` of one target the last stays, in its own place; nothing else
        merges."""
        queue = [
            entry(1, LOW, "x"),
            entry(2, LOW),
            entry(3, LOW, "y"),
            entry(4, LOW, "x"),
            entry(5, LOW),
            entry(6, LOW, "x"),
        ]
        self.assertEqual([pending.position for pending in merge(queue)], [2, 3, 5, 6])
        channel = Channel()
        channel.poll(0.0, 1, None, "a")
        for pending in queue:
            channel.arrived(0.0, pending)
        (answer,) = channel.tick(LOW_S)
        self.assertEqual((positions(answer), answer.cursor.position), ([2, 3, 5, 6], 6))

    def test_full_batch(self) -> None:
        """A full batch goes out at once, since nothing more could be put into it."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a")
        for position in range(1, BATCH_ENTRIES):
            self.assertEqual(channel.arrived(0.0, entry(position, LOW)), [])
        (answer,) = channel.arrived(0.0, entry(BATCH_ENTRIES, LOW))
        self.assertEqual(len(answer.events), BATCH_ENTRIES)

    def test_disconnect_consumes_nothing(self) -> None:
        """What was queued for a request that went away is given to the next."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a")
        channel.arrived(1.0, entry(1, LOW))
        channel.disconnected(2.0, "a")
        self.assertIsNone(channel.next_wakeup)
        self.assertEqual(channel.arrived(3.0, entry(2)), [])
        self.assertEqual(positions(channel.poll(4.0, 1, None, "b")[0]), [1, 2])

    def test_drain(self) -> None:
        """At a drain the parked request gets links only, and what was queued goes out later."""
        channel = Channel()
        self.assertEqual(channel.drain(0.0), [])
        channel.poll(0.0, 1, None, "a")
        channel.arrived(1.0, entry(1, LOW))
        channel.presence_changed(1.0, 3)
        (answer,) = channel.drain(2.0)
        self.assertEqual(answer, Answer("a", 1, ORIGIN, ORIGIN, ()))
        channel.poll(3.0, 2, ORIGIN, "b")
        (answer,) = channel.tick(1.0 + MEDIUM_S)
        self.assertEqual((positions(answer), answer.cursor), ([1], Cursor(1, 3)))

    def test_close(self) -> None:
        """When the application ends the parked request is told ApplicationNotFound."""
        channel = Channel()
        self.assertEqual(channel.close(0.0), [])
        channel.poll(0.0, 1, None, "a")
        (gone,) = channel.close(1.0)
        self.assertEqual((gone.request, subcode(gone)), ("a", "ApplicationNotFound"))
        self.assertEqual(gone.error.status, 404)
        self.assertIsNone(channel.next_wakeup)


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

    def test_changed_while_away(self) -> None:
        """A change while the client was away, or while nothing was remembered, is due `medium`
        seconds after it became known."""
        channel = Channel(counter=9)
        channel.presence_changed(0.0, 8)
        channel.poll(1.0, 3, Cursor(0, 7), "a")
        (answer,) = channel.tick(channel.next_wakeup or 0.0)
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


Link = tuple[int, Cursor | None]


@attrs.define(eq=False)
class Get:
    """A P-GET of the model client and the link it was sent on."""

    link: Link
    answered: bool = False


@attrs.frozen
class Body:
    """A rendered answer: entries, and each presence told with its number at that moment."""

    number: int
    since: Cursor
    cursor: Cursor
    events: tuple[Pending, ...]
    presence: dict[str, int]


WATCHED = ("alice", "bob", "carol")


class Conversation(RuleBasedStateMachine):
    """A client, a network that loses and delays, and a server whose channel forgets.

    The client goes on from a reply only when it answers the link the client is at, as a client
    must that sent a request twice.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        # the store
        self.log: list[Pending] = []  # everything ever committed
        self.trimmed = 0
        self.numbers = dict.fromkeys(WATCHED, 0)
        self.counter = 0
        # the server
        self.told = 0  # the last position the channel was told of
        self.reads: list[Fetch] = []
        self.renders = True  # whether the next answer becomes a reply
        self.channel = Channel()
        self.met: Link | None = None  # the client's link, once this channel has answered or parked
        # the network
        self.flying: list[tuple[Get, dict[str, int]]] = []
        self.replies: list[tuple[Get, Body | Resync | Refuse]] = []
        # the client
        self.link: Link = (1, None)
        self.seen: dict[str, int] = dict.fromkeys(WATCHED, 0)
        self.open: list[Get] = []

    # -- the server's adapter

    def perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Fetch):
                assert action.after >= self.trimmed, "a read of what was trimmed"
                self.reads.append(action)
                continue
            get = action.request
            assert isinstance(get, Get)
            assert not get.answered, "a request answered twice"
            get.answered = True
            if isinstance(action, Answer) and self.renders:
                above = action.since.number
                told = {who: n for who, n in self.numbers.items() if n > above}
                presence = told if action.cursor.number > above else {}
                body = Body(
                    action.number, action.since, action.cursor, tuple(action.events), presence
                )
                self.channel.sent(action.number, body)
                self.replies.append((get, body))
            elif isinstance(action, Resend):
                assert isinstance(action.body, Body)
                self.replies.append((get, action.body))
            elif isinstance(action, Answer):
                self.renders = True
            else:
                self.replies.append((get, action))

    def serve(self, get: Get, options: dict[str, int]) -> None:
        actions = self.channel.poll(self.now, *get.link, get, **options)
        if get.link == self.link and not any(isinstance(action, Resync) for action in actions):
            self.met = self.link
        self.perform(actions)

    def begin(self) -> None:
        """A channel that remembers nothing."""
        self.channel = Channel(Cursor(self.trimmed, 0), len(self.log), self.counter)
        self.channel.presence_changed(self.now, max(self.numbers.values()))
        self.told = len(self.log)
        self.reads.clear()
        self.met = None

    def at(self) -> Cursor:
        """What the client has received."""
        return self.link[1] or ORIGIN

    # -- what happens in the domain

    @rule(
        priorities=st.lists(st.sampled_from(Priority), min_size=1, max_size=3),
        about=st.sampled_from([None, "x", "y"]),
        bus=st.integers(0, 7),
    )
    def commit(self, priorities: list[Priority], about: str | None, bus: int) -> None:
        """Entries are committed; now and then the bus loses what tells of them."""
        for priority in priorities:
            pending = entry(len(self.log) + 1, priority, about)
            self.log.append(pending)
            if bus:
                self.told = pending.position
                self.perform(self.channel.arrived(self.now, pending))

    @precondition(lambda self: len(self.log) < BATCH_ENTRIES)
    @rule(count=st.integers(BATCH_ENTRIES - 10, BATCH_ENTRIES + 30))
    def burst(self, count: int) -> None:
        self.commit([LOW] * count, None, 1)

    @rule(who=st.sampled_from(WATCHED))
    def change_presence(self, who: str) -> None:
        self.counter += 2  # others, who are not watched, change too
        self.numbers[who] = self.counter
        self.channel.presence_changed(self.now, self.counter)

    @rule()
    def trim(self) -> None:
        self.trimmed = self.channel.confirmed.position

    # -- what happens to the server

    @precondition(lambda self: self.reads)
    @rule(data=st.data(), works=st.integers(0, 4), ahead=st.booleans())
    def read(self, data: st.DataObject, works: int, ahead: bool) -> None:
        """The store answers, with or without what was committed since it was asked."""
        fetch = self.reads.pop(data.draw(st.integers(0, len(self.reads) - 1)))
        self.finish(fetch, bool(works), ahead)

    def finish(self, fetch: Fetch, works: bool, ahead: bool) -> None:
        if not works:
            self.perform(self.channel.unreadable(self.now, fetch))
            return
        reach = len(self.log) if ahead else fetch.upto
        found = [p for p in self.log[self.trimmed : reach] if p.position > fetch.after]
        self.perform(self.channel.fetched(self.now, fetch, found[: fetch.limit]))

    @rule(seconds=st.sampled_from([0.5, 3.0, 6.0, 20.0, 200.0]))
    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.channel.next_wakeup) is not None and due <= until:
            self.now = max(self.now, due)
            self.perform(self.channel.tick(self.now))
        self.now = until

    @rule()
    def restart(self) -> None:
        """The process is killed: requests die; replies that left may still come in."""
        self.flying.clear()
        self.begin()

    @precondition(lambda self: self.channel.next_wakeup is None and not self.reads)
    @rule()
    def forget(self) -> None:
        """A channel with nothing parked is thrown away; requests go on coming in."""
        self.begin()

    @rule()
    def fail_to_render(self) -> None:
        self.renders = False

    @rule()
    def drain(self) -> None:
        self.perform(self.channel.drain(self.now))

    # -- what the client and the network do

    @rule(
        delayed=st.booleans(),
        options=st.fixed_dictionaries(
            {},
            optional={
                "low": st.sampled_from([5, 60, 1800]),
                "medium": st.sampled_from([5, 60, 1800]),
                "timeout": st.sampled_from([180, 1800]),
                "priority": st.integers(0, 2),
            },
        ),
    )
    def get(self, delayed: bool, options: dict[str, int]) -> None:
        """The client sends a P-GET on its link, perhaps once more."""
        get = Get(self.link)
        self.open.append(get)
        if delayed:
            self.flying.append((get, options))
        else:
            self.serve(get, options)

    @rule(times=st.integers(1, 4))
    def go_on(self, times: int) -> None:
        """The ordinary course: the client asks, something is there or happens, the reply comes."""
        for _ in range(times):
            get = Get(self.link)
            self.open.append(get)
            self.serve(get, {})
            while self.reads:
                self.finish(self.reads.pop(), True, True)
            if not get.answered:
                self.commit([HIGH], "x", 1)
            if self.replies and self.replies[-1][0] is get:
                self.take(*self.replies.pop())

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def land(self, data: st.DataObject) -> None:
        """A delayed request comes in, in any order."""
        self.serve(*self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1))))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def disconnect(self, data: st.DataObject) -> None:
        get = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.channel.disconnected(self.now, get)
        self.replies = [reply for reply in self.replies if reply[0] is not get]

    @precondition(lambda self: self.replies)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """A reply reaches the client, in any order."""
        self.take(*self.replies.pop(data.draw(st.integers(0, len(self.replies) - 1))))

    def take(self, get: Get, reply: Body | Resync | Refuse) -> None:
        if get.link != self.link:
            return
        if isinstance(reply, Body):
            self.receive(reply)
        elif isinstance(reply, Resync):
            assert reply.cursor == self.at(), "a client without fault was set back"
            self.link = (reply.number, reply.cursor)

    @precondition(lambda self: self.replies)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.replies.pop(data.draw(st.integers(0, len(self.replies) - 1)))

    @precondition(lambda self: self.met == self.link)
    @rule(step=st.sampled_from([-2, -1, 2, 5]))
    def mistake(self, step: int) -> None:
        """A link with a changed ack is answered with `resync` to where the client really is."""
        number, cursor = self.link
        actions = self.channel.poll(self.now, number + step, cursor or ORIGIN, "mistaken")
        assert actions == [Resync("mistaken", number, self.at())], actions

    def receive(self, body: Body) -> None:
        """Enter an answer in the ledger: every entry once, in order, but for merged updates."""
        assert body.number == self.link[0], "the answer is not the one asked for"
        assert body.since == self.at(), "the answer does not begin where the client is"
        expected = self.log[body.since.position : body.cursor.position]
        assert len(expected) <= BATCH_ENTRIES or len(body.events) <= BATCH_ENTRIES
        last = {p.target: p for p in expected}
        kept = [p for p in expected if p.target is None or last[p.target] is p]
        assert list(body.events) == kept, "lost, doubled or out of order"
        for who, number in body.presence.items():
            assert number > self.seen[who] or number > body.since.number
            self.seen[who] = max(self.seen[who], number)
        self.link = (body.number + 1, body.cursor)

    # -- what always holds

    @invariant()
    def confirmed_is_received(self) -> None:
        confirmed = self.channel.confirmed
        assert confirmed.position <= self.at().position
        assert confirmed.number <= self.at().number

    @invariant()
    def presence_is_complete(self) -> None:
        """The client has each change up to its cursor's number."""
        for who, number in self.numbers.items():
            assert self.seen[who] == number or number > self.at().number

    @invariant()
    def nothing_urgent_waits(self) -> None:
        """A request is parked only while nothing the server knows of is due."""
        due = self.channel.next_wakeup
        if due is None or self.reads:
            return
        assert due > self.now
        waiting = self.log[self.channel.confirmed.position : self.told]
        assert all(p.priority < HIGH for p in waiting), "an urgent entry waits"
        assert len(waiting) < BATCH_ENTRIES, "a full batch waits"

    def teardown(self) -> None:
        """In the end the client has everything, however it went until then."""
        self.replies.clear()
        self.renders = True
        self.begin()
        for _ in range(len(self.log) + 10):
            if self.at().position == len(self.log) and self.seen == self.numbers:
                return
            get = Get(self.link)
            self.serve(get, {"medium": 5})
            while self.reads:
                self.finish(self.reads.pop(), True, False)
            self.wait(2000.0)
            ((replied, reply),) = self.replies
            self.replies.clear()
            assert replied is get
            assert isinstance(reply, Body), reply
            self.receive(reply)
        raise AssertionError("the client never catches up")


class ConversationTests(SynchronousTestCase):
    """The channel as its client lives it."""

    def test_exactly_once(self) -> None:
        """Over lost replies, repeats, replacements, time-outs, disconnects, lost bus messages,
        failed reads, drains, restarts and trimming, a client receives every event once and in
        order and ends with the latest presence, and only what it received is confirmed."""
        run_state_machine_as_test(
            Conversation,
            settings=settings(max_examples=400, stateful_step_count=50, deadline=None),
        )
