"""The event channel: which answer a P-GET gets, and when."""

from twisted.trial.unittest import SynchronousTestCase

from mobility.ucwa.channel import (
    BATCH_ENTRIES,
    LOW_S,
    MEDIUM_S,
    ORIGIN,
    SOON_S,
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

LOW, MEDIUM, SOON, HIGH, REAL_TIME = Priority


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
            again = channel.poll(2.0, 1, ORIGIN, request)
            self.assertEqual(again, [Resend(request, b"bytes of 1")])
        self.assertEqual(channel.confirmed, ORIGIN)

    def test_number_alone_again(self) -> None:
        """A repeat of the number alone gets the same bytes while there is no more, and then
        everything; whoever has received the shorter answer goes on from where that ended."""
        channel = Channel()
        answer = answered(channel, 0.0, upto=1)
        self.assertEqual(channel.poll(1.0, 1, None, "x"), [Resend("x", b"bytes of 1")])
        channel.arrived(1.0, entry(2))
        (fetch,) = channel.poll(2.0, 1, None, "y")
        self.assertEqual(fetch, Fetch(0, 2, BATCH_ENTRIES))
        (longer,) = channel.fetched(2.1, fetch, [entry(1), entry(2)])
        self.assertEqual((longer.number, positions(longer)), (1, [1, 2]))
        channel.sent(1, b"longer")
        self.assertEqual(channel.poll(3.0, 1, None, "z"), [Resend("z", b"longer")])
        self.assertEqual(channel.confirmed, ORIGIN)
        (fetch,) = channel.poll(4.0, 2, answer.cursor, "next")
        (following,) = channel.fetched(4.1, fetch, [entry(2)])
        self.assertEqual((following.number, positions(following)), (2, [2]))

    def test_queued_while_away(self) -> None:
        """What came between an answer and the next P-GET is answered at once, without the store."""
        channel = Channel()
        answer = answered(channel, 1000.0, upto=1)
        self.assertEqual(channel.arrived(1000.1, entry(2)), [])
        (following,) = channel.poll(1000.2, 2, answer.cursor, "b")
        self.assertEqual(positions(following), [2])

    def test_wrong_ack(self) -> None:
        """An ack too old, too new, or not a number of an answer gets `resync` to the first answer
        that is not confirmed, and following that link loses nothing."""
        channel = Channel()
        answer = answered(channel, 0.0, upto=1)
        for ack in (-1, 0, 3, 99):
            self.assertEqual(channel.poll(1.0, ack, None, "x"), [Resync("x", 1, ORIGIN)], ack)
        self.assertEqual(channel.poll(1.0, 1, answer.cursor, "x"), [Resync("x", 1, ORIGIN)])
        self.assertEqual(channel.poll(2.0, 1, ORIGIN, "y"), [Resend("y", b"bytes of 1")])
        self.assertEqual(channel.poll(3.0, 2, answer.cursor, "z"), [])
        self.assertEqual(channel.poll(4.0, 1, None, "x"), [Resync("x", 2, answer.cursor)])
        self.assertEqual(channel.link, (2, answer.cursor))

    def test_client_that_counts_for_itself(self) -> None:
        """A link with nothing but the right ack is as good as the link that was given out."""
        channel = Channel()
        answer = answered(channel, 0.0, upto=1)
        self.assertEqual(channel.poll(1.0, 1, None, "y"), [Resend("y", b"bytes of 1")])
        self.assertEqual(channel.poll(2.0, 2, None, "z"), [])
        self.assertEqual(channel.confirmed, answer.cursor)
        self.assertEqual(channel.poll(3.0, 1, None, "x"), [Resync("x", 2, answer.cursor)])

    def test_wrong_ack_at_first(self) -> None:
        """A channel without memory believes no ack below 1, and none above it without a cursor."""
        for ack, cursor in ((0, ORIGIN), (-1, None), (2, None), (99, None)):
            self.assertEqual(Channel().poll(0.0, ack, cursor, "x"), [Resync("x", 1, ORIGIN)], ack)

    def test_changed_ack_while_parked(self) -> None:
        """A changed ack gets `resync` while a request is parked, which stays."""
        channel = Channel()
        channel.poll(0.0, 1, None, "a")
        self.assertEqual(channel.poll(1.0, 2, None, "b"), [Resync("b", 1, ORIGIN)])
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

    def test_cursor_that_contradicts_its_ack(self) -> None:
        """A cursor further on than that of the answer owed is not believed with the same ack or an
        earlier one."""
        channel = Channel(head=3)
        (fetch,) = channel.poll(0.0, 5, Cursor(1, 0), "a")
        for ack in (4, 5):
            refused = channel.poll(1.0, ack, Cursor(2, 0), "x")
            self.assertEqual(refused, [Resync("x", 5, Cursor(1, 0))], ack)
        (answer,) = channel.fetched(2.0, fetch, [entry(2), entry(3)])
        self.assertEqual(answer.request, "a")

    def test_answer_of_another_process(self) -> None:
        """A client that took answer N from a process that was then killed, and not the longer one
        that was made of it later, goes on from where the shorter one ended."""
        channel = Channel(head=3)
        (fetch,) = channel.poll(0.0, 4, ORIGIN, "a")
        channel.fetched(0.1, fetch, [entry(1), entry(2), entry(3)])
        channel.sent(4, b"longer")
        (fetch,) = channel.poll(1.0, 5, Cursor(2, 0), "b")
        (answer,) = channel.fetched(1.1, fetch, [entry(3)])
        self.assertEqual((answer.number, positions(answer)), (5, [3]))
        (again,) = channel.poll(2.0, 5, Cursor(2, 0), "c")
        self.assertEqual(again, fetch)

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
        """Bytes that come for another answer than the one that went out are not kept."""
        channel = Channel()
        answer = answered(channel, 0.0, upto=1)
        channel.poll(1.0, 2, answer.cursor, "b")
        channel.sent(2, b"too early")
        (second,) = channel.arrived(1.0, entry(2))
        channel.sent(1, b"too late")
        self.assertIsInstance(channel.poll(2.0, 2, second.since, "c")[0], Fetch)


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
            channel.poll(2.0, 2, answer.cursor, "b")
            self.assertEqual(channel.next_wakeup, 2.0 + TIMEOUT_S)

    def test_intervals(self) -> None:
        """SOON waits 0.1 s, MEDIUM 5 s, LOW 15 s from the first; what is less urgent goes too."""
        for priority, other, wait_s in (
            (SOON, MEDIUM, SOON_S),
            (MEDIUM, LOW, MEDIUM_S),
            (LOW, LOW, LOW_S),
        ):
            channel = Channel()
            channel.poll(0.0, 1, None, "a")
            channel.arrived(1.0, entry(1, priority))
            channel.arrived(1.02, entry(2, priority))
            channel.arrived(1.04, entry(3, other))
            self.assertEqual(channel.next_wakeup, 1.0 + wait_s)
            self.assertEqual(channel.tick(0.99 + wait_s), [])
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
